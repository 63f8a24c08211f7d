//! Answered bodies are in all sinks, however the process ends.

use crate::support::load::{Load, Sent, fleet};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_answered, of_questdb, of_sqlite};
use crate::support::stream::Stream;
use crate::support::{kafka, ports, questdb, wait};
use meterline_load::{Expected, Script};
use std::time::Duration;

/// Long enough for a busy machine, and far shorter than the service gives its sinks
/// to drain in that test.
const AT_ONCE: Duration = Duration::from_secs(30);

#[test]
fn what_was_answered_survives_ten_sigkills_under_load() {
    let (questdb, brokers) = (questdb::Client::shared(), kafka::shared());
    let mut service = Setup::with_all_sinks("e2e_killed").start();
    let (mut fleet, mut sent) = (fleet(5), Sent::default());
    for round in 0..10 {
        let load = Load::start(fleet, service.target(), 8, Script::live);
        wait_for_records(&service, 50 + 20 * round);
        service.kill();
        fleet = load.stop_after_kill(&mut sent);
        service.start_again();
    }
    service.wait_drained();
    let stream = Stream::read(&brokers, "e2e_killed");
    stream.assert_in_journal_order();
    assert_answered("Kafka", &sent, &stream.samples());
    assert_answered("SQLite", &sent, &of_sqlite(&service.sqlite_file()));
    assert_answered("QuestDB", &sent, &of_questdb(&questdb, "e2e_killed"));
}

#[test]
fn sigterm_under_load_answers_drains_and_ends_well() {
    let (questdb, brokers) = (questdb::Client::shared(), kafka::shared());
    let mut service = Setup::with_all_sinks("e2e_terminated").start();
    let load = Load::start(fleet(6), service.target(), 8, Script::live);
    wait_for_records(&service, 100);
    let status = service.stop();
    let (_, sent) = load.stop();
    assert!(status.success(), "{status}; its log:\n{}", service.log());

    // Every sink is reachable, so they are drained without another start.
    let stream = Stream::read(&brokers, "e2e_terminated");
    assert_answered("Kafka", &sent, &stream.samples());
    assert_answered("SQLite", &sent, &of_sqlite(&service.sqlite_file()));
    wait::until("rows in QuestDB", Duration::from_secs(30), || {
        questdb.count("e2e_terminated") >= u64::try_from(Expected::of(&sent.answered).len()).unwrap()
    });
    assert_answered("QuestDB", &sent, &of_questdb(&questdb, "e2e_terminated"));
}

#[test]
fn a_second_sigterm_ends_at_once_and_loses_nothing() {
    // No sink listens there, so that draining lasts until its deadline.
    let nowhere = format!("127.0.0.1:{}", ports::free());
    let mut service = Setup {
        kafka: Some((nowhere, "e2e-second-signal".to_owned())),
        options: &["--stop-within", "10m"],
        ..Setup::default()
    }
    .start_unmigrated();
    let load = Load::start(fleet(7), service.target(), 8, Script::live);
    wait_for_records(&service, 100);
    service.process().terminate();
    let (_, sent) = load.stop();
    wait::until("the listener is closed", Duration::from_secs(30), || {
        meterline_load::Connection::new(&service.target()).post(&[]).is_err()
    });
    assert_eq!(service.process().ended(), None, "it waits for Kafka");
    service.process().terminate();
    wait::until("end after the second signal", AT_ONCE, || service.process().ended().is_some());

    service.start_again();
    service.wait_for_sink("sqlite");
    assert_answered("SQLite", &sent, &of_sqlite(&service.sqlite_file()));
}

fn wait_for_records(service: &Service, count: u64) {
    let start = service.next_sequence();
    wait::until("records of the load", Duration::from_secs(60), || service.next_sequence() >= start + count);
}
