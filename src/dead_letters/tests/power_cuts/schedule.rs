//! A schedule: actions of the program, faults, kills and cuts, all from one seed.

use super::super::super::{DeadLetter, Kind, LetterId, OPEN_LETTERS_MAX, Settlement};
use super::machine::{GROUP_BYTES_MAX, Machine, PAYLOAD_MAX, Running, one_group};
use super::model::{Kept, Model, SINK, Sent, sources};
use super::possible::Possible;
use crate::journal::{
    Append, Checkpoint, Cursor, Gap, GapReason, JournalId, Operation, RecordHeader, RuleVersion, Sequence, SourceId,
    Verdict,
};
use crate::reading::{Limits, UnixNanos};
use fastrand::Rng;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// Far above the time in which a group comes together.
const GATHER_MAX: Duration = Duration::from_secs(60);
/// Operations after which the machine dies, at most.
const OPERATIONS_MAX: u64 = 40;
/// Actions in which it does at the latest.
const ACTIONS_MAX: usize = 12;
/// The most bytes of a frame beside its payload, and of a group's header.
const OVERHEAD: usize = 128;

/// The counts of what a schedule did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) answered: u64,
    pub(super) stored: u64,
    pub(super) refused: u64,
    pub(super) kills: u64,
    pub(super) cuts: u64,
    pub(super) cuts_in_recovery: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.stored += other.stored;
        self.refused += other.refused;
        self.kills += other.kills;
        self.cuts += other.cuts;
        self.cuts_in_recovery += other.cuts_in_recovery;
    }

    fn result<T, E>(&mut self, result: &Result<T, E>) -> bool {
        *(if result.is_ok() { &mut self.stored } else { &mut self.refused }) += 1;
        result.is_ok()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, stored, refused, kills, cuts, cuts_in_recovery } = self;
        write!(
            f,
            "{answered} records answered, {stored} other changes reported durable, {refused} refused, {kills} kills, \
             {cuts} cuts, {cuts_in_recovery} of them during recovery"
        )
    }
}

struct Schedule {
    random: Rng,
    machine: Machine,
    model: Model,
    counts: Counts,
    /// A number of its own for every record, letter and mark.
    numbers: u64,
}

/// Runs the schedule of a seed; panics where the oracle is hurt.
pub(super) fn run(seed: u64) -> Counts {
    let random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (machine, model, counts) = (Machine::new(seed), Model::default(), Counts::default());
    let mut schedule = Schedule { random, machine, model, counts, numbers: 0 };
    let mut running = schedule.start(false);
    for _ in 0..schedule.random.usize(2..6) {
        for _ in 0..schedule.random.usize(0..10) {
            schedule.act(&running);
        }
        if schedule.random.u8(..4) == 0 {
            schedule.reopen(running);
            running = schedule.start(false);
        } else {
            running = schedule.die(running);
        }
    }
    schedule.model.records(&running);
    schedule.counts
}

impl Schedule {
    fn start(&mut self, is_after_cut: bool) -> Running {
        let running = self.machine.start().unwrap_or_else(|error| panic!("a start is refused: {error}"));
        self.model.compare(&running, is_after_cut);
        running
    }

    fn reopen(&self, running: Running) {
        self.machine.heal();
        drop(running);
    }

    /// The machine dies while the program works, and perhaps again while it starts.
    fn die(&mut self, running: Running) -> Running {
        let is_cut = self.random.u8(..4) > 0;
        self.machine.die_after(self.random.u64(..OPERATIONS_MAX), self.random.bool());
        for _ in 0..ACTIONS_MAX {
            if self.machine.is_dead() {
                break;
            }
            self.act(&running);
        }
        self.machine.die();
        drop(running);
        self.machine.restart(is_cut);
        *(if is_cut { &mut self.counts.cuts } else { &mut self.counts.kills }) += 1;
        let again = if is_cut { self.random.u8(..4) } else { 0 };
        for _ in 0..again {
            self.machine.die_after(self.random.u64(..OPERATIONS_MAX / 2), self.random.bool());
            drop(self.machine.start());
            self.machine.die();
            self.machine.restart(true);
            self.counts.cuts += 1;
            self.counts.cuts_in_recovery += 1;
        }
        self.start(is_cut)
    }

