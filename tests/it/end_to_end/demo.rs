//! The demo, as the built program shows it.

use crate::support::load::now_ns;
use crate::support::process::Process;
use crate::support::stores::{of_sqlite, rows_of_sqlite};
use crate::support::wait;
use meterline_load::{SampleKey, http};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const QUARTER_NS: i64 = 900 * 1_000_000_000;
const LIMIT: Duration = Duration::from_secs(60);
const METERS: usize = 10;
/// The registers of all meters.
const COUNTERS: usize = 12;
/// Meters that lose quarter-hours, and how many each of them loses.
const LOSING: usize = 5;
const LOST: usize = 8;
/// The quarter-hours that one more has not measured, soon after its installation.
const WITHOUT_POWER: i64 = 4;

/// The address of the page, which the demo names first.
fn page(log: &Path) -> String {
    wait::until_some("the demo says where its page is", LIMIT, || {
        let text = std::fs::read_to_string(log).ok()?;
        Some(text.split_once("Built-in page: ")?.1.split_whitespace().next()?.to_owned())
    })
}

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_meterline"));
    program.env_remove("METERLINE_CONFIG").env_remove("METERLINE_LOG").args(arguments);
    program
}

#[test]
fn the_demo_sends_two_weeks_fills_its_gaps_and_outlives_a_locked_store() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").display().to_string();
    let log = directory.path().join("demo.log");
    let mut demo = Process::start(program(&["demo", "--data", &data]), &log);
    let page = page(&log);
    let status = || -> Value { serde_json::from_str(&http::get(&format!("{page}status.json")).unwrap().1).unwrap() };
    let mut store = || -> String {
        assert!(demo.ended().is_none(), "{}", std::fs::read_to_string(&log).unwrap());
        let sinks = status()["sinks"].as_array().unwrap().clone();
        let sqlite = sinks.iter().find(|sink| sink["name"] == "sqlite").unwrap();
        sqlite["state"].as_str().unwrap().to_owned()
    };
    wait::until("the store is locked", LIMIT, || store() == "waiting");
    wait::until("the store is there again", LIMIT, || store() == "running");
    wait::until("nothing is wrong", LIMIT, || status()["trouble"]["count"] == 0);
    assert!(demo.stop().success());

    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.starts_with("Built-in page: http://127.0.0.1:"), "{said}");
    let fetched = LOSING * LOST;
    assert!(said.contains(&format!("{LOSING} gaps; {fetched} of {fetched} quarter-hours were fetched")), "{said}");
    assert!(said.contains(&format!(" · {LOSING} gaps, {fetched} of {fetched} fetched")), "{said}");
    let listed = program(&["gaps", "--all", "--json", "--data", &data]).output().unwrap();
    let gaps: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(gaps.len(), LOSING, "{gaps:?}");
    for gap in gaps {
        assert_eq!((&gap["state"], &gap["repaired"], &gap["late"]), (&"repaired".into(), &LOST.into(), &0.into()));
    }
    let store = directory.path().join("data/meterline.sqlite");
    the_counters_have_two_weeks(&store);
    let described = rows_of_sqlite(&store, "SELECT name, serial, role, metering_point FROM meters");
    assert_eq!(described.len(), METERS, "{described:?}");
    assert!(described.iter().flatten().all(|text| !text.is_empty()), "{described:?}");
    let serials: BTreeSet<_> = described.iter().map(|row| &row[1]).collect();
    assert_eq!(serials.len(), METERS, "{described:?}");
    let roles: BTreeSet<_> = described.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(roles, ["grid", "production", "submeter"].into());
}

/// Every counter has the quarter-hours of two weeks and never falls. No quarter-hour is in the future.
fn the_counters_have_two_weeks(store: &Path) {
    let is_counter = |obis: [u8; 6]| obis[3] == 8 || obis[0] > 1 && obis[3] == 0;
    let mut counters: BTreeMap<_, Vec<(i64, f64)>> = BTreeMap::new();
    let now = now_ns();
    for (SampleKey { meter, obis, time_ns }, value) in of_sqlite(store) {
        assert!(time_ns <= now, "{time_ns}");
        if is_counter(obis) {
            counters.entry((meter, obis)).or_default().push((time_ns, value));
        }
    }
    assert_eq!(counters.len(), COUNTERS);
    let mut without_power = Vec::new();
    for values in counters.into_values() {
        // A fetched value has the noise of a float.
        assert!(values.windows(2).all(|pair| pair[0].1 <= pair[1].1 + 1e-6), "a counter falls");
        let quarter_hours: Vec<_> = values.iter().filter(|(time, _)| time % QUARTER_NS == 0).collect();
        assert!(now - quarter_hours[0].0 >= 14 * 96 * QUARTER_NS);
        let left_out = quarter_hours.windows(2).map(|pair| (pair[1].0 - pair[0].0) / QUARTER_NS - 1);
        without_power.extend(left_out.filter(|left_out| *left_out > 0));
    }
    assert_eq!(without_power, [WITHOUT_POWER]);
}

