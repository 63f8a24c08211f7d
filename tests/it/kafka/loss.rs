//! Losses of acknowledged records: detected and sent again.

use super::harness::{
    Driver, Records, State, assert_complete_and_in_order, assert_complete_and_in_order_again, consumed, foreign,
    incompressible, now, reading,
};
use crate::support::kafka;
use meterline::journal::Sequence;
use meterline::sink::kafka::{Config, migrate};

/// Topic and partitions of a small test.
fn config(brokers: String, topic: &str) -> Config {
    let mut config = Config::new(brokers, topic);
    config.partitions = 3;
    migrate(&config).unwrap();
    config
}

fn assert_all_there(config: &Config, last: Sequence) {
    assert_complete_and_in_order(&consumed(&config.client.brokers, &config.topic), last);
}

/// The same where some readings came in before the loss was noticed.
fn assert_all_there_again(config: &Config, last: Sequence) {
    assert_complete_and_in_order_again(&consumed(&config.client.brokers, &config.topic), last);
}

#[test]
fn a_topic_made_again_behind_a_running_producer_is_noticed_by_its_offsets() {
    let config = config(kafka::shared(), "lost-quickly");
    let mut driver = Driver::new(&config);
    driver.run_to_a_checkpoint(&Records::in_turn(500, 7));
    kafka::delete_topic(&config.client.brokers, &config.topic);
    migrate(&config).unwrap();
    let records = Records::in_turn(700, 7);
    driver.run(&records, "the loss is noticed", |driver| !driver.losses.is_empty());
    driver.run_to_end(&records);
    assert_eq!(driver.losses, [Sequence(1)]);
    assert_all_there_again(&config, records.last());
}

#[test]
fn a_topic_made_again_while_the_sink_is_down_gets_everything_again() {
    let config = config(kafka::shared(), "lost-meanwhile");
    let mut driver = Driver::new(&config);
    let records = Records::in_turn(500, 7);
    driver.run_to_a_checkpoint(&records);
    kafka::delete_topic(&config.client.brokers, &config.topic);
    migrate(&config).unwrap();
    // Further than ours were, so that only the stored value shows the loss.
    kafka::fill(&config.client.brokers, &config.topic, 600, &foreign());
    let mut driver = driver.restart(&config);
    driver.run(&records, "the loss is noticed", |driver| !driver.losses.is_empty());
    driver.run_to_end(&records);
    assert_eq!(driver.losses, [Sequence(1)]);
    assert_all_there(&config, records.last());
}

#[test]
fn a_restored_and_continued_log_gets_the_records_since_the_newest_intact_checkpoint() {
    let mut broker = kafka::Broker::start();
    let config = config(broker.brokers(), "lost-put-back");
    let mut driver = Driver::new(&config);
    for last in [300, 600] {
        driver.run_to_a_checkpoint(&Records::in_turn(last, 7));
    }
    // A producer that the copy does not know, so that it is not refused later.
    let mut driver = driver.restart(&config);
    broker.stop();
    let copy = broker.copy_logs(&config.topic);
    broker.start_again();
    for last in [900, 1_200] {
        driver.run_to_a_checkpoint(&Records::in_turn(last, 7));
    }
    broker.stop();
    broker.put_logs_back(&config.topic, &copy);
    broker.start_again();
    kafka::fill(&config.client.brokers, &config.topic, 1_500, &foreign());

    // The client bridges the interruption, so only the records at the offsets show the loss.
    let records = Records::in_turn(1_500, 7);
    driver.run(&records, "the loss is noticed", |driver| !driver.losses.is_empty());
    driver.run_to_end(&records);
    assert_eq!(driver.losses, [Sequence(601)]);
    assert_all_there_again(&config, records.last());
    // Found once, then known.
    let mut driver = driver.restart(&config);
    driver.run(&records, "the sink is up", |driver| driver.state == State::Running);
    assert_eq!(driver.losses, [Sequence(601)]);
}

