//! Faults of the broker or the topic.

use super::harness::{
    Driver, Records, State, assert_complete_and_in_order, consumed, incompressible, now, reading, small,
};
use crate::support::kafka;
use meterline::deliver::Sink;
use meterline::journal::Sequence;
use meterline::reading::UnixNanos;
use meterline::sink::kafka::{Config, migrate};
use std::time::Duration;

#[test]
fn a_broker_that_is_killed_and_started_under_way_loses_and_reorders_nothing() {
    let mut broker = kafka::Broker::start();
    let mut config = Config::new(broker.brokers(), "faults-restart");
    config.queue_messages_max = 2_000;
    migrate(&config).unwrap();
    let records = Records::in_turn(20_000, 40);
    let mut driver = Driver::new(&config);
    driver.run(&records, "some records are safe", |driver| driver.safe > Sequence(2_000));
    broker.kill();
    driver.run(&records, "the sink says that the broker is away", |driver| driver.state != State::Running);
    assert!(matches!(driver.state, State::Waiting(_)), "{:?}", driver.state);
    assert!(driver.safe < records.last());
    broker.start_again();
    driver.run_to_end(&records);
    assert_complete_and_in_order(&consumed(&config.client.brokers, &config.topic), records.last());
}

#[test]
fn a_broker_that_goes_away_while_nothing_is_sent_is_noticed() {
    let mut broker = kafka::Broker::start();
    let config = Config::new(broker.brokers(), "faults-idle");
    migrate(&config).unwrap();
    let records = Records::in_turn(1, 1);
    let mut driver = Driver::new(&config);
    driver.run_to_end(&records);
    broker.stop();
    driver.run(&records, "the sink says that the broker is away", |driver| driver.state != State::Running);
    assert!(matches!(&driver.state, State::Waiting(why) if why.contains(&config.client.brokers)), "{:?}", driver.state);
    broker.start_again();
    driver.run(&records, "the sink runs again", |driver| driver.state == State::Running);
}

#[test]
fn a_broker_that_hangs_with_its_connections_open_is_noticed_and_loses_nothing() {
    let broker = kafka::Broker::start();
    let config = Config::new(broker.brokers(), "faults-hang");
    migrate(&config).unwrap();
    let records = Records::in_turn(100_000, 40);
    let mut driver = Driver::new(&config);
    driver.run(&records, "some records are safe", |driver| driver.safe > Sequence(2_000));
    broker.freeze();
    driver.run(&records, "the sink says that the broker is away", |driver| driver.state != State::Running);
    assert!(matches!(driver.state, State::Waiting(_)), "{:?}", driver.state);
    broker.thaw();
    driver.run_to_end(&records);
    assert_complete_and_in_order(&consumed(&config.client.brokers, &config.topic), records.last());
}

#[test]
fn nothing_passes_a_reading_that_the_topic_refuses_for_its_size() {
    let mut config = Config::new(kafka::shared(), "faults-size");
    config.partitions = 1;
    migrate(&config).unwrap();
    let settings = [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "20000")];
    kafka::set_topic_settings(&config.client.brokers, &config.topic, &settings);
    let mut records = Records::in_turn(300, 3);
    records.push(now(), vec![small(1, 301), reading(1, incompressible(5_000)), small(1, 301)]);
    for number in 302..=600 {
        records.push(now(), vec![small(number % 3, number)]);
    }

    let mut driver = Driver::new(&config);
    driver.run(&records, "the sink is blocked by that reading", |driver| {
        driver.state != State::Running && driver.safe == Sequence(301)
    });
    let State::Blocked(why) = &driver.state else { panic!("{:?}", driver.state) };
    assert!(why.contains("max.message.bytes") && why.contains("20000") && why.contains("record 301"), "{why}");
    // A few more attempts, each with a producer that the broker has not seen before.
    let goal = driver.errors + 3;
    driver.run(&records, "three more attempts", |driver| driver.errors >= goal);
    assert!(
        consumed(&config.client.brokers, &config.topic)
            .iter()
            .all(|reading| reading.sequence <= 301 && reading.index < 2)
    );

    let settings = [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "1000000")];
    kafka::set_topic_settings(&config.client.brokers, &config.topic, &settings);
    driver.run_to_end(&records);
    let readings = consumed(&config.client.brokers, &config.topic);
    assert_complete_and_in_order(&readings, records.last());
    let large = readings.iter().find(|reading| reading.values.len() == 5_000).unwrap();
    assert_eq!((large.sequence, large.index), (301, 1));
}

#[test]
fn a_batch_that_is_refused_for_one_record_loses_and_reorders_nothing() {
    let mut config = Config::new(kafka::shared(), "faults-timestamp");
    config.partitions = 2;
    kafka::create_topic(&config.client.brokers, &config.topic, 2, &[("message.timestamp.type", "CreateTime")]);
    let mut records = Records::in_turn(300, 7);
    // Received by a clock that was far ahead: the broker refuses its whole batch.
    records.push(UnixNanos(now().0 + 7_200_000_000_000), vec![small(301 % 7, 301)]);
    for number in 302..=600 {
        records.push(now(), vec![small(number % 7, number)]);
    }
    let mut driver = Driver::new(&config);
    // Brokers show a new topic only a moment after its creation.
    driver.run(&records, "the sink is blocked by the timestamps", |driver| {
        matches!(&driver.state, State::Blocked(why) if why.contains("timestamps") && why.contains("meterline migrate"))
    });
    assert!(driver.safe <= Sequence(301), "{}", driver.safe);

    migrate(&config).unwrap();
    driver.run_to_end(&records);
    assert_eq!(driver.losses, []);
    assert_complete_and_in_order(&consumed(&config.client.brokers, &config.topic), records.last());
}

