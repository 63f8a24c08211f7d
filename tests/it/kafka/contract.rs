//! The contract with consumers.

use super::harness::{
    Driver, JOURNAL, Records, SOURCE, State, assert_complete_and_in_order, consumed, incompressible, meter, now,
    reading, small,
};
use crate::support::{kafka, wait};
use meterline::proto::v1;
use meterline::reading::UnixNanos;
use meterline::sink::kafka::{Compression, Config, Format, migrate};
use meterline::wire::decode_revision;
use meterline_load::Reading;
use prost::Message as _;
use std::time::Duration;
use uuid::Uuid;

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;

#[test]
fn a_records_key_is_its_meter_and_its_partition_the_one_java_would_choose() {
    let config = migrated("contract-keys");
    let records = Records::in_turn(300, 100);
    Driver::new(&config).run_to_end(&records);
    let messages = kafka::consume(&config.client.brokers, &config.topic);
    assert_eq!(messages.len(), 300);
    for message in &messages {
        let key = message.key.as_ref().unwrap();
        let reading = v1::Reading::decode(message.value.as_slice()).unwrap();
        let uuid = Uuid::from_slice(&reading.meter).unwrap();
        assert_eq!(std::str::from_utf8(key).unwrap(), uuid.hyphenated().to_string());
        assert_eq!(message.partition, (murmur2(key) & 0x7fff_ffff) % i32::from(config.partitions));
    }
}

#[test]
fn the_partition_function_is_the_published_one() {
    // From Kafka's own UtilsTest.
    for (key, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
    }
}

#[test]
fn a_value_carries_its_identity_and_the_readings_of_a_meter_are_in_order() {
    for compression in Compression::ALL {
        let mut config = migrated(&format!("contract-values-{}", compression.name()));
        config.compression = compression;
        let records = Records::in_turn(500, 7);
        Driver::new(&config).run_to_end(&records);
        let readings = consumed(&config.client.brokers, &config.topic);
        assert_eq!(readings.len(), 500);
        assert_complete_and_in_order(&readings, records.last());
        for reading in readings {
            assert_eq!(reading.journal, JOURNAL.0.as_bytes());
            assert_eq!((reading.index, reading.part), (0, 0));
            assert_eq!(reading.decode_revision, u32::from(decode_revision()));
            assert_eq!(reading.source, SOURCE);
            assert_eq!(reading.meter, meter(reading.sequence % 7).as_bytes());
            assert_eq!(reading.values.len(), 1);
            assert_eq!(reading.values[0].value, reading.sequence as f64);
        }
    }
}

#[test]
fn a_topic_of_json_has_one_object_for_each_reading_in_order_and_a_loss_in_it_is_sent_again() {
    let mut config = Config::new(kafka::shared(), "contract-json");
    config.format = Format::Json;
    config.schema_id = Some(7);
    config.partitions = 3;
    migrate(&config).unwrap();
    let records = Records::in_turn(300, 7);
    let mut driver = Driver::new(&config);
    driver.run_to_a_checkpoint(&records);
    assert_json(&config, &records);

    kafka::delete_topic(&config.client.brokers, &config.topic);
    migrate(&config).unwrap();
    // Further than ours were, so that only the checksum of a value shows the loss.
    kafka::fill(&config.client.brokers, &config.topic, 400, b"\0\0\0\0\x07{\"sequence\":\"0\"}");
    let mut driver = driver.restart(&config);
    driver.run(&records, "the loss is noticed", |driver| !driver.losses.is_empty());
    driver.run_to_a_checkpoint(&records);
    assert_json(&config, &records);

    // The checksums show that everything is there, so nothing is sent again.
    let before = kafka::count(&config.client.brokers, &config.topic);
    let mut driver = driver.restart(&config);
    driver.run_to_end(&records);
    assert_eq!(driver.losses.len(), 1);
    assert_eq!(kafka::count(&config.client.brokers, &config.topic), before);
}

/// Panics unless each meter's first objects are its records, in order.
fn assert_json(config: &Config, records: &Records) {
    let mut sequences: Vec<u64> = Vec::new();
    for message in kafka::consume(&config.client.brokers, &config.topic) {
        let (frame, object) = message.value.split_at(5);
        assert_eq!(frame, [0, 0, 0, 0, 7]);
        let object: serde_json::Value = serde_json::from_slice(object).unwrap();
        let sequence: u64 = object["sequence"].as_str().unwrap().parse().unwrap();
        if sequence == 0 {
            continue;
        }
        let meter = meter(sequence % 7).to_string();
        assert_eq!(object["meter"], meter);
        assert_eq!(message.key.as_deref(), Some(meter.as_bytes()));
        assert_eq!(object["values"][0]["value"].as_f64(), Some(sequence as f64));
        if !sequences.contains(&sequence) {
            sequences.push(sequence);
        }
    }
    for number in 0..7 {
        let of_meter: Vec<u64> = sequences.iter().copied().filter(|sequence| sequence % 7 == number).collect();
        assert!(of_meter.is_sorted(), "{of_meter:?}");
    }
    sequences.sort_unstable();
    assert!(sequences.into_iter().eq(1..=records.last().0));
}

