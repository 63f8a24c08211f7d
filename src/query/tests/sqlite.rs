//! Queries on an embedded store that the sink wrote.

use crate::base::Stop;
use crate::clock::Clock;
use crate::deliver::tests::feed::{Feed, NOW_NS};
use crate::journal::Verdict;
use crate::query::{Filter, Kind, Limit, Newest, Place, QueryError, Series, Span, Step, Store, sqlite};
use crate::reading::{Flags, MeterId, Obis, Sample, UnixNanos};
use crate::sink::sqlite::tests::file;
use crate::sink::sqlite::tests::vectors::{self, TABLES};
use crate::sink::sqlite::tests::views::{
    IMPORT, append, append_others, append_readings, describe, meter, quarter_hours_only, store_keeping, time,
};
use crate::sink::sqlite::{Config, Retention};
use crate::wire::PayloadFormat;
use crate::wire::batch::{Original, encode};
use rusqlite::Connection;
use std::ops::ControlFlow;
use std::path::Path;

const POWER: Obis = Obis([1, 0, 1, 7, 0, 255]);
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;

fn opened(file: &Path) -> Store {
    let config = Config { file: file.to_owned(), retention: Retention::default(), time_zone: "UTC".to_owned() };
    Store(Kind::Sqlite(sqlite::Reader::new(&config)))
}

fn span(from: i64, until: i64) -> Span {
    Span { from: UnixNanos(from), until: UnixNanos(until) }
}

/// The complete intervals in the form of the vectors.
fn energy(store: &Store, point: &str, view: &str, span: Span) -> Vec<String> {
    let (_, step) = Step::NAMED.into_iter().find(|(name, _)| *name == view).unwrap();
    let place = Place::Point(point.to_owned());
    let zone = jiff::tz::TimeZone::get(&store.time_zone(&place).unwrap()).unwrap();
    let local = |at: UnixNanos| {
        let at = jiff::Timestamp::from_nanosecond(at.0.into()).unwrap().to_zoned(zone.clone());
        at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    };
    let found = store.energy(&place, &[], span, step).unwrap();
    let complete = found.iter().filter(|energy| energy.is_complete);
    let row = |it: &crate::query::Energy| {
        let kind = if it.is_estimated { "estimated" } else { "measured" };
        format!("{view},{point},{},{},{},{kind}", local(it.start), local(it.until), it.amount)
    };
    complete.map(row).collect()
}

#[test]
fn energy_is_calculated_as_the_vectors_say() {
    let mut cases = 0;
    for vectors in vectors::all() {
        for tables in TABLES {
            let feed = vectors.stored(tables);
            let store = opened(&file(&feed));
            let times = vectors.samples.iter().map(|sample| sample.1);
            let whole = span(times.clone().min().unwrap(), times.max().unwrap() + 1);
            let mut points: Vec<_> = vectors.meters.iter().map(|(_, point, _)| point).collect();
            points.dedup();
            let mut found = Vec::new();
            for view in &vectors.views {
                points.iter().for_each(|point| found.extend(energy(&store, point, view, whole)));
            }
            assert_eq!(found, vectors.expected, "{} {tables:?}", vectors.name);
            cases += 1;
        }
    }
    assert_eq!(cases, 48);
}

#[test]
fn the_present_day_has_the_energy_so_far_and_one_meter_of_a_point_has_its_own() {
    let feed = Feed::new();
    describe(&feed, 1, "house-1", "");
    describe(&feed, 2, "house-1", "");
    let start = time("2026-11-22T00:00:00Z");
    for (number, rise) in [(1, 10.0), (2, 5.0)] {
        let samples = (0..10_u8)
            .map(|quarter| (number, IMPORT, start + i64::from(quarter) * 15 * MINUTE, rise * f64::from(quarter)));
        append(&feed, &samples.collect::<Vec<_>>());
    }
    append(&feed, &[(1, POWER, start, 5.0)]);
    store_keeping(&feed, Retention::default());
    let store = opened(&file(&feed));
    let today = span(start, start + 3600 * SECOND);
    for (place, amount) in
        [(Place::Point("house-1".to_owned()), 135.0), (Place::Meter(meter(1)), 90.0), (Place::Meter(meter(2)), 45.0)]
    {
        for registers in [&[][..], &[IMPORT], &[IMPORT, POWER]] {
            let found = store.energy(&place, registers, today, Step::Day).unwrap();
            let shown: Vec<_> =
                found.iter().map(|it| (it.obis, it.start.0, it.amount, it.is_estimated, it.is_complete)).collect();
            assert_eq!(shown, [(IMPORT, start, amount, false, false)], "{place:?}");
            assert_eq!(found[0].name(), "active energy import");
        }
        assert_eq!(store.energy(&place, &[POWER], today, Step::Day).unwrap(), []);
    }
    let other = Place::Point("nowhere".to_owned());
    assert_eq!(store.energy(&other, &[], today, Step::Day).unwrap(), []);
    assert_eq!(store.time_zone(&other).unwrap(), "UTC");
}

