//! Failing disks at run time: the answers, and the recovery without a restart.

use super::super::*;
use super::support::*;

#[test]
fn a_failed_write_or_sync_is_repaired_in_a_new_segment_before_the_answer() {
    for operation in [Operation::Write, Operation::Sync] {
        let disk = FaultyDisk::new(5);
        let (journal, _) = open(&disk);
        append_each(&journal, 2);
        disk.fail(operation, 1);
        append_each(&journal, 2);
        assert_eq!(journal.segments().len(), 2, "{operation:?}");
        assert_eq!(read_from(&journal, 1), expected(1..=4), "{operation:?}");
        cut_power(&disk, journal);
        assert_eq!(read_from(&open(&disk).0, 1), expected(1..=4), "{operation:?}");
    }
}

#[test]
fn on_commit_counts_failed_writes_also_where_the_group_was_saved() {
    let disk = FaultyDisk::new(5);
    let (told, hear) = std::sync::mpsc::channel();
    let on_commit = Arc::new(move |outcome: &CommitOutcome| told.send((outcome.failed_writes, outcome.ok)).unwrap());
    let (journal, _) = Journal::open_on(shared(&disk), Options { on_commit, ..small("faulty") }).unwrap();
    // First, because after an idle second a closing group would meet the fault instead.
    disk.fail(Operation::Sync, 1);
    append_each(&journal, 1);
    append_each(&journal, 1);
    disk.fail(Operation::Write, u32::MAX);
    assert!(journal.append(header(), b"refused").unwrap().wait().is_err());
    assert_eq!(hear.try_iter().collect::<Vec<_>>(), [(1, true), (0, true), (3, false)]);
}

#[test]
fn a_disk_that_keeps_failing_fails_every_waiter_and_recovery_needs_no_restart() {
    use Operation::{Create, Rename, Reserve, Sync, SyncNames, Write};
    for operation in [Write, Sync, Create, Rename, Reserve, SyncNames] {
        let disk = FaultyDisk::new(6);
        let (journal, _) = open(&disk);
        append_each(&journal, 6);
        disk.fail(operation, u32::MAX);
        for _ in 0..3 {
            let appends: Vec<_> = (0..3).map(|_| journal.append(header(), b"refused").unwrap()).collect();
            for append in appends {
                let refused = append.wait();
                assert!(matches!(refused, Err(AppendError::Failed { .. })), "{operation:?}: {refused:?}");
            }
        }
        assert_eq!(journal.next(), Sequence(7), "{operation:?}");
        disk.heal();
        append_each(&journal, 6);
        assert_eq!(read_from(&journal, 1), expected(1..=12), "{operation:?}");
        cut_power(&disk, journal);
        assert_eq!(read_from(&open(&disk).0, 1), expected(1..=12), "{operation:?}");
    }
}

#[test]
fn a_full_volume_is_named_and_recovery_needs_no_restart() {
    let disk = FaultyDisk::new(6);
    let (journal, _) = open(&disk);
    append_each(&journal, 6);
    disk.set_space(3 * SEGMENT_BYTES / 2);
    for _ in 0..2 {
        let refused = journal.append(header(), b"refused").unwrap().wait();
        assert!(matches!(refused, Err(AppendError::DiskFull { .. })), "{refused:?}");
    }
    disk.set_space(u64::MAX);
    append_each(&journal, 6);
    assert_eq!(read_from(&journal, 1), expected(1..=12));
}

#[test]
fn the_last_records_are_recovered_on_a_full_volume_into_the_room_their_segment_had_reserved() {
    let disk = FaultyDisk::new(6);
    let (journal, _) = open(&disk);
    append_each(&journal, 2);
    kill(&disk, journal);
    disk.set_space(SEGMENT_BYTES + 1_000);
    let (journal, opening) = open(&disk);
    assert_eq!(opening.rewritten, 1);
    assert_eq!(read_from(&journal, 1), expected(1..=2));
}

#[test]
fn no_handle_is_synced_again_after_its_sync_failed() {
    // The disk forgets what a failed sync should have written, as real ones do: a
    // second sync on the handle succeeds, and the record is lost at the power cut.
    for seed in 0..20 {
        let disk = FaultyDisk::new(seed);
        let (journal, _) = open(&disk);
        append_each(&journal, 2);
        disk.fail(Operation::Sync, 1);
        append_each(&journal, 3);
        journal.close();
        disk.restart_after_power_cut();
        assert_eq!(read_from(&open(&disk).0, 1), expected(1..=5), "seed {seed}");
    }
}

#[test]
fn a_closing_group_that_fails_costs_nothing() {
    let disk = FaultyDisk::new(2);
    let (journal, _) = open(&disk);
    append_each(&journal, 2);
    disk.fail(Operation::Write, u32::MAX);
    journal.close();
    disk.heal();
    let (journal, opening) = open(&disk);
    assert_eq!(opening.rewritten, 1);
    assert_eq!(read_from(&journal, 1), expected(1..=2));
}

#[test]
fn many_new_sources_cost_one_write_and_a_failed_one_gives_out_none() {
    let disk = FaultyDisk::new(3);
    let (journal, _) = open(&disk);
    journal.source_id("north").unwrap();
    disk.fail_one_after(Operation::Rename, 1);
    journal.add_sources(["south", "north", "east", "south"]).unwrap();
    journal.add_sources(["north", "east"]).unwrap();
    assert_eq!(journal.source_id("east").unwrap(), SourceId(3));
    assert!(journal.add_sources(["west", "up"]).is_err(), "the second write fails");
    cut_power(&disk, journal);
    let (journal, _) = open(&disk);
    assert_eq!(journal.source_id("south").unwrap(), SourceId(2));
    assert_eq!(journal.source_id("up").unwrap(), SourceId(4));
}

