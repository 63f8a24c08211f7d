//! Gap records: stored before a sink skips deleted records.

use super::*;
use crate::journal::{
    Gap, GapReason, JournalId, OptionalCursor, Position, RecordHeader, Retention, RuleVersion, SourceId,
};
use uuid::Uuid;

/// A journal of two small segments that is held for required sinks only.
fn narrow() -> Feed {
    Feed::with(|options| {
        (options.record_bytes_max, options.group_bytes_max) = (16 << 10, 16 << 10);
        (options.segment_bytes, options.cap_bytes) = (64 << 10, 128 << 10);
        options.retain = Retention { bytes: 0, age_ns: 0 };
        options.optional = vec![OptionalCursor { cursor: "sink".to_owned(), lag_bytes_max: 128 << 10 }];
    })
}

/// Appends until the oldest records are gone.
fn outrun(feed: &Feed, cursor: u64) -> u64 {
    while feed.journal.oldest().next <= Sequence(cursor) {
        feed.append_readings("acme", 10);
    }
    feed.journal.oldest().next.0
}

fn gaps(feed: &Feed) -> Vec<(String, u64, u64)> {
    feed.journal.gaps().list().into_iter().map(|gap| (gap.sink, gap.from.0, gap.until.0)).collect()
}

#[test]
fn a_sink_that_is_away_too_long_is_skipped_forward_with_one_gap_and_goes_on() {
    let feed = narrow();
    let sink = Recorder::new("sink", &feed.journal);
    (3..1_000).for_each(|record| sink.fail_at(record, Fault::Waiting, u32::MAX));
    feed.append_readings("acme", 5);
    let pump = started(&feed, &sink);
    wait_for(&pump, 3);
    wait_for_state(&pump, SinkState::Waiting);
    let first = outrun(&feed, 3);
    // Detected while the sink is away, not only when it is back.
    until("the gap is noted", || gaps(&feed) == [("sink".to_owned(), 3, first)]);
    let second = outrun(&feed, first);
    wait_for(&pump, second);
    assert_eq!(pump.status().state, SinkState::Waiting, "to be skipped is not to recover");
    sink.script().faults.clear();
    wait_for(&pump, feed.journal.next().0);
    stop(&feed, &pump);
    assert_eq!(gaps(&feed), [("sink".to_owned(), 3, second)]);
    assert!(sink.taken().contains(&second) && !sink.taken().contains(&(second - 1)));
    assert_eq!(feed.stored_cursor("sink"), Some(feed.journal.next()));
}

#[test]
fn a_cursor_below_the_oldest_record_leaves_a_gap_at_the_start() {
    let feed = narrow();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 5);
    feed.store_cursor("sink", 4);
    let oldest = outrun(&feed, 4);
    let pump = started(&feed, &sink);
    wait_for(&pump, feed.journal.next().0);
    assert_eq!(gaps(&feed), [("sink".to_owned(), 4, oldest)]);
    assert_eq!(sink.taken().first(), Some(&oldest));
}

#[test]
fn a_store_restored_below_the_oldest_record_leaves_a_gap_though_the_cursor_is_further() {
    let feed = narrow();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 5);
    sink.script().stored = Some(feed.journal.position(Sequence(2)));
    let oldest = outrun(&feed, 5);
    feed.store_cursor("sink", oldest + 1);
    let pump = started(&feed, &sink);
    until("the gap is found", || !gaps(&feed).is_empty());
    wait_for(&pump, feed.journal.next().0);
    assert_eq!(gaps(&feed), [("sink".to_owned(), 2, oldest)]);
}

#[test]
fn records_of_a_replay_that_retention_deletes_are_no_gap() {
    let feed = narrow();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 5);
    let pump = started(&feed, &sink);
    wait_for(&pump, 6);
    (1..1_000).for_each(|record| sink.fail_at(record, Fault::Waiting, u32::MAX));
    pump.rewind(Rewind::to(Sequence(2))).unwrap();
    wait_for_state(&pump, SinkState::Waiting);
    let first = outrun(&feed, 6);
    until("undelivered records are a gap", || gaps(&feed) == [("sink".to_owned(), 6, first)]);
}

#[test]
fn records_of_a_replay_that_retention_deleted_before_a_start_are_no_gap() {
    let feed = narrow();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 5);
    feed.store_cursor("sink", 6);
    let rewind = Rewind::to(Sequence(2));
    rewind_stored(&feed.journal, "sink", &rewind, feed.clock.now()).unwrap().unwrap();
    let oldest = outrun(&feed, 6);
    let pump = started(&feed, &sink);
    wait_for(&pump, feed.journal.next().0);
    assert_eq!(gaps(&feed), [("sink".to_owned(), 6, oldest)]);
}

