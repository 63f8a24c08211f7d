//! The layout of the samples: sealing, joining, late samples, and kills at every step.

use super::*;
use crate::journal::Reader;
use crate::reading::Limits;
use crate::wire::PayloadFormat;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A sink that is driven step by step.
struct Steps {
    feed: Feed,
    sink: Sqlite,
    reader: Reader,
}

/// The stored values by meter and second.
type Model = BTreeMap<(u8, i64), f64>;

impl Steps {
    fn new() -> Self {
        Self::keeping(Retention::default())
    }

    fn keeping(retention: Retention) -> Self {
        let feed = Feed::new();
        let mut sink = Sqlite::new("sqlite", file(&feed), feed.clock.clone()).keeping(retention);
        sink.rewind(feed.journal.position(Sequence(1))).unwrap();
        let reader = feed.journal.reader(Sequence(1)).unwrap();
        Self { feed, sink, reader }
    }

    /// Commits a body.
    fn store(&mut self, body: &Body) {
        self.feed.append(body);
        let record = self.reader.read().unwrap().unwrap();
        let (limits, format) = (&Limits::DEFAULT, PayloadFormat::SmartMe);
        let judged_at = record.header.received;
        self.sink.take(&crate::deliver::Delivery { record, source: "acme", limits, judged_at, format }).unwrap();
        self.step();
    }

    /// Commits this number of samples, one for each second.
    fn store_seconds(&mut self, seconds: i64) {
        (0..seconds).for_each(|second| self.store(&body(1, second, 1.0)));
    }

    /// At most one step on the tables. Returns whether another one may follow.
    fn step(&mut self) -> bool {
        let progress = self.sink.settle(true).unwrap();
        progress.wake_at.is_some()
    }

    /// All steps.
    fn tidy(&mut self) {
        while self.step() {}
    }

    /// The store as a kill would leave it: the files as they are now, opened by another program.
    fn copy(&self) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("copy.sqlite");
        for suffix in ["", "-wal"] {
            let from = crate::base::file::with_suffix(&file(&self.feed), suffix);
            std::fs::copy(from, crate::base::file::with_suffix(&copy, suffix)).unwrap();
        }
        (directory, copy)
    }
}

fn stored(file: &Path, view: &str) -> Vec<((u8, i64), f64)> {
    let all = rows(file, &format!("SELECT substr(meter, 1, 2), ts, value FROM {view} ORDER BY meter, ts"));
    let row = |row: Vec<String>| {
        let second = (row[1].parse::<i64>().unwrap() - NOW_NS) / 1_000_000_000;
        ((u8::from_str_radix(&row[0], 16).unwrap(), second), row[2].parse().unwrap())
    };
    all.into_iter().map(row).collect()
}

fn is(model: &Model, file: &Path) {
    assert_eq!(stored(file, "samples"), model.clone().into_iter().collect::<Vec<_>>());
    let newest: BTreeMap<_, _> = model.iter().map(|(&(meter, second), value)| (meter, (second, *value))).collect();
    let newest: Vec<_> = newest.into_iter().map(|(meter, (second, value))| ((meter, second), value)).collect();
    assert_eq!(stored(file, "newest"), newest);
    fresh_times_are_listed(file);
}

/// The list of the fresh samples' times has each of them and no other.
fn fresh_times_are_listed(file: &Path) {
    let times = "SELECT DISTINCT meter, ts FROM samples_0 ORDER BY meter, ts";
    assert_eq!(rows(file, "SELECT meter, ts FROM fresh_times ORDER BY meter, ts"), rows(file, times));
}

fn number(file: &Path, sql: &str) -> i64 {
    rows(file, sql)[0][0].parse().unwrap()
}

