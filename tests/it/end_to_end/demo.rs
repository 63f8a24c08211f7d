//! The demo, as the built program shows it.

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
const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];
const LIMIT: Duration = Duration::from_secs(60);
const METERS: usize = 6;
/// Meters that lose quarter-hours, and how many each of them loses. The next one has none of an hour.
const LOSING: usize = 5;
const LOST: usize = 8;
const WITHOUT_POWER: usize = 4;

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_meterline"));
    program.env_remove("METERLINE_CONFIG").env_remove("METERLINE_LOG").args(arguments);
    program
}

#[test]
fn the_demo_registers_itself_loses_quarter_hours_and_fetches_every_one() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").display().to_string();
    let log = directory.path().join("demo.log");
    let mut demo = Process::start(program(&["demo", "--meters", &METERS.to_string(), "--data", &data]), &log);
    let page = wait::until_some("the demo says where its page is", LIMIT, || {
        let text = std::fs::read_to_string(&log).ok()?;
        Some(text.split_once("Status page: ")?.1.split_whitespace().next()?.to_owned())
    });
    wait::until("what was lost is fetched", LIMIT, || {
        assert!(demo.ended().is_none(), "{}", std::fs::read_to_string(&log).unwrap());
        let text = http::get(&format!("{page}status.json")).unwrap().1;
        let status: Value = serde_json::from_str(&text).unwrap();
        let gaps = status["missing"]["newest"].as_array().unwrap().clone();
        gaps.iter().filter(|gap| gap["state"] == "repaired").count() == LOSING
    });
    assert!(demo.stop().success());

    let said = std::fs::read_to_string(&log).unwrap();
    let (gaps, fetched, all) = (LOSING + 1, LOSING * LOST, LOSING * LOST + WITHOUT_POWER);
    assert!(said.contains(&format!("{gaps} gaps; {fetched} of {all} quarter-hours were fetched")), "{said}");
    assert!(said.contains(&format!("{gaps} gaps, {fetched} of {all} fetched")), "{said}");
    let listed = program(&["gaps", "--all", "--json", "--data", &data]).output().unwrap();
    let gaps: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(gaps.len(), LOSING + 1, "{gaps:?}");
    assert_eq!(gaps.iter().filter(|gap| gap["state"] == "open" && gap["repaired"] == 0).count(), 1, "{gaps:?}");
    for gap in gaps.iter().filter(|gap| gap["state"] != "open") {
        assert_eq!((&gap["state"], &gap["repaired"], &gap["late"]), (&"repaired".into(), &LOST.into(), &0.into()));
    }
    let store = directory.path().join("data/meterline.sqlite");
    let mut meters: BTreeMap<[u8; 16], Vec<(i64, f64)>> = BTreeMap::new();
    for (SampleKey { meter, obis, time_ns }, value) in of_sqlite(&store) {
        if obis == ENERGY && time_ns % QUARTER_NS == 0 {
            meters.entry(meter).or_default().push((time_ns, value));
        }
    }
    assert_eq!(meters.len(), METERS);
    let mut without_power = 0;
    for quarter_hours in meters.into_values() {
        assert!(quarter_hours.len() >= 2 * 96 - WITHOUT_POWER, "two days of them: {}", quarter_hours.len());
        for pair in quarter_hours.windows(2) {
            let left_out = (pair[1].0 - pair[0].0) / QUARTER_NS - 1;
            without_power += usize::try_from(left_out).unwrap();
            assert!(left_out == 0 || left_out == i64::try_from(WITHOUT_POWER).unwrap(), "{pair:?}");
            assert!(pair[1].1 > pair[0].1, "a counter rises: {pair:?}");
        }
    }
    assert_eq!(without_power, WITHOUT_POWER);
}

#[test]
fn the_demo_of_all_vendors_shows_every_local_meter_running() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").display().to_string();
    let log = directory.path().join("demo.log");
    let mut demo = Process::start(program(&["demo", "--all-vendors", "--meters", "6", "--data", &data]), &log);
    let page = wait::until_some("the demo says where its page is", LIMIT, || {
        let text = std::fs::read_to_string(&log).ok()?;
        Some(text.split_once("Status page: ")?.1.split_whitespace().next()?.to_owned())
    });
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
