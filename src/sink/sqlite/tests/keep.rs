//! Samples that are older than `keep` are deleted.

use super::*;

const DAY: i64 = 86_400;

fn start_keeping(feed: &Feed, days: u64) -> PumpHandle {
    let sink = Sqlite::new("sqlite", file(feed), feed.clock.clone());
    let sink = Box::new(sink.keeping(Some(Duration::from_hours(24 * days))));
    let options = PumpOptions { linger: Duration::from_millis(1), ..PumpOptions::default() };
    PumpHandle::start("sqlite", sink, feed.journal.clone(), feed.clock.clone(), options).unwrap()
}

#[test]
fn old_samples_are_deleted_in_bounded_steps_and_newer_ones_stay() {
    let feed = Feed::new();
    let old = || (1..=25).map(|number| -3 * DAY - number);
    for meter in 1..=7 {
        feed.append(&Body::new(0, old().map(|second| reading(meter, second, 1.0)).collect()));
        feed.append(&body(meter, -DAY, 2.0));
    }
    let pump = start_keeping(&feed, 2);
    drain(&feed, &pump);
    // More series and rows than one step takes.
    until("the old ones are gone", || values(&file(&feed)) == vec![["2"]; 7]);
    feed.append(&body(9, -3 * DAY, 3.0));
    feed.append(&body(9, 0, 4.0));
    drain(&feed, &pump);
    until("a late one, too", || rows(&file(&feed), "SELECT value FROM samples WHERE value > 2") == [["4"]]);
    stop(&feed, &pump);
    assert_eq!(values(&file(&feed)).len(), 8);
}

#[test]
fn a_clock_that_is_ahead_deletes_nothing_that_is_young() {
    let feed = Feed::new();
    for second in 0..5 {
        feed.append(&body(1, second, 1.0));
    }
    store_all(&feed);
    feed.clock.set_offset(NOW_NS + 365 * DAY * 1_000_000_000 - Clock::system().now().0);
    let pump = start_keeping(&feed, 30);
    feed.append(&body(1, -31 * DAY, 2.0));
    feed.append(&body(2, 5, 3.0));
    drain(&feed, &pump);
    until("the old one is gone", || !values(&file(&feed)).contains(&vec!["2".to_owned()]));
    stop(&feed, &pump);
    assert_eq!(values(&file(&feed)), [["1"], ["1"], ["1"], ["1"], ["1"], ["3"]]);
}

#[test]
fn without_keep_nothing_is_deleted() {
    let feed = Feed::new();
    feed.append(&body(1, -300 * DAY, 1.0));
    store_all(&feed);
    assert_eq!(values(&file(&feed)), [["1"]]);
}
