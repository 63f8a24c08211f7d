//! The history in a real server: energies are as the published vectors say, curves and samples are compared with the
//! inserted rows.

use super::{migrated_config, wait_applied};
use crate::support::questdb::Client;
use meterline::query::{Energy, Filter, Newest, Place, Series, Span, Step, Store};
use meterline::reading::{MeterId, Obis, UnixNanos};
use meterline::sink::questdb::TableName;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use uuid::Uuid;

const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);
const POWER: Obis = Obis([1, 0, 1, 7, 0, 255]);
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Rows of an `INSERT`.
const INSERTED_MAX: usize = 50;

/// A migrated table and the store that reads it.
fn store(client: &Client, test: &str) -> (TableName, Store) {
    let table = migrated_config(client, test).table;
    let toml = format!("[sink.questdb]\nurl = \"{}\"\ntable = \"{table}\"\n", client.url());
    let config = meterline::config::parse("(test)", &toml, &BTreeMap::new()).unwrap();
    (table, Store::open(&config.sinks).unwrap())
}

fn insert(client: &Client, table: &TableName, samples: &[(MeterId, Obis, i64, f64, u16)]) {
    for part in samples.chunks(INSERTED_MAX) {
        let mut sql = format!("INSERT INTO {table} (ts, meter, obis, value, source, received, flags) VALUES ");
        for (number, (meter, obis, at, value, flags)) in part.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            write!(sql, "{separator}(cast({at} AS TIMESTAMP_NS), '{meter}', '{obis}', {value:?}, 'acme', cast({at} AS TIMESTAMP_NS), {flags})").unwrap();
        }
        client.execute(&sql);
    }
    wait_applied(client, table);
}

fn describe(client: &Client, table: &TableName, meter: MeterId, point: &str, zone: &str) {
    let point = point.replace('\'', "''");
    client.execute(&format!(
        "INSERT INTO {table}_meters (valid_from, meter, metering_point, name, serial, time_zone, source) VALUES \
         (cast(0 AS TIMESTAMP_NS), '{meter}', '{point}', 'Meter of {point}', '63', '{zone}', 'acme')"
    ));
    client.execute(&format!("SELECT wait_wal_table('{table}_meters')"));
}

fn meter(file: usize, number: &str) -> MeterId {
    MeterId::from(Uuid::from_u128(1_000 * u128::try_from(file).unwrap() + number.parse::<u128>().unwrap()))
}

fn time(text: &str) -> i64 {
    i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
}

/// The complete intervals in the form of the vectors.
fn rows(store: &Store, place: &Place, point: &str, view: &str, span: Span) -> Vec<String> {
    let (_, step) = Step::NAMED.into_iter().find(|(name, _)| *name == view).unwrap();
    let zone = jiff::tz::TimeZone::get(&store.time_zone(place).unwrap()).unwrap();
    let local = |at: UnixNanos| {
        let at = jiff::Timestamp::from_nanosecond(at.0.into()).unwrap().to_zoned(zone.clone());
        at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    };
    let row = |it: &Energy| {
        let state = if it.is_estimated { "estimated" } else { "measured" };
        format!("{view},{point},{},{},{},{state}", local(it.start), local(it.until), it.amount)
    };
    store.energy(place, &[], span, step).unwrap().iter().filter(|it| it.is_complete).map(row).collect()
}

#[test]
fn energy_from_questdb_is_as_the_vectors_say() {
    let client = Client::shared();
    let (table, store) = store(&client, "energy_vectors");
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/energy");
    let mut files: Vec<_> = std::fs::read_dir(files).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 16);
    let mut cases = Vec::new();
    let mut samples = Vec::new();
    for (file, path) in files.iter().enumerate() {
        let text = std::fs::read_to_string(path).unwrap();
        let (mut zone, mut views, mut points, mut times) = ("", Vec::new(), Vec::new(), Vec::new());
        let mut expected: Vec<String> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut put = |number: &str, point: &str, zone: &str| {
                // A name that SQL could misread.
                describe(&client, &table, meter(file, number), &format!("{file}'\" {point}"), zone);
                points.push(point.to_owned());
            };
            match line.split(',').collect::<Vec<_>>()[..] {
                ["zone", name] => zone = name,
                ["views", ref names @ ..] => views = names.iter().map(|name| (*name).to_owned()).collect(),
                ["meter", number, point] => put(number, point, zone),
                ["meter", number, point, zone] => put(number, point, zone),
                ["sample", number, at, value] => {
                    times.push(time(at));
                    samples.push((meter(file, number), IMPORT, time(at), value.parse().unwrap(), 0));
                }
                _ => expected.push(line.to_owned()),
            }
        }
        points.dedup();
        let span =
            Span { from: UnixNanos(*times.iter().min().unwrap()), until: UnixNanos(times.iter().max().unwrap() + 1) };
        cases.push((file, path.clone(), views, points, span, expected));
    }
    insert(&client, &table, &samples);
    for (file, path, views, points, span, expected) in cases {
        let mut found = Vec::new();
        for view in &views {
            for point in &points {
                let place = Place::Point(format!("{file}'\" {point}"));
                found.extend(rows(&store, &place, point, view, span));
            }
        }
        assert_eq!(found, expected, "{}", path.display());
    }
}

