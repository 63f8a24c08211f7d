//! The cap, and the segments kept for replay.

use super::super::*;
use super::support::*;

/// Six small groups a segment: the seventh needs its closing group's block.
const PER_SEGMENT: u64 = 6;

fn capped(segments: u64) -> Options {
    Options { cap_bytes: segments * SEGMENT_BYTES, ..small("faulty") }
}

fn fill(journal: &Journal) -> AppendError {
    for _ in 0..1_000 {
        let next = journal.next();
        if let Err(error) = journal.append(header(), &payload(next.0)).unwrap().wait() {
            return error;
        }
    }
    panic!("it never gets full");
}

#[test]
fn a_full_journal_refuses_names_the_slowest_and_continues_when_that_moves() {
    let (journal, _) = Journal::open_on(shared(&FaultyDisk::new(1)), capped(4)).unwrap();
    store_cursor(&journal, "kafka", 1);
    append_each(&journal, 2);
    store_cursor(&journal, "sqlite", 3);
    let full = fill(&journal);
    assert!(matches!(&full, AppendError::Full { slowest, .. } if slowest == "kafka"), "{full:?}");
    assert!(journal.usage().bytes <= 4 * SEGMENT_BYTES);
    let before = journal.next().0;
    assert_eq!(read_from(&journal, 1), expected(1..before), "nothing is dropped");
    store_cursor(&journal, "kafka", PER_SEGMENT);
    assert!(matches!(fill(&journal), AppendError::Full { .. }), "the last record of the segment is still needed");
    store_cursor(&journal, "kafka", PER_SEGMENT + 1);
    store_cursor(&journal, "sqlite", PER_SEGMENT + 1);
    append_each(&journal, PER_SEGMENT);
    assert_eq!(journal.oldest().next, Sequence(PER_SEGMENT + 1));
    assert!(journal.usage().bytes <= 4 * SEGMENT_BYTES);
}

#[test]
fn segments_for_replay_are_removed_before_an_append_is_refused() {
    let (journal, _) = Journal::open_on(shared(&FaultyDisk::new(1)), capped(4)).unwrap();
    for _ in 0..100 {
        append_each(&journal, 1);
        store_cursor(&journal, "kafka", journal.next().0);
        assert!(journal.usage().bytes <= 4 * SEGMENT_BYTES);
    }
    assert!(journal.oldest().next > Sequence(1));
}

#[test]
fn replay_is_bounded_in_bytes_beyond_what_the_slowest_needs() {
    let retain = Retention { bytes: 2 * SEGMENT_BYTES, age_ns: i64::MAX };
    let (journal, _) = Journal::open_on(shared(&FaultyDisk::new(1)), Options { retain, ..small("faulty") }).unwrap();
    store_cursor(&journal, "kafka", 1);
    append_each(&journal, 10 * PER_SEGMENT);
    assert_eq!(journal.oldest().next, Sequence(1));
    store_cursor(&journal, "kafka", 5 * PER_SEGMENT + 1);
    append_each(&journal, 1);
    let kept = 5 * PER_SEGMENT + 1 - journal.oldest().next.0;
    assert!((PER_SEGMENT..=3 * PER_SEGMENT).contains(&kept), "{kept}");
}

#[test]
fn replay_is_bounded_in_age_by_the_newest_record_of_a_segment_also_after_an_open() {
    let disk = FaultyDisk::new(1);
    let clock = crate::clock::Clock::system();
    let retain = Retention { bytes: u64::MAX, age_ns: 1_000_000_000_000 };
    let options = Options { retain, clock: clock.clone(), ..small("faulty") };
    let (journal, _) = Journal::open_on(shared(&disk), options.clone()).unwrap();
    let now = clock.now().0;
    for number in 0..3 * PER_SEGMENT {
        // In the first segment one record is new among old ones.
        let age = if number < PER_SEGMENT && number != 2 { 2_000_000_000_000 } else { 0 };
        journal.append(received(now - age), &payload(number)).unwrap().wait().unwrap();
    }
    assert_eq!(journal.oldest().next, Sequence(1));
    journal.close();
    clock.set_offset(900_000_000_000);
    let (journal, _) = Journal::open_on(shared(&disk), options.clone()).unwrap();
    assert_eq!(journal.oldest().next, Sequence(1));
    journal.close();
    clock.set_offset(1_100_000_000_000);
    let (journal, _) = Journal::open_on(shared(&disk), options).unwrap();
    assert_eq!(journal.oldest().next, Sequence(2 * PER_SEGMENT + 1), "the last segment stays");
}

