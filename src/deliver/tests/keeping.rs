//! The keeper and the refused rows: undelivered data is not lost.

use super::*;
use crate::dead_letters::{DeadLetters, OPEN_LETTERS_MAX, Row, Settlement};
use crate::reading::{MeterId, Obis, UnixNanos};
use crate::recent_records::RecentRecords;
use meterline_load::Body;
use uuid::Uuid;

fn keeper(feed: &Feed, letters: &DeadLetters) -> PumpHandle {
    let keeper = Box::new(Keeper::new(letters.clone(), RecentRecords::default()));
    PumpHandle::start("keeper", keeper, feed.journal.clone(), feed.clock.clone(), soon()).unwrap()
}

#[test]
fn the_keeper_keeps_undelivered_data_once_and_nothing_else() {
    let feed = Feed::new();
    let letters = feed.letters();
    feed.append_readings("acme", 1);
    feed.append_as("acme", Verdict::Undecodable, 1, b"\xff\xff");
    let ahead = feed::body(7, 200_000, f64::NAN);
    feed.append_as("other", Verdict::PartlySetAside, 1, &ahead.bytes);
    feed.append_as("acme", Verdict::Deliverable, 999, b"of a later version");
    feed.append_readings("acme", 1);
    let pump = keeper(&feed, &letters);
    wait_for(&pump, 6);
    pump.rewind(Rewind::to(Sequence(1))).unwrap();
    wait_for(&pump, 6);

    let kept: Vec<_> = (1..=3).map(|id| letters.get(LetterId(id)).unwrap()).collect();
    let what: Vec<_> = kept.iter().map(|letter| (letter.kind, letter.sequence.0, letter.source.as_str())).collect();
    assert_eq!(what, [(Kind::Undecodable, 2, "acme"), (Kind::SetAside, 3, "other"), (Kind::Undecodable, 4, "acme")]);
    assert_eq!(kept[0].body, b"\xff\xff");
    assert!(kept[0].reason.contains("byte 0"), "{}", kept[0].reason);
    assert_eq!(kept[1].body, ahead.bytes);
    assert_eq!(kept[1].reason, "1 time_ahead");
    assert_eq!(kept[2].format, 999);
    assert!(letters.get(LetterId(4)).is_err());
}

#[test]
fn a_refused_row_is_kept_once_with_the_record_it_came_in() {
    let feed = Feed::new();
    let letters = feed.letters();
    let body = feed::body(9, 5, 1.5);
    let sequence = feed.append(&body);
    let refused = RefusedRows::new("questdb", feed.journal.clone(), letters.clone());
    let meter = MeterId::from(Uuid::from_bytes([9; 16]));
    let row = Row { index: 0, meter, obis: Obis([1, 0, 1, 8, 0, 255]), at: UnixNanos(feed::NOW_NS) };
    for _ in 0..2 {
        refused.keep(sequence, row, "designated timestamp overflow").unwrap();
    }
    let letter = letters.get(LetterId(1)).unwrap();
    assert_eq!((letter.kind, letter.sink.as_deref(), letter.row), (Kind::RefusedRow, Some("questdb"), Some(row)));
    assert_eq!((letter.sequence, letter.source.as_str()), (sequence, "acme"));
    assert_eq!(letter.reason, "designated timestamp overflow");
    assert_eq!(letter.body, body.bytes);
    assert!(letters.get(LetterId(2)).is_err());
}

/// Fills the dead letters with letters that are never evicted.
fn fill(letters: &DeadLetters, feed: &Feed) {
    let refused = RefusedRows::new("questdb", feed.journal.clone(), letters.clone());
    let meter = MeterId::from(Uuid::from_bytes([9; 16]));
    for at in 0..i64::try_from(OPEN_LETTERS_MAX).unwrap() {
        let row = Row { index: 0, meter, obis: Obis([1, 0, 1, 8, 0, 255]), at: UnixNanos(at) };
        refused.keep(Sequence(1), row, "designated timestamp overflow").unwrap();
    }
}

/// About a MiB of deliverable readings.
fn append_large(feed: &Feed) {
    let readings = (0..15_000).map(|second| feed::reading(1, second % 1_000, 1.0)).collect();
    feed.append(&Body::new(0, readings));
}

#[test]
fn retention_takes_no_record_that_the_keeper_has_not_copied() {
    let feed = Feed::retaining(0);
    let letters = feed.letters();
    feed.append_readings("acme", 1);
    fill(&letters, &feed);
    feed.append_as("acme", Verdict::Undecodable, 1, b"\xff\xff");
    let sink = Recorder::new("sink", &feed.journal);
    let store = started(&feed, &sink);
    let pump = keeper(&feed, &letters);
    wait_for_state(&pump, SinkState::Blocked);
    let why = pump.status().why.unwrap();
    assert!(why.contains("the dead letters are full") && why.contains("dead-letters list"), "{why}");
    for _ in 0..12 {
        append_large(&feed);
    }
    let end = feed.journal.next().0;
    wait_for(&store, end);
    until("the cursor of the store is behind everything", || feed.stored_cursor("sink") == Some(Sequence(end)));
    append_large(&feed);
    assert_eq!(feed.journal.oldest().next, Sequence(1), "the keeper has not copied record 2");

    letters.settle(LetterId(1), Settlement::Dropped).unwrap();
    wait_for(&pump, feed.journal.next().0);
    assert_eq!(letters.open_by_kind()["undecodable"], 1);
    until("retention deletes unneeded records", || {
        append_large(&feed);
        feed.journal.oldest().next > Sequence(2)
    });
}

#[test]
fn a_sink_without_room_for_a_refused_row_blocks_and_says_so() {
    let feed = Feed::new();
    let letters = feed.letters();
    let sequence = feed.append(&feed::body(9, 5, 1.5));
    fill(&letters, &feed);
    let refused = RefusedRows::new("questdb", feed.journal.clone(), letters.clone());
    let meter = MeterId::from(Uuid::from_bytes([8; 16]));
    let row = Row { index: 0, meter, obis: Obis([1, 0, 1, 8, 0, 255]), at: UnixNanos(1) };
    let error = refused.keep(sequence, row, "designated timestamp overflow").unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Blocked);
    assert!(error.message.contains("the dead letters are full"), "{error}");
    letters.settle(LetterId(1), Settlement::Dropped).unwrap();
    refused.keep(sequence, row, "designated timestamp overflow").unwrap();
}
