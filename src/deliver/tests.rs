//! Tests of the pump with a real journal and a scripted sink.

mod describing;
mod estimating;
pub(crate) mod feed;
mod gaps;
mod keeping;
mod noting;
mod recorder;
mod rereading;
mod rewinding;
mod starting;

use super::*;
use crate::base::Backoff;
use crate::dead_letters::{Kind, LetterId};
use crate::journal::{Sequence, Verdict};
use feed::{Feed, until};
use recorder::{Fault, Recorder};
use std::time::Duration;

/// Options with short waits.
fn soon() -> PumpOptions {
    PumpOptions {
        rules: CurrentRules::default(),
        redecode: Redecode::default(),
        linger: Duration::from_millis(1),
        cursor_every: Duration::from_millis(1),
        backoff: Backoff::new(Duration::from_millis(1), Duration::from_millis(10)).unwrap(),
        dead_letters: None,
    }
}

fn pump(feed: &Feed, sink: &Recorder, options: PumpOptions) -> PumpHandle {
    PumpHandle::start("sink", sink.boxed(), feed.journal.clone(), feed.clock.clone(), options).unwrap()
}

fn started(feed: &Feed, sink: &Recorder) -> PumpHandle {
    pump(feed, sink, soon())
}

fn stop(feed: &Feed, pump: &PumpHandle) {
    pump.stop(feed.clock.monotonic() + Duration::from_secs(20));
    pump.join();
}

fn wait_for(pump: &PumpHandle, next: u64) {
    until(&format!("the sink has everything below {next}"), || pump.status().next == Sequence(next));
}

fn wait_for_state(pump: &PumpHandle, state: SinkState) {
    until(state.label(), || pump.status().state == state);
}

#[test]
fn records_come_in_order_and_the_cursor_follows_what_is_safe() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 3);
    let pump = started(&feed, &sink);
    wait_for(&pump, 4);
    feed.append_readings("acme", 2);
    wait_for(&pump, 6);
    assert_eq!(sink.taken(), [1, 2, 3, 4, 5]);
    assert_eq!(pump.status().lag_records, 0);
    assert_eq!(pump.status().readings, 5);
    until("the cursor is stored", || feed.stored_cursor("sink") == Some(Sequence(6)));
}

#[test]
fn the_cursor_is_never_beyond_what_is_safe() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.script().safe_below = Some(3);
    feed.append_readings("acme", 5);
    let pump = started(&feed, &sink);
    until("all is taken", || sink.taken().len() == 5);
    wait_for(&pump, 3);
    feed.append_readings("acme", 1);
    until("that too", || sink.taken().len() == 6);
    let status = pump.status();
    assert_eq!((status.next, status.lag_records), (Sequence(3), 4));
    until("the oldest unsafe record is known", || pump.status().lag_seconds > 0.0);
    stop_now(&feed, &pump);
    assert_eq!(feed.stored_cursor("sink"), Some(Sequence(3)));
}

#[test]
fn the_lag_leaves_out_what_a_sink_holds_back_on_purpose_and_the_cursor_does_not() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    (sink.script().safe_below, sink.script().holds_back) = (Some(3), true);
    feed.append_readings("acme", 5);
    let pump = started(&feed, &sink);
    wait_for(&pump, 3);
    until("nothing lags", || pump.status().lag_records == 0 && pump.status().lag_seconds == 0.0);
    assert_eq!(pump.status().next, Sequence(3));
    sink.script().settle_errors = 1;
    feed.append_readings("acme", 1);
    until("it failed and has recovered", || {
        pump.status().last_error.is_some() && pump.status().state == SinkState::Running
    });
    assert!(sink.taken().ends_with(&[3, 4, 5, 6]), "{:?}", sink.taken());
    stop_now(&feed, &pump);
    assert_eq!(feed.stored_cursor("sink"), Some(Sequence(3)));
}

#[test]
fn a_sink_that_never_took_a_record_lags_by_all_of_the_journal() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.fail_at(1, Fault::Waiting, u32::MAX);
    feed.append_readings("acme", 5);
    let pump = started(&feed, &sink);
    wait_for_state(&pump, SinkState::Waiting);
    let status = pump.status();
    assert_eq!((status.lag_records, status.kept.records), (5, 5));
    assert!(status.kept.bytes >= 5 * 4096, "{:?}", status.kept);
    until("its oldest record has an age", || pump.status().lag_seconds > 0.0);
    stop_now(&feed, &pump);
}

#[test]
fn a_sink_that_cannot_name_its_position_lags_from_its_stored_cursor() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.script().is_away = true;
    feed.append_readings("acme", 5);
    feed.store_cursor("sink", 4);
    let pump = started(&feed, &sink);
    wait_for_state(&pump, SinkState::Waiting);
    let status = pump.status();
    assert_eq!((status.next, status.lag_records, status.kept.records), (Sequence(4), 2, 2));
    until("its oldest record has an age", || pump.status().lag_seconds > 0.0);
    stop_now(&feed, &pump);
}

