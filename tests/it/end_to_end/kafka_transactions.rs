//! The mode `transactional` under the built program: killed at any moment, it repeats nothing.

use crate::support::kafka;
use crate::support::load::{Load, Sent, fleet, now_ns};
use crate::support::service::Setup;
use crate::support::stores::assert_answered;
use crate::support::stream::{Stream, counts_of};
use crate::support::wait;
use meterline_load::Script;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn setup(topic: &str) -> Setup {
    Setup {
        kafka: Some((kafka::shared(), topic.to_owned())),
        kafka_lines: "delivery = \"transactional\"",
        ..Setup::default()
    }
}

#[test]
fn killed_at_random_under_load_in_transactions_nothing_is_lost_and_nothing_is_committed_twice() {
    let topic = "e2e-tx-killed";
    let mut service = setup(topic).start();
    let (mut fleet, mut sent) = (fleet(31), Sent::default());
    let mut random = fastrand::Rng::with_seed(31);
    for _ in 0..12 {
        let load = Load::start(fleet, service.target(), 4, Script::live);
        let start = service.next_sequence();
        wait::until("records of the load", LIMIT, || service.next_sequence() >= start + 40);
        std::thread::sleep(Duration::from_millis(random.u64(0..400)));
        service.kill();
        fleet = load.stop_after_kill(&mut sent);
        service.start_again();
    }
    service.wait_drained();
    let stream = Stream::read(&kafka::shared(), topic);
    stream.assert_in_journal_order();
    assert_answered("Kafka", &sent, &stream.samples());
    assert_eq!(stream.repeats(), 0);
}

#[cfg(feature = "test-faults")]
#[test]
fn killed_at_each_step_of_a_commit_nothing_is_lost_and_nothing_is_committed_twice() {
    let topic = "e2e-tx-steps";
    let mut service = setup(topic).start();
    let (mut fleet, mut sent) = (fleet(32), Sent::default());
    for faults in ["kafka-commit=31", "kafka-commit=32", "kafka-commit=33", "kafka-commit=3", "kafka-commit=2"] {
        service.restart_with(faults);
        let load = Load::start(fleet, service.target(), 4, Script::live);
        wait::until(faults, LIMIT, || service.process().ended().is_some());
        fleet = load.stop_after_kill(&mut sent);
        service.set_faults("");
        service.start_again();
    }
    service.wait_drained();
    let stream = Stream::read(&kafka::shared(), topic);
    stream.assert_in_journal_order();
    assert_answered("Kafka", &sent, &stream.samples());
    assert_eq!(stream.repeats(), 0);
}

#[test]
fn a_replay_sends_committed_records_again_on_purpose_and_those_after_it_once() {
    let topic = "e2e-tx-replay";
    let mut service = setup(topic).start();
    let mut fleet = fleet(33);
    let first = fleet.script(&Script::live(300, now_ns()));
    service.post_all(&first);
    service.wait_drained();
    let before = Stream::read(&kafka::shared(), topic);
    assert_eq!(before.repeats(), 0);
    service.kill();
    // Offline: the position in the brokers is above the cursor, and the replay counts.
    service.text_of(&["replay", "--sink", "kafka", "--from", "2020-01-01T00:00:00Z"]);
    service.start_again();
    let second = fleet.script(&Script::live(300, now_ns()));
    service.post_all(&second);
    service.wait_drained();
    service.kill();
    service.start_again();
    service.wait_drained();
    let stream = Stream::read(&kafka::shared(), topic);
    assert_eq!(stream.repeats(), before.records.len());
    let bodies: Vec<_> = first.into_iter().chain(second).collect();
    assert!(stream.counts() == counts_of(&bodies), "what the topic holds");
}
