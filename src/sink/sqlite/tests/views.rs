//! The views for people: names, newest values, energy, gaps.

use super::*;
use crate::deliver::Delivery;
use crate::reading::{Flags, Limits, MeterId, Obis, Sample, UnixNanos};
use crate::wire::PayloadFormat;
use crate::wire::batch::{self, Original};
use crate::wire::meters::{Description, Version, encode};
use proptest::prelude::*;

const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);
const QUARTER_HOUR: i64 = 900_000_000_000;

fn meter(number: u8) -> MeterId {
    MeterId::from(Uuid::from_bytes([number; 16]))
}

fn time(text: &str) -> i64 {
    i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
}

fn append(feed: &Feed, samples: &[(u8, Obis, i64, f64)]) {
    let readings = samples
        .iter()
        .map(|&(number, obis, at, value)| (meter(number), UnixNanos(at), Flags::NONE, [Sample { obis, value }]));
    let payload = batch::encode(readings, &Original::default());
    feed.append_as("acme", Verdict::Deliverable, PayloadFormat::ReadingBatch.number(), &payload);
}

fn describe(feed: &Feed, number: u8, point: &str, time_zone: &str) {
    let description = Description {
        name: format!("Meter {number}"),
        serial: format!("63-{number}"),
        time_zone: time_zone.to_owned(),
        ..Description::default()
    };
    let version = Version {
        meter: meter(number),
        metering_point: point.to_owned(),
        description,
        source: "acme".to_owned(),
        valid_from: UnixNanos(0),
        valid_to: None,
    };
    feed.append_as("acme", Verdict::Deliverable, PayloadFormat::Meters.number(), &encode(&[version]));
}

/// Samples of another meter, newer than all others, so that the others are sealed.
fn append_others(feed: &Feed) {
    let power = Obis([1, 0, 1, 7, 0, 255]);
    append(feed, &(0..50).map(|second| (99, power, NOW_NS + second, 1.0)).collect::<Vec<_>>());
}

/// Of samples that are a few hours old only quarter-hours are kept.
fn quarter_hours_only() -> Retention {
    let hours = |hours| Some(Duration::from_hours(hours));
    Retention { age: hours(1), size: None, rollups: hours(24 * 1000) }
}

/// Stores everything there is, does all steps on the tables, and stops.
fn store_keeping(feed: &Feed, retention: Retention) {
    let mut sink = Sqlite::new("sqlite", file(feed), feed.clock.clone()).keeping(retention);
    sink.rewind(feed.journal.position(Sequence(1))).unwrap();
    let mut reader = feed.journal.reader(Sequence(1)).unwrap();
    while let Some(record) = reader.read().unwrap() {
        let format = PayloadFormat::from_number(record.header.format).unwrap();
        let (limits, judged_at) = (&Limits::DEFAULT, record.header.received);
        let delivery = Delivery { record, source: "acme", limits, judged_at, format };
        if format == PayloadFormat::Meters {
            sink.describe(&delivery).map(drop)
        } else {
            sink.take(&delivery).map(drop)
        }
        .unwrap();
    }
    while sink.settle(true).unwrap().wake_at.is_some() {}
}

/// The rows of an energy view, in the form of the files.
fn energy(store: &Path, view: &str) -> Vec<String> {
    let sql = format!(
        "SELECT '{view}', metering_point, start_local, end_local, round(amount, 6), iif(estimated, 'estimated', 'measured')
         FROM energy_{view} ORDER BY metering_point, register, start_utc"
    );
    rows(store, &sql).into_iter().map(|row| row.join(",")).collect()
}

#[test]
fn energy_is_calculated_as_the_vectors_say_from_fresh_and_sealed_samples_and_quarter_hours() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/energy");
    let mut cases = 0;
    for entry in std::fs::read_dir(files).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for (tables, retention) in [("fresh", None), ("sealed", None), ("rollups", Some(quarter_hours_only()))] {
            let feed = Feed::new();
            let (mut zone, mut views, mut samples, mut expected) = ("", Vec::new(), Vec::new(), Vec::new());
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                match line.split(',').collect::<Vec<_>>()[..] {
                    ["zone", name] => zone = name,
                    ["views", ref names @ ..] => views = names.to_vec(),
                    ["meter", number, point] => describe(&feed, number.parse().unwrap(), point, zone),
                    ["sample", number, at, value] => {
                        samples.push((number.parse().unwrap(), IMPORT, time(at), value.parse().unwrap()));
                    }
                    _ => expected.push(line.to_owned()),
                }
            }
            append(&feed, &samples);
            if tables != "fresh" {
                append_others(&feed);
            }
            store_keeping(&feed, retention.unwrap_or_default());
            let counted = |sql| rows(&file(&feed), sql)[0][0].parse::<usize>().unwrap();
            let periods = counted("SELECT count(*) FROM periods");
            assert!(tables == "fresh" || periods > 1 || counted("SELECT count(*) FROM rollups") > 0);
            assert!(tables != "rollups" || counted("SELECT count(*) FROM samples WHERE meter NOT LIKE '63%'") == 0);
            let found: Vec<_> = views.iter().flat_map(|view| energy(&file(&feed), view)).collect();
            assert_eq!(found, expected, "{} {tables}", path.display());
            cases += 1;
        }
    }
    assert_eq!(cases, 45);
}