#[test]
fn a_topic_whose_limit_is_below_a_batch_takes_everything_that_fits_it() {
    let mut config = Config::new(kafka::shared(), "faults-small-limit");
    config.partitions = 1;
    config.compression = meterline::sink::kafka::Compression::None;
    let settings = [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "5000")];
    kafka::create_topic(&config.client.brokers, &config.topic, 1, &settings);
    let records = Records::in_turn(2_000, 3);
    let mut driver = Driver::new(&config);
    driver.run(&records, "every record is safe, without a fault", |driver| {
        assert_eq!(driver.state, State::Running);
        driver.safe == records.last().next()
    });
    assert!(driver.sink.warnings().iter().any(|warning| warning.contains("max.message.bytes is 5000")));
    migrate(&config).unwrap();
    assert_eq!(kafka::topic_setting(&config.client.brokers, &config.topic, "max.message.bytes"), "1000000");
}

#[test]
fn an_unknown_topic_blocks_the_sink_until_it_is_made() {
    let config = Config::new(kafka::shared(), "faults-unknown");
    let records = Records::in_turn(10, 2);
    let mut driver = Driver::new(&config);
    driver.run(&records, "the sink is blocked", |driver| driver.state != State::Running);
    assert!(matches!(&driver.state, State::Blocked(why) if why.contains("meterline migrate")), "{:?}", driver.state);
    migrate(&config).unwrap();
    driver.run_to_end(&records);
    assert_eq!(consumed(&config.client.brokers, &config.topic).len(), 10);
}

#[test]
fn a_queue_that_is_full_while_the_broker_is_away_takes_nothing_more() {
    let mut broker = kafka::Broker::start();
    let mut config = Config::new(broker.brokers(), "faults-queue");
    config.queue_messages_max = 1_000;
    migrate(&config).unwrap();
    let mut driver = Driver::new(&config);
    // One of each meter, so that no message is the first on its partition any more.
    driver.run_to_end(&Records::in_turn(10, 10));
    broker.kill();
    let records = Records::in_turn(50_000, 10);
    driver.run(&records, "the queue is full", |driver| driver.sink.is_full());
    assert!(driver.taken() <= Sequence(1_011), "{:?}", driver.taken());
}

#[test]
fn a_topic_that_is_compacted_blocks_the_sink_at_the_start_and_while_it_runs_until_it_is_migrated() {
    let mut config = Config::new(kafka::shared(), "faults-compacted");
    (config.partitions, config.look_every) = (4, Duration::ZERO);
    let settings = [("message.timestamp.type", "LogAppendTime"), ("cleanup.policy", "compact")];
    kafka::create_topic(&config.client.brokers, &config.topic, 4, &settings);
    let records = Records::in_turn(50, 5);
    let mut driver = Driver::new(&config);
    for last in [1, 51] {
        driver.run(&records, "the sink is blocked", |driver| matches!(driver.state, State::Blocked(_)));
        let State::Blocked(why) = &driver.state else { unreachable!() };
        assert!(why.contains("cleanup.policy is compact") && why.contains("meterline migrate"), "{why}");
        assert_eq!(driver.safe, Sequence(last));
        migrate(&config).unwrap();
        driver.run_to_end(&records);
        driver.run(&records, "the sink runs", |driver| driver.state == State::Running);
        kafka::set_topic_settings(&config.client.brokers, &config.topic, &settings);
    }
    assert_eq!(consumed(&config.client.brokers, &config.topic).len(), 50);
}

#[test]
fn a_topic_that_gets_more_partitions_moves_no_meter_and_blocks_the_sink_also_after_a_restart() {
    let mut config = Config::new(kafka::shared(), "faults-partitions");
    (config.partitions, config.look_every) = (4, Duration::ZERO);
    migrate(&config).unwrap();
    let records = Records::in_turn(200, 20);
    let mut driver = Driver::new(&config);
    driver.run_to_a_checkpoint(&records);
    kafka::add_partitions(&config.client.brokers, &config.topic, 9);
    let more = Records::in_turn(400, 20);
    let mut driver = driver;
    for _ in 0..2 {
        driver.run(&more, "the sink is blocked", |driver| matches!(driver.state, State::Blocked(_)));
        let State::Blocked(why) = &driver.state else { unreachable!() };
        assert!(why.contains("has 9 partitions and had 4") && why.contains("another `topic`"), "{why}");
        driver = driver.restart(&config);
    }
    let mut partitions = std::collections::HashMap::new();
    for message in kafka::consume(&config.client.brokers, &config.topic) {
        assert_eq!(*partitions.entry(message.key).or_insert(message.partition), message.partition);
    }
}

#[test]
fn an_address_that_the_brokers_name_and_that_cannot_be_reached_is_in_the_message() {
    let nowhere = crate::support::ports::free();
    let setting = format!("advertised.listeners=PLAINTEXT://127.0.0.1:{nowhere}");
    let broker = kafka::Broker::start_with(&[&setting]);
    let config = Config::new(broker.brokers(), "faults-advertised");
    let address = format!("127.0.0.1:{nowhere}");
    let refused = migrate(&config).unwrap_err().to_string();
    assert!(refused.contains(&address) && refused.contains("advertised.listeners"), "{refused}");
}
