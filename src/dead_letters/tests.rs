//! The letters at their door, on a real directory.

use super::*;
use crate::journal::JournalId;
use crate::reading::{MeterId, Obis, UnixNanos};
use uuid::Uuid;

fn letter(kind: Kind, sequence: u64) -> Letter {
    Letter {
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
fn a_letter_comes_back_as_it_was_also_after_a_restart() {
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
fn the_same_thing_is_kept_once_and_another_row_of_it_beside_it() {
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
fn what_was_decided_stays_decided_after_a_restart() {
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
