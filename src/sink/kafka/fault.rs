//! What an error means, and what to do about it: the only place that decides
//! between waiting and asking for somebody.
//!
//! Invariant: no sentence holds a secret. The library's own messages are shown
//! only where they cannot hold a configured value.

use super::acked_offsets::OffsetRegression;
use super::config::{Config, MESSAGE_BYTES_MAX};
use super::context::{ConnectionError, Failure};
use crate::deliver::SinkError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::Duration;

/// A message that failed for good.
pub(super) fn of_delivery(failure: &Failure, config: &Config, topic_bytes_max: Option<u32>) -> SinkError {
    use RDKafkaErrorCode::{InvalidTimestamp, MessageSizeTooLarge, PurgeInflight, PurgeQueue};
    let topic = &config.topic;
    let from =
        failure.lowest.map_or(String::new(), |sequence| format!(" (record {sequence} of the journal or one after it)"));
    match failure.code {
        MessageSizeTooLarge => too_large(topic, &from, topic_bytes_max),
        InvalidTimestamp => SinkError::blocked(format!(
            "topic {topic} refuses the records' timestamps{from}, so it was not made as meterline \
             needs it; run `meterline migrate`"
        )),
        PurgeQueue | PurgeInflight => {
            SinkError::waiting(format!("the Kafka client gave up messages to topic {topic}{from}; they are sent again"))
        }
        code => of_topic(code, config).unwrap_or_else(|| {
            SinkError::waiting(format!("topic {topic} did not take a message{from}: {code}; it is sent again"))
        }),
    }
}

fn too_large(topic: &str, from: &str, topic_bytes_max: Option<u32>) -> SinkError {
    let limit = topic_bytes_max.map_or_else(
        || "which this user may not read (grant DescribeConfigs on the topic)".to_owned(),
        |bytes| format!("now {bytes} bytes"),
    );
    SinkError::blocked(format!(
        "topic {topic} refuses a reading for its size{from}: raise the topic's max.message.bytes, {limit}, \
         to {MESSAGE_BYTES_MAX} or more; nothing is skipped meanwhile"
    ))
}

/// The topic is not there.
pub(super) fn of_missing_topic(config: &Config) -> SinkError {
    SinkError::blocked(format!(
        "topic {} does not exist on {}; run `meterline migrate`, which makes it as it is needed",
        config.topic, config.brokers
    ))
}

/// What the brokers say of the topic instead of its partitions.
pub(super) fn of_topic_state(code: RDKafkaErrorCode, config: &Config) -> SinkError {
    of_topic(code, config).unwrap_or_else(|| SinkError::waiting(format!("topic {} is not ready: {code}", config.topic)))
}

/// Errors that somebody has to mend, whoever reports them; `None` for any other.
pub(super) fn of_topic(code: RDKafkaErrorCode, config: &Config) -> Option<SinkError> {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, InvalidRecord, InvalidTopic, PolicyViolation, TopicAuthorizationFailed,
        UnknownPartition, UnknownTopic, UnknownTopicOrPartition, UnsupportedCompressionType,
    };
    let Config { topic, brokers, .. } = config;
    Some(SinkError::blocked(match code {
        UnknownTopic | UnknownTopicOrPartition | UnknownPartition => return Some(of_missing_topic(config)),
        InvalidTopic => format!("{topic} is no valid topic name for {brokers}; correct `topic` of the Kafka sink"),
        TopicAuthorizationFailed => {
            format!("this user may not write to topic {topic} on {brokers}; grant Write and Describe on the topic")
        }
        ClusterAuthorizationFailed => {
            // What a broker says to a user who may write to no topic at all.
            format!(
                "this user may not write to topic {topic} on {brokers}; grant Write on the topic (and to brokers older \
                 than 2.8 IdempotentWrite on the cluster)"
            )
        }
        UnsupportedCompressionType => format!(
            "topic {topic} does not take {} compression; choose another `compression` of the Kafka sink",
            config.compression.name()
        ),
        InvalidRecord => format!(
            "topic {topic} refuses the records themselves: is its cleanup.policy or a schema check in the way? \
             `meterline check` compares its settings"
        ),
        PolicyViolation => {
            format!("a policy of the brokers {brokers} forbids writing to topic {topic}; ask who runs them")
        }
        _ => return None,
    }))
}