#[test]
fn the_demo_of_all_vendors_shows_every_local_meter_running() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").display().to_string();
    let log = directory.path().join("demo.log");
    let mut demo = Process::start(program(&["demo", "--all-vendors", "--data", &data]), &log);
    let page = page(&log);
    let status = || -> Value { serde_json::from_str(&http::get(&format!("{page}status.json")).unwrap().1).unwrap() };
    wait::until("every local meter runs", LIMIT, || {
        assert!(demo.ended().is_none(), "{}", std::fs::read_to_string(&log).unwrap());
        let status = status();
        let sources = status["sources"].as_array().unwrap();
        let runs = |kind: &str| {
            let mut of_kind = sources.iter().filter(|source| source["kind"] == kind).peekable();
            of_kind.peek().is_some() && of_kind.all(|source| source["state"] == "running")
        };
        ["p1", "dsmr-logger", "ksem", "em300", "smart-mac", "mqtt", "webhook"].into_iter().all(runs)
    });
    let names =
        ["p1-meter", "dsmr-logger", "ksem", "ksem-socket", "em300", "smart-maic", "smappee-pro", "smappee-genius"];
    // The meters of the cloud, the gas meter behind the P1 port, one of each device, and the producer and the two loads
    // of each monitor.
    let expected = METERS + 1 + names.len() + 2 * 3;
    let store = directory.path().join("data/meterline.sqlite");
    let meters = || of_sqlite(&store).into_keys().map(|key| key.meter).collect::<BTreeSet<_>>().len();
    wait::until("both monitors are stored with their configuration", LIMIT, || meters() >= expected);
    wait::until("every view of the store has rows", LIMIT, || VIEWS.iter().all(|view| has_rows(&store, view)));
    let html = http::get(&format!("{page}flow")).unwrap().1;
    for name in names {
        assert!(html.contains(name), "{name} in {html}");
    }
    assert!(demo.stop().success());
    let said = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<_> = said.lines().skip_while(|line| *line != "Local meters:").skip(1).take(names.len()).collect();
    assert_eq!(lines, names.map(|name| format!("  {name:<14} running")));
    let line = said.lines().find(|line| line.contains(" readings · ")).unwrap();
    assert!(line.chars().count() <= 80, "{line}");
    assert_eq!(meters(), expected);
    the_documented_sessions_are_true(&store);
}

/// The views for people.
const VIEWS: [&str; 15] = [
    "readings",
    "newest",
    "energy_15m",
    "energy_hour",
    "energy_day",
    "energy_month",
    "gaps",
    "registers",
    "samples",
    "samples_by_point",
    "sample_corrections",
    "quarter_hours",
    "rollup_hour",
    "rollup_day",
    "meters",
];

fn has_rows(store: &Path, view: &str) -> bool {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {view})");
    // Before the first commit there is no store.
    store.exists() && rows_of_sqlite(store, &sql) == [["1"]]
}

/// Every session in the documentation has as many rows and columns as the store of this demo. There is one of each
/// view, and the table of views has each.
fn the_documented_sessions_are_true(store: &Path) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/embedded-store.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut shown = BTreeSet::new();
    for session in text.split("```").filter(|part| part.contains("sqlite> ")) {
        let (sql, output) = session.split_once("sqlite> ").unwrap().1.split_once(";\n").unwrap();
        let sql = sql.replace("   ...> ", " ");
        let rows = rows_of_sqlite(store, &sql);
        let output: Vec<_> = output.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(rows.len(), output.len(), "{sql}: {rows:?}");
        for line in output {
            // Empty cells leave wider gaps.
            let cells = line.split("  ").filter(|cell| !cell.trim().is_empty()).count();
            assert!((1..=rows[0].len()).contains(&cells), "{sql}: {line}");
        }
        let words: Vec<_> = sql.split_whitespace().collect();
        shown.extend(words.windows(2).filter(|pair| pair[0] == "FROM").map(|pair| pair[1].to_owned()));
    }
    assert_eq!(shown, VIEWS.map(str::to_owned).into(), "a session of each view");
    for view in VIEWS {
        assert!(text.contains(&format!("`{view}`")), "{view} in the table of views");
    }
}