fn stop_now(feed: &Feed, pump: &PumpHandle) {
    pump.stop(feed.clock.monotonic());
    pump.join();
}

#[test]
fn after_an_error_everything_from_the_lowest_unsafe_record_on_is_sent_again() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.script().safe_below = Some(3);
    feed.append_readings("acme", 3);
    let pump = started(&feed, &sink);
    until("all is taken", || sink.taken().len() == 3);
    wait_for(&pump, 3);
    sink.fail_at(5, Fault::Waiting, 1);
    feed.append_readings("acme", 3);
    until("what was not safe is taken again", || sink.taken().ends_with(&[3, 4, 3, 4]));
    sink.script().safe_below = None;
    wait_for(&pump, 7);
    assert_eq!(sink.taken(), [1, 2, 3, 4, 3, 4, 5, 6]);
    assert_eq!(pump.status().last_error.unwrap().1, "the server is away");
}

#[test]
fn an_error_while_sending_sends_everything_unsafe_again_too() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.script().settle_errors = 1;
    feed.append_readings("acme", 2);
    let pump = started(&feed, &sink);
    wait_for(&pump, 3);
    assert_eq!(sink.taken(), [1, 2, 1, 2]);
    let rewinds: Vec<_> = sink.script().rewinds.iter().map(|(next, _)| *next).collect();
    assert_eq!(rewinds, [1, 1]);
}

#[test]
fn a_state_says_why_and_ends_when_something_became_safe() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    for (fault, state) in [(Fault::Waiting, SinkState::Waiting), (Fault::Blocked, SinkState::Blocked)] {
        let next = feed.journal.next().0;
        sink.fail_at(next, fault, u32::MAX);
        feed.append_readings("acme", 1);
        let pump = started(&feed, &sink);
        wait_for_state(&pump, state);
        assert_eq!(pump.status().why, pump.status().last_error.map(|(_, why)| why));
        assert_eq!(pump.status().next, Sequence(next));
        sink.script().faults.clear();
        wait_for(&pump, next + 1);
        wait_for_state(&pump, SinkState::Running);
        assert_eq!(pump.status().why, None);
        assert!(pump.status().last_error.is_some());
        stop(&feed, &pump);
    }
}

#[test]
fn a_sink_that_takes_but_makes_nothing_safe_has_not_recovered() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 2);
    sink.fail_at(2, Fault::Waiting, 1);
    sink.script().safe_below = Some(1);
    let pump = started(&feed, &sink);
    until("it takes again", || sink.taken() == [1, 1]);
    assert_eq!(pump.status().state, SinkState::Waiting);
    sink.script().safe_below = None;
    wait_for(&pump, 3);
    wait_for_state(&pump, SinkState::Running);
}

#[test]
fn a_blocked_sink_does_not_hold_another_up() {
    let feed = Feed::new();
    let (good, bad) = (Recorder::new("good", &feed.journal), Recorder::new("bad", &feed.journal));
    bad.fail_at(1, Fault::Blocked, u32::MAX);
    let [good_pump, bad_pump] = [("good", &good), ("bad", &bad)].map(|(name, sink)| {
        PumpHandle::start(name, sink.boxed(), feed.journal.clone(), feed.clock.clone(), soon()).unwrap()
    });
    feed.append_readings("acme", 20);
    wait_for(&good_pump, 21);
    wait_for_state(&bad_pump, SinkState::Blocked);
    assert_eq!(bad_pump.status().next, Sequence(1));
}

#[test]
fn records_before_a_failing_record_become_safe() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.fail_at(3, Fault::Blocked, u32::MAX);
    feed.append_readings("acme", 5);
    let pump = started(&feed, &sink);
    wait_for(&pump, 3);
    wait_for_state(&pump, SinkState::Blocked);
    sink.script().faults.clear();
    wait_for(&pump, 6);
    assert_eq!(sink.taken(), [1, 2, 1, 2, 3, 4, 5]);
}

#[test]
fn a_stop_sends_what_the_journal_holds_and_stores_the_cursor() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    let options = PumpOptions { cursor_every: Duration::from_secs(3600), ..soon() };
    let pump = pump(&feed, &sink, options);
    sink.script().is_full = true;
    feed.append_readings("acme", 100);
    pump.stop(feed.clock.monotonic() + Duration::from_secs(20));
    assert_eq!(sink.taken().len(), 0);
    sink.script().is_full = false;
    pump.join();
    assert_eq!(sink.taken().len(), 100);
    assert_eq!(feed.stored_cursor("sink"), Some(Sequence(101)));
}

#[test]
fn a_stop_ends_at_its_deadline_where_the_sink_takes_nothing() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.script().is_full = true;
    feed.append_readings("acme", 3);
    let pump = started(&feed, &sink);
    pump.stop(feed.clock.monotonic() + Duration::from_millis(50));
    pump.join();
    assert!(pump.shared.wait_for_end());
    assert_eq!(feed.stored_cursor("sink"), Some(Sequence(1)));
}

