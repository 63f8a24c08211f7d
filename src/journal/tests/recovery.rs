//! An open after every possible end of the previous run.

use super::super::block::BLOCK;
use super::super::*;
use super::support::*;

/// The offset of the last group of an eight-block segment with groups of one block.
fn last_group_offset(groups: u64) -> u64 {
    groups * BLOCK
}

#[test]
fn the_last_group_of_a_killed_run_is_written_again_and_everything_before_it_stands() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 5);
    kill(&disk, journal);
    let (journal, opening) = open(&disk);
    assert_eq!(opening.rewritten, 1, "{opening}");
    append_each(&journal, 5);
    assert_eq!(read_from(&journal, 1), expected(1..=10));
}

#[test]
fn a_stopped_or_idle_journal_needs_no_rewriting() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 3);
    journal.close();
    let (journal, opening) = open(&disk);
    assert_eq!((opening.rewritten, opening.torn), (0, None), "{opening}");
    append_each(&journal, 1);
    let closing_group = || inspect_scan_is_proven(&disk, &journal);
    while !closing_group() {
        std::thread::sleep(Duration::from_millis(50));
    }
    kill(&disk, journal);
    let (journal, opening) = open(&disk);
    assert_eq!(opening.rewritten, 0, "{opening}");
    assert_eq!(read_from(&journal, 1), expected(1..=4));
}

fn inspect_scan_is_proven(disk: &FaultyDisk, journal: &Journal) -> bool {
    let name = journal.segments().last().unwrap().name;
    let file = shared(disk).open(&name.to_string()).unwrap();
    let header = catalog::read_header(&*file, name).unwrap().unwrap();
    scan::scan(&*file, &header).unwrap().unproven().is_none()
}

#[test]
fn a_record_whose_sync_failed_before_a_kill_is_not_taken_for_durable() {
    let disk = FaultyDisk::new(3);
    let (journal, _) = open(&disk);
    append_each(&journal, 2);
    // Both attempts fail: the bytes are in the page cache, and nowhere else.
    disk.fail(Operation::Sync, 9);
    assert!(matches!(journal.append(header(), &payload(3)).unwrap().wait(), Err(AppendError::Failed { .. })));
    kill(&disk, journal);
    let (journal, _) = open(&disk);
    let read = read_from(&journal, 1);
    cut_power(&disk, journal);
    let (journal, _) = open(&disk);
    assert_eq!(read_from(&journal, 1), read, "what a reader saw is there after the power cut");
}

#[test]
fn a_crash_between_two_segments_loses_nothing() {
    for operations in 0..20 {
        let disk = FaultyDisk::new(operations);
        let (journal, _) = open(&disk);
        append_each(&journal, 6);
        // The seventh record does not fit beside its closing group: it begins a segment.
        disk.die_after(operations);
        let acknowledged = journal.append(header(), &payload(7)).unwrap().wait().is_ok();
        drop(journal);
        disk.restart_after_power_cut();
        let (journal, _) = open(&disk);
        let read = read_from(&journal, 1);
        assert!(read == expected(1..=7) || !acknowledged && read == expected(1..=6), "after {operations} operations");
    }
}

#[test]
fn a_crash_during_the_recovery_loses_nothing() {
    for operations in 0..20 {
        let disk = FaultyDisk::new(operations);
        let (journal, _) = open(&disk);
        append_each(&journal, 3);
        cut_power(&disk, journal);
        disk.die_after(operations);
        let opened = Journal::open_on(shared(&disk), small("faulty"));
        disk.die();
        drop(opened);
        disk.restart_after_power_cut();
        let (journal, _) = open(&disk);
        assert_eq!(read_from(&journal, 1), expected(1..=3), "after {operations} operations");
    }
}

#[test]
fn a_torn_tail_is_cut_and_reported() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 3);
    let file = segment_file(&journal, 0);
    kill(&disk, journal);
    disk.damage(&file, last_group_offset(4), &[0xee; 700]);
    let (journal, opening) = open(&disk);
    assert_eq!(opening.torn.map(|(_, offset)| offset), Some(last_group_offset(4)));
    assert_eq!(read_from(&journal, 1), expected(1..=3));
}

#[test]
fn a_damaged_last_group_is_a_torn_tail_also_where_its_header_is_whole() {
    for at in [0, 30, 64, 120] {
        let disk = FaultyDisk::new(1);
        let (journal, _) = open(&disk);
        append_each(&journal, 3);
        let file = segment_file(&journal, 0);
        kill(&disk, journal);
        disk.damage(&file, last_group_offset(3) + at, &[0xee]);
        let (journal, opening) = open(&disk);
        assert!(opening.torn.is_some(), "{at}");
        // Where its header is whole, that proves the group before it.
        assert_eq!(opening.rewritten, u64::from(at < 64), "{at}");
        assert_eq!(read_from(&journal, 1), expected(1..=2), "{at}");
    }
}

