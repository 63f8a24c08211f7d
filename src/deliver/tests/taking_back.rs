//! Taking a replay back: what it had sent is followed by what corrects it.

use super::*;
use crate::deliver::RewindError;

/// Five records: a value, another meter's, the correction of the first, a third
/// meter's, the correction of the second.
fn corrected() -> Feed {
    let feed = Feed::new();
    for (meter, value) in [(1, 1.0), (2, 1.0), (1, 2.0), (3, 1.0), (2, 2.0)] {
        feed.append(&feed::body(meter, 0, value));
    }
    feed
}

/// A sink that has all five, and then is in the middle of a replay from the first,
/// which it has had; the second is refused until the faults are cleared.
fn half_way(feed: &Feed) -> (Recorder, PumpHandle) {
    let sink = Recorder::new("sink", &feed.journal);
    let pump = started(feed, &sink);
    wait_for(&pump, 6);
    sink.fail_at(2, Fault::Blocked, u32::MAX);
    pump.rewind(Rewind::to(Sequence(1))).unwrap();
    wait_for_state(&pump, SinkState::Blocked);
    wait_for(&pump, 2);
    (sink, pump)
}

/// What it got after so many records, repeats in a row left out: a record may come
/// more than once around a fault.
fn sent_again(sink: &Recorder, after: usize) -> Vec<u64> {
    let mut again = sink.taken().split_off(after);
    again.dedup();
    again
}

#[test]
fn with_nothing_sent_the_sink_goes_on_where_it_was() {
    let feed = corrected();
    let sink = Recorder::new("sink", &feed.journal);
    let pump = started(&feed, &sink);
    wait_for(&pump, 6);
    assert!(matches!(pump.take_back(), Err(RewindError::NotReplaying)));
    sink.script().is_full = true;
    pump.rewind(Rewind::to(Sequence(1))).unwrap();
    assert_eq!(pump.take_back().unwrap().from, Sequence(6));
    assert_eq!(feed.stored_cursor("sink"), Some(Sequence(6)), "durable before it is answered");
    sink.script().is_full = false;
    feed.append_readings("acme", 1);
    wait_for(&pump, 7);
    assert_eq!(sink.taken(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn half_way_only_what_corrects_what_was_sent_is_sent_of_the_rest() {
    let feed = corrected();
    let (sink, pump) = half_way(&feed);
    assert_eq!(pump.take_back().unwrap().from, Sequence(6));
    assert!(matches!(pump.take_back(), Err(RewindError::NotReplaying)), "it is taken back already");
    sink.script().faults.clear();
    wait_for(&pump, 6);
    // The second may have arrived, though it was refused.
    assert_eq!(sent_again(&sink, 5), [1, 2, 3, 5]);
    assert!(pump.status().replaying_until.is_none());
    feed.append_readings("acme", 1);
    wait_for(&pump, 7);
    assert_eq!(sink.taken().last(), Some(&6), "what comes is sent as always");
}

#[test]
fn a_restart_half_way_knows_what_was_sent() {
    let feed = corrected();
    let (sink, pump) = half_way(&feed);
    pump.take_back().unwrap();
    stop(&feed, &pump);
    sink.script().faults.clear();
    let again = started(&feed, &sink);
    wait_for(&again, 6);
    assert_eq!(sent_again(&sink, 5), [1, 2, 3, 5]);
}

#[test]
fn a_replay_of_one_source_is_followed_by_whoever_corrects_it() {
    let feed = corrected();
    let other = feed::body(1, 0, 3.0);
    feed.append_as("other", Verdict::Deliverable, 1, &other.bytes);
    let sink = Recorder::new("sink", &feed.journal);
    let pump = started(&feed, &sink);
    wait_for(&pump, 7);
    sink.fail_at(2, Fault::Blocked, u32::MAX);
    pump.rewind(Rewind { source: Some(feed.source("acme")), ..Rewind::to(Sequence(1)) }).unwrap();
    wait_for_state(&pump, SinkState::Blocked);
    pump.take_back().unwrap();
    sink.script().faults.clear();
    wait_for(&pump, 7);
    assert_eq!(sent_again(&sink, 6), [1, 2, 3, 5, 6]);
}

#[test]
fn where_what_was_sent_is_retained_no_more_all_of_the_rest_is_sent() {
    let feed = Feed::new();
    feed.append_readings("acme", 50);
    let end = feed.journal.next().0;
    let mut cursor = crate::journal::Cursor::at("sink", feed.journal.position(Sequence(end - 2)), feed.clock.now());
    cursor.note = format!("replay-until={end} reread-from=0 reread-until={end} began=0 sent-below={end} is-taken-back");
    feed.journal.cursors().store(&cursor).unwrap();
    let sink = Recorder::new("sink", &feed.journal);
    wait_for(&started(&feed, &sink), end);
    assert_eq!(sink.taken(), [end - 2, end - 1]);
}
