//! A wall clock that is wrong, on the whole service in this process, where the
//! test can set it.

use crate::support::load::{Load, fleet, now_ns};
use crate::support::stores::{assert_exactly, of_sqlite};
use crate::support::wait;
use meterline::app::{Service, command};
use meterline::clock::Clock;
use meterline::config::{Config, parse};
use meterline::control::{Command, Replay, Reread};
use meterline_load::{Connection, Script, Target, http};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);
const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;
const YEAR_NS: i64 = 366 * DAY_NS;
/// The right time of these tests: days ahead, because the program was built just now and
/// no clock before its build date can judge.
const RIGHT_NS: i64 = 3 * DAY_NS;

struct InProcess {
    service: Service,
    clock: Clock,
    directory: TempDir,
}

impl InProcess {
    fn start(clock: Clock) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let service = Service::start(config(&directory), clock.clone()).unwrap();
        Self { service, clock, directory }
    }

    fn target(&self) -> Target {
        Target::open(self.service.webhook_url("smart-me").unwrap())
    }

    fn page(&self, path: &str) -> (u16, String) {
        http::get(&format!("http://{}{path}", self.service.admin_address())).unwrap()
    }

    fn jumps(&self) -> u64 {
        let status: Value = serde_json::from_str(&self.page("/status.json").1).unwrap();
        status["clock"]["jumps"].as_u64().unwrap()
    }

    /// Sets the clock ahead of the right time, and waits until that was noticed and
    /// bodies have come since.
    fn set_ahead(&self, ahead_ns: i64) {
        let jumps = self.jumps();
        self.clock.set_offset(ahead_ns);
        let end = self.service.journal_end().0;
        wait::until(&format!("a jump to {ahead_ns} ns is counted and bodies come"), LIMIT, || {
            self.jumps() > jumps && self.service.journal_end().0 >= end + 200
        });
    }

    fn wait_drained(&self) {
        let end = self.service.journal_end();
        wait::until("the store has everything", LIMIT, || self.service.stored_below() >= end);
    }
}

fn config(directory: &TempDir) -> Config {
    let data = directory.path().join("data");
    let text = format!(
        "data_directory = {data:?}\n[webhook]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[sink.sqlite]\n"
    );
    parse("test", &text, &BTreeMap::new()).unwrap()
}

#[test]
fn before_the_build_date_bodies_are_503_until_the_clock_is_set() {
    let clock = Clock::system();
    clock.set_offset(-clock.now().0);
    let in_process = InProcess::start(clock);
    let body = fleet(1).live(0, now_ns());
    let connection = Connection::new(&in_process.target());
    assert_eq!(connection.post(&body.bytes).unwrap().status, 503);
    let (status, why) = in_process.page("/readyz");
    assert!(status == 503 && why.contains("clock"), "{status} {why}");
    assert!(in_process.page("/flow").1.contains("The clock is before this program"));
    in_process.clock.set_offset(0);
    assert_eq!(connection.post(&body.bytes).unwrap().status, 200);
    assert_eq!(in_process.page("/readyz").0, 200);
    in_process.wait_drained();
    in_process.service.stop(LIMIT);
}

#[test]
fn a_clock_that_jumps_under_load_refuses_nothing_and_loses_nothing() {
    let clock = Clock::system();
    clock.set_offset(RIGHT_NS);
    let in_process = InProcess::start(clock);
    let load = Load::start(fleet(2), in_process.target(), 4, Script::mixed);
    for ahead_ns in [-HOUR_NS, 0, -DAY_NS, 0, 2 * YEAR_NS, 0] {
        in_process.set_ahead(RIGHT_NS + ahead_ns);
    }
    let (_, sent) = load.stop();
    // Fails unless each was answered 200.
    let expected = sent.expected();
    in_process.wait_drained();
    let file = in_process.directory.path().join("data/meterline.sqlite");
    assert!(of_sqlite(&file).len() < expected.len(), "what came while the clock was ahead is set aside");
    let replay = Command::Replay(Replay {
        sink: None,
        from: "2020-01-01T00:00:00Z".to_owned(),
        source: None,
        reread: Reread { at_now: true, ..Reread::default() },
    });
    command(&config(&in_process.directory), replay).unwrap();
    in_process.wait_drained();
    // Corrections are among the bodies: the last value of each key wins.
    assert_exactly("SQLite", &expected, &of_sqlite(&file));
    in_process.service.stop(LIMIT);
}
