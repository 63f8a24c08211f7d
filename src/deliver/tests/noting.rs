//! The coverage sink notes arrived readings, also past records without any.

use super::*;
use crate::clock::Clock;
use crate::coverage::{Coverage, MEMORY_BYTES, SLOT_NS};
use crate::journal::OptionalCursor;
use parking_lot::Mutex;
use std::sync::Arc;

fn noting(feed: &Feed, coverage: &Coverage, observe: impl FnMut(&Delivery<'_>) + Send + 'static) -> PumpHandle {
    let sink = CoverageSink::new(coverage.clone(), Box::new(observe), feed.journal.clone(), Clock::system());
    PumpHandle::start("coverage", Box::new(sink), feed.journal.clone(), feed.clock.clone(), soon()).unwrap()
}

#[test]
fn a_position_counts_as_noted_once_everything_below_it_was_or_was_passed_over() {
    let feed = Feed::new();
    let coverage = Coverage::open(feed.directory.path(), MEMORY_BYTES);
    feed.append_readings("acme", 2);
    let end = feed.append_as("acme", Verdict::Undecodable, 1, b"\xff").next();
    assert!(!coverage.has_noted(end));
    let pump = noting(&feed, &coverage, |_| {});
    until("all is noted", || coverage.has_noted(end));
    assert!(!coverage.has_noted(end.next()));
    pump.rewind(Rewind::to(Sequence(1))).unwrap();
    assert!(coverage.has_noted(end), "a rewind takes nothing back");
    stop(&feed, &pump);

    let again = Coverage::open(feed.directory.path(), MEMORY_BYTES);
    let _pump = noting(&feed, &again, |_| {});
    until("a start loads the stored state", || again.has_noted(end));
}

#[test]
fn the_observer_sees_every_noted_record() {
    let feed = Feed::new();
    let coverage = Coverage::open(feed.directory.path(), MEMORY_BYTES);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    feed.append_readings("acme", 2);
    feed.append_as("acme", Verdict::Undecodable, 1, b"\xff");
    feed.append_readings("other", 1);
    let _pump = noting(&feed, &coverage, move |delivery| {
        note.lock().push((delivery.source.to_owned(), delivery.record.sequence.0));
    });
    until("all is noted", || coverage.has_noted(Sequence(5)));
    let wanted = [("acme".to_owned(), 1), ("acme".to_owned(), 2), ("other".to_owned(), 4)];
    assert_eq!(*seen.lock(), wanted);
}

/// A reading of the meter 1 at a quarter-hour, as it is sent a little later.
fn send_at_quarter_hour(feed: &Feed, begin: i64, number: i64) {
    let time_ns = (begin / SLOT_NS + number) * SLOT_NS;
    feed.clock.set_offset(time_ns + 1_000_000_000 - Clock::system().now().0);
    let reading = meterline_load::Reading { time_ns, ..feed::reading(1, 0, 1.0) };
    feed.append(&meterline_load::Body::new(0, vec![reading]));
}

#[test]
fn records_that_retention_deleted_before_gap_detection_saw_them_make_no_gap() {
    let feed = Feed::with(|options| {
        options.retain.bytes = 0;
        options.optional = vec![OptionalCursor { cursor: "coverage".to_owned(), lag_bytes_max: 8 << 20 }];
    });
    let begin = feed.clock.now().0;
    let coverage = Coverage::open(feed.directory.path(), MEMORY_BYTES);
    let pump = noting(&feed, &coverage, |_| {});
    (0..4).for_each(|number| send_at_quarter_hour(&feed, begin, number));
    until("they are noted", || coverage.has_noted(feed.journal.next()));
    stop(&feed, &pump);
    let deleted_below = feed.journal.next();
    while feed.journal.oldest().next < Sequence(deleted_below.0 + 2) {
        let number = 4 + i64::try_from(feed.journal.next().0 - deleted_below.0).unwrap();
        send_at_quarter_hour(&feed, begin, number);
        feed.append(&meterline_load::Body::new(0, (0..15_000).map(|_| feed::reading(2, 0, 1.0)).collect()));
    }
    let coverage = Coverage::open(feed.directory.path(), MEMORY_BYTES);
    let _pump = noting(&feed, &coverage, |_| {});
    until("the rest is noted", || coverage.has_noted(feed.journal.next()));
    coverage.judge(feed.clock.now());
    assert_eq!(coverage.gaps(), []);
    assert_eq!(feed.journal.gaps().list()[0].sink, "coverage");
}