#[test]
fn a_damaged_group_that_a_later_one_proves_refuses_the_start() {
    for at in [0, 30, 64, 120] {
        let disk = FaultyDisk::new(1);
        let (journal, _) = open(&disk);
        append_each(&journal, 4);
        let file = segment_file(&journal, 0);
        kill(&disk, journal);
        disk.damage(&file, last_group_offset(2) + at, &[0xee]);
        for _ in 0..2 {
            match Journal::open_on(shared(&disk), small("faulty")) {
                Err(OpenError::Damaged { segment, offset, .. }) => {
                    assert_eq!((segment.to_string(), offset), (file.clone(), last_group_offset(2)), "{at}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_torn_header_without_groups_is_skipped_and_with_groups_refused() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 7);
    let last = segment_file(&journal, 1);
    kill(&disk, journal);
    disk.damage(&last, 100, &[0xee]);
    assert!(matches!(Journal::open_on(shared(&disk), small("faulty")), Err(OpenError::Damaged { offset: 0, .. })));
    disk.damage(&last, BLOCK, &[0; 64]);
    let (journal, opening) = open(&disk);
    assert_eq!((opening.next.0, read_from(&journal, 1)), (7, expected(1..=6)));
    append_each(&journal, 2);
    assert_eq!(read_from(&journal, 1), expected(1..=8));
}

#[test]
fn damage_in_a_sealed_segment_stops_the_reader_there_and_not_the_start() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 20);
    let file = segment_file(&journal, 1);
    kill(&disk, journal);
    let mut good = [0];
    shared(&disk).open(&file).unwrap().read_at(&mut good, last_group_offset(2) + 200).unwrap();
    disk.damage(&file, last_group_offset(2) + 200, &[0xee]);
    let (journal, _) = open(&disk);
    append_each(&journal, 1);
    let mut reader = journal.reader(Sequence(1)).unwrap();
    for sequence in 1..=7 {
        assert_eq!(reader.read().unwrap().unwrap().sequence, Sequence(sequence));
    }
    for _ in 0..2 {
        match reader.read() {
            Err(ReadError::Damaged { segment, sequence, .. }) => {
                assert_eq!((segment.to_string(), sequence), (file.clone(), Sequence(8)));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(reader.next_sequence(), Sequence(8));
    }
    assert_eq!(read_from(&journal, 13), expected(13..=21), "what comes after it can be read");
    disk.damage(&file, last_group_offset(2) + 200, &good);
    assert_eq!(drain(reader).unwrap(), expected(8..=21), "reading continues once the file is repaired");
}

#[test]
fn a_segment_of_a_newer_format_is_refused_in_one_sentence() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 1);
    let file = segment_file(&journal, 0);
    kill(&disk, journal);
    make_newer(&disk, &file);
    let refused = Journal::open_on(shared(&disk), small("faulty")).unwrap_err().to_string();
    assert!(refused.contains("format version 9") && refused.contains("install the newer version"), "{refused}");
}

#[test]
fn a_sealed_segment_of_a_newer_format_is_not_called_damaged() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 60);
    let file = segment_file(&journal, 0);
    assert!(journal.segments().len() > 1, "it is sealed");
    kill(&disk, journal);
    make_newer(&disk, &file);
    let (journal, _) = open(&disk);
    let refused = journal.reader(Sequence(1)).unwrap().read().unwrap_err().to_string();
    assert!(refused.contains("format version 9") && refused.contains("install the newer version"), "{refused}");
}

/// Sets a newer format version, as a newer program would write it.
fn make_newer(disk: &FaultyDisk, file: &str) {
    let mut block = vec![0; block::BLOCK_LEN];
    shared(disk).open(file).unwrap().read_at(&mut block, 0).unwrap();
    block[8..12].copy_from_slice(&[9, 0, 8, 0]);
    let crc = crc32c::crc32c(&block[..block::BLOCK_LEN - 4]);
    block[block::BLOCK_LEN - 4..].copy_from_slice(&crc.to_le_bytes());
    disk.damage(file, 0, &block);
}

#[test]
fn an_open_reads_only_the_last_segment() {
    let disk = FaultyDisk::new(1);
    let open =
        |disk: &FaultyDisk| Journal::open_on(shared(disk), Options { cap_bytes: 64 << 20, ..small("faulty") }).unwrap();
    let mut counts = Vec::new();
    for records in [60, 60, 960] {
        let (journal, _) = open(&disk);
        append_each(&journal, records);
        store_cursor(&journal, "kafka", 30);
        store_cursor(&journal, "sqlite", journal.next().0);
        journal.close();
        let (opens_before, reads_before) = disk.opens_and_reads();
        let (journal, _) = open(&disk);
        let (opens, reads) = disk.opens_and_reads();
        counts.push((opens - opens_before, reads - reads_before));
        journal.close();
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "opens and reads with 10, 20 and 180 segments: {counts:?}");
}

#[test]
fn runs_that_die_before_their_first_record_leave_no_segments_behind() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 8);
    kill(&disk, journal);
    for _ in 0..5 {
        let (journal, opening) = open(&disk);
        assert!(opening.segments <= 4, "{opening}");
        // Far enough to make the segment, not to write into it.
        disk.die_after(7);
        assert!(journal.append(header(), b"never").unwrap().wait().is_err());
        drop(journal);
        disk.restart_after_power_cut();
    }
    let (journal, _) = open(&disk);
    append_each(&journal, 2);
    assert_eq!(read_from(&journal, 1), expected(1..=10));
}

#[test]
fn a_foreign_segment_among_the_others_is_refused() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 8);
    journal.close();
    let foreign = SegmentName { id: 99, first: Sequence(2) };
    shared(&disk).open_or_create(&foreign.to_string()).unwrap();
    assert!(matches!(Journal::open_on(shared(&disk), small("faulty")), Err(OpenError::Order { .. })));
}

#[test]
fn a_damaged_ledger_is_refused_with_its_line() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    journal.source_id("north").unwrap();
    journal.source_id("south").unwrap();
    journal.close();
    disk.damage("sources", 20, b"x");
    let refused = Journal::open_on(shared(&disk), small("faulty")).unwrap_err().to_string();
    assert!(refused.contains("sources") && refused.contains("line 2"), "{refused}");
}
