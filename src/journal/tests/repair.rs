//! Repair: readable records stay, unreadable ones are marked lost, nothing else changes.
#![allow(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]

use super::super::block::BLOCK;
use super::super::repair::{Repair, RepairError, repair_on};
use super::super::*;
use super::support::*;

const NOW: UnixNanos = UnixNanos(77);

/// Twenty records, each its own group of one block, six a segment; closed or killed.
fn written(kill_it: bool) -> FaultyDisk {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 20);
    store_cursor(&journal, "kafka", 9);
    store_cursor(&journal, "sqlite", 21);
    if kill_it {
        kill(&disk, journal)
    } else {
        journal.close()
    }
    disk
}

fn file_of(disk: &FaultyDisk, id: u64) -> String {
    let names = recover::segment_names(disk).unwrap();
    names.iter().find(|name| name.id == id).unwrap().to_string()
}

fn repaired(disk: &FaultyDisk, id: u64) -> Repair {
    repair_on(&shared(disk), id, NOW, true).unwrap()
}

/// Sequences of the records that hold something, and of those that are lost.
fn read_all(journal: &Journal) -> (Vec<u64>, Vec<u64>) {
    let (mut whole, mut lost) = (Vec::new(), Vec::new());
    let mut reader = journal.reader(journal.oldest().next).unwrap();
    while let Some(record) = reader.read().unwrap() {
        if record.header.verdict == Verdict::Lost {
            assert_eq!(record.payload, b"");
            lost.push(record.sequence.0);
        } else {
            assert_eq!(record.payload, payload(record.sequence.0));
            whole.push(record.sequence.0);
        }
    }
    (whole, lost)
}

fn gaps(journal: &Journal) -> Vec<(String, u64, u64)> {
    journal.gaps().list().into_iter().map(|gap| (gap.sink, gap.from.0, gap.until.0)).collect()
}

#[test]
fn a_damaged_record_of_a_sealed_segment_is_lost_and_all_others_are_kept() {
    for at in [0, 30, 64, 70, 120] {
        let disk = written(false);
        let file = file_of(&disk, 2);
        // Records 7 to 12 stand there; this is the fourth.
        disk.damage(&file, 4 * BLOCK + at, &[0xee]);
        let before = shared(&disk).names().unwrap().len();
        let checked = repair_on(&shared(&disk), 2, NOW, false).unwrap();
        assert_eq!((checked.kept, checked.lost.clone(), checked.aside), (5, vec![10..11], None), "{at}");
        assert_eq!(shared(&disk).names().unwrap().len(), before, "only checked");
        let done = repaired(&disk, 2);
        assert!(shared(&disk).names().unwrap().contains(&done.aside.unwrap()), "the damaged file is kept");
        let (journal, _) = open(&disk);
        let whole: Vec<u64> = (1..=20).filter(|sequence| *sequence != 10).collect();
        assert_eq!(read_all(&journal), (whole, vec![10]), "{at}");
        assert_eq!(gaps(&journal), [("journal".to_owned(), 10, 11), ("kafka".to_owned(), 10, 11)], "{at}");
        append_each(&journal, 2);
        assert_eq!(journal.next(), Sequence(23), "no sequence is used again");
        assert!(matches!(repair_on(&shared(&disk), 2, NOW, true), Err(RepairError::Open(OpenError::Locked { .. }))));
        journal.close();
        assert!(matches!(repair_on(&shared(&disk), 2, NOW, true), Err(RepairError::Whole(_))));
    }
}

#[test]
fn a_damaged_header_costs_no_record_and_keeps_the_journal_id() {
    let disk = written(false);
    disk.damage(&file_of(&disk, 2), 100, &[0xee; 8]);
    let found = repaired(&disk, 2);
    assert_eq!((found.kept, found.lost.len()), (6, 0));
    let (journal, _) = open(&disk);
    assert_eq!(read_all(&journal), ((1..=20).collect(), Vec::new()));
    let journals: Vec<_> = journal.segments().iter().map(|segment| segment.journal).collect();
    assert!(journals.iter().all(|journal| journal.is_some() && *journal == journals[0]), "{journals:?}");
}

#[test]
fn a_start_that_damage_refuses_names_the_command_that_makes_it_possible() {
    let disk = written(true);
    let file = file_of(&disk, 4);
    disk.damage(&file, BLOCK + 80, &[0xee]);
    let refused = Journal::open_on(shared(&disk), small("faulty")).unwrap_err().to_string();
    assert!(refused.contains("`meterline journal repair --segment 4`"), "{refused}");
    assert_eq!(repaired(&disk, 4).lost, [19..20]);
    let (journal, _) = open(&disk);
    assert_eq!(read_all(&journal).1, [19]);
    append_each(&journal, 1);
    assert_eq!(journal.next(), Sequence(22));
}

#[test]
fn a_segment_that_is_nothing_but_noise_is_lost_as_a_whole() {
    let disk = written(false);
    disk.damage(&file_of(&disk, 2), 0, &vec![0xee; usize::try_from(SEGMENT_BYTES).unwrap()]);
    assert_eq!(repaired(&disk, 2).lost, [7..13]);
    let (journal, _) = open(&disk);
    assert_eq!(read_all(&journal).1, [7, 8, 9, 10, 11, 12]);
    assert_eq!(gaps(&journal), [("journal".to_owned(), 7, 13), ("kafka".to_owned(), 9, 13)]);
}

#[test]
fn of_a_group_with_several_records_only_the_damaged_one_is_lost() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    journal.append(header(), &payload(1)).unwrap().wait().unwrap();
    // Rebuilding puts all records of a segment into one group.
    append_each(&journal, 5);
    journal.close();
    let file = file_of(&disk, 1);
    disk.damage(&file, 100, &[0xee]);
    repaired(&disk, 1);
    let first = u64::try_from(payload(1).len() + payload(2).len()).unwrap();
    disk.damage(&file, BLOCK + 64 + first + 2 * 44 + 50, &[0xee]);
    assert_eq!(repaired(&disk, 1).lost, [3..4]);
    let (journal, _) = open(&disk);
    assert_eq!(read_all(&journal), (vec![1, 2, 4, 5, 6], vec![3]));
}

#[test]
fn a_repair_that_is_interrupted_anywhere_can_be_made_again_and_loses_nothing_more() {
    for operations in 0..30 {
        let disk = written(false);
        let file = file_of(&disk, 2);
        disk.damage(&file, 4 * BLOCK + 100, &[0xee]);
        disk.die_after(operations);
        let interrupted = repair_on(&shared(&disk), 2, NOW, true);
        disk.die();
        drop(interrupted);
        disk.restart_after_power_cut();
        match repair_on(&shared(&disk), 2, NOW, true) {
            Ok(_) | Err(RepairError::Whole(_)) => {}
            Err(error) => panic!("after {operations} operations: {error}"),
        }
        let (journal, _) = open(&disk);
        let (whole, lost) = read_all(&journal);
        assert_eq!((whole.len(), lost), (19, vec![10]), "after {operations} operations");
        assert_eq!(gaps(&journal), [("journal".to_owned(), 10, 11), ("kafka".to_owned(), 10, 11)]);
    }
}
