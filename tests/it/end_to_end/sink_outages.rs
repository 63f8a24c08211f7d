//! A sink that is away, refuses a row or is down permanently: nothing is lost, and the
//! others continue.

use crate::support::load::{Load, TAKES_PADDED, fleet, now_ns, padded};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_questdb, of_sqlite};
use crate::support::stream::Stream;
use crate::support::{kafka, questdb, wait};
use meterline_load::{Body, Connection, Expected, Reading, Script};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn kafka_stopped_and_killed_under_load_loses_nothing_and_the_others_go_on() {
    let mut broker = kafka::Broker::start();
    let questdb = questdb::Client::shared();
    let service = Setup {
        questdb: Some((questdb.url().to_owned(), "e2e_kafka_away".to_owned())),
        kafka: Some((broker.brokers(), "e2e-kafka-away".to_owned())),
        ..Setup::default()
    }
    .start();
    let load = Load::start(fleet(1), service.target(), 4, Script::mixed);
    service.wait_for_sink("kafka");

    broker.stop();
    service.wait_for_state("kafka", "waiting");
    wait_for_progress(&service, &["questdb", "sqlite"]);
    broker.start_again();
    wait_for_progress(&service, &["kafka"]);
    broker.kill();
    wait_for_progress(&service, &["questdb", "sqlite"]);
    broker.start_again();

    let (_, sent) = load.stop();
    service.wait_drained();
    let expected = sent.expected();
    assert_exactly("SQLite", &expected, &of_sqlite(&service.sqlite_file()));
    assert_exactly("QuestDB", &expected, &of_questdb(&questdb, "e2e_kafka_away"));
    let stream = Stream::read(&broker.brokers(), "e2e-kafka-away");
    stream.assert_in_journal_order();
    assert_exactly("Kafka", &expected, &stream.samples());
}

#[test]
fn questdb_stopped_killed_and_changed_under_load_loses_nothing_and_the_others_go_on() {
    let mut server = questdb::Server::start();
    let brokers = kafka::shared();
    let service = Setup {
        questdb: Some((server.client().url().to_owned(), "samples".to_owned())),
        kafka: Some((brokers.clone(), "e2e-questdb-away".to_owned())),
        ..Setup::default()
    }
    .start();
    let load = Load::start(fleet(2), service.target(), 4, Script::mixed);
    service.wait_for_sink("questdb");

    server.stop();
    service.wait_for_state("questdb", "waiting");
    wait_for_progress(&service, &["kafka", "sqlite"]);
    server.start_again();
    wait_for_progress(&service, &["questdb"]);
    server.kill();
    wait_for_progress(&service, &["kafka", "sqlite"]);
    server.start_again();
    wait_for_progress(&service, &["questdb"]);

    server.client().execute("alter table samples alter column flags type boolean");
    service.wait_for_state("questdb", "blocked");
    wait_for_progress(&service, &["kafka", "sqlite"]);
    server.client().execute("alter table samples alter column flags type short");
    wait_for_progress(&service, &["questdb"]);

    let (_, sent) = load.stop();
    service.wait_drained();
    let expected = sent.expected();
    assert_exactly("SQLite", &expected, &of_sqlite(&service.sqlite_file()));
    assert_exactly("QuestDB", &expected, &of_questdb(server.client(), "samples"));
    let stream = Stream::read(&brokers, "e2e-questdb-away");
    stream.assert_in_journal_order();
    assert_exactly("Kafka", &expected, &stream.samples());
}

/// The year 2262, which a time of 64 bits reaches and QuestDB's column does not.
const BEYOND_QUESTDB_NS: i64 = 9_216_000_000_000_000_000;