#[test]
fn pumps_that_hang_at_a_stop_share_one_grace() {
    let feed = Feed::new();
    let sinks: Vec<_> = (0..11).map(|_| Recorder::new("sink", &feed.journal)).collect();
    // Every call of a sink waits for its script.
    let _hanging: Vec<_> = sinks.iter().map(Recorder::script).collect();
    let start = |(number, sink): (usize, &Recorder)| {
        let (journal, clock) = (feed.journal.clone(), feed.clock.clone());
        PumpHandle::start(format!("sink-{number}"), sink.boxed(), journal, clock, soon()).unwrap()
    };
    let pumps: Vec<_> = sinks.iter().enumerate().map(start).collect();
    let (together, one_by_one) = pumps.split_at(8);
    for pump in together {
        pump.stop(feed.clock.monotonic());
    }
    std::thread::scope(|scope| {
        let joined = scope.spawn(|| together.iter().for_each(PumpHandle::join));
        // Each of these is stopped later, so that each has a grace of its own.
        for pump in one_by_one {
            pump.stop(feed.clock.monotonic());
            pump.join();
        }
        assert!(joined.is_finished(), "eight pumps that were stopped together took longer than three in sequence");
    });
}

#[test]
fn a_stop_does_not_wait_for_a_sink_that_fails() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.fail_at(2, Fault::Waiting, u32::MAX);
    feed.append_readings("acme", 3);
    let backoff = Backoff::new(Duration::from_secs(3600), Duration::from_secs(3600)).unwrap();
    let pump = pump(&feed, &sink, PumpOptions { backoff, ..soon() });
    wait_for_state(&pump, SinkState::Waiting);
    stop(&feed, &pump);
    assert_eq!(sink.taken(), [1]);
}

#[test]
fn code_that_panics_is_restarted_from_the_cursor() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.fail_at(3, Fault::Panic, 2);
    feed.append_readings("acme", 4);
    let pump = started(&feed, &sink);
    wait_for(&pump, 5);
    assert_eq!(pump.status().restarts, 2);
    assert!(sink.taken().ends_with(&[3, 4]));
}

#[test]
fn a_record_at_which_the_code_panics_three_times_becomes_a_dead_letter_and_the_pump_goes_on() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    let letters = feed.letters();
    sink.fail_at(2, Fault::Panic, u32::MAX);
    feed.append_readings("acme", 3);
    let options = || PumpOptions { dead_letters: Some(letters.clone()), ..soon() };
    let first = pump(&feed, &sink, options());
    wait_for(&first, 4);
    stop(&feed, &first);
    let letter = letters.get(LetterId(1)).unwrap();
    assert_eq!((letter.kind, letter.sequence, letter.sink.as_deref()), (Kind::Poison, Sequence(2), Some("sink")));
    assert_eq!(letter.body, feed::body(1, 1, 1.0).bytes);

    // Not tried again after a restart either, as long as the letter is open.
    feed.store_cursor("sink", 1);
    let again = pump(&feed, &sink, options());
    wait_for(&again, 4);
    assert_eq!(again.status().restarts, 0);
    assert!(!sink.taken().contains(&2));
}

#[test]
fn code_that_panics_while_sending_blocks_and_names_the_record() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.script().settle_panics = u32::MAX;
    feed.append_readings("acme", 2);
    let options = PumpOptions { dead_letters: Some(feed.letters()), ..soon() };
    let pump = pump(&feed, &sink, options);
    wait_for_state(&pump, SinkState::Blocked);
    let why = pump.status().why.unwrap();
    assert!(why.contains("times at record 1 or after it: a fault while sending"), "{why}");
    sink.script().settle_panics = 0;
    wait_for(&pump, 3);
    assert_eq!(sink.taken().last(), Some(&2));
}

#[test]
fn records_that_are_not_for_the_sink_are_passed_over() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 1);
    feed.append_as("acme", Verdict::Undecodable, 1, b"\xff");
    feed.append_as("acme", Verdict::Deliverable, 999, b"of a later version");
    let pump = started(&feed, &sink);
    wait_for(&pump, 4);
    assert_eq!(sink.taken(), [1]);
}

#[test]
fn the_age_of_the_oldest_waiting_record_is_known_without_reading_it_again() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.fail_at(1, Fault::Waiting, u32::MAX);
    feed.append_readings("acme", 2);
    let pump = started(&feed, &sink);
    until("the age is known", || pump.status().lag_seconds > 0.0);
    let directory = feed.directory.path().join("journal");
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "seg") {
            std::fs::remove_file(entry).unwrap();
        }
    }
    until("the record cannot be read", || pump.status().last_error.is_some_and(|(_, why)| !why.contains("away")));
    assert!(pump.status().lag_seconds > 0.0);
}
