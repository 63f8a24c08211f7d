//! The journal compared with a plain list of records, with crashes at any operation.
//!
//! Invariants: every acknowledged record exists, once, at its sequence; all other records
//! were at least attempted; records seen by a reader stay; no record that a cursor needs is
//! removed; the cap holds; and a crash alone never makes an open refuse.

use super::super::*;
use super::support::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Action {
    /// Appends of these sizes, all before any is waited for.
    Append(Vec<u16>),
    /// A sync or a write fails, this number of times.
    Fail(bool, u8),
    /// The cursor moves by this percentage of the remaining records.
    Advance(u8),
    /// Everything is read.
    Read,
    /// Closed and opened again.
    Reopen,
    /// The process dies this number of operations later, while it appends.
    Kill(u8),
    /// The power fails this number of operations later, while it appends.
    CutPower(u8),
    /// The power fails after this number of operations of the next open.
    CutPowerInOpen(u8),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let append = proptest::collection::vec(0..u16::try_from(PAYLOAD_MAX).unwrap(), 1..8).prop_map(Action::Append);
    let action = prop_oneof![
        8 => append,
        2 => (any::<bool>(), 1..4_u8).prop_map(|(sync, times)| Action::Fail(sync, times)),
        3 => (0..=100_u8).prop_map(Action::Advance),
        1 => Just(Action::Read),
        2 => Just(Action::Reopen),
        1 => (0..30_u8).prop_map(Action::Kill),
        2 => (0..30_u8).prop_map(Action::CutPower),
        2 => (0..30_u8).prop_map(Action::CutPowerInOpen),
    ];
    proptest::collection::vec(action, 1..40)
}

struct Model {
    disk: FaultyDisk,
    journal: Option<Journal>,
    /// Payloads by sequence: acknowledged, or seen by a reader.
    certain: BTreeMap<u64, Vec<u8>>,
    /// Attempted, not acknowledged, and not seen yet.
    attempted: Vec<Vec<u8>>,
    payloads: u64,
    cursor: u64,
    sync_faults: u64,
}

const CAP_SEGMENTS: u64 = 6;

fn options() -> Options {
    let retain = Retention { bytes: SEGMENT_BYTES, age_ns: i64::MAX };
    Options { cap_bytes: CAP_SEGMENTS * SEGMENT_BYTES, retain, ..small("faulty") }
}

impl Model {
    fn new(seed: u64) -> Self {
        let disk = FaultyDisk::new(seed);
        let (certain, attempted) = (BTreeMap::new(), Vec::new());
        let mut model = Self { disk, journal: None, certain, attempted, payloads: 0, cursor: 1, sync_faults: 0 };
        model.open();
        store_cursor(model.journal(), "sink", 1);
        model
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    fn open(&mut self) {
        let (journal, _) = Journal::open_on(shared(&self.disk), options()).unwrap();
        self.journal = Some(journal);
        if let Some(stored) = self.journal().cursors().load("sink").unwrap() {
            self.cursor = stored.position.next.0;
            let resolved = self.journal().resolve(stored.position);
            assert_eq!(resolved, ResolvedCursor::At(stored.position));
        }
        self.read();
    }

    fn append(&mut self, sizes: &[u16]) {
        let mut waiting = Vec::new();
        for size in sizes {
            self.payloads += 1;
            let number = self.payloads.to_le_bytes();
            let payload: Vec<u8> =
                number.into_iter().cycle().take(8 + usize::from(*size).min(PAYLOAD_MAX - 8)).collect();
            waiting.push((self.journal().append(header(), &payload).unwrap(), payload));
        }
        for (append, payload) in waiting {
            match append.wait() {
                Ok(sequence) => assert_eq!(self.certain.insert(sequence.0, payload), None, "{sequence} given twice"),
                // Also one refused as full may have been written before, to a segment that then failed.
                Err(_) => self.attempted.push(payload),
            }
        }
        // Beyond the cap may be a group that an open had to write again, and what a
        // power cut gives back to segments that were cut while syncs failed.
        let bytes_max = (CAP_SEGMENTS + self.sync_faults) * SEGMENT_BYTES + 5 * block::BLOCK;
        assert!(self.journal().usage().bytes <= bytes_max, "{:?}", self.journal().segments());
    }

    /// Reads everything and compares it with what must be, and what may be there.
    fn read(&mut self) {
        let oldest = self.journal().oldest().next.0;
        assert!(oldest <= self.cursor, "record {} is needed, the oldest is {oldest}", self.cursor);
        let read = read_from(self.journal(), oldest);
        let sequences: Vec<u64> = read.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(sequences, (oldest..self.journal().next().0).collect::<Vec<_>>());
        let last_certain = self.certain.keys().next_back().copied().unwrap_or(0);
        assert!(self.journal().next().0 > last_certain, "record {last_certain} is lost");
        for (sequence, payload) in read {
            match self.certain.get(&sequence) {
                Some(certain) => assert_eq!(*certain, payload, "record {sequence}"),
                None => {
                    let place = self.attempted.iter().position(|attempted| *attempted == payload);
                    self.attempted.remove(place.unwrap_or_else(|| panic!("record {sequence} was never appended")));
                    self.certain.insert(sequence, payload);
                }
            }
        }
    }

    fn advance(&mut self, percent: u8) {
        let left = self.journal().next().0 - self.cursor;
        let next = self.cursor + left * u64::from(percent) / 100;
        let cursor = Cursor::at("sink", self.journal().position(Sequence(next)), UnixNanos(1));
        match self.journal().cursors().store(&cursor) {
            Ok(()) => self.cursor = next,
            // The new file may still exist: both are needed until that is known.
            Err(_) => self.reopen(),
        }
    }

    fn reopen(&mut self) {
        drop(self.journal.take());
        self.disk.heal();
        self.open();
    }

    fn die(&mut self, operations: u8, restart: impl Fn(&FaultyDisk)) {
        self.disk.die_after(operations.into());
        while !self.disk.is_dead() {
            let before = self.journal().next();
            self.append(&[100, 3_000, 10]);
            if self.journal().next() == before {
                break;
            }
        }
        self.disk.die();
        drop(self.journal.take());
        restart(&self.disk);
    }

    fn run(&mut self, action: &Action) {
        match action {
            Action::Append(sizes) => self.append(sizes),
            Action::Fail(true, times) => {
                self.sync_faults += 1;
                self.disk.fail(Operation::Sync, (*times).into());
            }
            Action::Fail(false, times) => self.disk.fail(Operation::Write, (*times).into()),
            Action::Advance(percent) => self.advance(*percent),
            Action::Read => self.read(),
            Action::Reopen => self.reopen(),
            Action::Kill(operations) => {
                self.die(*operations, FaultyDisk::restart_after_kill);
                self.open();
            }
            Action::CutPower(operations) => {
                self.die(*operations, FaultyDisk::restart_after_power_cut);
                self.open();
            }
            Action::CutPowerInOpen(operations) => {
                self.die(*operations, FaultyDisk::restart_after_power_cut);
                self.disk.die_after(u64::from(*operations) / 2);
                let opened = Journal::open_on(shared(&self.disk), options());
                self.disk.die();
                drop(opened);
                self.disk.restart_after_power_cut();
                self.open();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_crash_loses_an_acknowledged_record(seed in any::<u64>(), actions in actions()) {
        let mut model = Model::new(seed);
        for action in &actions {
            model.run(action);
        }
        model.read();
    }
}
