//! Turns Kafka errors into sink errors with a remedy. The only place that decides between
//! waiting and blocking.
//!
//! Invariant: no sentence holds a secret. The library's own messages are shown only where
//! they cannot hold a configured value.

use super::acked_offsets::OffsetRegression;
use super::advertised::UnreachableBroker;
use super::config::{Config, DeliveryMode, MESSAGE_BYTES_MAX};
use super::context::Failure;
use crate::deliver::SinkError;
use crate::journal::{JournalId, Sequence};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::Duration;

/// The file with the id of a transactional producer, in the data directory.
const FILE: &str = "journal/id-kafka";

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
        code if config.delivery == DeliveryMode::Transactional => of_transaction(code, config),
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

/// The library's code of an error.
pub(super) fn code(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)
}

/// A request of the transactional producer failed.
pub(super) fn of_transaction(code: RDKafkaErrorCode, config: &Config) -> SinkError {
    use RDKafkaErrorCode::{
        Fenced, GroupAuthorizationFailed, InvalidProducerEpoch, InvalidTransactionTimeout, OperationTimedOut,
        ProducerFenced, TransactionalIdAuthorizationFailed,
    };
    let (topic, brokers) = (&config.topic, &config.client.brokers);
    let id = &config.transactional_id;
    match code {
        TransactionalIdAuthorizationFailed => SinkError::blocked(format!(
            "this user may not use the transactional.id {id} on {brokers}; grant Write and Describe on it"
        )),
        GroupAuthorizationFailed => SinkError::blocked(format!(
            "this user may not keep the sink's position in the consumer group {id} on {brokers}; grant Read on it"
        )),
        InvalidTransactionTimeout => SinkError::blocked(format!(
            "the brokers {brokers} end transactions earlier than `transaction_timeout` of the Kafka sink ({} s); lower \
             it, or raise the brokers' transaction.max.timeout.ms",
            config.transaction_timeout.as_secs()
        )),
        Fenced | ProducerFenced | InvalidProducerEpoch => SinkError::waiting(format!(
            "the brokers {brokers} have ended this producer, {id}: another one with this transactional.id has started, \
             or a transaction took longer than `transaction_timeout`; looking which"
        )),
        OperationTimedOut => SinkError::waiting(format!(
            "the brokers {brokers} do not answer a request about the transactions of {id}; check that the coordinator's \
             broker runs, and that __transaction_state has enough replicas in sync. If they run and this lasts longer than \
             `transaction_timeout`, they have lost the end of a transaction: stop the service, delete the file {FILE} in its \
             data directory and start it; some seconds of records may be repeated then"
        )),
        code => of_topic(code, config).unwrap_or_else(|| {
            SinkError::waiting(format!(
                "the transactions of {id} with topic {topic} fail on {brokers} ({code}); what was not committed is sent again"
            ))
        }),
    }
}

/// A commit failed. All messages are acknowledged, so a missing right to the topic is that to store a position.
pub(super) fn of_commit(code: RDKafkaErrorCode, config: &Config) -> SinkError {
    if code != RDKafkaErrorCode::TopicAuthorizationFailed {
        return of_transaction(code, config);
    }
    SinkError::blocked(format!(
        "this user may not store the sink's position with topic {} on {}; grant Read on the topic",
        config.topic, config.client.brokers
    ))
}

/// A transaction was committed although the answer did not come.
pub(super) fn of_late_commit(config: &Config) -> SinkError {
    SinkError::replaced(format!(
        "a transaction of {} whose end was not known was committed; continuing after it",
        config.transactional_id
    ))
}

/// The brokers have a lower position than they had answered.
pub(super) fn of_lost_position(config: &Config, found: Sequence, known: Sequence) -> SinkError {
    let message = format!(
        "the brokers {} have lost the committed position {known} of {}; they stand at {found}, so the records from there on \
         are sent again",
        config.client.brokers, config.transactional_id
    );
    SinkError::lost(found, message)
}

/// Another producer with the same name has taken over.
pub(super) fn of_another_producer(config: &Config) -> SinkError {
    let id = &config.transactional_id;
    SinkError::blocked(format!(
        "another process writes to topic {} on {} as the producer {id}, and has ended this one: it runs on a copy of this \
         data directory. Nothing was lost; what is not delivered stays in this journal. Stop one of the two services. If \
         that is the other one and it has delivered nothing, restart this one. If both are to continue, stop this one, \
         delete the file {FILE} in its data directory and start it: it then writes as a producer of its own",
        config.topic, config.client.brokers
    ))
}

/// The position in the brokers is of a journal that this data directory does not continue.
pub(super) fn of_another_directory(config: &Config, journal: JournalId) -> SinkError {
    SinkError::blocked(format!(
        "the position that {} holds for the producer {} belongs to journal {journal}, which this data directory does not \
         continue: a copy of this directory has delivered since. Go on with the copy; or stop this service, delete the file \
         {FILE} in its data directory and start it: it then starts at its own cursor, and repeats what the copy has \
         delivered of the same records",
        config.client.brokers, config.transactional_id
    ))
}

/// The position in the brokers is above the end of this journal.
pub(super) fn of_older_directory(config: &Config, found: Sequence, end: Sequence) -> SinkError {
    SinkError::blocked(format!(
        "the brokers {} have all records of this journal below {found} from the producer {}, and the journal ends before \
         record {end}: the data directory was put back from an older copy or snapshot. Stop the service and run \
         `meterline journal restore`; then delete the file {FILE} in the data directory and start it",
        config.client.brokers, config.transactional_id
    ))
}

/// The group's offset is not one of this sink.
pub(super) fn of_foreign_offset(config: &Config) -> SinkError {
    SinkError::blocked(format!(
        "the offset of topic {} in the consumer group {} on {} was not committed by meterline: another program uses the \
         group, or a tool has reset it. Stop the service, delete the file {FILE} in its data directory and start it: the \
         sink then starts at its own cursor",
        config.topic, config.transactional_id, config.client.brokers
    ))
}

/// The library does not describe the group.
pub(super) fn of_missing_group(config: &Config) -> SinkError {
    SinkError::waiting(format!("the consumer group {} is not known yet", config.transactional_id))
}

/// A partition is not writable now.
pub(super) fn of_leader(config: &Config, partition: i32) -> SinkError {
    SinkError::waiting(format!(
        "partition {partition} of topic {} has no leader; check that its brokers are running",
        config.topic
    ))
}
