//! Late rows: the bound, and that the last value wins however rows are held and repeated.

use super::*;
use crate::journal::JournalId;
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;
/// 2025-11-24 16:00:00 UTC.
const NOON: i64 = 1_764_000_000 * SECOND;

fn reading(sequence: u64, at: i64, received: i64) -> ReadingRows<'static> {
    let origin = Origin {
        journal: JournalId(Uuid::nil()),
        sequence: Sequence(sequence),
        index: 0,
        meter: MeterId::from(Uuid::from_u128(1)),
        at: UnixNanos(at),
    };
    ReadingRows::of(origin, "home", UnixNanos(received), Flags::NONE)
}

fn sample(code: u8, value: f64) -> Sample {
    Sample { obis: Obis([1, 0, code, 8, 0, 255]), value }
}

#[test]
fn late_is_ten_minutes_old_or_of_an_earlier_partition_and_never_the_future() {
    let held = HeldRows::new(10);
    let is_late = |at: i64, received: i64, unit| held.is_late(UnixNanos(at), late_before(UnixNanos(received), unit));
    let received = NOON + 30 * 60 * SECOND;
    for (before, wanted) in [(0, false), (600 * SECOND, false), (600 * SECOND + 1, true), (-30 * HOUR, false)] {
        assert_eq!(is_late(received - before, received, PartitionUnit::Hour), wanted, "{before}");
        assert_eq!(is_late(received - before, received, PartitionUnit::Day), wanted, "{before}");
    }
    assert!(is_late(NOON - 1, NOON + 1, PartitionUnit::Hour), "the hour before");
    assert!(!is_late(NOON - 1, NOON + 1, PartitionUnit::Day), "the same day");
    assert!(!is_late(NOON, NOON + 1, PartitionUnit::Hour));
    let midnight = NOON - 16 * HOUR;
    assert!(is_late(midnight - 1, midnight, PartitionUnit::Day), "the day before");
}

#[test]
fn rows_stand_by_time_and_of_equal_keys_the_later_stays() {
    let mut held = HeldRows::new(10);
    for (sequence, at, code, value) in [(5, 20, 1, 1.0), (5, 20, 2, 2.0), (6, 10, 1, 3.0), (7, 20, 1, 4.0)] {
        held.push(&reading(sequence, at, NOON), sample(code, value), late_before(UnixNanos(NOON), PartitionUnit::Day));
    }
    assert_eq!((held.first(), held.len()), (Some(Sequence(5)), 4));
    held.sort();
    let rows: Vec<_> = held.rows().map(|(reading, sample)| (reading.origin.at.0, sample.value)).collect();
    assert_eq!(rows, [(10, 3.0), (20, 4.0), (20, 2.0)]);
    held.clear();
    assert_eq!((held.first(), held.len(), held.rows().count()), (None, 0, 0));
}

#[test]
fn full_at_its_rows() {
    let mut held = HeldRows::new(2);
    held.push(&reading(1, 1, NOON), sample(1, 1.0), late_before(UnixNanos(NOON), PartitionUnit::Day));
    assert!(!held.is_full());
    held.push(&reading(2, 2, NOON), sample(1, 1.0), late_before(UnixNanos(NOON), PartitionUnit::Day));
    assert!(held.is_full());
}

/// A record of one row.
#[derive(Debug, Clone, Copy)]
struct Record {
    at: i64,
    received: i64,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Take,
    /// The live rows are sent.
    Send,
    /// Live and held rows are sent and confirmed.
    SendAll,
    /// Live rows are sent and their answer is lost; everything unsafe is repeated.
    Rewind,
    /// The operator rewinds the sink.
    Replay(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Take),
        2 => Just(Step::Send),
        1 => Just(Step::SendAll),
        1 => Just(Step::Rewind),
        1 => (0_usize..40).prop_map(Step::Replay),
    ];
    proptest::collection::vec(step, 0..120)
}

/// A small model of the sink: live and held rows, and a store that keeps the last row of a key.
struct Small {
    held: HeldRows,
    live: Vec<(i64, f64)>,
    store: BTreeMap<i64, f64>,
    next: usize,
    safe: usize,
}

impl Small {
    fn take(&mut self, records: &[Record]) {
        let Some(record) = records.get(self.next) else { return };
        let value = f64::from(u32::try_from(self.next).unwrap());
        let rows = reading(u64::try_from(self.next).unwrap(), record.at, record.received);
        let late_before = late_before(UnixNanos(record.received), PartitionUnit::Hour);
        if self.held.is_late(UnixNanos(record.at), late_before) {
            self.held.push(&rows, sample(1, value), late_before);
        } else {
            self.live.push((record.at, value));
        }
        self.next += 1;
    }

    fn send(&mut self) {
        self.store.extend(self.live.drain(..));
        self.safe = self.held.first().map_or(self.next, |first| usize::try_from(first.0).unwrap());
    }

    fn send_all(&mut self) {
        self.send();
        self.held.sort();
        let rows = self.held.rows().map(|(reading, sample)| (reading.origin.at.0, sample.value));
        self.store.extend(rows);
        self.held.clear();
        self.safe = self.next;
    }

    fn go_to(&mut self, next: usize) {
        self.live.clear();
        self.held.clear();
        (self.next, self.safe) = (next, next);
    }

    fn step(&mut self, step: Step, records: &[Record]) {
        match step {
            Step::Take => self.take(records),
            Step::Send => self.send(),
            Step::SendAll => self.send_all(),
            Step::Rewind => {
                self.store.extend(self.live.drain(..));
                self.go_to(self.safe);
            }
            Step::Replay(from) => self.go_to(from.min(self.safe)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Few keys around the bounds, and clocks that also go back.
    #[test]
    fn the_last_value_in_journal_order_stands(
        records in proptest::collection::vec((0_i64..6, 0_i64..40), 1..40),
        steps in steps()
    ) {
        let minutes = |count: i64| NOON + count * 60 * SECOND;
        let records: Vec<_> =
            records.iter().map(|&(at, received)| Record { at: minutes(5 * at), received: minutes(received) }).collect();
        let mut small =
            Small { held: HeldRows::new(1000), live: Vec::new(), store: BTreeMap::new(), next: 0, safe: 0 };
        steps.into_iter().for_each(|step| small.step(step, &records));
        while small.next < records.len() {
            small.take(&records);
        }
        small.send_all();
        let expected: BTreeMap<i64, f64> =
            records.iter().zip(0_u32..).map(|(record, number)| (record.at, f64::from(number))).collect();
        prop_assert_eq!(small.store, expected);
    }
}