#[test]
fn a_topic_with_records_of_another_format_blocks_the_sink_until_the_format_or_the_topic_is_another() {
    let mut config = migrated("contract-format");
    let records = Records::in_turn(20, 3);
    let mut driver = Driver::new(&config);
    driver.run_to_a_checkpoint(&records);
    config.format = Format::Json;
    let more = Records::in_turn(30, 3);
    let mut driver = driver.restart(&config);
    driver.run(&more, "the sink is blocked", |driver| matches!(driver.state, State::Blocked(_)));
    let why = driver.troubles.last().unwrap();
    assert!(why.contains("records of the format protobuf") && why.contains("`topic`"), "{why}");
    assert_eq!(kafka::count(&config.client.brokers, &config.topic), 20);

    config.format = Format::Protobuf;
    let mut driver = driver.restart(&config);
    driver.run_to_end(&more);
    assert_complete_and_in_order(&consumed(&config.client.brokers, &config.topic), more.last());

    config.format = Format::Json;
    config.topic = "contract-format-json".to_owned();
    migrate(&config).unwrap();
    let mut driver = driver.restart(&config);
    driver.run_to_end(&Records::in_turn(40, 3));
    assert_eq!(kafka::count(&config.client.brokers, &config.topic), 10);
}

#[test]
fn a_records_timestamp_is_the_receive_time() {
    let config = Config::new(kafka::shared(), "contract-timestamps");
    kafka::create_topic(&config.client.brokers, &config.topic, 1, &[("message.timestamp.type", "CreateTime")]);
    let received = UnixNanos(now().0 - HOUR_NS);
    let mut records = Records::default();
    records.push(received, vec![small(1, 1)]);
    Driver::new(&config).run_to_end(&records);
    let messages = kafka::consume(&config.client.brokers, &config.topic);
    assert_eq!(messages[0].timestamp_ms, Some(received.0 / 1_000_000));
    let reading = v1::Reading::decode(messages[0].value.as_slice()).unwrap();
    assert_eq!(reading.received_ns, received.0);
}

/// Each in a topic of its own, because the check deletes whole segments. One with
/// the senders' timestamps, filled like the last, shows that the check ran.
#[test]
fn readings_far_ahead_and_long_ago_outlive_a_retention_check() {
    let broker = kafka::Broker::start_with(&["log.retention.check.interval.ms=500", "log.initial.task.delay.ms=500"]);
    let topic = |name: &str| Config::new(broker.brokers(), format!("contract-retention-{name}"));
    let long_ago = UnixNanos(now().0 - 30 * DAY_NS);
    let cases = [
        (topic("ahead"), now(), now().0 + 20 * HOUR_NS),
        (topic("late"), now(), long_ago.0),
        // Received long ago, too: a backlog or a replay.
        (topic("backlog"), long_ago, long_ago.0),
    ];
    let control = topic("control");
    let week = (7 * DAY_NS / 1_000_000).to_string();
    let settings = [("message.timestamp.type", "CreateTime"), ("retention.ms", &week)];
    kafka::create_topic(&control.client.brokers, &control.topic, 1, &settings);
    send_one(&control, long_ago, long_ago.0);
    for (config, received, time_ns) in &cases {
        migrate(config).unwrap();
        send_one(config, *received, *time_ns);
    }

    for config in cases.iter().map(|(config, ..)| config).chain([&control]) {
        assert_eq!(kafka::taken(&config.client.brokers, &config.topic), 1, "{}", config.topic);
    }
    // The last segment must have been checked, too.
    send_one(&control, long_ago, long_ago.0);
    wait::until("the control topic is emptied", Duration::from_secs(60), || {
        kafka::count(&control.client.brokers, &control.topic) == 0
    });
    for (config, ..) in &cases {
        assert_eq!(consumed(&config.client.brokers, &config.topic).len(), 1, "{}", config.topic);
    }
}

fn send_one(config: &Config, received: UnixNanos, time_ns: i64) {
    let mut records = Records::default();
    records.push(received, vec![Reading { time_ns: time_ns / 100 * 100, ..small(1, 1) }]);
    Driver::new(config).run_to_end(&records);
}

#[test]
fn a_reading_too_large_for_a_record_arrives_in_parts() {
    let config = migrated("contract-parts");
    let values = incompressible(60_000);
    let mut records = Records::default();
    records.push(now(), vec![small(1, 1), reading(1, values.clone()), small(1, 3)]);
    Driver::new(&config).run_to_end(&records);
    let readings = consumed(&config.client.brokers, &config.topic);
    let places: Vec<(u32, u32)> = readings.iter().map(|reading| (reading.index, reading.part)).collect();
    assert_eq!(places, [(0, 0), (1, 0), (1, 1), (2, 0)]);
    let arrived = readings[1..3].iter().flat_map(|reading| &reading.values).map(|value| value.value);
    assert!(arrived.eq(values));
}

#[test]
fn a_record_with_more_readings_than_the_queue_holds_passes_it() {
    let mut config = migrated("contract-many");
    config.queue_messages_max = 100;
    let mut records = Records::default();
    records.push(now(), (0..5_000).map(|number| small(number % 50, number)).collect());
    Driver::new(&config).run_to_end(&records);
    assert_eq!(consumed(&config.client.brokers, &config.topic).len(), 5_000);
}

fn migrated(topic: &str) -> Config {
    let config = Config::new(kafka::shared(), topic);
    migrate(&config).unwrap();
    config
}

/// `org.apache.kafka.common.utils.Utils.murmur2`, from its definition.
fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ u32::try_from(data.len()).unwrap();
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    for (place, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}