#[test]
fn energy_of_a_span_in_a_long_gap_and_of_a_year_of_quarter_hours_is_complete() {
    let client = Client::shared();
    let (table, store) = store(&client, "energy_long");
    let (year, silent) = (meter(1, "1"), meter(1, "2"));
    let start = time("2025-01-01T00:00:00Z");
    // A value each six hours in 300 days: more parts than one.
    let samples: Vec<_> =
        (0..1200_u16).map(|number| (year, IMPORT, start + i64::from(number) * DAY / 4, f64::from(number), 0)).collect();
    insert(&client, &table, &samples);
    insert(&client, &table, &[(silent, IMPORT, start, 0.0, 0), (silent, IMPORT, start + 30 * DAY, 3000.0, 0)]);
    client.refresh_views(table.as_str());
    let span =
        |from: i64, until: i64| Span { from: UnixNanos(start + from * DAY), until: UnixNanos(start + until * DAY) };
    describe(&client, &table, year, &year.to_string(), "UTC");
    let days = store.energy(&Place::Meter(year), &[IMPORT], span(0, 299), Step::Day).unwrap();
    assert_eq!(days.len(), 299);
    assert!(days.iter().all(|it| it.amount.to_bits() == 4.0_f64.to_bits() && it.is_complete), "{days:?}");
    // A minute of an interval asks for the whole interval.
    let noon = start + 10 * DAY + DAY / 2;
    let minute = Span { from: UnixNanos(noon + 60 * SECOND), until: UnixNanos(noon + 120 * SECOND) };
    for (step, amount) in [(Step::Hour, 4.0 / 24.0), (Step::Day, 4.0), (Step::Month, 124.0)] {
        let found = store.energy(&Place::Meter(year), &[IMPORT], minute, step).unwrap();
        let shown: Vec<_> = found.iter().map(|it| ((it.amount - amount).abs() < 1e-6, it.is_complete)).collect();
        assert_eq!(shown, [(true, true)], "{step:?}: {found:?}");
    }
    // Neither end of the day has a sample within days.
    for registers in [&[][..], &[IMPORT]] {
        let day = store.energy(&Place::Meter(silent), registers, span(10, 11), Step::Day).unwrap();
        let shown: Vec<_> = day.iter().map(|it| (it.amount, it.is_estimated, it.is_complete)).collect();
        assert_eq!(shown, [(100.0, true, true)]);
    }
    let gaps = store.gaps(silent, span(0, 40)).unwrap();
    let shown: Vec<_> =
        gaps.iter().map(|gap| ((gap.from.0 - start) / DAY, gap.until.map(|at| (at.0 - start) / DAY))).collect();
    assert_eq!(shown, [(0, Some(30)), (30, None)]);
}

