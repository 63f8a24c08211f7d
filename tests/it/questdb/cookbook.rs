//! The statements of docs/questdb.md: each runs, and the one of energy passes the test vectors.

use super::{migrated_config, wait_applied};
use crate::support::questdb::Client;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::path::{Path, PathBuf};

const IMPORT: &str = "1-0:1.8.0*255";
/// The meter, the day and the zone of the page.
const METER: &str = "5e1a0b7c-0000-4000-8000-000000000001";
const FROM: &str = "'2026-11-20T00:00:00Z'::timestamp";
const UNTIL: &str = "'2026-11-21T00:00:00Z'::timestamp";
const UNTIL_OF_MONTHS: &str = "'2026-12-02T00:00:00Z'::timestamp";
const ZONE: &str = "'Europe/Zurich'";
const DAY_NS: i64 = 86_400_000_000_000;

fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

/// The statements of the page, on the tables of this name.
fn statements(table: &str) -> Vec<String> {
    let page = std::fs::read_to_string(path("docs/questdb.md")).unwrap();
    let blocks = page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|sql| sql.trim().trim_end_matches(';').replace("samples", table)).collect()
}

/// Inserts rows of `(meter, code, nanoseconds, value)`.
fn insert(client: &Client, table: &str, rows: &[(String, &str, i64, f64)]) {
    for chunk in rows.chunks(50) {
        let values: Vec<String> =
            chunk.iter().map(|(meter, obis, at, value)| format!("({at}, '{meter}', '{obis}', {value:.4})")).collect();
        client.execute(&format!("INSERT INTO {table} (ts, meter, obis, value) VALUES {}", values.join(", ")));
    }
}

fn describe(client: &Client, table: &str, meter: &str, point: &str) {
    client.execute(&format!(
        "INSERT INTO {table}_meters (valid_from, meter, metering_point, name) VALUES (0, '{meter}', '{point}', 'House')"
    ));
}

fn refresh(client: &Client, config: &meterline::sink::questdb::Config) {
    wait_applied(client, &config.table);
    client.execute(&format!("SELECT wait_wal_table('{}_meters')", config.table));
    client.refresh_views(config.table.as_str());
}

fn nanoseconds(text: &str) -> i64 {
    i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
}

#[test]
fn every_documented_statement_for_questdb_runs_and_has_rows() {
    let client = Client::shared();
    let config = migrated_config(&client, "cookbook");
    let table = config.table.as_str();
    let (start, quarter) = (nanoseconds("2026-11-19T00:00:00Z"), 900_000_000_000);
    let rows: Vec<_> = (0..4 * 96)
        .flat_map(|number: i32| {
            let (at, value) = (start + i64::from(number) * quarter, f64::from(number));
            [(METER.to_owned(), IMPORT, at, 100.0 * value), (METER.to_owned(), "1-0:1.7.0*255", at, value)]
        })
        .collect();
    insert(&client, table, &rows);
    describe(&client, table, METER, "house-1");
    refresh(&client, &config);
    let statements = statements(table);
    assert!(statements.len() >= 11, "{statements:#?}");
    for sql in &statements {
        assert!(!client.query(sql).is_empty(), "{sql}");
    }
    let energy: Vec<_> = statements.iter().filter(|sql| sql.starts_with("WITH buckets")).collect();
    let [energy] = energy[..] else { panic!("{energy:?}") };
    let amounts: Vec<Value> = client.query(energy).into_iter().map(|row| row[5].clone()).collect();
    assert_eq!(amounts, vec![Value::from(100.0); 96]);
}

