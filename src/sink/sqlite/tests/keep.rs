//! Periods beyond the age or the size to keep are deleted; their quarter-hours may stay.

use super::*;
use metrics_exporter_prometheus::PrometheusBuilder;

const DAY: i64 = 86_400;

fn start_keeping(feed: &Feed, days: u64) -> PumpHandle {
    start_with(feed, Retention { age: Some(Duration::from_hours(24 * days)), ..Retention::default() })
}

fn start_with(feed: &Feed, retention: Retention) -> PumpHandle {
    let sink = Sqlite::new("sqlite", file(feed), feed.clock.clone());
    let sink = Box::new(sink.keeping(retention));
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
fn the_newest_value_of_a_silent_meter_goes_with_its_samples_or_stays_in_its_quarter_hour() {
    for rollups in [None, Some(Duration::from_hours(24 * 1000))] {
        let feed = Feed::new();
        feed.append(&Body::new(0, vec![reading(1, -300 * DAY, 1.0), reading(1, -300 * DAY + 1, 2.0)]));
        for day in -30..=0_i32 {
            feed.append(&body(2, i64::from(day) * DAY, f64::from(day)));
        }
        let retention = Retention { age: Some(Duration::from_hours(24 * 8)), size: None, rollups };
        let pump = start_with(&feed, retention);
        drain(&feed, &pump);
        wait_until_tidy(&feed, retention);
        stop(&feed, &pump);
        let newest = rows(&file(&feed), "SELECT value FROM newest ORDER BY meter");
        let expected: &[&str] = if rollups.is_some() { &["2", "0"] } else { &["0"] };
        assert_eq!(newest.concat(), expected);
        assert!(by_time(&feed).len() < 20);
    }
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
fn the_oldest_samples_are_deleted_while_the_database_is_too_large() {
    let feed = Feed::new();
    let pump = start(&feed);
    feed.append(&body(1, -100, 0.0));
    drain(&feed, &pump);
    stop(&feed, &pump);
    let size = used_bytes(&feed) + (96 << 10);
    let retention = Retention { size: Some(size), ..Retention::default() };
    let pump = start_with(&feed, retention);
    for second in 0..100 {
        feed.append(&Body::new(0, (1..=20).map(|meter| reading(meter, second, f64::from(meter))).collect()));
        drain(&feed, &pump);
    }
    wait_until_tidy(&feed, retention);
    until("it is small enough", || used_bytes(&feed) <= size);
    stop(&feed, &pump);
    // Less a few pages of each: a period that was deleted, the copy of a join, the texts of the views.
    assert!((size - (64 << 10)..=size).contains(&used_bytes(&feed)), "{} of {size}", used_bytes(&feed));
    // A replay of what was deleted would be deleted again, but not where there is room for it.
    let deletes_before =
        |size| Retention { size: Some(size), ..Retention::default() }.deletes_before(&file(&feed), feed.clock.now());
    assert!(deletes_before(used_bytes(&feed)).unwrap().0.0 > NOW_NS);
    assert_eq!(deletes_before(2 * size), None);
    let stored = rows(&file(&feed), "SELECT count(*), count(*) < 2001, count(*) > 100, min(ts), max(ts) FROM samples");
    let [_, is_less, is_much, oldest, newest] = &stored[0][..] else { panic!("{stored:?}") };
    assert_eq!((&is_less[..], &is_much[..]), ("1", "1"), "{stored:?}");
    assert!(oldest.parse::<i64>().unwrap() > NOW_NS, "{stored:?}");
    assert_eq!(newest.parse::<i64>().unwrap(), NOW_NS + 99_000_000_000);
}

fn used_bytes(feed: &Feed) -> u64 {
    file::used_bytes(&Connection::open(file(feed)).unwrap()).unwrap()
}

/// A quarter-hour: first, last, lowest, highest, sum, count.
type Quarter = (i64, f64, i64, f64, f64, f64, f64, i64);

/// Four samples a day of two meters, three of them in one quarter-hour: meter, time, value.
fn sent() -> Vec<(u8, i64, f64)> {
    let times = (-20..=0).flat_map(|day| [0, 100, 200, 1000].map(|second| (day, second)));
    let values = times.zip(0..).map(|((day, second), number)| (day * DAY + second, f64::from(number * 7 % 11)));
    values.flat_map(|(at, value)| [1, 2].map(|meter| (meter, at, value + f64::from(meter)))).collect()
}

fn quarter_hours(feed: &Feed) -> Vec<((String, i64), Quarter)> {
    let store = Connection::open(file(feed)).unwrap();
    let mut statement = store.prepare("SELECT * FROM quarter_hours ORDER BY meter, ts").unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let key = (row.get("meter")?, row.get("ts")?);
        let (first, last) = ((row.get("first_ts")?, row.get("first")?), (row.get("last_ts")?, row.get("last")?));
        let (lowest, highest) = (row.get("value_min")?, row.get("value_max")?);
        Ok((key, (first.0, first.1, last.0, last.1, lowest, highest, row.get("value_sum")?, row.get("value_count")?)))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// The quarter-hours of the samples that were sent and are not stored any more.
fn expected_quarter_hours(feed: &Feed) -> Vec<((String, i64), Quarter)> {
    let stored: std::collections::HashSet<_> =
        rows(&file(feed), "SELECT meter, ts FROM samples").into_iter().map(|row| row.join(" ")).collect();
    let mut quarters = std::collections::BTreeMap::new();
    for (meter, second, value) in sent() {
        let (meter, ts) = (Uuid::from_bytes([meter; 16]).to_string(), NOW_NS + second * 1_000_000_000);
        if stored.contains(&format!("{meter} {ts}")) {
            continue;
        }
        let one: Quarter = (ts, value, ts, value, value, value, value, 1);
        quarters
            .entry((meter, ts.div_euclid(900_000_000_000) * 900_000_000_000))
            .and_modify(|(_, _, last_ts, last, lowest, highest, sum, count): &mut Quarter| {
                (*last_ts, *last, *lowest, *highest) = (ts, value, lowest.min(value), highest.max(value));
                (*sum, *count) = (*sum + value, *count + 1);
            })
            .or_insert(one);
    }
    quarters.into_iter().collect()
}

fn keep_days(age: u64, rollups: u64) -> Retention {
    let days = |days| Some(Duration::from_hours(24 * days));
    Retention { age: days(age), size: None, rollups: days(rollups) }
}

#[test]
fn quarter_hours_of_deleted_samples_are_kept_also_when_the_samples_come_again() {
    let feed = Feed::new();
    let pump = start_with(&feed, keep_days(8, 100));
    store_sent(&feed, &pump, keep_days(8, 100));
    let kept = quarter_hours(&feed);
    assert!(kept.len() > 40, "{}", kept.len());
    assert_eq!(kept, expected_quarter_hours(&feed));
    // They come again. Those that are in quarter-hours are not stored again.
    pump.rewind(Rewind::to(Sequence::FIRST)).unwrap();
    pass_days(&feed, &pump, keep_days(8, 100), 1..5);
    stop(&feed, &pump);
    assert!(quarter_hours(&feed).len() > kept.len());
    assert_eq!(quarter_hours(&feed), expected_quarter_hours(&feed));
}

fn store_sent(feed: &Feed, pump: &PumpHandle, retention: Retention) {
    for (meter, second, value) in sent() {
        feed.append(&body(meter, second, value));
    }
    drain(feed, pump);
    wait_until_tidy(feed, retention);
}

/// Stores a sample of another meter on each of these days.
fn pass_days(feed: &Feed, pump: &PumpHandle, retention: Retention, days: impl Iterator<Item = i64>) {
    for day in days {
        feed.clock.set_offset(NOW_NS + day * DAY * 1_000_000_000 - Clock::system().now().0);
        feed.append(&body(3, day * DAY, 1.0));
        drain(feed, pump);
    }
    wait_until_tidy(feed, retention);
}

#[test]
fn a_late_sample_counts_in_its_quarter_hour_and_a_changed_one_takes_the_place_of_the_first_or_last_or_of_all() {
    let feed = Feed::new();
    let pump = start_with(&feed, keep_days(8, 1000));
    let mut day = 1;
    let mut quarter_after = |samples: &[(i64, f64)]| {
        for &(second, value) in samples {
            feed.append(&body(1, second - 20 * DAY, value));
        }
        // All periods of before are deleted.
        pass_days(&feed, &pump, keep_days(8, 1000), (day..day + 24).step_by(4));
        day += 24;
        let meter = Uuid::from_bytes([1; 16]).to_string();
        let (_, (_, first, _, last, lowest, highest, sum, count)) =
            quarter_hours(&feed).into_iter().find(|((of, _), _)| *of == meter).unwrap();
        [first, last, lowest, highest, sum, f64::from(i32::try_from(count).unwrap())]
    };
    assert_eq!(quarter_after(&[(0, 1.0), (100, 5.0), (200, 3.0)]), [1.0, 3.0, 1.0, 5.0, 9.0, 3.0]);
    assert_eq!(quarter_after(&[(50, 0.0)]), [1.0, 3.0, 0.0, 5.0, 9.0, 4.0]);
    assert_eq!(quarter_after(&[(200, 7.0)]), [1.0, 7.0, 0.0, 7.0, 13.0, 4.0]);
    assert_eq!(quarter_after(&[(0, 2.0), (-9, 8.0)]), [8.0, 7.0, 0.0, 8.0, 22.0, 5.0]);
    // A history that a device is asked for again.
    let again = [(-9, 1.0), (0, 1.0), (50, 1.0), (100, 2.0), (200, 4.0)];
    assert_eq!(quarter_after(&again), [1.0, 4.0, 1.0, 4.0, 9.0, 5.0]);
    stop(&feed, &pump);
}

#[test]
fn quarter_hours_are_deleted_where_keep_rollups_is_removed_and_kept_again_where_it_is_added() {
    let feed = Feed::new();
    let pump = start_with(&feed, keep_days(8, 100));
    store_sent(&feed, &pump, keep_days(8, 100));
    stop(&feed, &pump);
    assert!(quarter_hours(&feed).len() > 40);
    let samples = by_time(&feed).len();
    let pump = start_keeping(&feed, 8);
    until("they are gone", || quarter_hours(&feed).is_empty());
    stop(&feed, &pump);
    assert_eq!(by_time(&feed).len(), samples);
    assert_eq!(rows(&file(&feed), "SELECT number FROM rollup_search"), [["0"]]);
    // Samples that come again are stored, and deleted again with their quarter-hours.
    let pump = start_with(&feed, keep_days(8, 100));
    until("it runs", || pump.status().state == SinkState::Running);
    pump.rewind(Rewind::to(Sequence::FIRST)).unwrap();
    pass_days(&feed, &pump, keep_days(8, 100), 1..5);
    stop(&feed, &pump);
    assert!(quarter_hours(&feed).len() > 40);
    assert_eq!(quarter_hours(&feed), expected_quarter_hours(&feed));
}

#[test]
fn a_replay_of_what_is_in_quarter_hours_has_nothing_to_store_and_its_end_is_known() {
    let feed = Feed::new();
    let retention = keep_days(8, 100);
    assert_eq!(retention.rolled_up_before(&file(&feed)), None);
    let metrics = PrometheusBuilder::new().build_recorder();
    let pump = ::metrics::with_local_recorder(&metrics, || start_with(&feed, retention));
    store_sent(&feed, &pump, retention);
    // As many as there were.
    let samples = by_time(&feed);
    pump.rewind(Rewind::to(Sequence::FIRST)).unwrap();
    drain(&feed, &pump);
    assert_eq!(by_time(&feed), samples);
    stop(&feed, &pump);
    // Once when they were moved, and once when they came again.
    let expired = 2 * (sent().len() - samples.len());
    let metrics = metrics.handle().render();
    let line = format!(r#"meterline_sink_rows_expired_total{{sink="sqlite"}} {expired}"#);
    assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    let before = retention.rolled_up_before(&file(&feed)).unwrap().0;
    let oldest: i64 = rows(&file(&feed), "SELECT min(ts) FROM samples")[0][0].parse().unwrap();
    assert!(before <= oldest && before > NOW_NS - 10 * DAY * 1_000_000_000, "{before} {oldest}");
    assert_eq!(Retention { rollups: None, ..retention }.rolled_up_before(&file(&feed)), None);
}

#[test]
fn quarter_hours_that_are_too_old_are_deleted_and_newer_ones_stay() {
    let feed = Feed::new();
    let pump = start_with(&feed, keep_days(8, 14));
    store_sent(&feed, &pump, keep_days(8, 14));
    stop(&feed, &pump);
    let (kept, expected) = (quarter_hours(&feed), expected_quarter_hours(&feed));
    // They are looked for once in a day of the meters' time.
    let age_of = |first: Option<&((String, i64), Quarter)>| (NOW_NS - first.unwrap().0.1) / 1_000_000_000 / DAY;
    assert!((13..=15).contains(&age_of(kept.first())), "{}", age_of(kept.first()));
    assert!(age_of(expected.first()) > 15);
    let is_kept = |quarter: &&((String, i64), Quarter)| kept.iter().any(|kept| kept.0.1 == quarter.0.1);
    assert_eq!(expected.iter().filter(is_kept).cloned().collect::<Vec<_>>(), kept);
}

#[test]
fn quarter_hours_and_samples_share_the_size_also_where_a_quarter_hour_has_one_sample() {
    let feed = Feed::new();
    let pump = start(&feed);
    feed.append(&body(1, -3 * DAY, 0.0));
    drain(&feed, &pump);
    stop(&feed, &pump);
    let size = used_bytes(&feed) + (80 << 10);
    let rollups = Some(Duration::from_hours(24 * 3650));
    let retention = Retention { age: None, size: Some(size), rollups };
    let pump = start_with(&feed, retention);
    for quarter in -200..90 {
        feed.append(&Body::new(0, (1..=5).map(|meter| reading(meter, quarter * 900, 1.0)).collect()));
    }
    drain(&feed, &pump);
    stop(&feed, &pump);
    let mut store = store::Store::open(&file(&feed), "UTC").unwrap();
    let mut keep = super::super::keep::Keep::new(retention);
    keep.stored(Some(feed.clock.now()), false);
    while store.tidy(&keep, feed.clock.now()).unwrap().is_some() {}
    drop(store);
    assert!(used_bytes(&feed) <= size, "{} of {size}", used_bytes(&feed));
    let count = |what: &str| rows(&file(&feed), &format!("SELECT {what}"))[0][0].parse::<u64>().unwrap();
    let (samples, quarters) = (count("count(*) FROM samples"), count("count(*) FROM rollups"));
    assert!(samples > 20 && quarters > 200 && samples + quarters < 1451, "{samples} {quarters}");
    assert_eq!(count("number FROM rollup_search"), quarters);
    // The newest of both stay: the time of a quarter-hour is its begin.
    assert_eq!(count("(SELECT min(ts) FROM samples) - max(ts) <= 1800000000000 FROM rollups"), 1);
}

#[test]
fn without_keep_rollups_nothing_is_left_of_deleted_samples() {
    let feed = Feed::new();
    let pump = start_keeping(&feed, 8);
    store_sent(&feed, &pump, Retention { rollups: None, ..keep_days(8, 1) });
    stop(&feed, &pump);
    assert!(!expected_quarter_hours(&feed).is_empty());
    assert_eq!(quarter_hours(&feed), []);
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
