//! The control socket of the real program.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_sqlite};
use crate::support::wait;
use meterline_load::{Expected, Script};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const READINGS: u32 = 400;
const REPLAY: &str = "{\"command\":\"replay\",\"sink\":\"sqlite\",\"from\":\"2020-01-01T00:00:00Z\"}\n";

/// A service that has delivered readings, and the expected samples.
fn delivered() -> (Service, Expected) {
    let service = Setup::default().start();
    let bodies = fleet(16).script(&Script::mixed(READINGS as usize, now_ns()));
    service.post_all(&bodies);
    service.wait_drained();
    (service, Expected::of(&bodies))
}

fn readings(service: &Service) -> f64 {
    service.metric("meterline_sink_readings_total{sink=\"sqlite\"}")
}

fn wait_for_readings(service: &Service, count: f64) {
    wait::until(&format!("{count} readings were sent"), LIMIT, || readings(service) >= count);
}

#[test]
fn the_socket_and_its_directory_are_the_owners_alone() {
    let service = Setup::default().start();
    let socket = service.control_socket();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
}

#[test]
fn a_replay_whose_client_dies_is_made_and_two_at_once_are_made_one_after_the_other() {
    let (service, expected) = delivered();
    let before = readings(&service);
    UnixStream::connect(service.control_socket()).unwrap().write_all(REPLAY.as_bytes()).unwrap();
    wait_for_readings(&service, before + f64::from(READINGS));
    service.wait_drained();
    let before = readings(&service);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| service.text_of(&["replay", "--sink", "sqlite", "--from", "2020-01-01T00:00:00Z"]));
        }
    });
    wait_for_readings(&service, before + f64::from(READINGS));
    service.wait_drained();
    assert_exactly("SQLite", &expected, &of_sqlite(&service.sqlite_file()));
}

#[test]
fn a_replay_that_a_second_one_and_a_kill_cut_short_is_made_after_the_next_start() {
    let (mut service, expected) = delivered();
    let store = rusqlite::Connection::open(service.sqlite_file()).unwrap();
    store.busy_timeout(LIMIT).unwrap();
    assert!(store.execute("delete from samples_0", []).unwrap() > 0);
    // While this is held the replay cannot end.
    store.execute_batch("begin immediate").unwrap();
    service.text_of(&["replay", "--sink", "sqlite", "--from", "2020-01-01T00:00:00Z"]);
    UnixStream::connect(service.control_socket()).unwrap().write_all(REPLAY.as_bytes()).unwrap();
    service.kill();
    store.execute_batch("rollback").unwrap();
    drop(store);
    service.start_again();
    service.wait_drained();
    assert_exactly("SQLite", &expected, &of_sqlite(&service.sqlite_file()));
}
