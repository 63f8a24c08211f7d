//! Bytes that change on the disk, wherever they are.

use super::super::*;
use super::support::*;
use proptest::prelude::*;

/// A journal of three runs, with a torn tail or a proven one.
fn written(closed: bool) -> (FaultyDisk, Vec<String>) {
    let disk = FaultyDisk::new(1);
    for run in 0..3 {
        let (journal, _) = open(&disk);
        append_each(&journal, 9);
        if closed || run < 2 {
            journal.close();
        } else {
            kill(&disk, journal);
        }
    }
    let names = shared(&disk).names().unwrap();
    (disk, names.into_iter().filter(|name| SegmentName::parse(name).is_some()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_refused_or_left_out_and_never_returned(
        closed in any::<bool>(),
        places in proptest::collection::vec((any::<prop::sample::Index>(), 0..30_000_u64, 1..600_usize), 1..4),
        byte in any::<u8>(),
    ) {
        let (disk, names) = written(closed);
        for (file, offset, len) in places {
            disk.damage(&names[file.index(names.len())], offset, &vec![byte; len]);
        }
        let Ok((journal, _)) = Journal::open_on(shared(&disk), small("faulty")) else { return Ok(()) };
        let mut reader = journal.reader(journal.oldest().next).unwrap();
        while let Ok(Some(record)) = reader.read() {
            prop_assert_eq!(record.payload, payload(record.sequence.0));
        }
        // It still accepts new records.
        append_each(&journal, 3);
        let next = journal.next().0;
        prop_assert_eq!(read_from(&journal, next - 3), expected(next - 3..next));
    }
}

#[test]
fn a_damaged_lock_file_costs_a_journal_id_and_nothing_else() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 3);
    store_cursor(&journal, "kafka", 2);
    journal.close();
    disk.damage("lock", 12, b"~");
    let (journal, opening) = open(&disk);
    assert!(opening.is_new_journal);
    append_each(&journal, 3);
    assert_eq!(read_from(&journal, 1), expected(1..=6));
    let cursor = journal.cursors().load("kafka").unwrap().unwrap();
    assert_eq!(journal.resolve(cursor.position), ResolvedCursor::At(cursor.position));
}