#[test]
fn an_interval_that_the_span_touches_is_read_whole() {
    let feed = Feed::new();
    let (start, hour) = (time("2026-10-01T00:00:00Z"), 3600 * SECOND);
    // A watt-hour each hour of October, most of it read on one day.
    let around = [0, 14 * 24, 15 * 24, 31 * 24].map(|hours| hours * 60);
    let minutes = around.into_iter().chain((346..=348).flat_map(|hour| [0, 15, 30, 45].map(|part| hour * 60 + part)));
    let sample =
        |minutes: i64| (1, IMPORT, start + minutes * MINUTE, f64::from(u32::try_from(minutes).unwrap()) / 60.0);
    append(&feed, &minutes.map(sample).collect::<Vec<_>>());
    store_keeping(&feed, Retention::default());
    let store = opened(&file(&feed));
    let asked = span(start + 347 * hour + 20 * MINUTE, start + 347 * hour + 21 * MINUTE);
    for ((name, step), amount) in Step::NAMED.into_iter().zip([0.25, 1.0, 24.0, 744.0]) {
        let found = store.energy(&Place::Meter(meter(1)), &[], asked, step).unwrap();
        let shown: Vec<_> = found.iter().map(|it| (it.amount, it.is_complete)).collect();
        assert_eq!(shown, [(amount, true)], "{name}");
    }
}

#[test]
fn the_meters_have_their_descriptions_and_their_newest_values() {
    let feed = Feed::new();
    append(&feed, &[(3, IMPORT, NOW_NS, 7.0), (1, POWER, NOW_NS, 120.0), (1, IMPORT, NOW_NS - SECOND, 9.0)]);
    append(&feed, &[(1, IMPORT, NOW_NS, 9.5)]);
    describe(&feed, 1, "house-1", "Europe/Zurich");
    store_keeping(&feed, Retention::default());
    let store = opened(&file(&feed));
    let [named, unnamed] = &store.meters().unwrap()[..] else { panic!("two meters") };
    assert_eq!(
        (named.meter, &named.name[..], &named.point[..], &named.serial[..]),
        (meter(1), "Meter 1", "house-1", "63-1")
    );
    assert_eq!((&named.source[..], named.shown_name()), ("acme", "Meter 1".to_owned()));
    assert_eq!((&named.media[..], &unnamed.media[..]), (&[1][..], &[1][..]));
    assert_eq!((&unnamed.point, unnamed.shown_name()), (&meter(3).to_string(), meter(3).to_string()));
    let newest = |obis, value| Newest { obis, value, at: UnixNanos(NOW_NS) };
    let of_first = vec![newest(POWER, 120.0), newest(IMPORT, 9.5)];
    let all = store.newest(&[]).unwrap();
    assert_eq!((all.len(), &all[&meter(1)]), (2, &of_first));
    assert_eq!(store.newest(&[meter(1), meter(9)]).unwrap(), [(meter(1), of_first.clone())].into());
    assert_eq!(Newest::headline(&of_first), Some(&of_first[0]));
    let registers = store.registers(meter(1)).unwrap();
    assert_eq!(registers.iter().map(|register| register.newest).collect::<Vec<_>>(), of_first);
    assert!(registers.iter().all(|register| register.source == "acme" && register.flags == Flags::NONE));
    assert_eq!(store.registers(meter(9)).unwrap(), []);
}

