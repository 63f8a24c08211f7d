//! Replay: a rewind that stores the same again and never an old value.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_questdb, of_sqlite};
use crate::support::{questdb, wait};
use meterline_load::{Body, Connection, Expected, Script};
use std::collections::BTreeMap;
use std::time::Duration;

const TABLE: &str = "e2e_replay";
const REPLAY_LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_replay_restores_a_store_and_changes_nothing_that_is_there() {
    let questdb = questdb::Client::shared();
    let service = Setup { questdb: Some((questdb.url().to_owned(), TABLE.to_owned())), ..Setup::default() }.start();
    let before = jiff::Timestamp::now().to_string();
    let bodies = with_a_correction();
    service.post_all(&bodies);
    let expected = Expected::of(&bodies);
    let assert_whole = || {
        assert_exactly("SQLite", &expected, &of_sqlite(&service.sqlite_file()));
        assert_exactly("QuestDB", &expected, &of_questdb(&questdb, TABLE));
    };
    service.wait_drained();
    assert_whole();

    questdb.execute(&format!("truncate table {TABLE}"));
    empty_sqlite(&service);
    replay(&service, "all", &before);
    assert_whole();

    replay(&service, "questdb", &before);
    replay(&service, "sqlite", &before);
    assert_whole();
}

#[test]
fn a_replay_of_a_stopped_service_is_done_at_its_next_start() {
    let mut service = Setup::default().start();
    let before = jiff::Timestamp::now().to_string();
    let bodies = with_a_correction();
    service.post_all(&bodies);
    service.wait_drained();
    assert!(service.stop().success());
    empty_sqlite(&service);
    service.text_of(&["replay", "--sink", "sqlite", "--from", &before]);
    service.start_again();
    service.wait_drained();
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&service.sqlite_file()));
}

/// With this offset what a service got before is older than two days.
#[cfg(feature = "test-faults")]
const THREE_DAYS_AHEAD: &str = "clock-ahead-s=259200";

#[cfg(feature = "test-faults")]
#[test]
fn a_replay_of_samples_that_retention_would_delete_again_is_refused_with_the_reason() {
    // The tables follow the embedded store's.
    let mut service = Setup { tables: "keep = \"2d\"", ..Setup::default() }.start();
    service.post_all(&with_a_correction());
    service.wait_drained();
    let assert_refused = |service: &Service, is_refused: bool| {
        for sink in ["sqlite", "all"] {
            for option in [Some("--dry-run"), None] {
                let arguments = ["replay", "--sink", sink, "--from", "2000-01-01T00:00:00Z"].into_iter().chain(option);
                let output = service.command(&arguments.collect::<Vec<_>>());
                let says = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.success(), !is_refused, "{sink} {option:?}: {output:?}");
                assert_eq!(says.contains("sink.sqlite.keep"), is_refused, "{says}");
            }
        }
    };
    // The journal has nothing from before.
    assert_refused(&service, false);
    assert!(service.stop().success());
    service.set_faults(THREE_DAYS_AHEAD);
    assert_refused(&service, true);
    service.start_again();
    assert_refused(&service, true);
}

#[test]
fn a_dry_run_says_what_a_replay_would_send_and_changes_nothing() {
    let mut service = Setup::default().start();
    let before = jiff::Timestamp::now().to_string();
    let connection = Connection::new(&service.target());
    for body in &with_a_correction() {
        assert_eq!(connection.post(&body.bytes).unwrap().status, 200);
    }
    service.wait_drained();
    let (place, samples) = (service.sink("sqlite"), service.metric("meterline_samples_total{source=\"acme\"}"));
    let arguments = ["replay", "--sink", "sqlite", "--from", &before, "--dry-run"];
    let estimate = |service: &Service| -> serde_json::Value {
        serde_json::from_str(&service.text_of(&[&arguments[..], &["--json"]].concat())).unwrap()
    };
    let mut beside = estimate(&service)[0].clone();
    let records = place["next_sequence"].as_u64().unwrap() - 1;
    assert_eq!(beside["range"], serde_json::json!([1, records + 1]));
    assert_eq!((&beside["records"], &beside["records_read"]), (&records.into(), &records.into()));
    assert_eq!((beside["samples"].as_f64().unwrap(), &beside["is_exact"]), (samples, &true.into()));
    assert_eq!(service.sink("sqlite")["next_sequence"], place["next_sequence"]);
    assert!(service.sink("sqlite")["replaying_until"].is_null());

    assert!(service.stop().success());
    let directory = service.control_socket().with_file_name("journal");
    let files = || -> BTreeMap<_, _> {
        let entries = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    };
    let untouched = files();
    let without = estimate(&service)[0].clone();
    // Nothing was measured.
    beside["minutes"] = serde_json::Value::Null;
    assert_eq!(without, beside);
    let said = service.text_of(&arguments);
    assert!(said.contains("unknown") && said.contains("nothing is changed"), "{said}");
    assert!(files() == untouched, "a look changed a file");
}

/// Some bodies, one of which is corrected by a later one.
fn with_a_correction() -> Vec<Body> {
    let mut fleet = fleet(8);
    let mut bodies = fleet.script(&Script::mixed(300, now_ns()));
    let value = fleet.live(0, now_ns());
    let correction = fleet.correction(&value);
    bodies.extend([value, correction]);
    bodies
}

/// Replays and waits until the sinks have sent everything again.
fn replay(service: &Service, sink: &str, from: &str) {
    let sinks: &[&str] = if sink == "all" { &["questdb", "sqlite"] } else { &[sink] };
    let readings = |sink: &str| service.metric(&format!("meterline_sink_readings_total{{sink=\"{sink}\"}}"));
    let before: Vec<f64> = sinks.iter().map(|sink| readings(sink)).collect();
    service.text_of(&["replay", "--sink", sink, "--from", from]);
    for (sink, before) in sinks.iter().zip(before) {
        wait::until(&format!("replay into {sink}"), REPLAY_LIMIT, || readings(sink) >= before + 300.0);
    }
    service.wait_drained();
}

/// Deletes the store's content, as an accident would.
fn empty_sqlite(service: &Service) {
    let store = rusqlite::Connection::open(service.sqlite_file()).unwrap();
    store.busy_timeout(REPLAY_LIMIT).unwrap();
    assert!(store.execute("delete from samples_0", []).unwrap() > 0);
}
