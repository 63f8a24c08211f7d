//! Small journals on real and faulty disks, and helpers to read them.

use super::super::disk::SharedDisk;
use super::super::*;
pub(super) use crate::reading::UnixNanos;
use std::path::Path;
pub(super) use std::sync::Arc;
pub(super) use std::time::Duration;

pub(super) const PAYLOAD_MAX: usize = 6_000;
pub(super) const SEGMENT_BYTES: u64 = 32 * 1024;

/// Segments of eight blocks, so that every test rolls them; all kept for replay.
pub(super) fn small(directory: impl AsRef<Path>) -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        cap_bytes: 1024 * 1024,
        retain: Retention { bytes: u64::MAX, age_ns: i64::MAX },
        record_bytes_max: PAYLOAD_MAX,
        group_bytes_max: 8 * 1024,
        ..Options::new(directory.as_ref())
    }
}

pub(super) fn shared(disk: &FaultyDisk) -> SharedDisk {
    Arc::new(disk.clone())
}

pub(super) fn open(disk: &FaultyDisk) -> (Journal, OpenReport) {
    Journal::open_on(shared(disk), small("faulty")).unwrap()
}

pub(super) fn header() -> RecordHeader {
    received(1_000)
}

pub(super) fn received(nanos: i64) -> RecordHeader {
    RecordHeader {
        source: SourceId(1),
        format: 1,
        verdict: Verdict::Deliverable,
        rule: RuleVersion(1),
        received: UnixNanos(nanos),
    }
}

/// The payload of the record with that number.
pub(super) fn payload(number: u64) -> Vec<u8> {
    let len = 100 + usize::try_from(number * 37 % 3_000).unwrap();
    number.to_le_bytes().into_iter().cycle().take(len).collect()
}

/// Appends records one by one, each its own group, with the payload of its sequence.
pub(super) fn append_each(journal: &Journal, count: u64) {
    for _ in 0..count {
        let next = journal.next();
        assert_eq!(journal.append(header(), &payload(next.0)).unwrap().wait(), Ok(next));
    }
}

/// All records from the reader's position, or the error.
pub(super) fn drain(mut reader: Reader) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
    let mut records = Vec::new();
    while let Some(record) = reader.read()? {
        records.push((record.sequence.0, record.payload.to_vec()));
    }
    Ok(records)
}

pub(super) fn read_from(journal: &Journal, from: u64) -> Vec<(u64, Vec<u8>)> {
    drain(journal.reader(Sequence(from)).unwrap()).unwrap()
}

/// Sequences and the payloads that [`append_each`] gives them.
pub(super) fn expected(sequences: impl IntoIterator<Item = u64>) -> Vec<(u64, Vec<u8>)> {
    sequences.into_iter().map(|sequence| (sequence, payload(sequence))).collect()
}

/// Kills the process: nothing more reaches the disk; all written data stays.
pub(super) fn kill(disk: &FaultyDisk, journal: Journal) {
    disk.die();
    drop(journal);
    disk.restart_after_kill();
}

/// Cuts the power: unsynced data may be lost.
pub(super) fn cut_power(disk: &FaultyDisk, journal: Journal) {
    disk.die();
    drop(journal);
    disk.restart_after_power_cut();
}

/// The name of the journal's n-th segment file.
pub(super) fn segment_file(journal: &Journal, index: usize) -> String {
    journal.segments()[index].name.to_string()
}

pub(super) fn store_cursor(journal: &Journal, name: &str, next: u64) {
    let cursor = Cursor::at(name, journal.position(Sequence(next)), UnixNanos(1));
    journal.cursors().store(&cursor).unwrap();
}
