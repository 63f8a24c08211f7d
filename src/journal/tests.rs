//! The journal through its door, on the real disk.

use super::*;
use crate::reading::Limits;

fn small(directory: &std::path::Path) -> Options {
    Options {
        segment_bytes: 64 * 1024,
        cap_bytes: 1024 * 1024,
        retain: Retention { bytes: 1024 * 1024, age_ns: i64::MAX },
        record_bytes_max: 8 * 1024,
        group_bytes_max: 16 * 1024,
        ..Options::new(directory)
    }
}

fn header(received: i64) -> RecordHeader {
    RecordHeader {
        source: SourceId(1),
        format: 1,
        verdict: Verdict::Deliverable,
        rule: RuleVersion(1),
        received: UnixNanos(received),
    }
}

fn read_all(journal: &Journal, from: Sequence) -> Vec<(u64, Vec<u8>)> {
    let mut reader = journal.reader(from).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.read().unwrap() {
        records.push((record.sequence.0, record.payload.to_vec()));
    }
    records
}

#[test]
fn what_was_appended_is_read_in_order_across_segments_and_opens() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for _ in 0..3 {
        let (journal, _) = Journal::open(small(directory.path())).unwrap();
        for _ in 0..40 {
            let number = u64::try_from(expected.len()).unwrap() + 1;
            let payload = vec![u8::try_from(number).unwrap(); 3_000];
            let sequence = journal.append(header(1), &payload).unwrap().wait().unwrap();
            assert_eq!(sequence.0, number);
            expected.push((number, payload));
        }
        assert_eq!(read_all(&journal, Sequence::FIRST), expected);
        journal.close();
    }
    let (journal, opening) = Journal::open(small(directory.path())).unwrap();
    assert!(opening.segments > 3, "{opening}");
    assert_eq!(opening.rewritten, 0, "{opening}");
    assert_eq!(read_all(&journal, Sequence::FIRST), expected);
    assert_eq!(read_all(&journal, Sequence(77)), expected[76..]);
}

#[test]
fn names_and_limits_keep_their_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let other = Limits { ahead_ns_max: 5, ..Limits::DEFAULT };
    for _ in 0..2 {
        let (journal, _) = Journal::open(small(directory.path())).unwrap();
        assert_eq!(journal.source_id("north").unwrap(), SourceId(1));
        assert_eq!(journal.source_id("south side").unwrap(), SourceId(2));
        assert_eq!(journal.source_name(SourceId(2)).as_deref(), Some("south side"));
        assert_eq!(journal.rule_version(&Limits::DEFAULT).unwrap(), RuleVersion(1));
        assert_eq!(journal.rule_version(&other).unwrap(), RuleVersion(2));
        assert_eq!(journal.limits(RuleVersion(2)), Some(other));
        assert_eq!(journal.limits(RuleVersion(3)), None);
    }
}

#[test]
fn a_stored_cursor_is_loaded_and_resolved_after_an_open() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    journal.append(header(1), b"one").unwrap().wait().unwrap();
    journal.append(header(1), b"two").unwrap().wait().unwrap();
    let cursor = Cursor::at("sqlite", journal.position(Sequence(2)), UnixNanos(7));
    journal.cursors().store(&cursor).unwrap();
    journal.close();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    assert_eq!(journal.cursors().load("sqlite").unwrap(), Some(cursor.clone()));
    assert_eq!(journal.resolve(&cursor), Resolved::At(cursor.position().unwrap()));
}
