//! The mode `transactional`: what a consumer with `read_committed` sees, and who may produce.

use super::harness::{
    Driver, JOURNAL, LIMIT, Records, State, assert_complete_and_in_order, incompressible, now, reading, small,
};
use crate::support::kafka::{self, Isolation};
use crate::support::wait;
use meterline::deliver::Sink as _;
use meterline::journal::Sequence;
use meterline::proto::v1;
use meterline::sink::kafka::{Config, DeliveryMode, migrate};
use prost::Message as _;
use std::time::Duration;

/// Topic and partitions of a small test, with transactions.
fn config(brokers: String, topic: &str) -> Config {
    let mut config = Config::new(brokers, topic);
    (config.partitions, config.delivery) = (3, DeliveryMode::Transactional);
    migrate(&config).unwrap();
    config
}

/// The readings of this test that a consumer gets now.
fn read(config: &Config, isolation: Isolation) -> Vec<v1::Reading> {
    ours(&kafka::consume_with(&config.client.brokers, &config.topic, isolation))
}

/// The readings of this test after all transactions have ended.
fn read_ended(config: &Config) -> Vec<v1::Reading> {
    ours(&kafka::consume(&config.client.brokers, &config.topic))
}

fn ours(messages: &[kafka::Message]) -> Vec<v1::Reading> {
    let readings = messages.iter().map(|message| v1::Reading::decode(message.value.as_slice()).unwrap());
    readings.filter(|reading| reading.journal == JOURNAL.0.as_bytes()).collect()
}

/// Every record is committed exactly once, and each meter's readings are in order.
fn assert_once(config: &Config, last: Sequence) {
    let committed = read_ended(config);
    assert_complete_and_in_order(&committed, last);
    assert_eq!(committed.len() as u64, last.0, "committed records");
}

/// A commit only on demand.
fn only_on_demand(mut config: Config) -> Config {
    config.commit_interval = Duration::from_hours(1);
    config
}

#[test]
fn a_kill_repeats_nothing_that_is_committed_also_where_the_cursor_is_far_behind() {
    let mut config = config(kafka::shared(), "tx-killed");
    config.transaction_messages_max = 200;
    let mut driver = Driver::new(&config);
    let records = Records::in_turn(3_000, 40);
    for goal in [500, 1_000, 1_500, 2_000] {
        driver.run(&records, "some records are safe", |driver| driver.safe > Sequence(goal));
        // As after a kill, when the cursor's file was not stored for long.
        driver.safe = Sequence::FIRST;
        driver = driver.restart(&config);
        assert!(driver.safe > Sequence(goal), "{}", driver.safe);
    }
    driver.run_to_end(&records);
    assert_once(&config, records.last());
}

#[test]
fn the_records_of_a_killed_producer_are_in_the_topic_and_no_consumer_of_committed_ones_sees_them() {
    let config = only_on_demand(config(kafka::shared(), "tx-aborted"));
    let records = Records::in_turn(200, 7);
    let mut driver = Driver::new(&config);
    driver.run(&records, "all is sent", |driver| {
        driver.taken() == records.last().next() && read(&config, Isolation::Uncommitted).len() == 200
    });
    assert_eq!((driver.safe, read(&config, Isolation::Committed).len()), (Sequence(1), 0));
    let mut driver = driver.restart(&config);
    assert_eq!(driver.safe, Sequence(1));
    driver.run(&records, "all is sent again", |driver| driver.taken() == records.last().next());
    wait::until("all is committed", LIMIT, || driver.sink.settle(true).unwrap().next_unsafe == records.last().next());
    assert_once(&config, records.last());
    // A consumer without `read_committed` gets both copies, so the checks above can fail.
    assert_eq!(read(&config, Isolation::Uncommitted).len(), 400);
}