#[test]
fn samples_and_curves_of_questdb_are_the_inserted_rows() {
    let client = Client::shared();
    let (table, store) = store(&client, "history");
    let (one, other) = (meter(2, "1"), meter(2, "2"));
    let now = crate::support::load::now_ns() / SECOND * SECOND - 3600 * SECOND;
    // More rows of one time than a part of the answer has are in the last second.
    let mut samples: Vec<_> =
        (0..600_u16).map(|second| (one, POWER, now + i64::from(second) * SECOND, f64::from(second % 7), 0)).collect();
    samples.push((one, IMPORT, now + 1, 5.5, 8));
    samples.push((other, IMPORT, now, 7.0, 0));
    samples.push((other, POWER, now, 7.0, 32)); // a test
    insert(&client, &table, &samples);
    let all = Filter { meters: vec![one, other], registers: Vec::new(), span: Span::ALL };
    let mut found = Vec::new();
    store
        .samples(&all, &mut |sample| {
            found.push((sample.meter, sample.obis, sample.at.0, sample.value, sample.flags.bits()));
            assert_eq!((&sample.source[..], sample.received), ("acme", sample.at));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(found.is_sorted_by_key(|it| it.2));
    let key = |it: &(MeterId, Obis, i64, f64, u16)| (it.0, it.1, it.2);
    found.sort_by_key(key);
    samples.retain(|it| it.4 != 32);
    samples.sort_by_key(key);
    assert_eq!(found, samples);

    let span = Span { from: UnixNanos(now), until: UnixNanos(now + 600 * SECOND) };
    let power = Series { meter: one, obis: POWER };
    let curves = store
        .curves(&[power, Series { meter: one, obis: IMPORT }, Series { meter: other, obis: POWER }], span, 6)
        .unwrap();
    let expected: Vec<_> = (0..6_i64)
        .map(|part| {
            let values: Vec<_> =
                (0..100).map(|second| f64::from(u16::try_from((part * 100 + second) % 7).unwrap())).collect();
            let mean = values.iter().sum::<f64>() / 100.0;
            (now + part * 100 * SECOND, 0.0, 6.0, (mean * 1e6).round(), values[99], 100)
        })
        .collect();
    let shown: Vec<_> =
        curves[0].iter().map(|it| (it.start.0, it.min, it.max, (it.mean * 1e6).round(), it.last, it.count)).collect();
    assert_eq!(shown, expected);
    let alone: Vec<_> = curves[1].iter().map(|it| (it.start.0, it.last, it.is_estimated)).collect();
    assert_eq!((alone, curves[2].len()), (vec![(now + 1, 5.5, true)], 0));
    let few = store.curve(power, Span { until: UnixNanos(now + 2 * SECOND), ..span }, 2).unwrap();
    assert_eq!(few.iter().map(|it| it.start.0).collect::<Vec<_>>(), [now, now + SECOND]);

    assert_eq!(store.meters().unwrap().iter().map(|entry| entry.meter).collect::<Vec<_>>(), [one, other]);
    let newest = store.newest(&[]).unwrap();
    assert_eq!(newest[&one][0], Newest { obis: POWER, value: 4.0, at: UnixNanos(now + 599 * SECOND) });
    let registers = store.registers(one).unwrap();
    assert_eq!(
        registers.iter().map(|it| (it.newest.obis, it.flags.bits(), &it.source[..])).collect::<Vec<_>>(),
        [(POWER, 0, "acme"), (IMPORT, 8, "acme")]
    );
    describe(&client, &table, one, "house-1", "Europe/Zurich");
    let [named, _] = &store.meters().unwrap()[..] else { panic!("two meters") };
    assert_eq!((&named.point[..], &named.name[..], &named.source[..]), ("house-1", "Meter of house-1", "acme"));
    assert_eq!(store.time_zone(&Place::Meter(one)).unwrap(), "Europe/Zurich");
}

#[test]
fn more_rows_of_one_time_than_an_answer_has_come_once_each() {
    let client = Client::shared();
    let (table, store) = store(&client, "one_time");
    let at = time("2026-11-20T12:00:00Z");
    client.execute(&format!(
        "INSERT INTO {table} SELECT cast({at} AS TIMESTAMP_NS) ts, cast('00000000-0000-0000-0000-' || lpad(cast(x AS VARCHAR), 12, '0') AS UUID) \
         meter, '1-0:1.8.0*255' obis, cast(x AS DOUBLE) value, 'acme' source, cast({at} AS TIMESTAMP_NS) received, \
         cast(0 AS SHORT) flags FROM long_sequence(90000)"
    ));
    wait_applied(&client, &table);
    let (mut sum, mut count) = (0.0, 0);
    let all = Filter { meters: Vec::new(), registers: Vec::new(), span: Span::ALL };
    store
        .samples(&all, &mut |sample| {
            sum += sample.value;
            count += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    // They are of more meters than an answer has ids.
    assert_eq!((count, sum), (90_000, 90_000.0 * 90_001.0 / 2.0));
}

#[test]
fn a_row_that_is_inserted_between_two_parts_shifts_no_other() {
    let client = Client::shared();
    let (table, store) = store(&client, "inserted_meanwhile");
    let start = time("2026-11-20T12:00:00Z");
    // 9,000 rows of each second: the parts end within a second.
    client.execute(&format!(
        "INSERT INTO {table} SELECT cast({start} + {SECOND} * (x / 9000) AS TIMESTAMP_NS) ts, \
         cast('80000000-0000-0000-0000-' || lpad(cast(x AS VARCHAR), 12, '0') AS UUID) meter, '1-0:1.8.0*255' obis, \
         cast(x AS DOUBLE) value, 'acme' source, cast({start} AS TIMESTAMP_NS) received, cast(0 AS SHORT) flags \
         FROM long_sequence(26999)"
    ));
    wait_applied(&client, &table);
    let all = Filter { meters: Vec::new(), registers: Vec::new(), span: Span::ALL };
    let mut found: Vec<f64> = Vec::new();
    store
        .samples(&all, &mut |sample| {
            if found.is_empty() {
                let others: Vec<_> = (0..3_i64)
                    .flat_map(|second| (1..40_u128).map(move |number| (second, number)))
                    .map(|(second, number)| {
                        (MeterId::from(Uuid::from_u128(number)), IMPORT, start + second * SECOND, -1.0, 0)
                    })
                    .collect();
                insert(&client, &table, &others);
            }
            found.push(sample.value);
            ControlFlow::Continue(())
        })
        .unwrap();
    found.retain(|value| *value > 0.0);
    found.sort_by(f64::total_cmp);
    let expected: Vec<f64> = (1..27_000_u32).map(f64::from).collect();
    assert_eq!(found.len(), expected.len());
    assert_eq!(found, expected);
}

#[test]
fn more_meters_than_a_statement_has_are_read_in_parts() {
    let client = Client::shared();
    let (table, store) = store(&client, "many_meters");
    let start = crate::support::load::now_ns() / DAY * DAY - 2 * DAY;
    let hours = 3;
    client.execute(&format!(
        "INSERT INTO {table} SELECT cast({start} + {SECOND} * 3600 * (x % {hours}) AS TIMESTAMP_NS) ts, \
         cast('00000000-0000-0000-0000-' || lpad(cast(x / {hours} AS VARCHAR), 12, '0') AS UUID) meter, '1-0:1.8.0*255' obis, \
         cast(100 * (x % {hours}) AS DOUBLE) value, 'acme' source, cast({start} AS TIMESTAMP_NS) received, \
         cast(0 AS SHORT) flags FROM long_sequence(1502)"
    ));
    wait_applied(&client, &table);
    let number =
        |number: u128| Uuid::parse_str(&format!("00000000-0000-0000-0000-{number:012}")).map(MeterId::from).unwrap();
    let meters: Vec<MeterId> = (0..501).map(number).collect();
    for (at, meter) in meters.iter().take(450).enumerate() {
        if at % 50 == 0 {
            describe(&client, &table, *meter, &format!("house {at}"), "Europe/Zurich");
        }
    }
    assert_eq!(store.meters().unwrap().iter().filter(|entry| entry.name.starts_with("Meter of house")).count(), 9);
    assert_eq!(store.meters().unwrap().len(), 501);
    assert_eq!(store.newest(&[]).unwrap().len(), 501);
    assert_eq!(store.newest(&meters).unwrap().into_keys().collect::<Vec<_>>(), meters);
    let span = Span { from: UnixNanos(start), until: UnixNanos(start + DAY) };
    let series: Vec<_> = meters.iter().map(|meter| Series { meter: *meter, obis: IMPORT }).collect();
    let curves = store.curves(&series, span, 1_000).unwrap();
    assert_eq!(curves.iter().filter(|curve| curve.len() == hours).count(), 500);
    let places: Vec<_> = meters.iter().map(|meter| Place::Meter(*meter)).collect();
    let energies = store.energies(&places, &[IMPORT], span, Step::Hour).unwrap();
    let full = energies.iter().filter(|of_meter| of_meter.iter().filter(|it| it.is_complete).count() == 2).count();
    assert_eq!((energies.len(), full), (501, 500));
    let filter = Filter { meters: meters[1..].to_vec(), registers: vec![IMPORT], span };
    let mut count = 0;
    store
        .samples(&filter, &mut |sample| {
            assert_ne!(sample.meter, meters[0]);
            count += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(count, 1_500);
}

#[test]
fn a_server_without_an_answer_says_why() {
    let client = Client::shared();
    let (table, store) = store(&client, "history_refused");
    for view in ["day", "hour", "15m"] {
        client.execute(&format!("DROP MATERIALIZED VIEW {table}_{view}"));
    }
    client.execute(&format!("DROP TABLE {table}"));
    let error = store.newest(&[]).unwrap_err().to_string();
    assert!(error.contains("QuestDB") && error.contains(table.as_str()), "{error}");
    let toml = "[sink.questdb]\nurl = \"http://127.0.0.1:1\"\n";
    let config = meterline::config::parse("(test)", toml, &BTreeMap::new()).unwrap();
    let error = Store::open(&config.sinks).unwrap().meters().unwrap_err().to_string();
    assert!(error.contains("cannot be reached") && !error.contains("retrying"), "{error}");
}
