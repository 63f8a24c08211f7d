//! The demo, as the built program shows it.

use crate::support::process::Process;
use crate::support::stores::of_sqlite;
use crate::support::wait;
use meterline_load::{SampleKey, http};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

const QUARTER_NS: i64 = 900 * 1_000_000_000;
const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];
const LIMIT: Duration = Duration::from_secs(60);
const METERS: usize = 6;
/// Meters that lose quarter-hours, and how many each of them loses.
const LOSING: usize = 5;
const LOST: usize = 8;

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
    let all = LOSING * LOST;
    assert!(said.contains(&format!("{LOSING} gaps; {all} of {all} quarter-hours were fetched")), "{said}");
    assert!(said.contains(&format!("{LOSING} gaps, {all} of {all} fetched")), "{said}");
    let listed = program(&["gaps", "--all", "--json", "--data", &data]).output().unwrap();
    let gaps: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(gaps.len(), LOSING, "{gaps:?}");
    for gap in &gaps {
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
    for quarter_hours in meters.into_values() {
        assert!(quarter_hours.len() >= 97, "a day of them: {}", quarter_hours.len());
        for pair in quarter_hours.windows(2) {
            assert_eq!(pair[1].0 - pair[0].0, QUARTER_NS, "none is left out: {pair:?}");
            assert!(pair[1].1 > pair[0].1, "a counter rises: {pair:?}");
        }
    }
}

#[test]
fn the_demo_of_all_vendors_shows_every_local_meter_running() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").display().to_string();
    let log = directory.path().join("demo.log");
    let mut demo = Process::start(program(&["demo", "--all-vendors", "--meters", "2", "--data", &data]), &log);
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
    // Two of the cloud, the gas meter behind the P1 port, one of each device, and the producer and the two loads
    // of each monitor.
    let expected = 2 + 1 + names.len() + 2 * 3;
    let store = directory.path().join("data/meterline.sqlite");
    let meters = || of_sqlite(&store).into_keys().map(|key| key.meter).collect::<BTreeSet<_>>().len();
    wait::until("both monitors are stored with their configuration", LIMIT, || meters() >= expected);
    let html = http::get(&page).unwrap().1;
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
}
