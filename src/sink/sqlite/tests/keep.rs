//! Periods that are older than `keep` are deleted.

use super::*;

const DAY: i64 = 86_400;

fn start_keeping(feed: &Feed, days: u64) -> PumpHandle {
    let sink = Sqlite::new("sqlite", file(feed), feed.clock.clone());
    let sink = Box::new(sink.keeping(Some(Duration::from_hours(24 * days))));
    let options = PumpOptions { linger: Duration::from_millis(1), ..PumpOptions::default() };
    PumpHandle::start("sqlite", sink, feed.journal.clone(), feed.clock.clone(), options).unwrap()
}

/// All samples by time.
fn by_time(feed: &Feed) -> Vec<Vec<String>> {
    rows(&file(feed), "SELECT value FROM samples ORDER BY ts")
}

#[test]
fn samples_are_deleted_once_their_period_is_too_old_and_newer_ones_stay() {
    let feed = Feed::new();
    let pump = start_keeping(&feed, 8);
    for day in -20..=0_i32 {
        for meter in 1..=3 {
            feed.append(&body(meter, i64::from(day) * DAY, f64::from(day)));
        }
        drain(&feed, &pump);
    }
    // A period is at most an eighth of the age long.
    until("the old ones are gone", || {
        let oldest: f64 = by_time(&feed)[0][0].parse().unwrap();
        (-10.0..=-8.0).contains(&oldest)
    });
    assert_eq!(by_time(&feed).iter().filter(|row| row[0] == "-7").count(), 3);
    until("nothing is left of them", || rows(&file(&feed), "SELECT count(*) FROM unused") == [["0"]]);
    stop(&feed, &pump);
}

#[test]
fn a_store_that_is_filled_with_years_at_once_keeps_no_more_than_retention_wants() {
    let feed = Feed::new();
    for day in -390..=0_i32 {
        feed.append(&body(1, i64::from(day) * DAY, f64::from(day)));
    }
    let pump = start_keeping(&feed, 8);
    drain(&feed, &pump);
    until("the old ones are gone", || {
        let oldest: f64 = by_time(&feed)[0][0].parse().unwrap();
        (-10.0..=-8.0).contains(&oldest)
    });
    stop(&feed, &pump);
}

#[test]
fn a_join_that_retention_overtakes_is_given_up() {
    let feed = Feed::new();
    // Three periods of one size, which are joined.
    for second in 0..60 {
        feed.append(&body(1, second, 1.0));
    }
    let mut sink = Sqlite::new("sqlite", file(&feed), feed.clock.clone());
    sink.stored_position().unwrap();
    let pump = start(&feed);
    drain(&feed, &pump);
    stop(&feed, &pump);
    let pump = start_keeping(&feed, 8);
    feed.append(&body(1, 40 * DAY, 2.0));
    feed.clock.set_offset(NOW_NS + 40 * DAY * 1_000_000_000 - Clock::system().now().0);
    feed.append(&body(1, 40 * DAY, 3.0));
    drain(&feed, &pump);
    until("only the newest is left", || by_time(&feed).last() == Some(&vec!["3".to_owned()]));
    stop(&feed, &pump);
}

#[test]
fn a_clock_that_is_ahead_deletes_nothing_that_is_young() {
    let feed = Feed::new();
    for day in -60..-58 {
        feed.append(&body(1, day * DAY, 2.0));
    }
    for second in 0..5 {
        feed.append(&body(1, second, 1.0));
    }
    store_all(&feed);
    feed.clock.set_offset(NOW_NS + 365 * DAY * 1_000_000_000 - Clock::system().now().0);
    let pump = start_keeping(&feed, 30);
    feed.append(&body(2, 5, 3.0));
    drain(&feed, &pump);
    until("the old ones are gone", || !by_time(&feed).contains(&vec!["2".to_owned()]));
    stop(&feed, &pump);
    assert_eq!(by_time(&feed), [["1"], ["1"], ["1"], ["1"], ["1"], ["3"]]);
}

#[test]
fn without_keep_nothing_is_deleted() {
    let feed = Feed::new();
    feed.append(&body(1, -300 * DAY, 1.0));
    store_all(&feed);
    assert_eq!(values(&file(&feed)), [["1"]]);
}

#[test]
fn a_sample_from_before_an_emptied_store_is_stored_and_the_sink_goes_on() {
    let feed = Feed::new();
    let pump = start_keeping(&feed, 8);
    for day in [-200, -199, -198] {
        feed.append(&body(1, day * DAY, 1.0));
        drain(&feed, &pump);
    }
    feed.append(&body(1, -100 * DAY, 2.0));
    drain(&feed, &pump);
    until("the old ones are gone", || !by_time(&feed).contains(&vec!["1".to_owned()]));
    // Older than all periods that are left.
    feed.append(&body(1, -300 * DAY, 3.0));
    for day in -90..-60 {
        feed.append(&body(1, day * DAY, 4.0));
    }
    drain(&feed, &pump);
    until("the oldest is gone, too", || !by_time(&feed).contains(&vec!["3".to_owned()]));
    stop(&feed, &pump);
    assert_eq!(by_time(&feed).last().unwrap(), &["4"]);
}
