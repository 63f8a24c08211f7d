//! The coverage sink notes arrived readings, also past records without any.

use super::*;
use crate::clock::Clock;
use crate::coverage::Coverage;
use parking_lot::Mutex;
use std::sync::Arc;

fn noting(feed: &Feed, coverage: &Coverage, observe: impl FnMut(&Delivery<'_>) + Send + 'static) -> PumpHandle {
    let sink = CoverageSink::new(coverage.clone(), Box::new(observe), feed.journal.clone(), Clock::system());
    PumpHandle::start("coverage", Box::new(sink), feed.journal.clone(), feed.clock.clone(), soon()).unwrap()
}

#[test]
fn a_position_counts_as_noted_once_everything_below_it_was_or_was_passed_over() {
    let feed = Feed::new();
    let coverage = Coverage::open(feed.directory.path());
    feed.append_readings("acme", 2);
    let end = feed.append_as("acme", Verdict::Undecodable, 1, b"\xff").next();
    assert!(!coverage.has_noted(end));
    let pump = noting(&feed, &coverage, |_| {});
    until("all is noted", || coverage.has_noted(end));
    assert!(!coverage.has_noted(end.next()));
    pump.rewind(Rewind::to(Sequence(1))).unwrap();
    assert!(coverage.has_noted(end), "a rewind takes nothing back");
    stop(&feed, &pump);

    let again = Coverage::open(feed.directory.path());
    let _pump = noting(&feed, &again, |_| {});
    until("a start loads the stored state", || again.has_noted(end));
}

#[test]
fn the_observer_sees_every_noted_record() {
    let feed = Feed::new();
    let coverage = Coverage::open(feed.directory.path());
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
