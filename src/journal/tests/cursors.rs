//! The start of a cursor in its own journal, in a copy, and after losses.

use super::super::*;
use super::support::*;

fn cursor(journal: &Journal, next: u64) -> Position {
    journal.position(Sequence(next))
}

#[test]
fn a_cursor_of_the_journal_begins_at_its_position() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    let before_any = cursor(&journal, 1);
    append_each(&journal, 20);
    let cursors: Vec<_> = (1..=21).map(|next| cursor(&journal, next)).chain([before_any]).collect();
    journal.close();
    let (journal, _) = open(&disk);
    append_each(&journal, 3);
    for cursor in cursors {
        assert_eq!(journal.resolve(cursor), ResolvedCursor::At(cursor));
    }
}

#[test]
fn a_cursor_beyond_the_end_is_refused() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 3);
    let end = journal.position(Sequence(4));
    let beyond = Position { next: Sequence(9), ..end };
    assert_eq!(journal.resolve(beyond), ResolvedCursor::BeyondEnd { cursor: Sequence(9), end });
}

#[test]
fn a_cursor_of_a_journal_that_is_not_in_the_chain_begins_at_the_oldest() {
    let (journal, _) = open(&FaultyDisk::new(1));
    append_each(&journal, 3);
    let other = open(&FaultyDisk::new(2)).0;
    append_each(&other, 5);
    for next in 1..=6 {
        let resolved = journal.resolve(cursor(&other, next));
        assert_eq!(resolved, ResolvedCursor::UnknownJournal(journal.oldest()), "{next}");
    }
}

#[test]
fn a_copied_directory_continues_under_another_id_and_its_cursors_follow_the_chain() {
    let disk = FaultyDisk::new(1);
    let (original, _) = open(&disk);
    append_each(&original, 8);
    original.close();
    let (copy, opening) = open(&disk.copy());
    assert!(opening.is_new_journal);
    let (original, opening) = open(&disk);
    assert!(!opening.is_new_journal);
    append_each(&original, 4);
    append_each(&copy, 4);
    let (old, new) = (original.position(Sequence(13)).journal, copy.position(Sequence(13)).journal);
    assert_ne!(old, new);
    assert_eq!(original.position(Sequence(8)).journal, copy.position(Sequence(8)).journal);
    // Before the copy: both journals have these records.
    assert_eq!(copy.resolve(cursor(&original, 5)), ResolvedCursor::At(Position { journal: old, next: Sequence(5) }));
    assert_eq!(copy.resolve(cursor(&original, 9)), ResolvedCursor::At(Position { journal: old, next: Sequence(9) }));
    // After the copy: the copy has other records there than the cursor saw.
    let fork = Position { journal: old, next: Sequence(9) };
    assert_eq!(copy.resolve(cursor(&original, 11)), ResolvedCursor::UnknownJournal(fork));
    assert_eq!(original.resolve(cursor(&copy, 11)), ResolvedCursor::UnknownJournal(original.oldest()));
    append_each(&original, 4);
    assert_eq!(copy.resolve(cursor(&original, 17)), ResolvedCursor::UnknownJournal(fork));
}

#[test]
fn a_copy_keeps_its_new_id_when_it_is_opened_again_before_it_wrote() {
    let disk = FaultyDisk::new(1);
    let (original, _) = open(&disk);
    append_each(&original, 2);
    original.close();
    let copied = disk.copy();
    open(&copied).0.close();
    let (copy, opening) = open(&copied);
    assert!(!opening.is_new_journal);
    append_each(&copy, 2);
    assert_ne!(copy.position(Sequence(4)).journal, original.position(Sequence(3)).journal);
    assert_eq!(read_from(&copy, 1), expected(1..=4));
}

#[test]
fn a_damaged_cursor_file_is_reported_pins_everything_and_is_repaired_by_a_store() {
    for at in [0, 12, 50] {
        let disk = FaultyDisk::new(1);
        let (journal, _) = open(&disk);
        append_each(&journal, 20);
        store_cursor(&journal, "questdb", 20);
        journal.close();
        disk.damage("cursor-questdb", at, b"~");
        let options = Options { retain: Retention { bytes: 0, age_ns: 0 }, ..small("faulty") };
        let (journal, opening) = Journal::open_on(shared(&disk), options).unwrap();
        assert_eq!(opening.damaged_cursors, ["questdb"]);
        assert!(matches!(journal.cursors().load("questdb"), Err(CursorError::Damaged { .. })));
        assert_eq!(journal.oldest().next, Sequence(1));
        store_cursor(&journal, "questdb", 20);
        assert!(journal.cursors().load("questdb").unwrap().is_some());
    }
}

#[test]
fn a_cursor_is_kept_with_its_note() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    let position = Position { next: Sequence(3), ..journal.oldest() };
    for note in ["", "of a later use = 7"] {
        let cursor = Cursor { note: note.to_owned(), ..Cursor::at("kafka", position, UnixNanos(-5)) };
        journal.cursors().store(&cursor).unwrap();
        let (again, _) = open(&disk.copy());
        assert_eq!(again.cursors().list(), [("kafka".to_owned(), Some(cursor))]);
    }
}

#[test]
fn a_name_that_cannot_be_a_file_is_refused() {
    let (journal, _) = open(&FaultyDisk::new(1));
    for name in ["", "a/b", "..", "a b", &"x".repeat(65)] {
        let cursor = Cursor::at(name, journal.oldest(), UnixNanos(1));
        assert!(matches!(journal.cursors().store(&cursor), Err(CursorError::Name { .. })), "{name:?}");
    }
    for name in ["", "a\nb", &"x".repeat(257)] {
        assert!(matches!(journal.source_id(name), Err(LedgerError::Name { .. })), "{name:?}");
    }
}

#[test]
fn a_directory_that_was_put_back_in_place_gets_a_new_id_by_restore_and_sinks_that_saw_more_continue() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 8);
    let old = journal.position(Sequence(9)).journal;
    let saw_more = Position { journal: old, next: Sequence(12) };
    assert!(matches!(journal.resolve(saw_more), ResolvedCursor::BeyondEnd { .. }));
    assert!(repair::restore_on(&disk).is_err(), "beside a running service");
    journal.close();
    let new = repair::restore_on(&disk).unwrap();
    let (journal, opening) = open(&disk);
    assert!(!opening.is_new_journal && new != old);
    let fork = Position { journal: old, next: Sequence(9) };
    assert_eq!(journal.resolve(saw_more), ResolvedCursor::UnknownJournal(fork));
    append_each(&journal, 6);
    assert_eq!(journal.resolve(saw_more), ResolvedCursor::UnknownJournal(fork), "also when the end is beyond it");
    assert_eq!(journal.position(Sequence(9)).journal, old);
    assert_eq!(journal.position(Sequence(15)).journal, new);
    assert_eq!(read_from(&journal, 1), expected(1..=14));
}