#[test]
fn a_transaction_takes_no_record_beyond_its_bounds_and_is_committed_when_it_is_full_or_old_enough() {
    let mut config = only_on_demand(config(kafka::shared(), "tx-bounds"));
    config.transaction_messages_max = 10;
    let mut records = Records::default();
    for number in 0..8 {
        // Four readings each: the third record begins below the bound, and ends beyond it.
        records.push(now(), (0..4).map(|meter| small(meter, number)).collect());
    }
    let mut driver = Driver::new(&config);
    driver.run(&records, "two transactions are full", |driver| driver.taken() == Sequence(9));
    assert_eq!(driver.safe, Sequence(7));
    // The brokers finish a commit after they have answered it.
    wait::until("consumers have the two", LIMIT, || read(&config, Isolation::Committed).len() >= 24);
    assert_eq!(read(&config, Isolation::Committed).len(), 24);

    config.transaction_messages_max = 1_000;
    config.transaction_bytes_max = 1;
    let mut driver = driver.restart(&config);
    assert_eq!(driver.safe, Sequence(7));
    driver.run_to_end(&records);
    assert_eq!(read_ended(&config).len(), 32);

    config.transaction_bytes_max = u64::MAX;
    config.commit_interval = Duration::from_millis(50);
    records.push(now(), vec![small(1, 1)]);
    let mut driver = driver.restart(&config);
    driver.run_to_end(&records);
    assert_eq!(read_ended(&config).len(), 33);
}

#[test]
fn a_producer_that_was_replaced_is_fenced_stays_blocked_and_repeats_nothing() {
    let config = config(kafka::shared(), "tx-zombie");
    let records = Records::in_turn(600, 7);
    let mut zombie = Driver::new(&config);
    zombie.run(&records, "some records are safe", |driver| driver.safe > Sequence(1));
    let mut successor = zombie.twin(&config);
    let more = Records::in_turn(900, 7);
    successor.run_to_end(&more);
    zombie.run(&more, "the zombie is blocked", |driver| matches!(driver.state, State::Blocked(_)));
    let State::Blocked(why) = zombie.state.clone() else { unreachable!() };
    assert!(why.contains("another process") && why.contains("restart this one"), "{why}");
    let goal = zombie.errors + 3;
    zombie.run(&more, "it tries again", |driver| driver.errors >= goal);
    assert!(matches!(&zombie.state, State::Blocked(again) if *again == why), "{:?}", zombie.state);
    // The successor was not disturbed.
    let most = Records::in_turn(1_000, 7);
    successor.run_to_end(&most);
    assert_eq!(successor.troubles, [""; 0]);
    assert_once(&config, most.last());
}

#[test]
fn the_position_of_another_data_directory_is_refused_and_its_producer_continues() {
    let config = config(kafka::shared(), "tx-two-directories");
    let records = Records::in_turn(100, 7);
    let mut first = Driver::new(&config);
    first.run_to_end(&records);
    let mut second = Driver::with_the_id_of(&first, &config);
    second.run(&records, "the second is blocked", |driver| matches!(driver.state, State::Blocked(_)));
    let State::Blocked(why) = &second.state else { unreachable!() };
    assert!(why.contains("does not continue") && why.contains("journal/id-kafka"), "{why}");
    let more = Records::in_turn(200, 7);
    first.run_to_end(&more);
    assert_eq!(first.troubles, [""; 0]);
    assert_once(&config, more.last());
}

#[test]
fn an_offset_that_a_tool_has_reset_is_refused() {
    let config = config(kafka::shared(), "tx-reset");
    let records = Records::in_turn(10, 7);
    let mut driver = Driver::new(&config);
    driver.run_to_end(&records);
    let group = format!("meterline-{}-tx-reset", driver.sink_id());
    kafka::commit_offset(&config.client.brokers, &group, &config.topic, 0);
    let mut driver = driver.restart(&config);
    driver.run(&records, "the sink is blocked", |driver| matches!(driver.state, State::Blocked(_)));
    assert!(matches!(&driver.state, State::Blocked(why) if why.contains("not committed by meterline")));
}