#[test]
fn a_curve_has_the_samples_the_quarter_hours_of_deleted_ones_and_no_tests() {
    let at = |minute: i64| NOW_NS - NOW_NS % (3600 * SECOND) + minute * MINUTE;
    for retention in [Retention::default(), quarter_hours_only()] {
        let feed = Feed::new();
        let values: Vec<_> =
            (0..60_u8).map(|minute| (1, POWER, at(i64::from(minute) - 600), f64::from(minute % 7))).collect();
        append(&feed, &values);
        append_others(&feed);
        store_keeping(&feed, retention);
        let store = opened(&file(&feed));
        let series = Series { meter: meter(1), obis: POWER };
        let hour = span(at(-600), at(-540));
        let found = store.curve(series, hour, 4).unwrap();
        let shown: Vec<_> = found.iter().map(|it| (it.start.0, it.min, it.max, it.last, it.count)).collect();
        let expected: Vec<_> = (0..4_i64)
            .map(|quarter| {
                (at(quarter * 15 - 600), 0.0, 6.0, f64::from(u8::try_from(quarter * 15 + 14).unwrap() % 7), 15)
            })
            .collect();
        assert_eq!(shown, expected);
        let mean: f64 = (0..15_u8).map(|minute| f64::from(minute % 7)).sum::<f64>() / 15.0;
        assert!((found[0].mean - mean).abs() < 1e-9);
        let alone = store.curve(series, hour, 100).unwrap().len();
        assert_eq!(alone, if retention == Retention::default() { 60 } else { 4 });
        assert_eq!(store.curves(&[series, Series { meter: meter(7), obis: POWER }], hour, 4).unwrap()[1], []);
    }
    let feed = Feed::new();
    let sample =
        |flags, second: i64| (meter(1), UnixNanos(NOW_NS + second), flags, [Sample { obis: POWER, value: 1.0 }]);
    append_readings(&feed, [sample(Flags::TEST, 0), sample(Flags::ESTIMATED, 1)].into_iter());
    store_keeping(&feed, Retention::default());
    let store = opened(&file(&feed));
    let found = store.curve(Series { meter: meter(1), obis: POWER }, Span::ALL, 10).unwrap();
    assert_eq!(found.iter().map(|it| (it.start.0, it.is_estimated)).collect::<Vec<_>>(), [(NOW_NS + 1, true)]);
    let mut samples = 0;
    let all = Filter { meters: Vec::new(), registers: Vec::new(), span: Span::ALL };
    store
        .samples(&all, &mut |_| {
            samples += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(samples, 1);
}

#[test]
fn the_canary_is_found_by_its_time_alone_and_takes_one_row() {
    let feed = Feed::new();
    let sample =
        |meter, second: i64, value| (meter, UnixNanos(NOW_NS + second), Flags::NONE, [Sample { obis: POWER, value }]);
    let canary = |feed: &Feed, second, value| {
        let body = encode([sample(MeterId::CANARY, second, value)], &Original::default());
        feed.append_as("canary", Verdict::Deliverable, PayloadFormat::ReadingBatch.number(), &body);
    };
    append_readings(&feed, [sample(meter(1), 0, 1.0)].into_iter());
    for (second, value) in [(1, 2.0), (3, 4.0), (2, 3.0)] {
        canary(&feed, second, value);
    }
    // Of another source.
    append_readings(&feed, [sample(MeterId::CANARY, 4, 5.0)].into_iter());
    store_keeping(&feed, Retention::default());
    let store = opened(&file(&feed));
    let found = [0, 1, 2, 3, 4].map(|second| store.canary(UnixNanos(NOW_NS + second)).unwrap());
    assert_eq!(found, [None, None, Some(3.0), None, None], "the last in journal order");
    assert_eq!(store.meters().unwrap().iter().map(|it| it.meter).collect::<Vec<_>>(), [meter(1)]);
    assert_eq!(store.newest(&[]).unwrap().keys().copied().collect::<Vec<_>>(), [meter(1)]);
    let alone = Feed::new();
    canary(&alone, 1, 2.0);
    store_keeping(&alone, Retention::default());
    assert_eq!(opened(&file(&alone)).canary(UnixNanos(NOW_NS + 1)).unwrap(), Some(2.0), "in a record of its own");
}

#[test]
fn samples_come_by_meter_register_and_time_as_far_as_they_are_wanted() {
    let feed = Feed::new();
    // In several tables, and the later ones first.
    for second in (0..60).rev() {
        append(
            &feed,
            &[
                (2, IMPORT, NOW_NS + second - 900 * SECOND, 1.0),
                (1, POWER, NOW_NS + second, 2.0),
                (1, IMPORT, NOW_NS + second, 3.0),
            ],
        );
    }
    append_others(&feed);
    store_keeping(&feed, Retention::default());
    let store = opened(&file(&feed));
    let read = |meters: &[u8], registers: &[Obis], span, most: usize| {
        let filter = Filter {
            meters: meters.iter().map(|number| meter(*number)).collect(),
            registers: registers.to_vec(),
            span,
        };
        let mut found = Vec::new();
        store
            .samples(&filter, &mut |sample| {
                found.push((sample.meter, sample.obis, sample.at.0, sample.value));
                if found.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        found
    };
    let of = |number, obis, second: i64, value| (meter(number), obis, NOW_NS + second, value);
    let all = read(&[], &[], Span::ALL, usize::MAX);
    assert_eq!(all.len(), 180 + 50);
    assert!(all.is_sorted_by_key(|it| (it.0, it.1, it.2)));
    let few = span(NOW_NS + 58, NOW_NS + 70);
    assert_eq!(
        read(&[1], &[], few, usize::MAX),
        [of(1, POWER, 58, 2.0), of(1, POWER, 59, 2.0), of(1, IMPORT, 58, 3.0), of(1, IMPORT, 59, 3.0)]
    );
    assert_eq!(read(&[1, 2], &[IMPORT], few, 1), [of(1, IMPORT, 58, 3.0)]);
    assert_eq!(read(&[8], &[], Span::ALL, usize::MAX), []);
}

#[test]
fn a_query_ends_when_its_client_leaves_or_its_time_is_over() {
    let feed = Feed::new();
    for hundred in 0..10_i64 {
        let samples = (0..100).map(|second| (1, IMPORT, NOW_NS + hundred * 100 + second, 1.0));
        append(&feed, &samples.collect::<Vec<_>>());
    }
    store_keeping(&feed, Retention::default());
    let store = opened(&file(&feed));
    let all = Filter { meters: Vec::new(), registers: Vec::new(), span: Span::ALL };
    let (clock, left) = (Clock::system(), Stop::default());
    let time = std::time::Duration::from_secs(3600);
    let limited = store.within(&Limit::of(time, &clock, &left));
    let read = |store: &Store, at_first: &dyn Fn()| {
        let mut count = 0;
        let ended = store.samples(&all, &mut |_| {
            count += 1;
            if count == 1 {
                at_first();
            }
            ControlFlow::Continue(())
        });
        (count, ended)
    };
    assert!(matches!(read(&limited, &|| {}), (1_000, Ok(()))));
    let (count, ended) = read(&limited, &|| left.by(clock.monotonic()));
    assert!(count < 1_000 && matches!(ended, Err(QueryError::Left)), "{count} {ended:?}");
    let limited = store.within(&Limit::of(time, &clock, &Stop::default()));
    let (count, ended) = read(&limited, &|| clock.pass(3600));
    assert!(count < 1_000 && matches!(ended, Err(QueryError::TooSlow { seconds: 3600 })), "{count} {ended:?}");
    assert!(matches!(limited.meters(), Err(QueryError::TooSlow { .. })));
    let limited = store.within(&Limit::of(time, &clock, &Stop::default()));
    assert_eq!(limited.meters().unwrap().len(), 1);
    clock.pass(3600);
    // The connection that it used serves others.
    assert!(matches!(read(&store, &|| {}), (1_000, Ok(()))));
}

#[test]
fn too_many_intervals_are_refused_before_the_store_is_read() {
    let store = opened(Path::new("/nowhere/store.sqlite"));
    let years = |count: i64| span(0, count * 366 * 86_400 * SECOND);
    for (step, years_max) in [(Step::QuarterHour, 5), (Step::Hour, 20), (Step::Day, 290), (Step::Month, 290)] {
        let of = |span| store.energy(&Place::Meter(meter(1)), &[], span, step).unwrap_err();
        assert!(matches!(of(years(years_max)), QueryError::Missing { .. }), "{step:?}");
        if step == Step::QuarterHour || step == Step::Hour {
            assert!(matches!(of(years(years_max + 1)), QueryError::TooManyIntervals), "{step:?}");
        }
    }
}

#[test]
fn a_gap_is_found_once_and_the_last_one_stays_open() {
    let feed = Feed::new();
    let start = time("2026-11-20T23:00:00Z");
    append(&feed, &[0, 15, 30, 150, 165].map(|minute| (1, IMPORT, start + minute * MINUTE, 1.0)));
    store_keeping(&feed, Retention::default());
    let store = opened(&file(&feed));
    let gaps = |from: i64, until: i64| -> Vec<_> {
        let found = store.gaps(meter(1), span(start + from * MINUTE, start + until * MINUTE)).unwrap();
        found.iter().map(|gap| ((gap.from.0 - start) / MINUTE, gap.until.map(|at| (at.0 - start) / MINUTE))).collect()
    };
    assert_eq!(gaps(0, 180), [(30, Some(150))]);
    assert_eq!(gaps(60, 90), [(30, Some(150))]);
    assert_eq!(gaps(0, 300), [(30, Some(150)), (165, None)]);
    assert_eq!(gaps(0, 30), []);
}

#[test]
fn a_store_that_cannot_be_read_says_why() {
    let feed = Feed::new();
    let path = file(&feed);
    let store = opened(&path);
    let why = |store: &Store| store.meters().unwrap_err();
    let error = why(&store);
    assert!(matches!(error, QueryError::Missing { .. }) && error.to_string().contains("store.sqlite"), "{error}");
    append(&feed, &[(1, IMPORT, NOW_NS, 1.0)]);
    store_keeping(&feed, Retention::default());
    assert_eq!(store.meters().unwrap().len(), 1);

    drop(store);
    let holder = Connection::open(&path).unwrap();
    holder.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
    holder.pragma_update(None, "journal_mode", "DELETE").unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE; UPDATE cursor SET next = next").unwrap();
    let error = why(&opened(&path));
    assert!(matches!(error, QueryError::Locked { .. }) && error.to_string().contains("locked"), "{error}");
    holder.execute_batch("ROLLBACK; PRAGMA user_version = 9").unwrap();
    drop(holder);
    let error = why(&opened(&path));
    assert!(matches!(error, QueryError::OtherVersion { found: 9, wanted: 1, .. }), "{error}");
    std::fs::write(&path, "no database, but long enough to be looked at").unwrap();
    let error = why(&opened(&path));
    assert!(matches!(error, QueryError::Unreadable { .. }) && error.to_string().contains("check --store"), "{error}");
}

#[test]
fn a_store_that_was_replaced_is_read_again_and_a_log_of_another_one_is_refused() {
    let [feed, other] = [1, 2].map(|number| {
        let feed = Feed::new();
        append(&feed, &[(number, IMPORT, NOW_NS, 1.0)]);
        store_keeping(&feed, Retention::default());
        feed
    });
    let path = file(&feed);
    let store = opened(&path);
    assert_eq!(store.meters().unwrap()[0].meter, meter(1));
    std::fs::rename(file(&other), &path).unwrap();
    assert_eq!(store.meters().unwrap()[0].meter, meter(2));
    // A log that was written for another store.
    let third = Feed::new();
    append(&third, &[(3, IMPORT, NOW_NS, 1.0)]);
    store_keeping(&third, Retention::default());
    let writer = Connection::open(file(&third)).unwrap();
    writer.execute("UPDATE cursor SET generation = generation + 1", []).unwrap();
    let log = |path: &Path| std::path::PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(log(&file(&third)), log(&path)).unwrap();
    std::fs::copy(&path, path.with_extension("new")).unwrap();
    std::fs::rename(path.with_extension("new"), &path).unwrap();
    let error = store.meters().unwrap_err();
    assert!(matches!(error, QueryError::Refused(_)) && error.to_string().contains("-wal"), "{error}");
}