    fn act(&mut self, running: &Running) {
        match self.random.u8(..20) {
            0..8 => self.append(running),
            8..10 => self.store_cursor(running),
            10 => self.forget_cursor(running),
            11 => self.add_checkpoint(running),
            12 => self.cut_checkpoints(running),
            13 => self.add_gap(running),
            14..16 => self.add_letter(running),
            16..18 => self.settle_letter(running),
            18 => self.fail(),
            _ if self.machine.is_dead() => {}
            _ => self.model.records(running),
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn fail(&mut self) {
        let operations = [
            Operation::Write,
            Operation::Sync,
            Operation::Create,
            Operation::Rename,
            Operation::SyncNames,
            Operation::SetLen,
            Operation::Remove,
            Operation::Reserve,
        ];
        let operation = operations[self.random.usize(..operations.len())];
        let times = self.random.u32(1..4);
        self.model.sync_faults += 1;
        self.machine.fail(operation, times, self.random.u8(..4) == 0);
    }

    /// A source's number; a new one is in the list from now on.
    fn source(&mut self, running: &Running) -> Option<(String, SourceId)> {
        let name = format!("source-{}", self.random.u8(..6));
        let mut list = sources(running);
        let result = running.journal.source_id(&name);
        if !list.contains(&name) {
            list.push(name.clone());
            self.model.sources.written(list, self.counts.result(&result));
        }
        result.ok().map(|id| (name, id))
    }

    fn rule(&mut self, running: &Running) -> Option<(Limits, RuleVersion)> {
        let limits = Limits { age_ns_max: i64::from(self.random.u8(..4)), ..Limits::DEFAULT };
        let known = (1..).map_while(|number| running.journal.limits(RuleVersion(number)));
        let mut list: Vec<Limits> = known.collect();
        let result = running.journal.rule_version(&limits);
        if !list.contains(&limits) {
            list.push(limits);
            self.model.rules.written(list, self.counts.result(&result));
        }
        result.ok().map(|version| (limits, version))
    }

    /// Appends records of one group, all before any is waited for.
    fn append(&mut self, running: &Running) {
        let Some((source, id)) = self.source(running) else { return };
        let Some((limits, version)) = self.rule(running) else { return };
        let header = RecordHeader {
            source: id,
            format: 1,
            verdict: Verdict::Deliverable,
            rule: version,
            received: UnixNanos(1_000),
        };
        let records = self.random.usize(1..6);
        let bytes_max = PAYLOAD_MAX.min(GROUP_BYTES_MAX / records - OVERHEAD);
        let payloads: Vec<Vec<u8>> = (0..records)
            .map(|_| {
                let bytes = self.random.usize(8..bytes_max);
                self.number().to_le_bytes().into_iter().cycle().take(bytes).collect()
            })
            .collect();
        let answers = one_group(&running.journal, || {
            running.journal.gather(u32::try_from(records).unwrap(), GATHER_MAX);
            let appends: Vec<_> = payloads.iter().map(|it| running.journal.append(header, it).unwrap()).collect();
            appends.into_iter().map(Append::wait).collect::<Vec<_>>()
        });
        for (payload, answer) in payloads.into_iter().zip(answers) {
            let sent = Sent { source: source.clone(), limits, payload };
            match answer {
                Ok(sequence) => {
                    self.counts.answered += 1;
                    let before = self.model.certain.insert(sequence.0, sent);
                    assert_eq!(before, None, "sequence {sequence} is given twice");
                }
                // Also one refused as full may have been written before, to a segment that then failed.
                Err(_) => {
                    self.counts.refused += 1;
                    self.model.attempted.push(sent);
                }
            }
        }
    }

    fn store_cursor(&mut self, running: &Running) {
        let journal = &running.journal;
        let from = journal.cursors().load(SINK).unwrap().map_or(journal.oldest().next.0, |it| it.position.next.0);
        let next = Sequence(self.random.u64(from..=journal.next().0));
        let at = UnixNanos(i64::try_from(self.number()).unwrap());
        let cursor = Cursor::at(SINK, journal.position(next), at);
        let result = journal.cursors().store(&cursor);
        self.model.cursor.written(Some(cursor), self.counts.result(&result));
    }

    fn forget_cursor(&mut self, running: &Running) {
        let result = running.journal.cursors().forget(SINK);
        if matches!(result, Ok(false)) {
            return;
        }
        let is_durable = self.counts.result(&result);
        self.model.cursor.written(None, is_durable);
        self.model.checkpoints.written(Vec::new(), is_durable);
    }

    fn add_checkpoint(&mut self, running: &Running) {
        let Ok(mut list) = running.journal.checkpoints(SINK) else { return };
        let position = running.journal.position(running.journal.next());
        let number = self.number();
        // So close together that none is thinned.
        let confirmed = UnixNanos(i64::try_from(number).unwrap());
        let mut after = list.all().to_vec();
        after.push(Checkpoint { position, confirmed, mark: format!("mark {number}") });
        let result = list.add(after[after.len() - 1].clone());
        self.model.checkpoints.written(after, self.counts.result(&result));
    }

    fn cut_checkpoints(&mut self, running: &Running) {
        let Ok(mut list) = running.journal.checkpoints(SINK) else { return };
        let count = list.all().len() / 2;
        let after = list.all()[..count].to_vec();
        if count < list.all().len() {
            let result = list.cut(count);
            self.model.checkpoints.written(after, self.counts.result(&result));
        }
    }

    fn add_gap(&mut self, running: &Running) {
        // Gaps of records that do not touch are not merged.
        let from = Sequence(self.number() * 10);
        let until = Sequence(from.0 + 5);
        let gap = Gap { sink: SINK.to_owned(), from, until, at: UnixNanos(1), reason: GapReason::Repair };
        let mut list = running.journal.gaps().list();
        list.push(gap.clone());
        let result = running.journal.gaps().add(gap);
        self.model.gaps.written(list, self.counts.result(&result));
    }

    fn add_letter(&mut self, running: &Running) {
        let letters = &running.letters;
        if letters.index().len() >= OPEN_LETTERS_MAX {
            return;
        }
        let number = self.number();
        let body: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(self.random.usize(8..3_000)).collect();
        let letter = DeadLetter {
            kind: Kind::RefusedRow,
            source: "building-a".to_owned(),
            received: UnixNanos(1),
            journal: JournalId(Uuid::from_u128(7)),
            sequence: Sequence(number),
            format: 1,
            sink: Some(SINK.to_owned()),
            row: None,
            reason: "a reason".to_owned(),
            body,
        };
        let result = one_group(&letters.journal, || letters.add(&letter));
        self.counts.result(&result);
        match result {
            Ok(id) => {
                let kept = Kept { body: letter.body, is_open: Possible::only("whether a letter is open", true) };
                assert!(self.model.letters.insert(id.0, kept).is_none(), "letter {id} is given twice");
            }
            Err(_) => self.model.letters_attempted.push(letter.body),
        }
    }

    fn settle_letter(&mut self, running: &Running) {
        let letters = &running.letters;
        let open: Vec<u64> =
            self.model.letters.keys().copied().filter(|id| letters.index().is_open(LetterId(*id))).collect();
        let Some(id) = self.random.choice(open) else { return };
        let result = one_group(&letters.journal, || letters.settle(LetterId(id), Settlement::Dropped));
        let is_durable = self.counts.result(&result);
        if let Some(kept) = self.model.letters.get_mut(&id) {
            kept.is_open.written(false, is_durable);
        }
    }
}