#[test]
fn a_source_or_cursor_that_could_not_be_made_durable_is_not_given_out() {
    use Operation::{Create, Rename, Sync, SyncNames, Write};
    for operation in [Create, Write, Sync, Rename] {
        let disk = FaultyDisk::new(2);
        let (journal, _) = open(&disk);
        append_each(&journal, 3);
        journal.source_id("north").unwrap();
        store_cursor(&journal, "kafka", 2);
        disk.fail(operation, 2);
        assert!(journal.source_id("south").is_err(), "{operation:?}");
        let further = Cursor::at("kafka", journal.position(Sequence(3)), UnixNanos(1));
        assert!(journal.cursors().store(&further).is_err(), "{operation:?}");
        cut_power(&disk, journal);
        let (journal, _) = open(&disk);
        assert_eq!(journal.source_id("east").unwrap(), SourceId(2), "{operation:?}");
        let stored = journal.cursors().load("kafka").unwrap().unwrap();
        assert_eq!(stored.position.next, Sequence(2), "{operation:?}");
    }
    // A rename whose directory could not be synced may survive; the number must not be given to another name.
    let disk = FaultyDisk::new(2);
    let (journal, _) = open(&disk);
    disk.fail(SyncNames, 1);
    assert!(journal.source_id("south").is_err());
    assert_eq!(journal.source_id("east").unwrap(), SourceId(1));
    cut_power(&disk, journal);
    assert_eq!(open(&disk).0.source_name(SourceId(1)).as_deref(), Some("east"));
}

#[test]
fn a_segment_that_could_not_be_begun_is_tried_once_more_before_the_answer() {
    use Operation::{Create, Rename, Reserve, Sync, SyncNames, Write};
    for operation in [Create, Reserve, Write, Sync, Rename, SyncNames] {
        let disk = FaultyDisk::new(5);
        let (journal, _) = open(&disk);
        disk.fail(operation, 1);
        append_each(&journal, 8);
        cut_power(&disk, journal);
        assert_eq!(read_from(&open(&disk).0, 1), expected(1..=8), "{operation:?}");
    }
}

/// Segments of eight megabytes on a volume.
fn roomy(disk: &FaultyDisk) -> Journal {
    let options = Options { segment_bytes: 8 << 20, cap_bytes: 1 << 30, ..small("faulty") };
    Journal::open_on(shared(disk), options).unwrap().0
}

#[test]
fn near_the_end_of_a_volume_smaller_segments_are_begun_before_anything_is_refused() {
    let disk = FaultyDisk::new(6);
    let journal = roomy(&disk);
    append_each(&journal, 2);
    store_cursor(&journal, "kafka", 1);
    journal.close();
    disk.set_space(4 << 20);
    let journal = roomy(&disk);
    append_each(&journal, 300);
    let sizes: Vec<u64> = journal.segments().iter().map(|segment| segment.bytes).collect();
    assert!(sizes.iter().all(|bytes| *bytes <= 2 << 20), "{sizes:?}");
    let refused = (0..2_000).find_map(|_| journal.append(header(), &[7; 5_000]).unwrap().wait().err());
    assert!(matches!(refused, Some(AppendError::DiskFull { .. })), "{refused:?}");
    let used: u64 = journal.segments().iter().map(|segment| segment.bytes).sum();
    assert!(used > 5 << 19, "less than a smallest segment is left: {used}");
    disk.set_space(u64::MAX);
    let next = journal.next().0;
    append_each(&journal, 1);
    assert_eq!(read_from(&journal, next), expected(next..=next));
}

#[test]
fn on_a_full_volume_segments_for_replay_are_removed_before_an_append_is_refused() {
    let disk = FaultyDisk::new(6);
    let (journal, _) = open(&disk);
    append_each(&journal, 20);
    store_cursor(&journal, "kafka", 15);
    disk.set_space(4 * SEGMENT_BYTES);
    append_each(&journal, 10);
    assert!((2..=15).contains(&journal.oldest().next.0), "what a sink needs stays");
    let refused = (0..30).find_map(|_| journal.append(header(), &payload(1)).unwrap().wait().err());
    assert!(matches!(refused, Some(AppendError::DiskFull { .. })), "{refused:?}");
    assert_eq!(read_from(&journal, 15)[..5], expected(15..20));
}

#[test]
fn a_disk_that_turns_read_only_refuses_everything_and_continues_when_writable_again() {
    use Operation::{Create, Remove, Rename, Reserve, SetLen, Write};
    let disk = FaultyDisk::new(6);
    let (journal, _) = open(&disk);
    append_each(&journal, 3);
    for operation in [Write, Create, Rename, Remove, Reserve, SetLen] {
        disk.fail(operation, u32::MAX);
    }
    assert!(journal.append(header(), b"refused").unwrap().wait().is_err());
    let further = Cursor::at("kafka", journal.position(Sequence(3)), UnixNanos(1));
    assert!(journal.cursors().store(&further).is_err());
    assert_eq!(read_from(&journal, 1), expected(1..=3), "reading continues");
    disk.heal();
    append_each(&journal, 3);
    cut_power(&disk, journal);
    assert_eq!(read_from(&open(&disk).0, 1), expected(1..=6));
}