#[test]
fn a_store_restored_below_the_start_of_a_replay_has_a_gap_from_there() {
    let feed = narrow();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 5);
    feed.store_cursor("sink", 6);
    let rewind = Rewind::to(Sequence(4));
    rewind_stored(&feed.journal, "sink", &rewind, feed.clock.now()).unwrap().unwrap();
    sink.script().stored = Some(feed.journal.position(Sequence(2)));
    let oldest = outrun(&feed, 6);
    let pump = started(&feed, &sink);
    wait_for(&pump, feed.journal.next().0);
    assert_eq!(gaps(&feed), [("sink".to_owned(), 2, oldest)]);
}

#[test]
fn records_lost_by_the_store_during_a_replay_are_a_gap_once_retention_deletes_them() {
    let feed = narrow();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 8);
    let pump = started(&feed, &sink);
    wait_for(&pump, 9);
    sink.fail_at(7, Fault::Waiting, u32::MAX);
    pump.rewind(Rewind::to(Sequence(2))).unwrap();
    wait_for(&pump, 7);
    (sink.script().is_full, sink.script().lost_from) = (true, Some(4));
    until("it went back", || feed.stored_cursor("sink") == Some(Sequence(4)));
    (1..1_000).for_each(|record| sink.fail_at(record, Fault::Waiting, u32::MAX));
    sink.script().is_full = false;
    let first = outrun(&feed, 9);
    until("the gap starts at the first lost record", || gaps(&feed) == [("sink".to_owned(), 4, first)]);
}

#[test]
fn a_store_restored_below_the_start_of_a_replay_of_one_source_gets_the_others_too() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    for source in ["acme", "other", "acme", "other"] {
        feed.append_readings(source, 1);
    }
    feed.store_cursor("sink", 5);
    let rewind = Rewind { source: Some(feed.source("acme")), ..Rewind::to(Sequence(3)) };
    rewind_stored(&feed.journal, "sink", &rewind, feed.clock.now()).unwrap().unwrap();
    sink.script().stored = Some(feed.journal.position(Sequence(2)));
    let pump = started(&feed, &sink);
    wait_for(&pump, 5);
    assert_eq!(sink.taken(), [2, 3, 4]);
}

#[test]
fn a_store_made_new_during_a_replay_of_one_source_from_the_oldest_record_gets_the_others_too() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    for source in ["acme", "other", "acme", "other"] {
        feed.append_readings(source, 1);
    }
    feed.store_cursor("sink", 5);
    let rewind = Rewind { source: Some(feed.source("acme")), ..Rewind::to(Sequence(1)) };
    rewind_stored(&feed.journal, "sink", &rewind, feed.clock.now()).unwrap().unwrap();
    sink.script().stored = Some(Position { journal: JournalId(Uuid::nil()), next: Sequence::FIRST });
    let pump = started(&feed, &sink);
    wait_for(&pump, 5);
    assert_eq!(sink.taken(), [1, 2, 3, 4]);
}

#[test]
fn a_new_sink_has_no_gap_and_begins_at_the_oldest_record() {
    let feed = narrow();
    let sink = Recorder::new("new", &feed.journal);
    let oldest = outrun(&feed, 1);
    let options = soon();
    let pump = PumpHandle::start("new", sink.boxed(), feed.journal.clone(), feed.clock.clone(), options).unwrap();
    wait_for(&pump, feed.journal.next().0);
    assert_eq!(sink.taken().first(), Some(&oldest));
    assert_eq!(gaps(&feed), []);
}

#[test]
fn gaps_say_retention() {
    let feed = narrow();
    feed.append_readings("acme", 1);
    feed.store_cursor("sink", 1);
    outrun(&feed, 1);
    let pump = started(&feed, &Recorder::new("sink", &feed.journal));
    wait_for(&pump, feed.journal.next().0);
    let [Gap { reason, at, .. }] = feed.journal.gaps().list().try_into().unwrap();
    assert_eq!(reason, GapReason::Retention);
    assert_eq!(feed.journal.gaps().newest_at("sink"), Some(at));
}

#[test]
fn the_placeholder_of_an_unreadable_record_is_for_no_sink() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    let (source, rule, received) = (SourceId(0), RuleVersion(0), feed.clock.now());
    let header = RecordHeader { source, format: 0, verdict: Verdict::Lost, rule, received };
    feed.append_readings("acme", 1);
    feed.journal.append(header, b"").unwrap().wait().unwrap();
    feed.append_readings("acme", 1);
    let pump = started(&feed, &sink);
    wait_for(&pump, 4);
    assert_eq!(sink.taken(), [1, 3]);
}
