//! The embedded store at the end of a real pump on a real journal.

mod energy;
mod history;
mod keep;
mod log;
mod meters;
mod periods;
mod replaced;
pub(crate) mod vectors;
pub(crate) mod views;

use super::*;
use crate::base::Backoff;
use crate::clock::Clock;
use crate::deliver::tests::feed::{Feed, NOW_NS, body, reading, until};
use crate::deliver::{PumpHandle, PumpOptions, Rewind, Sink, SinkErrorKind, SinkState};
use crate::journal::{Sequence, Verdict};
use crate::reading::UnixNanos;
use meterline_load::{Body, Expected, Fleet, FleetOptions, SampleKey, Script};
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

pub(crate) fn file(feed: &Feed) -> PathBuf {
    feed.directory.path().join("store.sqlite")
}

fn start(feed: &Feed) -> PumpHandle {
    let options = PumpOptions {
        backoff: Backoff::new(Duration::from_millis(1), Duration::from_millis(20)).unwrap(),
        ..PumpOptions::default()
    };
    let sink = Box::new(Sqlite::new("sqlite", file(feed), feed.clock.clone()));
    PumpHandle::start("sqlite", sink, feed.journal.clone(), feed.clock.clone(), options).unwrap()
}

fn drain(feed: &Feed, pump: &PumpHandle) {
    let end = feed.journal.next();
    until("everything is stored", || pump.status().next == end);
}

/// Waits until the sink writes nothing more: after the last commit it seals and joins, and deletes what is old.
fn wait_until_tidy(feed: &Feed, retention: Retention) {
    let generation = || rows(&file(feed), "SELECT generation FROM cursor");
    until("the tables are tidy", || {
        // Readers without a pause would keep the log from being emptied, and a large log holds up the steps.
        let before = generation();
        std::thread::sleep(Duration::from_millis(300));
        !is_step_due(feed, retention) && before == generation()
    });
}

/// Whether a step on the tables is left.
fn is_step_due(feed: &Feed, retention: Retention) -> bool {
    let mut store = Connection::open(file(feed)).unwrap();
    // All is read of one time.
    let store = store.transaction().unwrap();
    let newest: Option<i64> = store.query_row("SELECT max(ts) FROM samples", [], |row| row.get(0)).unwrap();
    let (mut keep, wall) = (super::keep::Keep::new(retention), feed.clock.now());
    keep.stored(newest.map(UnixNanos), false);
    let (periods, fresh) = (super::periods::Periods::read(&store).unwrap(), tidy::fresh_rows(&store).unwrap());
    tidy::seal_due(&store, &periods, fresh, &keep, wall).unwrap().is_some()
        || tidy::due(&store, &periods, &keep, wall, true).unwrap().is_some()
}

fn stop(feed: &Feed, pump: &PumpHandle) {
    pump.stop(feed.clock.monotonic() + Duration::from_secs(20));
    pump.join();
}

/// Stores everything there is and stops.
fn store_all(feed: &Feed) {
    let pump = start(feed);
    drain(feed, &pump);
    stop(feed, &pump);
}

fn rows(file: &Path, sql: &str) -> Vec<Vec<String>> {
    rows_of(&Connection::open(file).unwrap(), sql)
}

