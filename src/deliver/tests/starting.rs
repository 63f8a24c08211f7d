//! The start position: cursor file, the store's position, the oldest record.

use super::*;
use crate::journal::{JournalId, Position};
use uuid::Uuid;

fn first_taken(feed: &Feed, sink: &Recorder) -> u64 {
    let pump = started(feed, sink);
    wait_for(&pump, feed.journal.next().0);
    stop(feed, &pump);
    *sink.taken().first().expect("something is taken")
}

#[test]
fn without_a_cursor_at_the_oldest_record_and_pinned_at_once() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.fail_at(1, Fault::Blocked, u32::MAX);
    feed.append_readings("acme", 3);
    let pump = started(&feed, &sink);
    wait_for_state(&pump, SinkState::Blocked);
    assert_eq!(feed.stored_cursor("sink"), Some(Sequence(1)));
}

#[test]
fn at_the_cursor_also_after_the_journal_was_opened_again() {
    let feed = Feed::new();
    feed.append_readings("acme", 4);
    feed.store_cursor("sink", 3);
    let feed = feed.reopened();
    assert_eq!(first_taken(&feed, &Recorder::new("sink", &feed.journal)), 3);
}

#[test]
fn at_the_lower_of_the_cursor_and_the_stores_own() {
    for (file, store, first) in [(3, 2, 2), (2, 3, 2)] {
        let feed = Feed::new();
        let sink = Recorder::new("sink", &feed.journal);
        feed.append_readings("acme", 4);
        feed.store_cursor("sink", file);
        sink.script().stored = Some(feed.journal.position(Sequence(store)));
        assert_eq!(first_taken(&feed, &sink), first, "file {file}, store {store}");
    }
}

#[test]
fn at_the_position_of_an_exact_store_also_where_that_lost_the_last_ones() {
    for (file, store, first) in [(3, 2, 2), (2, 3, 3)] {
        let feed = Feed::new();
        let sink = Recorder::new("sink", &feed.journal);
        feed.append_readings("acme", 4);
        feed.store_cursor("sink", file);
        (sink.script().stored, sink.script().is_exact) = (Some(feed.journal.position(Sequence(store))), true);
        assert_eq!(first_taken(&feed, &sink), first, "file {file}, store {store}");
    }
}

#[test]
fn at_the_cursor_of_a_replay_also_where_the_store_is_exact_until_it_has_left_the_replay() {
    for (file, store, first) in [(2, 5, 2), (2, 3, 2), (5, 7, 7)] {
        let feed = Feed::new();
        let sink = Recorder::new("sink", &feed.journal);
        feed.append_readings("acme", 8);
        feed.store_cursor("sink", 5);
        let rewind = Rewind { reread: Reread { redecode: true, ..Reread::default() }, ..Rewind::to(Sequence(2)) };
        rewind_stored(&feed.journal, "sink", &rewind, feed.clock.now()).unwrap();
        let mut cursor = feed.journal.cursors().load("sink").unwrap().unwrap();
        cursor.position = feed.journal.position(Sequence(file));
        feed.journal.cursors().store(&cursor).unwrap();
        (sink.script().stored, sink.script().is_exact) = (Some(feed.journal.position(Sequence(store))), true);
        assert_eq!(first_taken(&feed, &sink), first, "file {file}, store {store}");
    }
}

#[test]
fn at_the_oldest_record_for_a_store_that_is_new() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 4);
    feed.store_cursor("sink", 4);
    sink.script().stored = Some(Position { journal: JournalId(Uuid::nil()), next: Sequence::FIRST });
    assert_eq!(first_taken(&feed, &sink), 1);
}

#[test]
fn a_new_store_in_the_place_of_a_filled_one_has_a_gap_up_to_the_oldest_record() {
    for (had_cursor, gaps) in [(true, 1), (false, 0)] {
        let feed = Feed::with(|options| options.retain = crate::journal::Retention { bytes: 0, age_ns: 0 });
        let sink = Recorder::new("sink", &feed.journal);
        feed.store_cursor("other", 1);
        while feed.journal.oldest().next == Sequence::FIRST {
            feed.append(&feed::padded(&feed::body(1, 0, 1.0), 900_000));
            feed.store_cursor("other", feed.journal.next().0);
        }
        let (oldest, next) = (feed.journal.oldest().next, feed.journal.next());
        if had_cursor {
            feed.store_cursor("sink", next.0);
        }
        sink.script().stored = Some(Position { journal: JournalId(Uuid::nil()), next: Sequence::FIRST });
        assert_eq!(first_taken(&feed, &sink), oldest.0);
        let found = feed.journal.gaps().list();
        assert_eq!(found.len(), gaps, "{found:?}");
        assert!(found.iter().all(|gap| (gap.from, gap.until) == (Sequence::FIRST, oldest)), "{found:?}");
    }
}

#[test]
fn a_new_sink_that_ends_before_its_store_has_a_position_has_no_gap() {
    let feed = Feed::with(|options| options.retain = crate::journal::Retention { bytes: 0, age_ns: 0 });
    feed.store_cursor("other", 1);
    while feed.journal.oldest().next == Sequence::FIRST {
        feed.append(&feed::padded(&feed::body(1, 0, 1.0), 900_000));
        feed.store_cursor("other", feed.journal.next().0);
    }
    let oldest = feed.journal.oldest().next;
    for _ in 0..3 {
        let sink = Recorder::new("sink", &feed.journal);
        sink.script().stored = Some(Position { journal: JournalId(Uuid::nil()), next: Sequence::FIRST });
        sink.fail_at(oldest.0, Fault::Blocked, u32::MAX);
        let pump = started(&feed, &sink);
        wait_for_state(&pump, SinkState::Blocked);
        assert_eq!(feed.stored_cursor("sink"), Some(oldest));
        assert!(feed.journal.gaps().list().is_empty(), "{:?}", feed.journal.gaps().list());
    }
}

#[test]
fn nowhere_for_a_store_that_is_beyond_the_end() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 1);
    let journal = feed.journal.position(Sequence(2)).journal;
    sink.script().stored = Some(Position { journal, next: Sequence(9) });
    let pump = started(&feed, &sink);
    wait_for_state(&pump, SinkState::Blocked);
    let why = pump.status().why.unwrap();
    assert!(why.contains("record 9") && why.contains("end at 2"), "{why}");
    let refused = pump.rewind(Rewind::to(Sequence(1)));
    assert!(matches!(&refused, Err(RewindError::NotStarted(reason)) if *reason == why), "{refused:?}");
    assert_eq!(sink.taken(), [0_u64; 0]);
}

#[test]
fn a_replay_of_one_source_repeats_no_other_records_that_an_exact_store_has_beyond_the_cursor() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 2);
    feed.append_readings("other", 4);
    feed.store_cursor("sink", 4);
    let source = feed.journal.source_id("acme").unwrap();
    let rewind = Rewind { source: Some(source), ..Rewind::to(Sequence(1)) };
    rewind_stored(&feed.journal, "sink", &rewind, feed.clock.now()).unwrap();
    (sink.script().stored, sink.script().is_exact) = (Some(feed.journal.position(Sequence(7))), true);
    let pump = started(&feed, &sink);
    wait_for(&pump, 7);
    assert_eq!(sink.taken(), [1, 2]);
}