/// The local time of an answer's time, with its offset, as in the vectors.
fn local(time: &Value, zone: &TimeZone) -> String {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// A file of vectors, with its samples stored.
struct Case {
    file: PathBuf,
    /// As in a list of SQL.
    meters: String,
    zone: String,
    views: Vec<String>,
    /// In nanoseconds since 1970.
    first: i64,
    last: i64,
    expected: Vec<String>,
}

fn store_case(client: &Client, table: &str, number: usize, file: PathBuf) -> Case {
    let text = std::fs::read_to_string(&file).unwrap();
    let id = |meter: &str| format!("{number:08x}-0000-4000-8000-{meter:0>12}");
    let (mut zone, mut views, mut expected) = (String::new(), Vec::new(), Vec::new());
    let (mut meters, mut samples) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.split(',').collect::<Vec<_>>()[..] {
            ["zone", name] => zone = name.to_owned(),
            ["views", ref names @ ..] => views = names.iter().map(|&name| name.to_owned()).collect(),
            ["meter", meter, point, ref own_zone @ ..] => {
                describe(client, table, &id(meter), point);
                meters.push(format!("'{}'", id(meter)));
                // The newest version of a metering point decides about its zone.
                zone = own_zone.first().map_or(zone, |&own| own.to_owned());
            }
            ["sample", meter, at, value] => {
                samples.push((id(meter), IMPORT, nanoseconds(at), value.parse().unwrap()));
            }
            _ => expected.push(line.to_owned()),
        }
    }
    insert(client, table, &samples);
    expected.sort();
    let times = || samples.iter().map(|sample| sample.2);
    let (first, last) = (times().min().unwrap() - DAY_NS, times().max().unwrap() + 2 * DAY_NS);
    Case { file, meters: meters.join(", "), zone, views, first, last, expected }
}

#[test]
fn the_documented_statement_of_energy_gives_what_the_vectors_say() {
    let client = Client::shared();
    let config = migrated_config(&client, "vectors");
    let table = config.table.as_str();
    let statements = statements(table);
    let energy = statements.iter().find(|sql| sql.starts_with("WITH buckets")).unwrap();
    let quarter_hours = energy.split_once("FROM (\n  SELECT generate_series").unwrap().1.split_once("\n)").unwrap().0;
    let quarter_hours = format!("SELECT generate_series{quarter_hours}");
    let grid_of = |step: &str| statements.iter().find(|sql| sql.starts_with("SELECT") && sql.contains(step)).unwrap();
    let grids =
        [("15m", &quarter_hours), ("hour", grid_of("'1h')")), ("day", grid_of("'1d')")), ("month", grid_of("'1M')"))];
    let files = std::fs::read_dir(path("tests/fixtures/energy")).unwrap().map(|file| file.unwrap().path());
    let cases: Vec<Case> = files.enumerate().map(|(number, file)| store_case(&client, table, number, file)).collect();
    assert_eq!(cases.len(), 16);
    refresh(&client, &config);
    for Case { file, meters, zone, views, first, last, expected } in cases {
        let zone_of = TimeZone::get(&zone).unwrap();
        let time = |at: i64| format!("{}::timestamp", at / 1000);
        let mut found = Vec::new();
        for view in &views {
            let (_, grid) = grids.iter().find(|(name, _)| name == view).unwrap();
            let sql = energy
                .replace(&quarter_hours, grid)
                .replace(&format!("'{METER}'"), &meters)
                .replace(FROM, &time(first))
                .replace(UNTIL, &time(last))
                .replace(UNTIL_OF_MONTHS, &time(last))
                .replace(ZONE, &format!("'{zone}'"))
                // Some vectors have no sample for days.
                .replace("dateadd('d', -2,", "dateadd('d', -100,")
                .replace("dateadd('d', 2,", "dateadd('d', 100,");
            found.extend(client.query(&sql).iter().map(|row| line(view, row, &zone_of)));
        }
        found.sort();
        assert_eq!(found, expected, "{}", file.display());
    }
}

/// A row as a line of the vectors.
fn line(view: &str, row: &[Value], zone: &TimeZone) -> String {
    let (point, amount) = (row[0].as_str().unwrap(), row[5].as_f64().unwrap());
    let quality = if row[6] == true { "estimated" } else { "measured" };
    format!("{view},{point},{},{},{amount},{quality}", local(&row[3], zone), local(&row[4], zone))
}
