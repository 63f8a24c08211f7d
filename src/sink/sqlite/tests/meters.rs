//! Meter descriptions beside the samples.

use super::*;
use crate::reading::{MeterId, UnixNanos};
use crate::wire::PayloadFormat;
use crate::wire::meters::{Description, Role, VendorCode, Version, encode};

const SECOND: i64 = 1_000_000_000;
const SHOWN: &str = "SELECT meter, valid_from, valid_to, metering_point, name, serial, family, family_name, customer, site, model, \
                     firmware, role, phase, time_zone, tariff, currency FROM meters ORDER BY meter, valid_from";

fn version(meter: u8, from: i64, to: Option<i64>, name: &str) -> Version {
    Version {
        meter: MeterId::from(Uuid::from_bytes([meter; 16])),
        metering_point: "house-1".to_owned(),
        description: Description {
            name: name.to_owned(),
            serial: format!("63-{meter}"),
            family: VendorCode { number: 12, name: "Telstar".to_owned() },
            customer: "house one".to_owned(),
            site: "House 1".to_owned(),
            model: "T-80".to_owned(),
            firmware: "1.42".to_owned(),
            role: Role::Submeter,
            phase: "L2".to_owned(),
            time_zone: "Europe/Zurich".to_owned(),
            tariff: "double".to_owned(),
            currency: "CHF".to_owned(),
            ..Description::default()
        },
        source: "acme".to_owned(),
        valid_from: UnixNanos(from),
        valid_to: to.map(UnixNanos),
    }
}

fn describe(feed: &Feed, versions: &[Version]) {
    feed.append_as("acme", Verdict::Deliverable, PayloadFormat::Meters.number(), &encode(versions));
}

#[test]
fn versions_are_stored_once_whatever_comes_again() {
    let feed = Feed::new();
    feed.append(&body(1, 0, 1.0));
    describe(&feed, &[version(1, 0, None, "Cellar")]);
    feed.append(&body(1, 1, 2.0));
    let changed = NOW_NS + 2 * SECOND;
    describe(&feed, &[version(1, 0, Some(changed), "Cellar"), version(1, changed, None, "Attic")]);
    let meter = Uuid::from_bytes([1; 16]).to_string();
    let row = |from: String, to: String, name: &str| {
        let texts = [meter.clone(), from, to, "house-1".into(), name.into(), "63-1".into(), "12".into()];
        let others =
            ["Telstar", "house one", "House 1", "T-80", "1.42", "submeter", "L2", "Europe/Zurich", "double", "CHF"];
        texts.into_iter().chain(others.map(str::to_owned)).collect::<Vec<_>>()
    };
    let expected = [row("0".into(), changed.to_string(), "Cellar"), row(changed.to_string(), "Null".into(), "Attic")];
    let pump = start(&feed);
    drain(&feed, &pump);
    assert_eq!(rows(&file(&feed), SHOWN), expected);
    for from in [1, 2, 4] {
        pump.rewind(Rewind::to(Sequence(from))).unwrap();
        drain(&feed, &pump);
        assert_eq!(rows(&file(&feed), SHOWN), expected, "after a rewind to {from}");
    }
    stop(&feed, &pump);
    // The cursor is in the same transaction, also where a description comes last.
    let mut sink = Sqlite::new("sqlite", file(&feed), Clock::system());
    assert_eq!(sink.stored_position().unwrap(), Some(feed.journal.position(Sequence(5))));
    assert_eq!(values(&file(&feed)), [["1"], ["2"]]);
}

#[test]
fn a_version_comes_with_the_cursor_that_passes_it_or_not_at_all() {
    let feed = Feed::new();
    describe(&feed, &[version(1, 0, None, "Cellar")]);
    let mut sink = Sqlite::new("sqlite", file(&feed), Clock::system());
    sink.rewind(feed.journal.position(Sequence(1))).unwrap();
    let mut reader = feed.journal.reader(Sequence(1)).unwrap();
    let record = reader.read().unwrap().unwrap();
    let delivery = crate::deliver::Delivery {
        record,
        source: "acme",
        limits: &crate::reading::Limits::DEFAULT,
        judged_at: record.header.received,
        format: PayloadFormat::Meters,
    };
    assert!(sink.describe(&delivery).unwrap());
    assert_eq!(sink.settle(false).unwrap().next_unsafe, Sequence(1));
    assert_eq!(rows(&file(&feed), SHOWN), [[""; 0]; 0]);
    assert_eq!(sink.settle(true).unwrap().next_unsafe, Sequence(2));
    assert_eq!(rows(&file(&feed), SHOWN).len(), 1);
}

#[test]
fn a_points_series_goes_on_over_an_exchange_of_its_meter_and_changes_of_name() {
    let feed = Feed::new();
    let at = |second: i64| NOW_NS + second * SECOND;
    for (meter, second) in [(1, 0), (1, 1), (2, 2), (2, 3), (3, 1)] {
        feed.append(&body(meter, second, f64::from(meter) * 10.0));
    }
    let elsewhere = Version { metering_point: "house-2".to_owned(), ..version(3, 0, None, "Other") };
    describe(
        &feed,
        &[version(1, 0, None, "Old"), version(2, 0, Some(at(3)), "New"), version(2, at(3), None, "Renamed")],
    );
    describe(&feed, &[elsewhere]);
    store_all(&feed);
    let series = rows(
        &file(&feed),
        "SELECT ts, value, name FROM samples_by_point WHERE metering_point = 'house-1' AND obis = '1-0:1.8.0*255' ORDER BY ts",
    );
    let point = |second: i64, value: &str, name: &str| vec![at(second).to_string(), value.to_owned(), name.to_owned()];
    assert_eq!(
        series,
        [point(0, "10", "Old"), point(1, "10", "Old"), point(2, "20", "New"), point(3, "20", "Renamed")]
    );
    // A version that was never closed, as after a lost state file, doubles nothing.
    describe(&feed, &[version(2, at(2), None, "Late")]);
    store_all(&feed);
    let counted = "SELECT count(*), count(DISTINCT meter || ts) FROM samples_by_point";
    assert_eq!(rows(&file(&feed), counted), [["5", "5"]]);
}