#[test]
fn a_row_that_questdb_refuses_is_kept_as_a_dead_letter_and_the_rest_is_stored() {
    let (questdb, brokers) = (questdb::Client::shared(), kafka::shared());
    let service = Setup { account: "accept_ahead = \"87000d\"", ..Setup::with_all_sinks("e2e_row_refused") }.start();
    let mut fleet = fleet(3);
    let mut readings = fleet.live(0, now_ns()).readings;
    let beyond = Reading { time_ns: BEYOND_QUESTDB_NS, ..readings[1].clone() };
    readings.insert(1, beyond.clone());
    let all = Body::new(0, readings);
    let storable = all.readings.iter().filter(|reading| **reading != beyond).cloned().collect();

    service.post_all([&all]);
    service.wait_drained();

    assert_exactly("SQLite", &Expected::of([&all]), &of_sqlite(&service.sqlite_file()));
    assert_exactly("Kafka", &Expected::of([&all]), &Stream::read(&brokers, "e2e_row_refused").samples());
    assert_exactly("QuestDB", &Expected::of([&Body::new(0, storable)]), &of_questdb(&questdb, "e2e_row_refused"));
    let letters: serde_json::Value =
        serde_json::from_str(&service.text_of(&["dead-letters", "list", "--json"])).unwrap();
    assert_eq!(letters.as_array().map(Vec::len), Some(beyond.values.len()), "{letters}");
}

#[test]
fn an_optional_sink_that_is_down_permanently_costs_no_503_and_its_gap_is_shown_everywhere() {
    // Nothing listens on port 1.
    let mut service = Setup {
        tables: "[journal]\ncap = \"128MiB\"\nsegment = \"32MiB\"\nretain = 0\n\
                 [sink.kafka]\nbrokers = \"127.0.0.1:1\"\nrequired = false\nmax_lag = \"64MiB\"",
        webhook: TAKES_PADDED,
        ..Setup::default()
    }
    .start_unmigrated();
    let mut fleet = fleet(12);
    let bodies: Vec<Body> = (0..64).map(|_| fleet.live(0, now_ns())).collect();
    let connection = Connection::new(&service.target());
    // Less than the cap at a time, so that no required sink fills it.
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
    assert!(service.page("/flow").unwrap().1.contains("records that a sink will never get"));

    assert!(service.stop().success());
    let listed: serde_json::Value = serde_json::from_str(&service.text_of(&["journal", "--json"])).unwrap();
    assert_gap(&listed["gaps"]);
    assert!(service.text_of(&["journal"]).contains("retention"));
}

#[test]
fn sinks_that_are_down_or_never_answer_do_not_delay_the_webhook_at_a_start() {
    // One port refuses, the other accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let questdb = format!("http://{}", silent.local_addr().unwrap());
    let mut service = Setup {
        questdb: Some((questdb, "e2e_unreachable".to_owned())),
        kafka: Some(("127.0.0.1:1".to_owned(), "e2e-unreachable".to_owned())),
        options: &["--stop-within", "1s"],
        ..Setup::default()
    }
    .start_unmigrated();
    let mut fleet = fleet(14);
    for _ in 0..2 {
        service.post_all(&fleet.script(&Script::mixed(100, now_ns())));
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

/// Waits until these sinks have everything that is in the journal now, and new records
/// have arrived meanwhile.
fn wait_for_progress(service: &Service, sinks: &[&str]) {
    let start = service.next_sequence();
    wait::until("records of the load", LIMIT, || service.next_sequence() > start + 20);
    for sink in sinks {
        service.wait_for_sink(sink);
    }
}

#[test]
fn a_blocked_sink_logs_each_new_reason_once() {
    let client = questdb::Client::shared();
    let service = Setup { questdb: Some((client.url().to_owned(), "e2e_reasons".to_owned())), ..Setup::default() };
    let service = service.start_unmigrated();
    service.wait_for_state("questdb", "blocked");
    client.execute("CREATE TABLE e2e_reasons (ts TIMESTAMP_NS) TIMESTAMP(ts) PARTITION BY DAY WAL");
    wait_for_retries_after(&service, "does not deduplicate");
    client.execute("DROP TABLE e2e_reasons");
    wait_for_retries_after(&service, "table e2e_reasons is missing");
    let log = service.log();
    let logged = |words: &str| log.lines().filter(|line| line.contains("is blocked") && line.contains(words)).count();
    assert_eq!((logged("table e2e_reasons is missing"), logged("does not deduplicate")), (1, 1), "{log}");
}

/// Waits until the sink is blocked for this reason, and was retried twice since.
fn wait_for_retries_after(service: &Service, reason: &str) {
    let retries = || service.metric("meterline_sink_retries_total{sink=\"questdb\"}");
    wait::until(reason, LIMIT, || service.sink("questdb")["why"].as_str().is_some_and(|why| why.contains(reason)));
    let goal = retries() + 2.0;
    wait::until("two more attempts", LIMIT, || retries() >= goal);
}