#[test]
fn a_segment_ages_also_if_the_next_one_was_removed_empty() {
    let disk = FaultyDisk::new(1);
    let retain = Retention { bytes: u64::MAX, age_ns: 1_000 };
    let (journal, _) = Journal::open_on(shared(&disk), Options { retain, ..small("faulty") }).unwrap();
    store_cursor(&journal, "kafka", 1);
    append_each(&journal, PER_SEGMENT);
    // The syncs of the cut and of the new segment succeed, the sync of its first group fails.
    disk.fail_one_after(Operation::Sync, 2);
    append_each(&journal, PER_SEGMENT);
    assert_eq!(journal.segments()[1].name.id, 3, "the second was given up");
    store_cursor(&journal, "kafka", PER_SEGMENT + 1);
    append_each(&journal, 1);
    assert_eq!(journal.oldest().next, Sequence(PER_SEGMENT + 1));
}

#[test]
fn a_segment_whose_age_cannot_be_known_is_kept() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 3 * PER_SEGMENT);
    store_cursor(&journal, "kafka", 3 * PER_SEGMENT);
    let after = segment_file(&journal, 1);
    journal.close();
    disk.damage(&after, 100, b"~");
    let retain = Retention { bytes: u64::MAX, age_ns: 0 };
    let (journal, _) = Journal::open_on(shared(&disk), Options { retain, ..small("faulty") }).unwrap();
    assert_eq!(journal.oldest().next, Sequence(1));
}

#[test]
fn a_reader_behind_retention_gets_the_oldest_and_one_beyond_the_end_the_next() {
    let (journal, _) = Journal::open_on(shared(&FaultyDisk::new(1)), capped(3)).unwrap();
    let mut reader = journal.reader(Sequence(1)).unwrap();
    append_each(&journal, 10 * PER_SEGMENT);
    let oldest = journal.oldest().next;
    match reader.read() {
        Err(ReadError::Retained { wanted, oldest: told }) => assert_eq!((wanted, told), (Sequence(1), oldest)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(journal.reader(Sequence(1)), Err(ReadError::Retained { .. })));
    let beyond = Sequence(10 * PER_SEGMENT + 2);
    assert!(matches!(journal.reader(beyond), Err(ReadError::Beyond { .. })));
    let (wanted, oldest) = (journal.position(Sequence(1)), journal.oldest());
    assert_eq!(journal.resolve(wanted), ResolvedCursor::Retained(oldest));
}

#[test]
fn removed_segments_never_leave_a_hole_after_a_power_cut() {
    for seed in 0..40 {
        let disk = FaultyDisk::new(seed);
        let (journal, _) = open(&disk);
        append_each(&journal, 10 * PER_SEGMENT);
        journal.close();
        let retain = Retention { bytes: 0, age_ns: 0 };
        store_cursor(&journal, "kafka", 8 * PER_SEGMENT);
        disk.die_after(seed % 20);
        let opened = Journal::open_on(shared(&disk), Options { retain, ..small("faulty") });
        disk.die();
        drop(opened);
        disk.restart_after_power_cut();
        let (journal, _) = open(&disk);
        let oldest = journal.oldest().next.0;
        assert_eq!(read_from(&journal, oldest), expected(oldest..=10 * PER_SEGMENT), "seed {seed}");
        assert!(oldest <= 8 * PER_SEGMENT);
    }
}

#[test]
fn a_cursor_whose_store_failed_pins_what_it_needs_because_a_power_cut_may_bring_it_back() {
    let retain = Retention { bytes: 0, age_ns: 0 };
    for seed in 0..20 {
        let disk = FaultyDisk::new(seed);
        let (journal, _) = Journal::open_on(shared(&disk), Options { retain, ..small("faulty") }).unwrap();
        append_each(&journal, 2);
        disk.fail(Operation::SyncNames, 1);
        let cursor = Cursor::at("kafka", journal.position(Sequence(2)), UnixNanos(1));
        journal.cursors().store(&cursor).unwrap_err();
        append_each(&journal, 10 * PER_SEGMENT);
        cut_power(&disk, journal);
        let (journal, _) = open(&disk);
        if let Some(cursor) = journal.cursors().load("kafka").unwrap() {
            assert_eq!(journal.resolve(cursor.position), ResolvedCursor::At(cursor.position), "seed {seed}");
        }
    }
}

#[test]
fn a_forgotten_cursor_pins_nothing() {
    let (journal, _) = Journal::open_on(shared(&FaultyDisk::new(1)), capped(3)).unwrap();
    store_cursor(&journal, "kafka", 1);
    fill(&journal);
    assert!(journal.cursors().forget("kafka").unwrap());
    assert!(!journal.cursors().forget("kafka").unwrap());
    append_each(&journal, 20 * PER_SEGMENT);
}

#[test]
fn segments_are_removed_on_a_full_volume() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = Journal::open_on(shared(&disk), capped(4)).unwrap();
    store_cursor(&journal, "kafka", 1);
    fill(&journal);
    store_cursor(&journal, "kafka", journal.next().0);
    disk.set_space(0);
    disk.fail(Operation::Write, u32::MAX);
    let refused = journal.append(header(), b"refused").unwrap().wait();
    assert!(refused.is_err(), "{refused:?}");
    assert!(journal.oldest().next > Sequence(1), "delivered segments were removed");
    disk.heal();
    disk.set_space(u64::MAX);
    append_each(&journal, PER_SEGMENT);
}

