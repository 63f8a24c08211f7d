//! Turns Kafka errors into sink errors with a remedy. The only place that decides between
//! waiting and blocking.
//!
//! Invariant: no sentence holds a secret. The library's own messages are shown only where
//! they cannot hold a configured value.

use super::acked_offsets::OffsetRegression;
use super::advertised::UnreachableBroker;
use super::config::{Config, MESSAGE_BYTES_MAX};
use super::context::Failure;
use crate::deliver::SinkError;
use rdkafka::error::RDKafkaErrorCode;
use std::time::Duration;

/// A permanent failure of a message.
pub(super) fn of_delivery(failure: &Failure, config: &Config, topic_bytes_max: Option<u32>) -> SinkError {
    use RDKafkaErrorCode::{InvalidTimestamp, MessageSizeTooLarge, PurgeInflight, PurgeQueue};
    let topic = &config.topic;
    let from =
        failure.lowest.map_or(String::new(), |sequence| format!(" (record {sequence} of the journal or one after it)"));
    match failure.code {
        MessageSizeTooLarge => too_large(topic, &from, topic_bytes_max),
        InvalidTimestamp => SinkError::blocked(format!(
            "topic {topic} refuses the records' timestamps{from}, so its settings are not the \
             required ones; run `meterline migrate`"
        )),
        PurgeQueue | PurgeInflight => {
            SinkError::waiting(format!("the Kafka client dropped messages to topic {topic}{from}; they are sent again"))
        }
        code => of_topic(code, config).unwrap_or_else(|| {
            SinkError::waiting(format!("topic {topic} refused a message{from}: {code}; it is sent again"))
        }),
    }
}

fn too_large(topic: &str, from: &str, topic_bytes_max: Option<u32>) -> SinkError {
    let limit = topic_bytes_max.map_or_else(
        || "which this user may not read (grant DescribeConfigs on the topic)".to_owned(),
        |bytes| format!("now {bytes} bytes"),
    );
    SinkError::blocked(format!(
        "topic {topic} refuses a reading because of its size{from}: raise the topic's max.message.bytes, {limit}, \
         to {MESSAGE_BYTES_MAX} or more; nothing is skipped"
    ))
}

/// The topic does not exist.
pub(super) fn of_missing_topic(config: &Config) -> SinkError {
    SinkError::blocked(format!(
        "topic {} does not exist on {}; run `meterline migrate` to create it",
        config.topic, config.client.brokers
    ))
}

/// The brokers report an error instead of the topic's partitions.
pub(super) fn of_topic_state(code: RDKafkaErrorCode, config: &Config) -> SinkError {
    of_topic(code, config).unwrap_or_else(|| SinkError::waiting(format!("topic {} is not ready: {code}", config.topic)))
}

/// Errors that the operator must fix; `None` for any other.
pub(super) fn of_topic(code: RDKafkaErrorCode, config: &Config) -> Option<SinkError> {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, InvalidRecord, InvalidTopic, PolicyViolation, TopicAuthorizationFailed,
        UnknownPartition, UnknownTopic, UnknownTopicOrPartition, UnsupportedCompressionType,
    };
    let (topic, brokers) = (&config.topic, &config.client.brokers);
    Some(SinkError::blocked(match code {
        UnknownTopic | UnknownTopicOrPartition | UnknownPartition => return Some(of_missing_topic(config)),
        InvalidTopic => format!("{topic} is not a valid topic name for {brokers}; correct `topic` of the Kafka sink"),
        TopicAuthorizationFailed => {
            format!("this user may not write to topic {topic} on {brokers}; grant Write and Describe on the topic")
        }
        ClusterAuthorizationFailed => {
            // The brokers' answer to a user without Write on any topic.
            format!(
                "this user may not write to topic {topic} on {brokers}; grant Write on the topic (and to brokers older \
                 than 2.8 IdempotentWrite on the cluster)"
            )
        }
        UnsupportedCompressionType => format!(
            "topic {topic} does not accept {} compression; choose another `compression` of the Kafka sink",
            config.compression.name()
        ),
        InvalidRecord => format!(
            "topic {topic} refuses the records as invalid: check its cleanup.policy and schema validation; \
             `meterline check --connect` compares its settings"
        ),
        PolicyViolation => {
            format!("a policy of the brokers {brokers} forbids writing to topic {topic}; ask their administrator")
        }
        _ => return None,
    }))
}

/// The brokers name an address that cannot be reached.
pub(super) fn of_advertised(config: &Config, broker: &UnreachableBroker) -> SinkError {
    let UnreachableBroker { id, address, why } = broker;
    SinkError::waiting(format!(
        "Kafka at {} answers, but it names {address} as the address of broker {id}, which cannot be reached from here \
         ({why}): set advertised.listeners of that broker to an address that this machine can reach",
        config.client.brokers
    ))
}

/// The topic has more partitions than when the sink began with it.
pub(super) fn of_more_partitions(config: &Config, before: usize, now: usize) -> SinkError {
    SinkError::blocked(format!(
        "topic {topic} has {now} partitions and had {before} when this sink began with it: most meters would move to \
         another partition, and consumers would no longer see their readings in order. Kafka cannot take partitions \
         away: set another `topic`, run `meterline migrate`, and send it what consumers need with `meterline replay`",
        topic = config.topic
    ))
}

/// The topic has records of another format, which consumers could not distinguish.
pub(super) fn of_another_format(config: &Config, before: &str) -> SinkError {
    SinkError::blocked(format!(
        "topic {} has records of the format {before}, and `format` and `schema_id` now say {}: consumers cannot read \
         both. Set another `topic` and `meters_topic`, run `meterline migrate`, and send them what consumers need with \
         `meterline replay`; or set the former format again",
        config.topic,
        config.values().name()
    ))
}

/// The lowest record makes no progress although brokers answer.
pub(super) fn of_stall(config: &Config, after: Duration) -> SinkError {
    SinkError::waiting(format!(
        "topic {} has not acknowledged the oldest record for {} s; check that every partition has a leader and \
         enough replicas in sync",
        config.topic,
        after.as_secs()
    ))
}

/// The brokers fail a read-back.
pub(super) fn of_read_back(config: &Config, code: RDKafkaErrorCode) -> SinkError {
    SinkError::waiting(format!(
        "the brokers at {} do not return the content of topic {} ({code}), so it is not known yet whether it lost \
         acknowledged records",
        config.client.brokers, config.topic
    ))
}

/// A read-back of an existing record times out.
pub(super) fn of_read_back_timeout(config: &Config, partition: i32, offset: i64, after: Duration) -> SinkError {
    SinkError::waiting(format!(
        "topic {} did not return the record at offset {offset} of partition {partition} within {} s, so it is not \
         known yet whether it lost acknowledged records; check that this client may fetch from {}",
        config.topic,
        after.as_secs(),
        config.client.brokers
    ))
}

/// A partition's log became shorter under a running producer.
pub(super) fn of_offset_regression(config: &Config, regression: OffsetRegression) -> SinkError {
    let OffsetRegression { partition, offset, highest } = regression;
    SinkError::waiting(format!(
        "partition {partition} of topic {} acknowledged offset {offset} after offset {highest}: the topic was recreated \
         or its log restored; comparing the topic with the checkpoints",
        config.topic
    ))
}

/// A partition is not writable now.
pub(super) fn of_leader(config: &Config, partition: i32) -> SinkError {
    SinkError::waiting(format!(
        "partition {partition} of topic {} has no leader; check that its brokers are running",
        config.topic
    ))
}
