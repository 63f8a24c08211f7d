//! Meter descriptions in a compacted topic beside the readings.

use super::harness::{Driver, JOURNAL, Records, SOURCE, assert_complete_and_in_order, consumed, meter, now};
use crate::support::kafka::{self, Broker, consume};
use crate::support::wait;
use meterline::deliver::{Delivery, Sink as _, SinkError, SinkErrorKind};
use meterline::journal::{Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use meterline::proto::v1;
use meterline::reading::{Limits, MeterId, UnixNanos};
use meterline::sink::kafka::{Config, migrate};
use meterline::wire::PayloadFormat;
use meterline::wire::meters::{Description, Role, Version, encode};
use prost::Message as _;
use std::collections::BTreeMap;
use std::time::Duration;

fn version(number: u64, from: i64, to: Option<i64>, name: &str) -> Version {
    Version {
        meter: MeterId::from(meter(number)),
        metering_point: "house-1".to_owned(),
        description: Description {
            name: name.to_owned(),
            firmware: "1.42".to_owned(),
            role: Role::Grid,
            ..Description::default()
        },
        source: SOURCE.to_owned(),
        valid_from: UnixNanos(from),
        valid_to: to.map(UnixNanos),
    }
}

fn describe(driver: &mut Driver, sequence: Sequence, versions: &[Version]) -> Result<bool, SinkError> {
    let header = RecordHeader {
        source: SourceId(1),
        format: PayloadFormat::Meters.number(),
        verdict: Verdict::Deliverable,
        rule: RuleVersion(1),
        received: now(),
    };
    let body = encode(versions);
    driver.sink.describe(&Delivery {
        record: Record { journal: JOURNAL, sequence, header, payload: &body },
        source: SOURCE,
        limits: &Limits::DEFAULT,
        judged_at: header.received,
        format: PayloadFormat::Meters,
    })
}

/// Waits until everything is acknowledged.
fn settle(driver: &mut Driver, end: Sequence) {
    wait::until("all is acknowledged", Duration::from_secs(60), || {
        driver.sink.settle(true).unwrap().next_unsafe == end
    });
}

/// The newest message of every key.
fn newest(brokers: &str, topic: &str) -> BTreeMap<String, v1::Meter> {
    consume(brokers, topic)
        .into_iter()
        .map(|message| {
            let key = String::from_utf8(message.key.unwrap()).unwrap();
            (key, v1::Meter::decode(message.value.as_slice()).unwrap())
        })
        .collect()
}

#[test]
fn the_newest_version_of_each_meter_stands_under_its_key_also_after_a_rewind() {
    let config = Config::new(kafka::shared(), "meters-newest");
    migrate(&config).unwrap();
    assert_eq!(kafka::topic_setting(&config.client.brokers, "meters-newest-meters", "cleanup.policy"), "compact");
    let records = Records::in_turn(20, 3);
    let mut driver = Driver::new(&config);
    driver.run_to_a_checkpoint(&records);
    let end = records.last().next();
    let first = [version(1, 0, None, "Cellar"), version(2, 0, None, "Roof")];
    let changed = [version(1, 0, Some(9), "Cellar"), version(1, 9, None, "Attic")];
    for _ in 0..2 {
        assert!(describe(&mut driver, end, &first).unwrap());
        assert!(describe(&mut driver, end.next(), &changed).unwrap());
        settle(&mut driver, end.next().next());
        let newest = newest(&config.client.brokers, "meters-newest-meters");
        assert_eq!(newest.len(), 2);
        assert_eq!(newest[&meter(1).to_string()], changed[1].to_message());
        assert_eq!(newest[&meter(2).to_string()], first[1].to_message());
        assert_eq!(
            (newest[&meter(2).to_string()].role(), &*newest[&meter(2).to_string()].firmware),
            (v1::Role::Grid, "1.42")
        );
        // Rewound so that they are sent again. The topic of readings shows no loss:
        // descriptions are not part of its checkpoints.
        driver = driver.restart(&config);
        driver.run_to_end(&records);
    }
    assert_eq!(driver.losses, []);
    assert_complete_and_in_order(&consumed(&config.client.brokers, &config.topic), records.last());
}

#[test]
fn a_description_is_not_safe_before_the_brokers_have_it() {
    let mut broker = Broker::start();
    let config = Config::new(broker.brokers(), "meters-safe");
    migrate(&config).unwrap();
    let mut driver = Driver::new(&config);
    driver.run_to_end(&Records::in_turn(1, 1));
    let next = Sequence(2);
    assert!(describe(&mut driver, next, &[version(1, 0, None, "Cellar")]).unwrap());
    settle(&mut driver, next.next());
    broker.stop();
    describe(&mut driver, next.next(), &[version(1, 0, None, "Attic")]).ok();
    let progress = driver.sink.settle(false);
    assert!(progress.is_err() || progress.unwrap().next_unsafe <= next.next());
    broker.start_again();
    driver = driver.restart(&config);
    driver.run_to_end(&Records::in_turn(1, 1));
    assert!(describe(&mut driver, next.next(), &[version(1, 0, None, "Attic")]).unwrap());
    settle(&mut driver, next.next().next());
    assert_eq!(newest(&config.client.brokers, "meters-safe-meters")[&meter(1).to_string()].name, "Attic");
}

#[test]
fn a_missing_topic_of_meters_blocks_at_the_first_description_and_none_is_sent_where_none_is_wanted() {
    let mut config = Config::new(kafka::shared(), "meters-missing");
    config.meters_topic = None;
    migrate(&config).unwrap();
    let records = Records::in_turn(3, 1);
    let mut unwanted = Driver::new(&config);
    unwanted.run_to_end(&records);
    assert!(!describe(&mut unwanted, Sequence(4), &[version(1, 0, None, "Cellar")]).unwrap());

    config.meters_topic = Some("meters-missing-too".to_owned());
    let mut driver = Driver::new(&config);
    driver.run_to_end(&records);
    let error = describe(&mut driver, Sequence(4), &[version(1, 0, None, "Cellar")]).unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Blocked);
    assert!(error.message.contains("topic meters-missing-too does not exist"), "{error}");
    migrate(&config).unwrap();
    driver = driver.restart(&config);
    driver.run_to_end(&records);
    assert!(describe(&mut driver, Sequence(4), &[version(1, 0, None, "Cellar")]).unwrap());
    settle(&mut driver, Sequence(5));
}
