//! The sinks' contents in one form, compared with the expected contents.

use super::load::Sent;
use super::questdb;
use super::service::Service;
#[cfg(feature = "kafka")]
use super::{kafka, stream::Stream};
use meterline::reading::Obis;
use meterline_load::{Body, Expected, SampleKey};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use uuid::Uuid;

/// Samples by key.
pub(crate) type Samples = BTreeMap<SampleKey, f64>;

/// Number of differences that are shown.
const SHOWN_MAX: usize = 10;

/// The samples of an embedded store.
#[cfg(feature = "sqlite")]
pub(crate) fn of_sqlite(file: &Path) -> Samples {
    let store = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = store.prepare("select meter, obis, ts, value from samples").unwrap();
    let rows = statement
        .query_map([], |row| {
            let key = key(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?, row.get(2)?);
            Ok((key, row.get::<_, f64>(3)?))
        })
        .unwrap();
    distinct(rows.map(Result::unwrap))
}

/// The rows of a query on an embedded store, every cell as text.
#[cfg(feature = "sqlite")]
pub(crate) fn rows_of_sqlite(file: &Path, sql: &str) -> Vec<Vec<String>> {
    use rusqlite::types::Value;
    let store = rusqlite::Connection::open(file).unwrap();
    let mut statement = store.prepare(sql).unwrap();
    let columns = statement.column_count();
    let cell = |row: &rusqlite::Row<'_>, column| match row.get_unwrap(column) {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let rows = statement.query_map([], |row| Ok((0..columns).map(|column| cell(row, column)).collect()));
    rows.unwrap().map(Result::unwrap).collect()
}

/// The samples of a table.
pub(crate) fn of_questdb(client: &questdb::Client, table: &str) -> Samples {
    let rows = client.query(&format!("select meter, obis, cast(ts as long), value from {table}"));
    distinct(rows.iter().map(|row| {
        let key = key(row[0].as_str().unwrap(), row[1].as_str().unwrap(), row[2].as_i64().unwrap());
        (key, row[3].as_f64().unwrap())
    }))
}

fn distinct(rows: impl Iterator<Item = (SampleKey, f64)>) -> Samples {
    let mut samples = Samples::new();
    for (key, value) in rows {
        assert_eq!(samples.insert(key, value), None, "{key:?} is there twice");
    }
    samples
}

fn key(meter: &str, obis: &str, time_ns: i64) -> SampleKey {
    let groups: Vec<u8> = obis.split(['-', ':', '.', '*']).map(|group| group.parse().unwrap()).collect();
    SampleKey { meter: *Uuid::parse_str(meter).unwrap().as_bytes(), obis: groups.try_into().unwrap(), time_ns }
}

/// Fails unless the store holds exactly the expected samples, values equal to the bit.
pub(crate) fn assert_exactly(store: &str, expected: &Expected, actual: &Samples) {
    let expected: Samples = expected.iter().map(|(key, value)| (*key, value)).collect();
    assert_between(store, &expected, &expected, actual);
}

/// The same for every store of a service with all sinks of this name; returns the topic's content.
#[cfg(all(feature = "kafka", feature = "sqlite"))]
pub(crate) fn assert_in_all_sinks(service: &Service, name: &str, expected: &Expected) -> Stream {
    assert_exactly("SQLite", expected, &of_sqlite(&service.sqlite_file()));
    assert_exactly("QuestDB", expected, &of_questdb(&questdb::Client::shared(), name));
    let stream = Stream::read(&kafka::shared(), name);
    assert_exactly("Kafka", expected, &stream.samples());
    stream
}

/// All answered bodies are there, and nothing that was not sent. Keys of live readings
/// are all different, so a body without an answer changes no other.
pub(crate) fn assert_answered(store: &str, sent: &Sent, actual: &Samples) {
    let samples =
        |bodies: &[Body]| -> Samples { Expected::of(bodies).iter().map(|(key, value)| (*key, value)).collect() };
    let answered = samples(&sent.answered);
    assert!(!answered.is_empty());
    let mut most = samples(&sent.open);
    most.extend(answered.clone());
    assert_between(store, &answered, &most, actual);
}

/// Fails unless the store holds all of `least` with its values, and nothing that is
/// not in `most`.
pub(crate) fn assert_between(store: &str, least: &Samples, most: &Samples, actual: &Samples) {
    let mut faults = Vec::new();
    for (key, value) in least {
        match actual.get(key) {
            Some(found) if found.to_bits() == value.to_bits() => {}
            found => faults.push(format!("{}: {found:?} instead of {value}", show(key))),
        }
    }
    faults.extend(actual.keys().filter(|key| !most.contains_key(key)).map(|key| format!("{}: never sent", show(key))));
    let shown = faults.iter().take(SHOWN_MAX).fold(String::new(), |mut text, fault| {
        write!(text, "\n  {fault}").unwrap();
        text
    });
    assert!(
        faults.is_empty(),
        "{store}: {} differences, {} samples there, {} wanted:{shown}",
        faults.len(),
        actual.len(),
        least.len()
    );
}

fn show(key: &SampleKey) -> String {
    format!("{} {} {} ns", Uuid::from_bytes(key.meter), Obis(key.obis), key.time_ns)
}