/// Values of a counter over a day from its start to its end: at most quarter-hours, and between.
fn any_day() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let between = prop::option::of((1..QUARTER_HOUR, 0.0..1.0_f64));
    let step = (0.0..5000.0_f64, between, prop::bool::weighted(0.8));
    prop::collection::vec(step, 96).prop_map(|steps| {
        let mut value = 1e6;
        let mut samples = vec![(0, value)];
        for (number, (rise, between, is_read)) in (0_i64..).zip(steps) {
            if let Some((after, part)) = between {
                samples.push((number * QUARTER_HOUR + after, value + rise * part));
            }
            value += rise;
            if is_read || number == 95 {
                samples.push(((number + 1) * QUARTER_HOUR, value));
            }
        }
        samples
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_quarter_hours_and_the_hours_of_a_day_add_up_to_it(day in any_day()) {
        let feed = Feed::new();
        describe(&feed, 1, "house-1", "Asia/Kathmandu");
        let start_of_day = time("2026-11-20T00:00:00+05:45");
        let sample = |&(after, value): &(i64, f64)| (1, IMPORT, start_of_day + after, value);
        append(&feed, &day.iter().map(sample).collect::<Vec<_>>());
        store_all(&feed);
        let total = day.last().unwrap().1 - day[0].1;
        for (view, count) in [("15m", "96"), ("hour", "24"), ("day", "1")] {
            let sql = format!("SELECT count(*), sum(amount) FROM energy_{view}");
            let [row] = &rows(&file(&feed), &sql)[..] else { panic!("one row") };
            prop_assert_eq!(&row[0][..], count, "{}", view);
            let sum: f64 = row[1].parse().unwrap();
            prop_assert!((sum - total).abs() < 1e-3, "{}: {} is not {}", view, sum, total);
        }
    }
}

#[test]
fn only_counters_have_energy_and_each_has_its_unit() {
    let feed = Feed::new();
    let (gas, volatile, power) =
        (Obis([7, 0, 3, 0, 0, 255]), Obis([0, 0, 128, 26, 0, 255]), Obis([1, 0, 1, 7, 0, 255]));
    for obis in [IMPORT, gas, volatile, power] {
        let at = |minutes: i64| time("2026-11-20T10:00:00Z") + minutes * 60_000_000_000;
        append(&feed, &[(1, obis, at(0), 1.0), (1, obis, at(15), 3.0)]);
    }
    store_all(&feed);
    let sql = "SELECT metering_point, register_name, amount, unit FROM energy_15m ORDER BY register";
    let point = meter(1).to_string();
    let row = |name: &str, unit: &str| [point.clone(), name.to_owned(), "2".to_owned(), unit.to_owned()];
    assert_eq!(rows(&file(&feed), sql), [row("active energy import", "Wh"), row("gas volume", "m3")]);
}

#[test]
fn readings_have_readable_times_and_names_also_from_a_later_description() {
    let feed = Feed::new();
    append(
        &feed,
        &[(1, IMPORT, time("2026-11-20T10:00:00.250Z"), 2.5), (2, Obis([1, 0, 77, 77, 0, 255]), NOW_NS, 7.0)],
    );
    describe(&feed, 1, "house-1", "Europe/Zurich");
    store_all(&feed);
    let names = |time: &str, names: [&str; 6], value: &str, unit: &str| {
        [&[time], &names[..], &[value, unit]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let sql = "SELECT time, name, metering_point, serial, register, register_name, iif(unit = '', '', ''), value, unit
               FROM readings ORDER BY ts";
    let undescribed = meter(2).to_string();
    let expected = [
        names(
            "2026-11-20T10:00:00.250Z",
            ["Meter 1", "house-1", "63-1", "1-0:1.8.0*255", "active energy import", ""],
            "2.5",
            "Wh",
        ),
        names("2026-11-22T18:55:07.000Z", ["", &undescribed, "", "1-0:77.77.0*255", "", ""], "7", "?"),
    ];
    assert_eq!(rows(&file(&feed), sql), expected);
    let registers = rows(&file(&feed), "SELECT register, unit, kind FROM registers ORDER BY register");
    assert_eq!(registers, [["1-0:1.8.0*255", "Wh", "counter"], ["1-0:77.77.0*255", "?", ""]]);
}

#[test]
fn the_newest_value_of_each_register_is_found_in_fresh_and_sealed_tables() {
    let feed = Feed::new();
    let at = time("2026-11-20T10:00:00Z");
    // More meters than the list of series remembers.
    for number in 1..=6 {
        append(&feed, &[(number, IMPORT, at, 1.0), (number, IMPORT, at + 1, f64::from(number))]);
    }
    append_others(&feed);
    append(&feed, &[(3, IMPORT, NOW_NS + 100, 30.0)]);
    store_all(&feed);
    let newest = rows(&file(&feed), "SELECT value, ts FROM newest WHERE unit = 'Wh' ORDER BY meter");
    let row = |value: &str, ts: i64| [value.to_owned(), ts.to_string()];
    let sealed = |value: &str| row(value, at + 1);
    assert_eq!(newest, [sealed("1"), sealed("2"), row("30", NOW_NS + 100), sealed("4"), sealed("5"), sealed("6")]);
}

#[test]
fn a_gap_is_listed_on_each_day_that_it_touches() {
    let feed = Feed::new();
    for at in ["2026-11-18T23:00:00Z", "2026-11-18T23:30:00Z", "2026-11-19T00:15:00Z", "2026-11-19T00:30:00Z"] {
        append(&feed, &[(1, IMPORT, time(at), 1.0)]);
    }
    store_all(&feed);
    let found = rows(&file(&feed), "SELECT day, start_utc, end_utc, minutes FROM gaps ORDER BY day");
    let gap = |day: &str| [day, "2026-11-18T23:30:00.000Z", "2026-11-19T00:15:00.000Z", "45"].map(str::to_owned);
    assert_eq!(found, [gap("2026-11-18"), gap("2026-11-19")]);
}

#[test]
fn a_meter_without_a_known_time_zone_has_the_days_of_the_configured_one_also_after_a_change() {
    let feed = Feed::new();
    describe(&feed, 1, "house-1", "");
    describe(&feed, 2, "house-2", "Mars/Olympus");
    describe(&feed, 3, "house-3", "Asia/Kathmandu");
    for number in 1..=3 {
        append(&feed, &[(number, IMPORT, time("2026-11-19T00:00:00Z"), 0.0), (number, IMPORT, NOW_NS, 1e6)]);
    }
    for (zone, start) in [("America/New_York", "T00:00:00-05:00"), ("Asia/Tokyo", "T00:00:00+09:00")] {
        let sink = Sqlite::new("sqlite", file(&feed), feed.clock.clone()).in_time_zone(zone);
        let pump = PumpHandle::start(
            "sqlite",
            Box::new(sink),
            feed.journal.clone(),
            feed.clock.clone(),
            PumpOptions::default(),
        );
        let pump = pump.unwrap();
        append(&feed, &[(4, IMPORT, NOW_NS, 1.0)]);
        drain(&feed, &pump);
        stop(&feed, &pump);
        let starts =
            rows(&file(&feed), "SELECT DISTINCT metering_point, substr(start_local, 11) FROM energy_day ORDER BY 1");
        let kathmandu = "T00:00:00+05:45";
        assert_eq!(starts, [["house-1", start], ["house-2", start], ["house-3", kathmandu]], "{zone}");
    }
}

#[test]
fn hours_and_days_of_deleted_samples_are_local_and_have_the_mean_of_their_samples() {
    let feed = Feed::new();
    describe(&feed, 1, "office", "Asia/Kathmandu");
    let power = Obis([1, 0, 1, 7, 0, 255]);
    // 18:15 UTC is midnight in Nepal.
    let samples = [("18:00", 1.0), ("18:16", 2.0), ("19:14", 6.0), ("19:20", 9.0)];
    let at = |(clock, value)| (1, power, time(&format!("2026-11-20T{clock}:00Z")), value);
    append(&feed, &samples.map(at));
    append_others(&feed);
    store_keeping(&feed, quarter_hours_only());
    let columns = "value_min, value_max, value_mean, value_count FROM rollup_";
    let of = |view: &str, first: &str| {
        let sql = format!("SELECT {first}, {columns}{view} WHERE metering_point = 'office' ORDER BY 1");
        rows(&file(&feed), &sql).into_iter().map(|row| row.join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(
        of("hour", "start_utc"),
        ["2026-11-20T17:15:00Z 1 1 1 1", "2026-11-20T18:15:00Z 2 6 4 2", "2026-11-20T19:15:00Z 9 9 9 1"]
    );
    assert_eq!(of("day", "day"), ["2026-11-20 1 1 1 1", "2026-11-21 2 9 5.666666666666667 3"]);
}