#[test]
fn a_broker_that_is_killed_in_the_middle_of_transactions_repeats_and_loses_nothing() {
    let mut broker = kafka::Broker::start();
    let mut config = config(broker.brokers(), "tx-broker");
    config.transaction_messages_max = 500;
    let records = Records::in_turn(10_000, 40);
    let mut driver = Driver::new(&config);
    for goal in [2_000, 6_000] {
        driver.run(&records, "some records are safe", |driver| driver.safe > Sequence(goal));
        broker.kill();
        driver.run(&records, "the sink says that the broker is away", |driver| driver.state != State::Running);
        broker.start_again();
    }
    driver.run_to_end(&records);
    assert_once(&config, records.last());
}

#[test]
fn a_transaction_with_a_reading_that_the_topic_refuses_is_aborted_and_holds_no_consumer_up() {
    let config = config(kafka::shared(), "tx-size");
    let settings = [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "20000")];
    kafka::set_topic_settings(&config.client.brokers, &config.topic, &settings);
    let mut records = Records::in_turn(300, 3);
    records.push(now(), vec![reading(1, incompressible(5_000))]);
    for number in 302..=400 {
        records.push(now(), vec![small(number % 3, number)]);
    }
    let mut driver = Driver::new(&config);
    driver.run(
        &records,
        "the sink is blocked by that reading",
        |driver| matches!(&driver.state, State::Blocked(why) if why.contains("max.message.bytes")),
    );
    // Aborted, not left open: otherwise a consumer would wait before this record of another program.
    kafka::fill(&config.client.brokers, &config.topic, 1, &super::harness::foreign());
    wait::until("a consumer gets beyond the aborted transaction", LIMIT, || {
        kafka::consume(&config.client.brokers, &config.topic)
            .iter()
            .filter(|it| it.value == super::harness::foreign())
            .count()
            == 3
    });
    let settings = [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "1000000")];
    kafka::set_topic_settings(&config.client.brokers, &config.topic, &settings);
    driver.run_to_end(&records);
    assert_once(&config, records.last());
}

#[test]
fn a_topic_made_again_gets_everything_again_and_its_new_position() {
    let mut config = config(kafka::shared(), "tx-lost");
    config.transaction_messages_max = 100;
    let mut driver = Driver::new(&config);
    let records = Records::in_turn(500, 7);
    driver.run_to_a_checkpoint(&records);
    kafka::delete_topic(&config.client.brokers, &config.topic);
    migrate(&config).unwrap();
    let mut driver = driver.restart(&config);
    driver.run(&records, "the loss is noticed", |driver| !driver.losses.is_empty());
    driver.run(&records, "some records are safe again", |driver| driver.safe > Sequence(1));
    // Killed in between: the position counts, not the cursor.
    let mut driver = driver.restart(&config);
    driver.run_to_end(&records);
    assert_eq!(driver.losses, [Sequence(1)]);
    assert_once(&config, records.last());
}

#[test]
fn records_that_a_broker_lost_after_the_newest_checkpoint_are_found_by_the_committed_position() {
    let mut broker = kafka::Broker::start();
    let config = config(broker.brokers(), "tx-lost-tail");
    let mut driver = Driver::new(&config);
    driver.run_to_a_checkpoint(&Records::in_turn(300, 7));
    broker.stop();
    let copy = broker.copy_logs(&config.topic);
    broker.start_again();
    let records = Records::in_turn(400, 7);
    driver.run_to_end(&records);
    // The topic's last records are gone, the position of their transactions is not.
    broker.stop();
    broker.put_logs_back(&config.topic, &copy);
    broker.start_again();
    let mut driver = driver.restart(&config);
    assert_eq!(driver.safe, records.last().next());
    driver.run(&records, "the loss is noticed", |driver| !driver.losses.is_empty());
    driver.run_to_end(&records);
    assert_eq!(driver.losses, [Sequence(301)]);
    assert_once(&config, records.last());
}