fn optional(cursor: &str, segments: u64) -> Vec<OptionalCursor> {
    vec![OptionalCursor { cursor: cursor.to_owned(), lag_bytes_max: segments.saturating_mul(SEGMENT_BYTES) }]
}

#[test]
fn an_optional_cursor_loses_records_before_an_append_is_refused_and_a_required_one_does_not() {
    let options = Options { optional: optional("kafka", u64::MAX), ..capped(4) };
    let (journal, _) = Journal::open_on(shared(&FaultyDisk::new(1)), options).unwrap();
    store_cursor(&journal, "kafka", 1);
    append_each(&journal, 2 * PER_SEGMENT);
    assert_eq!(journal.oldest().next, Sequence(1), "as long as there is room it is held for it");
    append_each(&journal, 20 * PER_SEGMENT);
    assert!(journal.oldest().next > Sequence(15 * PER_SEGMENT));
    store_cursor(&journal, "sqlite", journal.oldest().next.0);
    let full = fill(&journal);
    assert!(matches!(&full, AppendError::Full { slowest, .. } if slowest == "sqlite"), "{full:?}");
}

#[test]
fn for_an_optional_cursor_only_its_lag_is_kept() {
    let retain = Retention { bytes: 0, age_ns: i64::MAX };
    let options = Options { retain, optional: optional("kafka", 3), ..small("faulty") };
    let (journal, _) = Journal::open_on(shared(&FaultyDisk::new(1)), options).unwrap();
    store_cursor(&journal, "kafka", 1);
    for _ in 0..10 {
        append_each(&journal, PER_SEGMENT);
        store_cursor(&journal, "sqlite", journal.next().0);
    }
    assert_eq!(journal.segments().len(), 3);
    // One that keeps up loses nothing.
    store_cursor(&journal, "kafka", journal.next().0 - 1);
    append_each(&journal, 1);
    assert!(journal.oldest().next < journal.next());
}

#[test]
fn a_reader_that_skips_holds_no_segment_that_retention_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { cap_bytes: 4 * SEGMENT_BYTES, ..small(directory.path().join("journal")) };
    let (journal, _) = Journal::open(options).unwrap();
    append_each(&journal, 1);
    let mut reader = journal.view().reader(Sequence(1)).unwrap();
    assert!(reader.read().unwrap().is_some());
    store_cursor(&journal, "kafka", 1);
    fill(&journal);
    store_cursor(&journal, "kafka", journal.next().0);
    append_each(&journal, 2 * PER_SEGMENT);
    assert!(journal.oldest().next > Sequence(PER_SEGMENT), "the first segment is deleted");
    let held = || {
        let files = std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        let deleted = |file: &std::path::PathBuf| {
            file.starts_with(directory.path()) && file.to_string_lossy().ends_with("(deleted)")
        };
        files.filter(deleted).count()
    };
    assert_eq!(held(), 1, "by the reader");
    reader.skip_to(journal.next());
    assert_eq!(held(), 0);
    append_each(&journal, 1);
    assert!(reader.read().unwrap().is_some(), "it continues at the next record");
}
