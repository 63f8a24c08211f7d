//! The views for people: names, newest values, gaps, days.

use super::*;
use crate::deliver::Delivery;
use crate::reading::{Flags, Limits, MeterId, Obis, Sample, UnixNanos};
use crate::wire::PayloadFormat;
use crate::wire::batch::{self, Original};
use crate::wire::meters::{Description, Version, encode};

pub(crate) const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);

pub(crate) fn meter(number: u8) -> MeterId {
    MeterId::from(Uuid::from_bytes([number; 16]))
}

pub(crate) fn time(text: &str) -> i64 {
    i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
}

pub(crate) fn append(feed: &Feed, samples: &[(u8, Obis, i64, f64)]) {
    let readings = samples
        .iter()
        .map(|&(number, obis, at, value)| (meter(number), UnixNanos(at), Flags::NONE, [Sample { obis, value }]));
    append_readings(feed, readings);
}

pub(crate) fn append_readings(feed: &Feed, readings: impl Iterator<Item = (MeterId, UnixNanos, Flags, [Sample; 1])>) {
    let payload = batch::encode(readings, &Original::default());
    feed.append_as("acme", Verdict::Deliverable, PayloadFormat::ReadingBatch.number(), &payload);
}

pub(crate) fn describe(feed: &Feed, number: u8, point: &str, time_zone: &str) {
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
pub(crate) fn append_others(feed: &Feed) {
    let power = Obis([1, 0, 1, 7, 0, 255]);
    append(feed, &(0..50).map(|second| (99, power, NOW_NS + second, 1.0)).collect::<Vec<_>>());
}

/// Of samples that are a few hours old only quarter-hours are kept.
pub(crate) fn quarter_hours_only() -> Retention {
    let hours = |hours| Some(Duration::from_hours(hours));
    Retention { age: hours(1), size: None, rollups: hours(24 * 1000) }
}

/// Stores everything there is, does all steps on the tables, and stops.
pub(crate) fn store_keeping(feed: &Feed, retention: Retention) {
    let mut sink = Sqlite::new("sqlite", file(feed), feed.clock.clone()).keeping(retention);
    sink.rewind(feed.journal.position(Sequence(1))).unwrap();
    let mut reader = feed.journal.reader(Sequence(1)).unwrap();
    while let Some(record) = reader.read().unwrap() {
        let format = PayloadFormat::from_number(record.header.format).unwrap();
        let (limits, judged_at) = (&Limits::DEFAULT, record.header.received);
        let source = feed.journal.source_name(record.header.source).unwrap();
        let delivery = Delivery { record, source: &source, limits, judged_at, format };
        if format == PayloadFormat::Meters {
            sink.describe(&delivery).map(drop)
        } else {
            sink.take(&delivery).map(drop)
        }
        .unwrap();
    }
    while sink.settle(true).unwrap().wake_at.is_some() {}
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
    let found = rows(
        &file(&feed),
        "SELECT register, register_name, day, month, start_utc, end_utc, minutes FROM gaps WHERE end_utc IS NOT NULL
         ORDER BY day",
    );
    let times = ["2026-11", "2026-11-18T23:30:00.000Z", "2026-11-19T00:15:00.000Z", "45"];
    let gap = |day| [&["1-0:1.8.0*255", "active energy import", day][..], &times[..]].concat();
    assert_eq!(found, [gap("2026-11-18"), gap("2026-11-19")]);
}

#[test]
fn a_meter_that_is_silent_now_has_an_open_gap_unless_another_one_has_followed() {
    let feed = Feed::new();
    // The view compares with the real time.
    feed.clock.set_offset(0);
    let minutes_ago = |minutes: i64| feed.clock.now().0 - minutes * 60_000_000_000;
    for (number, point) in (1..).zip(["house-1", "house-2", "house-3", "house-3"]) {
        describe(&feed, number, point, "");
        append(&feed, &[(number, IMPORT, minutes_ago(200), 1.0)]);
    }
    // The first is silent, the second has a closed gap, the third was exchanged for the fourth, which begins at once.
    for (number, minutes) in [(1, 180), (2, 180), (2, 100), (3, 180), (4, 175), (4, 150), (4, 125), (4, 100)] {
        append(&feed, &[(number, IMPORT, minutes_ago(minutes), 2.0)]);
    }
    for (minutes, number) in [75, 50, 25, 0].into_iter().flat_map(|minutes| [(minutes, 2), (minutes, 4)]) {
        append(&feed, &[(number, IMPORT, minutes_ago(minutes), 3.0)]);
    }
    for tables in ["fresh", "sealed"] {
        if tables == "sealed" {
            let power = Obis([1, 0, 1, 7, 0, 255]);
            let later = minutes_ago(-10);
            append(&feed, &(0..50).map(|second| (99, power, later + second, 1.0)).collect::<Vec<_>>());
        }
        store_all(&feed);
        let sql = "SELECT DISTINCT name, end_utc IS NULL, minutes >= 179 FROM gaps ORDER BY 1";
        let found = rows(&file(&feed), sql);
        assert_eq!(found, [["Meter 1", "1", "1"], ["Meter 2", "0", "0"]], "{tables}");
    }
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