#[test]
fn a_position_that_the_brokers_lost_with_its_records_is_noticed_by_a_running_sink() {
    let mut broker = kafka::Broker::start();
    let config = config(broker.brokers(), "tx-lost-position");
    let mut driver = Driver::new(&config);
    driver.run_to_a_checkpoint(&Records::in_turn(300, 7));
    broker.stop();
    let copies = [config.topic.as_str(), "__consumer_offsets"].map(|topic| (topic, broker.copy_logs(topic)));
    broker.start_again();
    driver.run_to_end(&Records::in_turn(400, 7));
    broker.stop();
    for (topic, copy) in &copies {
        broker.put_logs_back(topic, copy);
    }
    broker.start_again();
    let records = Records::in_turn(500, 7);
    driver.run(&records, "the loss is noticed", |driver| !driver.losses.is_empty());
    driver.run_to_end(&records);
    assert_eq!(driver.losses, [Sequence(301)]);
    assert_once(&config, records.last());
}

#[test]
fn a_data_directory_that_was_put_back_from_before_the_last_records_is_refused() {
    let config = config(kafka::shared(), "tx-older-directory");
    let records = Records::in_turn(50, 7);
    let mut driver = Driver::new(&config);
    driver.run_to_end(&records);
    let snapshot = driver.snapshot();
    driver.run_to_end(&Records::in_turn(100, 7));
    let mut driver = driver.put_back(&snapshot, &config);
    driver.run(&records, "the sink is blocked", |driver| matches!(driver.state, State::Blocked(_)));
    let State::Blocked(why) = &driver.state else { unreachable!() };
    assert!(why.contains("meterline journal restore"), "{why}");
}

#[test]
fn records_deleted_by_retention_are_no_loss_and_come_no_second_time() {
    let broker = kafka::Broker::start_with(&["log.retention.check.interval.ms=500", "log.initial.task.delay.ms=500"]);
    let config = config(broker.brokers(), "tx-retained");
    let mut driver = Driver::new(&config);
    let records = Records::in_turn(300, 7);
    driver.run_to_a_checkpoint(&records);
    let settings = [("message.timestamp.type", "LogAppendTime"), ("retention.ms", "1"), ("segment.ms", "1")];
    kafka::set_topic_settings(&config.client.brokers, &config.topic, &settings);
    wait::until("retention took everything", LIMIT, || kafka::count(&config.client.brokers, &config.topic) == 0);
    kafka::set_topic_settings(&config.client.brokers, &config.topic, &[("message.timestamp.type", "LogAppendTime")]);
    driver.safe = Sequence::FIRST;
    let mut driver = driver.restart(&config);
    driver.run_to_end(&Records::in_turn(400, 7));
    assert_eq!(driver.losses, []);
    let sequences: Vec<u64> = read_ended(&config).iter().map(|reading| reading.sequence).collect();
    assert_eq!(sequences.len(), 100);
    assert!(sequences.iter().all(|sequence| *sequence > 300));
}

#[test]
fn a_sink_that_changes_to_transactions_and_back_repeats_nothing_after_orderly_stops() {
    let transactional = config(kafka::shared(), "tx-changed");
    let mut at_least_once = transactional.clone();
    at_least_once.delivery = DeliveryMode::AtLeastOnce;
    let mut driver = Driver::new(&at_least_once);
    for (last, config) in [(100, &transactional), (200, &at_least_once), (300, &transactional)] {
        driver.run_to_a_checkpoint(&Records::in_turn(last, 7));
        driver = driver.restart(config);
        assert_eq!(driver.safe, Sequence(last + 1));
    }
    driver.run_to_end(&Records::in_turn(400, 7));
    assert_once(&transactional, Sequence(400));
}