fn rows_of(store: &Connection, sql: &str) -> Vec<Vec<String>> {
    let mut statement = store.prepare_cached(sql).unwrap();
    let columns = statement.column_count();
    let cell = |row: &rusqlite::Row<'_>, column| match row.get_unwrap(column) {
        rusqlite::types::Value::Text(text) => text,
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Real(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let rows = statement.query_map([], |row| Ok((0..columns).map(|column| cell(row, column)).collect()));
    rows.unwrap().map(Result::unwrap).collect()
}

fn values(file: &Path) -> Vec<Vec<String>> {
    rows(file, "SELECT value FROM samples ORDER BY meter, obis, ts")
}

fn corrections(file: &Path) -> Vec<Vec<String>> {
    rows(file, "SELECT value_before, value FROM sample_corrections ORDER BY ts, received")
}

#[test]
fn a_mixed_load_is_stored_exactly() {
    let feed = Feed::new();
    let mut fleet = Fleet::new(FleetOptions { meters: 40, devices: 4, values: 8, seed: 7 });
    let bodies = fleet.script(&Script::mixed(600, NOW_NS));
    let mut expected = Expected::default();
    let pump = start(&feed);
    for body in &bodies {
        feed.append(body);
        expected.take(body);
    }
    drain(&feed, &pump);

    let stored = rows(&file(&feed), "SELECT meter, obis, ts, value FROM samples");
    assert_eq!(stored.len(), expected.len());
    for row in stored {
        let meter = *Uuid::parse_str(&row[0]).unwrap().as_bytes();
        let obis = row[1].parse::<crate::reading::Obis>().unwrap().0;
        let key = SampleKey { meter, obis, time_ns: row[2].parse().unwrap() };
        assert_eq!(expected.get(&key), Some(row[3].parse().unwrap()), "{key:?}");
    }
}

#[test]
fn a_row_has_its_source_receive_time_and_flags() {
    let feed = Feed::new();
    feed.append_as("building-a", Verdict::Deliverable, 1, &body(3, 1, 2.5).bytes);
    let before = feed.clock.now();
    store_all(&feed);
    let [row] = &rows(&file(&feed), "SELECT * FROM samples")[..] else { panic!("one row") };
    let meter = Uuid::from_bytes([3; 16]).to_string();
    assert_eq!(
        row[..5],
        [(NOW_NS + 1_000_000_000).to_string(), meter, "1-0:1.8.0*255".into(), "2.5".into(), "building-a".into()]
    );
    let received: i64 = row[5].parse().unwrap();
    assert!(received <= before.0 && received > before.0 - 60_000_000_000, "{received}");
    assert_eq!(row[6], "0");
}

#[test]
fn a_correction_stands_and_is_listed_once_also_after_replays_from_before_both() {
    let feed = Feed::new();
    feed.append(&body(1, 0, 10.0));
    let pump = start(&feed);
    drain(&feed, &pump);
    feed.append(&body(1, 0, 12.0));
    drain(&feed, &pump);
    for _ in 0..2 {
        assert_eq!(values(&file(&feed)), [["12"]]);
        assert_eq!(corrections(&file(&feed)), [["10", "12"]]);
        pump.rewind(Rewind::to(Sequence(1))).unwrap();
        drain(&feed, &pump);
    }
}

#[test]
fn a_replay_that_stops_between_a_value_and_its_correction_lists_nothing_new() {
    let feed = Feed::new();
    feed.append(&body(1, 0, 10.0));
    feed.append(&body(1, 0, 12.0));
    let mut sink = Sqlite::new("sqlite", file(&feed), Clock::system());
    // Each record in a transaction of its own: the old value is there for a moment.
    for _ in 0..3 {
        sink.rewind(feed.journal.position(Sequence(1))).unwrap();
        let mut reader = feed.journal.reader(Sequence(1)).unwrap();
        for value in ["10", "12"] {
            let record = reader.read().unwrap().unwrap();
            let limits = crate::reading::Limits::DEFAULT;
            let format = crate::wire::PayloadFormat::SmartMe;
            sink.take(&crate::deliver::Delivery {
                record,
                source: "acme",
                limits: &limits,
                judged_at: record.header.received,
                format,
            })
            .unwrap();
            let progress = sink.settle(true).unwrap();
            assert_eq!(progress.next_unsafe, record.sequence.next());
            assert_eq!(values(&file(&feed)), [[value]]);
        }
    }
    assert_eq!(corrections(&file(&feed)), [["10", "12"]]);
}

#[test]
fn the_later_of_a_key_within_a_body_wins_and_is_no_correction() {
    let feed = Feed::new();
    let twice = Body::new(0, vec![reading(1, 0, 10.0), reading(2, 0, 1.0), reading(1, 0, 11.0)]);
    feed.append(&twice);
    store_all(&feed);
    assert_eq!(values(&file(&feed)), [["11"], ["1"]]);
    assert_eq!(corrections(&file(&feed)), [[""; 2]; 0]);
}

#[test]
fn the_correction_log_keeps_the_newest() {
    let feed = Feed::new();
    let pump = start(&feed);
    for value in 0..CORRECTIONS_MAX + 4 {
        feed.append(&body(1, 0, f64::from(i32::try_from(value).unwrap())));
        drain(&feed, &pump);
    }
    let listed = corrections(&file(&feed));
    assert_eq!(listed.len(), usize::try_from(CORRECTIONS_MAX).unwrap());
    assert_eq!(listed.last().unwrap(), &["7", "8"]);
    assert_eq!(rows(&file(&feed), "SELECT max(id) FROM corrections"), [["8"]]);
}

#[test]
fn more_meters_than_are_remembered_keep_their_numbers() {
    let feed = Feed::new();
    let pump = start(&feed);
    for second in 0..3 {
        feed.append(&Body::new(0, (1..=9).map(|meter| reading(meter, second, f64::from(meter))).collect()));
        drain(&feed, &pump);
    }
    assert_eq!(rows(&file(&feed), "SELECT count(*), max(id) FROM meter_ids"), [["9", "9"]]);
    let per_meter =
        rows(&file(&feed), "SELECT count(*), min(value), max(value) FROM samples GROUP BY meter ORDER BY meter");
    assert_eq!(per_meter.len(), 9);
    assert_eq!(per_meter[4], ["3", "5", "5"]);
}

#[test]
fn the_store_goes_on_where_it_was_and_is_its_owners_alone() {
    let feed = Feed::new();
    feed.append(&body(1, 0, 1.0));
    store_all(&feed);
    feed.append(&body(1, 1, 2.0));
    let mut sink = Sqlite::new("sqlite", file(&feed), Clock::system());
    assert_eq!(sink.stored_position().unwrap(), Some(feed.journal.position(Sequence(2))));
    let pump = start(&feed);
    drain(&feed, &pump);
    for name in ["store.sqlite", "store.sqlite-wal"] {
        let mode = std::fs::metadata(feed.directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(sink);
    assert_eq!(values(&file(&feed)), [["1"], ["2"]]);
}

#[test]
fn a_store_that_was_deleted_is_filled_again_from_the_journal() {
    let feed = Feed::new();
    feed.append(&body(1, 0, 1.0));
    feed.append(&body(1, 1, 2.0));
    store_all(&feed);
    std::fs::remove_file(file(&feed)).unwrap();
    store_all(&feed);
    assert_eq!(values(&file(&feed)), [["1"], ["2"]]);
}

#[test]
fn a_store_that_another_program_holds_is_waited_for() {
    let feed = Feed::new();
    let pump = start(&feed);
    feed.append(&body(1, 0, 1.0));
    drain(&feed, &pump);
    let other = Connection::open(file(&feed)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    feed.append(&body(1, 1, 2.0));
    until("it waits", || pump.status().state == SinkState::Waiting);
    let why = pump.status().why.unwrap();
    assert!(why.contains("another program holds the store"), "{why}");
    other.execute_batch("ROLLBACK").unwrap();
    drain(&feed, &pump);
    assert_eq!(values(&file(&feed)).len(), 2);
}

#[test]
fn a_table_that_was_dropped_blocks_and_nothing_is_lost_when_the_file_is_moved_away() {
    let feed = Feed::new();
    let pump = start(&feed);
    feed.append(&body(1, 0, 1.0));
    drain(&feed, &pump);
    Connection::open(file(&feed)).unwrap().execute_batch("DROP VIEW samples; DROP TABLE samples_0").unwrap();
    feed.append(&body(1, 1, 2.0));
    until("it is blocked", || pump.status().state == SinkState::Blocked);
    assert_eq!(pump.status().next, Sequence(2));
    stop(&feed, &pump);
    std::fs::rename(file(&feed), feed.directory.path().join("aside")).unwrap();
    store_all(&feed);
    assert_eq!(values(&file(&feed)), [["1"], ["2"]]);
}

#[test]
fn a_file_of_a_newer_program_or_none_at_all_is_refused_with_a_sentence() {
    let feed = Feed::new();
    let refused = |sink: &mut Sqlite| sink.stored_position().unwrap_err();
    Connection::open(file(&feed)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = refused(&mut Sqlite::new("sqlite", file(&feed), Clock::system()));
    assert_eq!(error.kind, SinkErrorKind::Blocked);
    assert!(error.message.contains("schema version 99"), "{error}");

    let no_database = feed.directory.path().join("text");
    std::fs::write(&no_database, "this is a text and no database, and long enough to be looked at").unwrap();
    let error = refused(&mut Sqlite::new("sqlite", &no_database, Clock::system()));
    assert_eq!(error.kind, SinkErrorKind::Blocked);
    assert!(error.message.contains("is damaged"), "{error}");

    let error = refused(&mut Sqlite::new("sqlite", feed.directory.path(), Clock::system()));
    assert_eq!(error.kind, SinkErrorKind::Blocked);
}

#[test]
fn a_full_volume_blocks_and_says_so() {
    let feed = Feed::new();
    store_all(&feed);
    let (store, _) = file::connect(&file(&feed)).unwrap();
    let pages: i64 = store.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let error = store.execute("INSERT INTO sources (name) VALUES (hex(zeroblob(100000)))", []).unwrap_err();
    let trouble = file::sink_error(&file(&feed), &error);
    assert_eq!(trouble.kind, SinkErrorKind::Blocked);
    assert!(trouble.message.contains("has no room"), "{trouble}");
}

#[test]
fn an_uncommitted_batch_is_not_progress() {
    let feed = Feed::new();
    feed.append(&body(1, 0, 1.0));
    let mut sink = Sqlite::new("sqlite", file(&feed), Clock::system());
    sink.rewind(feed.journal.position(Sequence(1))).unwrap();
    let mut reader = feed.journal.reader(Sequence(1)).unwrap();
    let record = reader.read().unwrap().unwrap();
    let limits = crate::reading::Limits::DEFAULT;
    let format = crate::wire::PayloadFormat::SmartMe;
    sink.take(&crate::deliver::Delivery {
        record,
        source: "acme",
        limits: &limits,
        judged_at: record.header.received,
        format,
    })
    .unwrap();
    let progress = sink.settle(false).unwrap();
    assert_eq!(progress.next_unsafe, Sequence(1));
    assert!(progress.wake_at.is_some());
    assert_eq!(sink.settle(true).unwrap().next_unsafe, Sequence(2));
}
