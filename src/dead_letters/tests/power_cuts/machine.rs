//! A machine with a journal and dead letters on disks that lose power together.

use super::super::super::DeadLetters;
use crate::clock::Clock;
use crate::journal::{FaultyDisk, Journal, OpenError, Operation, Options, Retention};
use std::sync::Arc;

pub(super) const SEGMENT_BYTES: u64 = 32 * 1024;
pub(super) const CAP_SEGMENTS: u64 = 6;
pub(super) const PAYLOAD_MAX: usize = 6_000;
/// Records of one group have no more than this together.
pub(super) const GROUP_BYTES_MAX: usize = 8 * 1024;

/// The disks of a machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) journal: FaultyDisk,
    pub(super) letters: FaultyDisk,
}

/// The program that runs on it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) journal: Journal,
    pub(super) letters: DeadLetters,
}

impl Machine {
    pub(super) fn new(seed: u64) -> Self {
        Self { journal: FaultyDisk::new(seed), letters: FaultyDisk::new(!seed) }
    }

    /// Starts the program.
    pub(super) fn start(&self) -> Result<Running, String> {
        let journal = open(&self.journal, CAP_SEGMENTS).map_err(|error| format!("the journal: {error}"))?;
        // The dead letters' cap is their own bound, which this does not meet.
        let letters = open(&self.letters, 1024).map_err(|error| format!("the dead letters' journal: {error}"))?;
        let letters = DeadLetters::of(letters, Clock::system()).map_err(|error| error.to_string())?;
        let running = Running { journal, letters };
        settled(&running.letters.journal, 1);
        settled(&running.journal, 1);
        Ok(running)
    }

    /// The machine dies this number of operations of one of its disks later.
    pub(super) fn die_after(&self, operations: u64, on_letters: bool) {
        self.disk(on_letters).die_after(operations);
    }

    pub(super) fn fail(&self, operation: Operation, times: u32, on_letters: bool) {
        self.disk(on_letters).fail(operation, times);
    }

    pub(super) fn heal(&self) {
        self.journal.heal();
        self.letters.heal();
    }

    pub(super) fn is_dead(&self) -> bool {
        self.journal.is_dead() || self.letters.is_dead()
    }

    pub(super) fn die(&self) {
        self.journal.die();
        self.letters.die();
    }

    pub(super) fn restart(&self, is_power_cut: bool) {
        let restart = if is_power_cut { FaultyDisk::restart_after_power_cut } else { FaultyDisk::restart_after_kill };
        restart(&self.journal);
        restart(&self.letters);
    }

    fn disk(&self, of_letters: bool) -> &FaultyDisk {
        if of_letters { &self.letters } else { &self.journal }
    }
}

fn open(disk: &FaultyDisk, cap_segments: u64) -> Result<Journal, OpenError> {
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        cap_bytes: cap_segments * SEGMENT_BYTES,
        retain: Retention { bytes: SEGMENT_BYTES, age_ns: i64::MAX },
        record_bytes_max: PAYLOAD_MAX,
        group_bytes_max: GROUP_BYTES_MAX,
        ..Options::new("faulty")
    };
    Journal::open_on(Arc::new(disk.clone()), options).map(|(journal, _)| journal)
}

/// Does something that makes the writer write one group, and waits until it asks for work
/// again: otherwise its operations would mix with the next ones, and a seed would not repeat.
pub(super) fn one_group<T>(journal: &Journal, act: impl FnOnce() -> T) -> T {
    let turns = journal.writer_turns();
    let result = act();
    settled(journal, turns + 1);
    result
}

fn settled(journal: &Journal, turns: u64) {
    while journal.writer_turns() < turns && journal.died().is_none() {
        std::thread::yield_now();
    }
}