/// Bodies of readings: mostly newer and newer, some late, some repeated with another value.
fn any_bodies() -> impl Strategy<Value = Vec<Vec<(u8, i64, u8)>>> {
    let second = prop_oneof![4 => (0..4_i64).prop_map(Ok), 1 => (-40..400_i64).prop_map(Err)];
    let reading = (1..5_u8, second, any::<u8>());
    prop::collection::vec(prop::collection::vec(reading, 1..9), 1..25).prop_map(|bodies| {
        let at = |number: usize, second| match second {
            Ok(after) => i64::try_from(number).unwrap_or(0) * 3 + after,
            Err(any) => any,
        };
        let of = |(number, body): (usize, Vec<_>)| {
            body.into_iter().map(|(meter, second, value)| (meter, at(number, second), value)).collect()
        };
        bodies.into_iter().enumerate().map(of).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn a_kill_at_any_step_leaves_the_last_value_of_each_key_once(bodies in any_bodies()) {
        let mut steps = Steps::new();
        let mut model = Model::new();
        for body in bodies {
            for &(meter, second, value) in &body {
                model.insert((meter, second), f64::from(value));
            }
            let readings = body.iter().map(|&(meter, second, value)| reading(meter, second, f64::from(value)));
            steps.store(&Body::new(0, readings.collect()));
            let (_directory, copy) = steps.copy();
            is(&model, &copy);
            // The next start goes on with whatever was begun.
            let mut next = Sqlite::new("sqlite", &copy, steps.feed.clock.clone());
            next.stored_position().unwrap();
            for _ in 0..3 {
                next.settle(true).unwrap();
            }
            is(&model, &copy);
        }
        steps.tidy();
        is(&model, &file(&steps.feed));
    }
}

#[test]
fn many_samples_end_in_few_tables_and_none_of_them_is_left_over() {
    let mut steps = Steps::new();
    let mut model = Model::new();
    for second in 0..300 {
        model.insert((1, second), 1.0);
        model.insert((2, second), 2.0);
        steps.store(&Body::new(0, vec![reading(1, second, 1.0), reading(2, second, 2.0)]));
    }
    steps.tidy();
    let store = file(&steps.feed);
    is(&model, &store);
    let tables =
        number(&store, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 'samples_[0-9]*'");
    assert_eq!(tables, number(&store, "SELECT count(*) FROM periods"));
    // Two of each size more at most.
    let sizes = number(&store, "SELECT max(joins) + 1 FROM periods");
    let most = i64::try_from(join::TABLES_JOINED_ONCE).unwrap() + 2 * sizes;
    assert!(sizes > 2 && tables <= most, "{tables} tables of {sizes} sizes");
    assert!(number(&store, "SELECT count(*) FROM samples_0") <= seal::ROWS);
}

#[test]
fn tables_that_retention_keeps_apart_are_joined_before_there_are_too_many() {
    let mut steps = Steps::keeping(Retention { age: days(400), ..Retention::default() });
    let mut most = 0;
    // A period of retention is 50 days. A full one is 4 days; joined they are 12 and 36 days.
    for day in -390..0 {
        steps.store(&Body::new(0, vec![reading(1, day * 86_400, 1.0), reading(1, day * 86_400 + 60, 1.0)]));
        most = most.max(number(&file(&steps.feed), "SELECT count(*) FROM periods"));
    }
    assert!((13..=16).contains(&most), "{most} tables");
    steps.tidy();
    assert_eq!(number(&file(&steps.feed), "SELECT count(*) FROM samples"), 780);
}

#[test]
fn a_kill_at_any_step_leaves_each_sample_in_the_store_or_in_its_quarter_hour() {
    let mut steps = Steps::keeping(Retention { age: days(8), rollups: days(1000), size: None });
    let mut sent = 0;
    let is_same = |steps: &Steps, sent: i64| {
        let (_directory, copy) = steps.copy();
        fresh_times_are_listed(&copy);
        let rolled = number(&copy, "SELECT coalesce(sum(value_count), 0) FROM quarter_hours");
        assert_eq!(number(&copy, "SELECT count(*) FROM samples") + rolled, sent);
        rolled
    };
    for day in -30..0 {
        let second = |number: i64| day * 86_400 + number * 300;
        steps.store(&Body::new(0, (0..12).map(|number| reading(1, second(number), 1.0)).collect()));
        sent += 12;
        let mut before = is_same(&steps, sent);
        while steps.step() {
            let rolled = is_same(&steps, sent);
            assert!(rolled - before <= expire::STEP_ROWS, "{before} {rolled}");
            before = rolled;
        }
    }
    assert!(is_same(&steps, sent) > 200);
}

fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_hours(24 * days))
}

#[test]
fn a_late_sample_goes_to_the_period_of_its_time_and_its_correction_is_listed() {
    let mut steps = Steps::new();
    steps.store_seconds(40);
    steps.tidy();
    let fresh = number(&file(&steps.feed), "SELECT count(*) FROM samples_0");
    // One changes a stored value, one is from before all, one of a meter without any sealed sample.
    steps.store(&body(1, 3, 2.0));
    steps.store(&body(1, -500, 3.0));
    steps.store(&body(9, 3, 4.0));
    let store = file(&steps.feed);
    assert_eq!(number(&store, "SELECT count(*) FROM samples_0"), fresh);
    assert_eq!(corrections(&store), [["1", "2"]]);
    assert_eq!(rows(&store, "SELECT value FROM samples WHERE value > 1 ORDER BY ts, value"), [["3"], ["2"], ["4"]]);
}

#[test]
fn a_step_that_fails_costs_no_commit_and_is_shown_next() {
    let mut steps = Steps::new();
    steps.store(&body(1, 0, 1.0));
    steps.tidy();
    Connection::open(file(&steps.feed)).unwrap().execute_batch("DROP TABLE unused").unwrap();
    // The commit is progress, though the step after it fails.
    steps.store(&body(1, 1, 2.0));
    let fault = steps.sink.settle(true).unwrap_err();
    assert!(fault.message.contains("changed by another program"), "{fault}");
    assert_eq!(values(&file(&steps.feed)), [["1"], ["2"]]);
}

#[test]
fn samples_of_one_time_are_sealed_when_they_are_too_many() {
    let mut steps = Steps::new();
    for meter in 1..=u8::try_from(seal::ROWS * 4).unwrap() {
        steps.store(&body(meter, 0, 1.0));
    }
    steps.tidy();
    let store = file(&steps.feed);
    assert_eq!(number(&store, "SELECT count(*) FROM samples_0"), 0);
    assert_eq!(number(&store, "SELECT count(*) FROM samples"), seal::ROWS * 4);
}

#[test]
fn a_query_for_a_meter_and_a_time_searches_the_key_of_every_sealed_table() {
    let mut steps = Steps::new();
    steps.store_seconds(60);
    let store = file(&steps.feed);
    let meter = Uuid::from_bytes([1; 16]);
    let sealed = number(&store, "SELECT count(*) FROM periods") - 1;
    assert!(sealed > 2);
    let tables_searched = |sql: &str| {
        let plan = plan_of(&store, sql);
        let has = |what: &str| plan.iter().filter(|line| line.contains(what)).count();
        // The fresh samples of a meter are found by their times.
        for part in [
            "SEARCH fresh USING PRIMARY KEY (meter=? AND ts>? AND ts<?)",
            "SEARCH data USING PRIMARY KEY (ts=? AND meter=?)",
        ] {
            assert!(has(part) > 0, "{part}: {plan:?}");
        }
        assert_eq!(has("SCAN data"), 0, "{plan:?}");
        i64::try_from(has("SEARCH data USING PRIMARY KEY (meter=? AND obis=? AND ts>? AND ts<?)")).unwrap()
    };
    let range = format!("WHERE meter = '{meter}' AND ts >= {NOW_NS} AND ts < {}", NOW_NS + 9);
    for what in ["*", "obis, avg(value)"] {
        let group = if what == "*" { "" } else { "GROUP BY obis" };
        assert_eq!(tables_searched(&format!("SELECT {what} FROM samples {range} {group}")), sealed, "{what}");
    }
    assert_eq!(tables_searched(&format!("SELECT * FROM readings {range}")), sealed);
    // Energy looks up the day and the metering point first, then the samples of each quarter-hour.
    let point = format!("WHERE metering_point = '{meter}'");
    let views = [
        ("energy_15m", "day"),
        ("energy_hour", "day"),
        ("energy_day", "day"),
        ("energy_month", "month"),
        ("gaps", "day"),
    ];
    for (view, when) in views {
        let plan = plan_of(&store, &format!("SELECT * FROM {view} {point} AND {when} = '2026-11'"));
        let has = |what: &str| plan.iter().filter(|line| line.contains(what)).count();
        let parts = usize::try_from(2 * sealed).unwrap();
        assert_eq!(has("SEARCH data USING PRIMARY KEY (meter=? AND obis=? AND ts=?)"), parts / 2, "{view}: {plan:?}");
        assert!(has("SEARCH meter_ids USING INDEX meter_ids_by_point (metering_point=?)") > parts, "{view}: {plan:?}");
        assert!(when == "month" || has("SEARCH days USING PRIMARY KEY (day=?)") > parts, "{view}: {plan:?}");
        let slots = has("SEARCH slots USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
        // In views of parts of a day also for each step.
        let expected = parts + usize::from(["energy_15m", "energy_hour"].contains(&view));
        assert_eq!(slots, expected, "{view}: {plan:?}");
        let scans = ["SCAN data", "SCAN samples", "SCAN meter_ids", "SCAN fresh", "SCAN slots"].map(&has);
        assert_eq!(scans, [0; 5], "{view}: {plan:?}");
    }
    for view in ["rollup_hour", "rollup_day"] {
        let plan = plan_of(&store, &format!("SELECT * FROM {view} {point} AND day = '2026-11-20'"));
        let has = |what: &str| plan.iter().any(|line| line.contains(what));
        assert!(has("SEARCH data USING PRIMARY KEY (meter=? AND obis=? AND ts>? AND ts<?)"), "{view}: {plan:?}");
        assert!(has("SEARCH meter_ids USING INDEX meter_ids_by_point (metering_point=?)"), "{view}: {plan:?}");
        assert!(has("SEARCH days USING PRIMARY KEY (day=?)"), "{view}: {plan:?}");
    }
}

#[test]
fn the_newest_values_of_a_meter_are_searched_in_each_table_and_recent_samples_are_found_by_their_times() {
    let mut steps = Steps::new();
    steps.store_seconds(60);
    let store = file(&steps.feed);
    let meter = Uuid::from_bytes([1; 16]);
    for condition in ["meter", "metering_point"] {
        for line in plan_of(&store, &format!("SELECT * FROM newest WHERE {condition} = '{meter}'")) {
            assert!(!line.contains("SCAN") || line.contains("SCAN (subquery"), "{line}");
        }
    }
    let recent = plan_of(&store, &format!("SELECT * FROM samples WHERE ts > {NOW_NS}"));
    assert!(recent.iter().any(|line| line.contains("SCAN fresh")), "{recent:?}");
}

#[test]
fn late_samples_from_before_what_retention_kept_have_their_energy() {
    let mut steps = Steps::keeping(Retention { age: days(8), ..Retention::default() });
    for day in -30..0 {
        steps.store(&Body::new(0, vec![reading(1, day * 86_400, 1.0), reading(1, day * 86_400 + 60, 1.0)]));
    }
    steps.tidy();
    // 60 days ago at 19:00 and at 19:15.
    let late = 293 - 60 * 86_400;
    steps.store(&Body::new(0, vec![reading(2, late, 5.0), reading(2, late + 900, 7.0), reading(2, late + 960, 7.0)]));
    let store = file(&steps.feed);
    assert!(number(&store, "SELECT min(start) FROM periods") > NOW_NS - 20 * 86_400 * 1_000_000_000);
    let found = rows(&store, "SELECT start_utc, amount, estimated FROM energy_15m WHERE day = '2026-09-23'");
    assert_eq!(found, [["2026-09-23T19:00:00Z", "2", "0"]]);
}

fn plan_of(store: &Path, sql: &str) -> Vec<String> {
    rows(store, &format!("EXPLAIN QUERY PLAN {sql}")).into_iter().map(|line| line[3].clone()).collect()
}
