//! Rewinds: the records sent again, and durability.

use super::*;

fn rewind(pump: &PumpHandle, from: u64, source: Option<crate::journal::SourceId>) -> Rewound {
    pump.rewind(Rewind { source, ..Rewind::to(Sequence(from)) }).unwrap()
}

/// Restarts a pump that is rewound to 2, while the sink's own store is ahead: the rewind did not reach it.
fn assert_sent_again_after_a_restart(feed: &Feed, sink: &Recorder, first: &PumpHandle) {
    stop(feed, first);
    sink.script().faults.clear();
    sink.script().stored = Some(feed.journal.position(Sequence(5)));
    let second = started(feed, sink);
    wait_for(&second, 5);
    assert_eq!(sink.taken(), [1, 2, 3, 4, 2, 3, 4]);
}

#[test]
fn a_rewind_sends_everything_again_in_order() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 4);
    let pump = started(&feed, &sink);
    wait_for(&pump, 5);
    assert_eq!(rewind(&pump, 3, None), Rewound { from: Sequence(3), until: Sequence(5) });
    wait_for(&pump, 5);
    assert_eq!(sink.taken(), [1, 2, 3, 4, 3, 4]);
}

#[test]
fn a_rewind_is_stored_before_its_first_record_is_sent_and_survives_a_restart() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 4);
    let first = started(&feed, &sink);
    wait_for(&first, 5);
    sink.fail_at(2, Fault::Blocked, u32::MAX);
    rewind(&first, 2, None);
    assert_eq!(feed.stored_cursor("sink"), Some(Sequence(2)));
    until("the sink is rewound", || sink.script().rewinds.contains(&(2, Some(2))));
    assert_sent_again_after_a_restart(&feed, &sink, &first);
}

#[test]
fn an_exact_store_gets_new_records_only_when_the_stored_cursor_has_left_the_replay() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.script().is_exact = true;
    feed.append_readings("acme", 4);
    // The cursor is stored more rarely than the replay takes.
    let pump = pump(&feed, &sink, PumpOptions { cursor_every: Duration::from_millis(500), ..soon() });
    wait_for(&pump, 5);
    sink.script().is_full = true;
    rewind(&pump, 2, None);
    feed.append_readings("acme", 2);
    sink.script().is_full = false;
    wait_for(&pump, 7);
    let cursors = sink.script().cursors.split_off(4);
    assert_eq!(cursors, [(2, Some(2)), (3, Some(2)), (4, Some(2)), (5, Some(5)), (6, Some(5))]);
}

#[test]
fn a_rewind_of_a_sink_that_is_not_so_far_does_nothing() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.fail_at(2, Fault::Blocked, u32::MAX);
    feed.append_readings("acme", 4);
    let pump = started(&feed, &sink);
    wait_for(&pump, 2);
    assert_eq!(rewind(&pump, 3, None), Rewound { from: Sequence(2), until: Sequence(2) });
    // A blocked sink is rewound at once.
    sink.fail_at(1, Fault::Blocked, u32::MAX);
    assert_eq!(rewind(&pump, 1, None), Rewound { from: Sequence(1), until: Sequence(2) });
    assert_eq!(feed.stored_cursor("sink"), Some(Sequence(1)));
}

#[test]
fn a_rewind_of_one_source_skips_the_others_up_to_its_end() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 2);
    feed.append_readings("other", 2);
    feed.append_readings("acme", 1);
    let pump = started(&feed, &sink);
    wait_for(&pump, 6);
    rewind(&pump, 1, Some(feed.source("acme")));
    wait_for(&pump, 6);
    assert_eq!(sink.taken()[5..], [1, 2, 5]);
    feed.append_readings("other", 1);
    wait_for(&pump, 7);
    assert_eq!(sink.taken().last(), Some(&6));
}

#[test]
fn records_not_safe_before_a_rewind_are_sent_from_every_source() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 1);
    feed.append_readings("other", 2);
    sink.script().safe_below = Some(3);
    let pump = started(&feed, &sink);
    wait_for(&pump, 3);
    until("all is taken", || sink.taken().len() == 3);
    rewind(&pump, 1, Some(feed.source("acme")));
    sink.script().safe_below = None;
    wait_for(&pump, 4);
    assert_eq!(sink.taken()[3..], [1, 3]);
}

#[test]
fn a_rewind_during_a_rewind_of_one_source_sends_everything() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("other", 2);
    feed.append_readings("acme", 2);
    let pump = started(&feed, &sink);
    wait_for(&pump, 5);
    sink.fail_at(4, Fault::Waiting, u32::MAX);
    rewind(&pump, 2, Some(feed.source("acme")));
    wait_for_state(&pump, SinkState::Waiting);
    rewind(&pump, 1, Some(feed.source("acme")));
    sink.script().faults.clear();
    wait_for(&pump, 5);
    assert!(sink.taken().ends_with(&[1, 2, 3, 4]), "{:?}", sink.taken());
}

#[test]
fn a_pump_that_stopped_says_so() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    let pump = started(&feed, &sink);
    stop(&feed, &pump);
    let refused = pump.rewind(Rewind::to(Sequence(1)));
    assert!(matches!(refused, Err(RewindError::Stopped)), "{refused:?}");
}

#[test]
fn records_lost_by_the_store_are_sent_again_once_the_lower_cursor_is_durable() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 4);
    let pump = started(&feed, &sink);
    wait_for(&pump, 5);
    sink.script().lost_from = Some(2);
    until("it is sent again", || sink.taken().len() == 7);
    wait_for(&pump, 5);
    assert_eq!(sink.taken(), [1, 2, 3, 4, 2, 3, 4]);
    let (rewound_to, stored) = *sink.script().rewinds.last().unwrap();
    assert_eq!((rewound_to, stored), (2, Some(2)), "stored before the sink was made ready");
}

#[test]
fn records_lost_by_an_exact_store_are_sent_again_also_after_a_restart_while_it_still_has_the_higher_position() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.script().is_exact = true;
    feed.append_readings("acme", 4);
    let first = started(&feed, &sink);
    wait_for(&first, 5);
    sink.fail_at(2, Fault::Blocked, u32::MAX);
    sink.script().lost_from = Some(2);
    until("the sink is rewound", || sink.script().rewinds.contains(&(2, Some(2))));
    assert_sent_again_after_a_restart(&feed, &sink, &first);
}

#[test]
fn a_loss_above_what_is_safe_changes_nothing() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 2);
    let pump = started(&feed, &sink);
    wait_for(&pump, 3);
    sink.script().lost_from = Some(9);
    until("it was asked", || sink.script().rewinds.len() == 2);
    assert_eq!(sink.script().rewinds[1].0, 3);
}