#[test]
fn a_producer_that_fails_permanently_is_replaced_and_missing_records_are_sent_again() {
    let mut broker = kafka::Broker::start();
    let config = config(broker.brokers(), "lost-fatal");
    let mut driver = Driver::new(&config);
    driver.run_to_a_checkpoint(&Records::in_turn(300, 7));
    broker.stop();
    let copy = broker.copy_logs(&config.topic);
    broker.start_again();
    // The same producer: the copy knows it, and lacks its later batches.
    driver.run_to_a_checkpoint(&Records::in_turn(600, 7));
    broker.stop();
    broker.put_logs_back(&config.topic, &copy);
    broker.start_again();

    let records = Records::in_turn(900, 7);
    driver.run(&records, "the loss is noticed", |driver| !driver.losses.is_empty());
    driver.run_to_end(&records);
    assert_eq!(driver.losses, [Sequence(301)]);
    assert!(driver.troubles.iter().any(|why| why.contains("out of order sequence")), "{:#?}", driver.troubles);
    assert_all_there(&config, records.last());
}

#[test]
fn records_deleted_by_retention_are_no_loss() {
    let broker = kafka::Broker::start_with(&["log.retention.check.interval.ms=500", "log.initial.task.delay.ms=500"]);
    let config = config(broker.brokers(), "lost-retained");
    let mut driver = Driver::new(&config);
    let records = Records::in_turn(300, 7);
    driver.run_to_a_checkpoint(&records);
    let settings = [("message.timestamp.type", "LogAppendTime"), ("retention.ms", "1"), ("segment.ms", "1")];
    kafka::set_topic_settings(&config.client.brokers, &config.topic, &settings);
    crate::support::wait::until("retention took everything", super::harness::LIMIT, || {
        kafka::count(&config.client.brokers, &config.topic) == 0
    });
    let mut driver = driver.restart(&config);
    let records = Records::in_turn(400, 7);
    driver.run_to_end(&records);
    assert_eq!(driver.losses, []);
    assert_eq!(kafka::taken(&config.client.brokers, &config.topic), 400);
}

#[test]
fn another_topic_in_the_configuration_gets_the_records_from_then_on() {
    let old = config(kafka::shared(), "lost-old-topic");
    let mut driver = Driver::new(&old);
    driver.run_to_a_checkpoint(&Records::in_turn(300, 7));
    let new = config(kafka::shared(), "lost-new-topic");
    let mut driver = driver.restart(&new);
    driver.run_to_end(&Records::in_turn(400, 7));
    assert_eq!(driver.losses, []);
    assert_eq!(consumed(&new.client.brokers, &new.topic).len(), 100);
}

#[test]
fn after_a_kill_under_load_the_topic_is_compared_at_the_first_attempt() {
    let mut config = Config::new(kafka::shared(), "lost-nothing-under-load");
    config.partitions = 12;
    config.queue_messages_max = 60_000;
    migrate(&config).unwrap();
    config.linger = std::time::Duration::from_millis(900);
    config.compression = meterline::sink::kafka::Compression::None;
    let mut records = Records::default();
    let push = |records: &mut Records, more| {
        for number in 0..more {
            let readings = (0..50).map(|meter| reading(meter, incompressible(8 + number % 2))).collect();
            records.push(now(), readings);
        }
    };
    let mut driver = Driver::new(&config);
    push(&mut records, 100);
    driver.run_to_a_checkpoint(&records);
    // Much more behind the checkpoint: what a kill under load leaves. The wall clock stands
    // still, so that no further checkpoint comes while this is sent.
    push(&mut records, 2_000);
    let (clock, start) = (driver.clock.clone(), std::time::Instant::now());
    driver.run(&records, "every record is safe", |driver| {
        clock.set_offset(-i64::try_from(start.elapsed().as_nanos()).unwrap());
        driver.safe == records.last().next()
    });
    let mut driver = driver.restart(&config);
    let from = driver.safe;
    driver.run(&records, "the sink is up", |driver| driver.state == State::Running && driver.safe > from);
    assert_eq!(driver.troubles, [""; 0]);
}
