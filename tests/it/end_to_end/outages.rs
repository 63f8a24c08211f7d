//! A sink that is away or wants mending: nothing is lost, and the others go on.

use crate::support::load::{Load, Sent, fleet, now_ns};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_questdb, of_sqlite};
use crate::support::stream::Stream;
use crate::support::{kafka, questdb, wait};
use meterline_load::{Body, Connection, Expected, Reading, Script};
use std::time::Duration;

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
    let service = Setup {
        questdb: Some((questdb.url().to_owned(), "e2e_row_refused".to_owned())),
        kafka: Some((brokers.clone(), "e2e-row-refused".to_owned())),
        account: "accept_ahead = \"87000d\"",
        ..Setup::default()
    }
    .start();
    let mut fleet = fleet(3);
    let mut readings = fleet.live(0, now_ns()).readings;
    let beyond = Reading { time_ns: BEYOND_QUESTDB_NS, ..readings[1].clone() };
    readings.insert(1, beyond.clone());
    let all = Body::new(0, readings);
    let storable = all.readings.iter().filter(|reading| **reading != beyond).cloned().collect();

    let answer = Connection::new(&service.target()).post(&all.bytes).unwrap();
    assert_eq!(answer.status, 200);
    service.wait_drained();

    assert_exactly("SQLite", &Expected::of([&all]), &of_sqlite(&service.sqlite_file()));
    assert_exactly("Kafka", &Expected::of([&all]), &Stream::read(&brokers, "e2e-row-refused").samples());
    assert_exactly("QuestDB", &Expected::of([&Body::new(0, storable)]), &of_questdb(&questdb, "e2e_row_refused"));
    let letters: serde_json::Value =
        serde_json::from_str(&service.text_of(&["dead-letters", "list", "--json"])).unwrap();
    assert_eq!(letters.as_array().map(Vec::len), Some(beyond.values.len()), "{letters}");
}

#[test]
fn a_reading_too_large_for_the_topic_holds_its_meters_later_readings_back() {
    let brokers = kafka::shared();
    let service = Setup { kafka: Some((brokers.clone(), "e2e-too-large".to_owned())), ..Setup::default() }.start();
    kafka::set_topic_settings(&brokers, "e2e-too-large", &[("max.message.bytes", "20000")]);
    let mut fleet = fleet(4);
    let mut bodies: Vec<Body> = (0..3).map(|_| fleet.live(0, now_ns())).collect();
    let mut large = bodies[1].readings.clone();
    large[0].values = (0..u16::MAX / 8).map(incompressible_value).collect();
    bodies[1] = Body::new(0, large);

    let connection = Connection::new(&service.target());
    assert_eq!(connection.post(&bodies[0].bytes).unwrap().status, 200);
    service.wait_for_sink("kafka");
    for body in &bodies[1..] {
        assert_eq!(connection.post(&body.bytes).unwrap().status, 200);
    }
    service.wait_for_state("kafka", "blocked");
    service.wait_for_sink("sqlite");
    // A few more attempts, each with a producer that the broker has not seen before.
    let errors = "meterline_sink_errors_total{sink=\"kafka\"}";
    let goal = service.metric(errors) + 3.0;
    wait::until("three more attempts", Duration::from_secs(120), || service.metric(errors) >= goal);
    let meter = bodies[2].readings[0].meter.as_slice();
    let arrived: Vec<u64> = Stream::read(&brokers, "e2e-too-large")
        .first
        .iter()
        .filter(|reading| reading.meter == meter)
        .map(|reading| reading.sequence)
        .collect();
    assert_eq!(arrived, [1], "sequences of that meter's readings");

    kafka::set_topic_settings(&brokers, "e2e-too-large", &[("max.message.bytes", "2000000")]);
    service.wait_drained();
    let stream = Stream::read(&brokers, "e2e-too-large");
    stream.assert_in_journal_order();
    let sent = Sent { answered: bodies, open: Vec::new() };
    assert_exactly("Kafka", &sent.expected(), &stream.samples());
}

/// A value of a made-up register whose bits look random.
fn incompressible_value(number: u16) -> ([u8; 6], f64) {
    let [high, low] = number.to_be_bytes();
    let noise = f64::from(number).mul_add(std::f64::consts::E, 0.1).sin();
    ([1, 0, high, low, 0, 255], noise)
}

/// Waits until these sinks have what the journal holds by now, and something came
/// in meanwhile.
fn wait_for_progress(service: &Service, sinks: &[&str]) {
    let start = service.next_sequence();
    wait::until("records of the load", Duration::from_secs(60), || service.next_sequence() > start + 20);
    for sink in sinks {
        service.wait_for_sink(sink);
    }
}
