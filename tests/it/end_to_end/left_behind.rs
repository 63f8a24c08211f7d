//! Sinks that come, go, or may be left behind.

use crate::support::load::{fleet, now_ns, padded};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_questdb, of_sqlite};
use crate::support::{questdb, wait};
use meterline_load::{Body, Connection, Expected, Script};
use std::time::Duration;

const TABLE: &str = "e2e_added_later";
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_new_sink_gets_what_is_retained_and_a_removed_one_refuses_the_start_until_it_is_forgotten() {
    let questdb = questdb::Client::shared();
    let with_questdb = Setup { questdb: Some((questdb.url().to_owned(), TABLE.to_owned())), ..Setup::default() };
    let mut service = Setup::default().start();
    let mut fleet = fleet(11);
    let mut bodies = fleet.script(&Script::mixed(300, now_ns()));
    post_all(&service, &bodies);
    service.wait_drained();

    assert!(service.stop().success());
    service.configure_anew(&with_questdb);
    service.text_of(&["migrate"]);
    service.start_again();
    service.wait_drained();
    assert_exactly("QuestDB", &Expected::of(&bodies), &of_questdb(&questdb, TABLE));

    assert!(service.stop().success());
    service.configure_anew(&Setup::default());
    let refused = service.refused_start();
    assert!(refused.contains("not configured any more: questdb") && refused.contains("journal forget"), "{refused}");
    service.text_of(&["journal", "forget", "questdb"]);
    service.start_again();
    let more = fleet.script(&Script::mixed(100, now_ns()));
    post_all(&service, &more);
    bodies.extend(more);
    service.wait_drained();
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&service.sqlite_file()));
}

#[test]
fn an_optional_sink_that_is_down_for_good_costs_no_503_and_its_gap_is_shown_everywhere() {
    // Nothing listens on port 1.
    let mut service = Setup {
        tables: "[journal]\ncap = \"128MiB\"\nsegment = \"32MiB\"\nretain = 0\n\
                 [sink.kafka]\nbrokers = \"127.0.0.1:1\"\nrequired = false\nmax_lag = \"64MiB\"",
        ..Setup::default()
    }
    .start_unmigrated();
    let mut fleet = fleet(12);
    let bodies: Vec<Body> = (0..64).map(|_| fleet.live(0, now_ns())).collect();
    let connection = Connection::new(&service.target());
    // Less than the cap at a time, so that no required sink is what fills it.
    for bodies in bodies.chunks(8) {
        for body in bodies {
            assert_eq!(connection.post(&padded(&body.bytes)).unwrap().status, 200);
        }
        service.wait_for_stored_cursors(&["sqlite", "keeper"]);
    }
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&service.sqlite_file()));
    let series = "meterline_sink_gap_records_total{sink=\"kafka\"}";
    wait::until("the gap is noted", LIMIT, || service.metric(series) > 0.0);
    assert!(service.metric("meterline_sink_gap_last_timestamp_seconds{sink=\"kafka\"}") > 0.0);
    assert_gap(&service.status()["journal"]["gaps"]);
    assert!(service.page("/").unwrap().1.contains("records that a sink will not get"));

    assert!(service.stop().success());
    let listed: serde_json::Value = serde_json::from_str(&service.text_of(&["journal", "--json"])).unwrap();
    assert_gap(&listed["gaps"]);
    assert!(service.text_of(&["journal"]).contains("retention"));
}

#[test]
fn sinks_that_are_down_or_never_answer_do_not_hold_the_door_up_at_a_start() {
    // One port refuses, the other takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let questdb = format!("http://{}", silent.local_addr().unwrap());
    let mut service = Setup {
        questdb: Some((questdb, TABLE.to_owned())),
        kafka: Some(("127.0.0.1:1".to_owned(), "e2e-nobody".to_owned())),
        options: &["--stop-within", "1s"],
        ..Setup::default()
    }
    .start_unmigrated();
    let mut fleet = fleet(14);
    for _ in 0..2 {
        post_all(&service, &fleet.script(&Script::mixed(100, now_ns())));
        service.wait_for_sink("sqlite");
        for sink in ["questdb", "kafka"] {
            assert_eq!(service.sink(sink)["next_sequence"], 1, "{sink} has had nothing");
        }
        // Also with a backlog from the run before.
        assert!(service.stop().success());
        service.start_again();
    }
}

fn assert_gap(gaps: &serde_json::Value) {
    let gap = &gaps[0];
    assert_eq!((&gap["sink"], &gap["reason"]), (&"kafka".into(), &"retention".into()), "{gaps}");
    assert_eq!(gap["from_sequence"], 1, "{gaps}");
    assert!(gaps.as_array().unwrap().len() == 1 && gap["records"].as_u64() > Some(5), "{gaps}");
}

fn post_all(service: &Service, bodies: &[Body]) {
    let connection = Connection::new(&service.target());
    for body in bodies {
        assert_eq!(connection.post(&body.bytes).unwrap().status, 200);
    }
}
