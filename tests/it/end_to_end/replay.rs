//! Replay: a rewind that gives the same again and never an old value.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_questdb, of_sqlite};
use crate::support::{questdb, wait};
use meterline_load::{Body, Expected, Script};
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

/// What an accident would do.
fn empty_sqlite(service: &Service) {
    let store = rusqlite::Connection::open(service.sqlite_file()).unwrap();
    store.busy_timeout(REPLAY_LIMIT).unwrap();
    assert!(store.execute("delete from samples_data", []).unwrap() > 0);
}
