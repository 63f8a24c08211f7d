//! Dead letters from the outside, on a real directory.

use super::*;
use crate::journal::JournalId;
use crate::reading::{MeterId, Obis, UnixNanos};
use uuid::Uuid;

mod power_cuts;

fn letter(kind: Kind, sequence: u64) -> DeadLetter {
    DeadLetter {
        kind,
        source: "building-a".to_owned(),
        received: UnixNanos(1_795_266_907_250_000_000),
        journal: JournalId(Uuid::from_u128(7)),
        sequence: Sequence(sequence),
        format: 1,
        sink: None,
        row: None,
        reason: "a \"quoted\"\nreason".to_owned(),
        body: b"first line\nsecond line\0\xff".to_vec(),
    }
}

fn row(at: i64) -> Row {
    Row { index: 3, meter: MeterId::from(Uuid::from_u128(9)), obis: Obis([1, 0, 1, 8, 0, 255]), at: UnixNanos(at) }
}

fn open(directory: &tempfile::TempDir) -> DeadLetters {
    DeadLetters::open(directory.path(), Clock::system()).unwrap()
}

#[test]
fn a_letter_is_read_back_unchanged_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut kept = letter(Kind::RefusedRow, 5);
    kept.sink = Some("questdb".to_owned());
    kept.row = Some(row(1));
    let letters = open(&directory);
    let id = letters.add(&kept).unwrap();
    assert_eq!(letters.get(id).unwrap(), kept);
    letters.close();
    drop(letters);
    let letters = open(&directory);
    assert_eq!(letters.get(id).unwrap(), kept);
    assert_eq!(letters.open_by_kind()["refused-row"], 1);
}

#[test]
fn the_same_data_is_kept_once_and_another_row_of_it_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(&directory);
    let mut kept = letter(Kind::RefusedRow, 5);
    kept.row = Some(row(1));
    let first = letters.add(&kept).unwrap();
    assert_eq!(letters.add(&kept).unwrap(), first);
    kept.row = Some(row(2));
    assert_ne!(letters.add(&kept).unwrap(), first);
    assert_eq!(letters.open_by_kind()["refused-row"], 2);
}

#[test]
fn a_settled_letter_stays_settled_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(&directory);
    let id = letters.add(&letter(Kind::Undecodable, 1)).unwrap();
    letters.settle(id, Settlement::Dropped).unwrap();
    assert!(matches!(letters.settle(id, Settlement::Dropped), Err(DeadLetterError::Settled(_))));
    letters.close();
    drop(letters);
    let letters = open(&directory);
    assert_eq!(letters.open_by_kind()["undecodable"], 0);
    assert!(matches!(letters.settle(id, Settlement::Dropped), Err(DeadLetterError::Settled(_))));
}

#[test]
fn a_number_without_a_letter_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(&directory);
    assert!(matches!(letters.get(LetterId(77)), Err(DeadLetterError::Unknown(_))));
    assert!(matches!(letters.settle(LetterId(77), Settlement::Dropped), Err(DeadLetterError::Unknown(_))));
}

#[test]
fn the_oldest_letters_from_senders_are_evicted_and_stay_settled() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(&directory);
    let max = u64::try_from(OPEN_LETTERS_MAX).unwrap();
    for sequence in 1..=max + 1 {
        letters.add(&letter(Kind::SetAside, sequence)).unwrap();
    }
    assert_eq!(letters.open_by_kind()["set-aside"], max - 1);
    let check = |letters: &DeadLetters| {
        for id in [1, 2] {
            let settled = letters.settle(LetterId(id), Settlement::Dropped);
            assert!(matches!(settled, Err(DeadLetterError::Settled(_))), "{settled:?}");
        }
        assert_eq!(letters.open_by_kind()["set-aside"], max - 1);
    };
    check(&letters);
    letters.close();
    drop(letters);
    check(&open(&directory));
}

#[test]
fn a_row_refused_by_a_sink_is_never_evicted() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(&directory);
    let max = u64::try_from(OPEN_LETTERS_MAX).unwrap();
    let row = letters.add(&letter(Kind::RefusedRow, 1)).unwrap();
    for sequence in 2..=max {
        letters.add(&letter(Kind::Undecodable, sequence)).unwrap();
    }
    let refused = letters.add(&letter(Kind::Poison, max + 1));
    assert!(matches!(refused, Err(DeadLetterError::Full { oldest }) if oldest == row), "{refused:?}");
    letters.settle(row, Settlement::Dropped).unwrap();
    letters.add(&letter(Kind::Poison, max + 1)).unwrap();
}

#[test]
fn letters_are_evicted_by_bytes_too_and_their_room_is_reused() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(&directory);
    let mut large = letter(Kind::Undecodable, 0);
    large.body = vec![7; 10 << 20];
    for sequence in 1..=12 {
        large.sequence = Sequence(sequence);
        letters.add(&large).unwrap();
    }
    assert!(letters.open_by_kind()["undecodable"] < 6);
    assert!(letters.journal.usage().bytes <= LETTERS_BYTES_MAX);
}

#[test]
fn settled_letters_make_room_without_eviction() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(&directory);
    let mut large = letter(Kind::RefusedRow, 0);
    large.body = vec![7; 10 << 20];
    for sequence in 1..=12 {
        large.sequence = Sequence(sequence);
        let id = letters.add(&large).unwrap();
        letters.settle(id, Settlement::Dropped).unwrap();
    }
    assert!(letters.journal.usage().bytes <= LETTERS_BYTES_MAX);
}

#[test]
fn the_counts_for_the_page_wait_for_no_write() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(&directory);
    letters.add(&letter(Kind::Undecodable, 5)).unwrap();
    // As during the sync of a letter.
    let _writing = letters.index();
    let (reader, (sender, receiver)) = (letters.clone(), std::sync::mpsc::channel());
    std::thread::spawn(move || sender.send(reader.open_by_kind()["undecodable"]).ok());
    assert_eq!(receiver.recv_timeout(std::time::Duration::from_secs(10)), Ok(1));
}