/// No broker can be used.
pub(super) fn of_connection(connection_error: Option<&ConnectionError>, config: &Config) -> SinkError {
    let brokers = &config.brokers;
    let Some(ConnectionError { code, reason, .. }) = connection_error else {
        return SinkError::waiting(format!(
            "no Kafka broker at {brokers} answers; is it running and reachable from here?"
        ));
    };
    match code {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => SinkError::blocked(format!(
            "the Kafka brokers at {brokers} do not accept the credentials of user {}: {reason}; \
             check `username`, the password and `sasl_mechanism` of the Kafka sink",
            config.sasl.as_ref().map_or("(none)", |sasl| &sasl.username)
        )),
        RDKafkaErrorCode::SSL => SinkError::blocked(format!(
            "no TLS connection to the Kafka brokers at {brokers}: {reason}; check `ca_file` and that the \
             listener speaks TLS"
        )),
        code => SinkError::waiting(format!("no Kafka broker at {brokers} can be reached ({code}): {reason}")),
    }
}

/// The lowest record makes no progress although somebody answers.
pub(super) fn of_stall(config: &Config, after: Duration) -> SinkError {
    SinkError::waiting(format!(
        "topic {} acknowledged nothing of the oldest record for {} s; has every partition a leader and enough \
         replicas in sync?",
        config.topic,
        after.as_secs()
    ))
}

/// What was acknowledged cannot be looked at again.
pub(super) fn of_read_back(config: &Config, code: RDKafkaErrorCode) -> SinkError {
    SinkError::waiting(format!(
        "the brokers at {} do not say what topic {} holds ({code}), so it is not known yet whether it still has what \
         it acknowledged",
        config.brokers, config.topic
    ))
}

/// A record that is there does not come.
pub(super) fn of_read_back_timeout(config: &Config, partition: i32, offset: i64, after: Duration) -> SinkError {
    SinkError::waiting(format!(
        "topic {} did not give back the record at offset {offset} of partition {partition} within {} s, so it is not \
         known yet whether it still has what it acknowledged; may this client fetch from {}?",
        config.topic,
        after.as_secs(),
        config.brokers
    ))
}

/// A log became shorter under a running producer.
pub(super) fn of_offset_regression(config: &Config, regression: OffsetRegression) -> SinkError {
    let OffsetRegression { partition, offset, highest } = regression;
    SinkError::waiting(format!(
        "partition {partition} of topic {} acknowledged offset {offset} after offset {highest}: the topic was made again, \
         or its log was put back; what it still has is compared",
        config.topic
    ))
}

/// A partition cannot be written to now.
pub(super) fn of_leader(config: &Config, partition: i32) -> SinkError {
    SinkError::waiting(format!(
        "partition {partition} of topic {} has no leader; is the broker that holds it running?",
        config.topic
    ))
}

/// The library refuses to make a client: always the configuration.
pub(super) fn of_client(error: &KafkaError) -> SinkError {
    SinkError::blocked(match error {
        KafkaError::ClientConfig(_, reason, key, _) if !key.contains("password") => {
            format!("the Kafka sink's settings are not usable: {reason} ({key})")
        }
        KafkaError::ClientConfig(_, _, key, _) => format!("the Kafka client does not take the value of {key}"),
        KafkaError::ClientCreation(reason) => format!("the Kafka sink's settings are not usable: {reason}"),
        KafkaError::Nul(_) => "a setting of the Kafka sink holds a zero byte; remove it".to_owned(),
        other => match other.rdkafka_error_code() {
            Some(code) => format!("no Kafka client can be made: {code}"),
            None => "no Kafka client can be made".to_owned(),
        },
    })
}
