//! The membership in a consumer group as the client library has it: settings, callbacks, what the brokers say about
//! partitions.
//!
//! Knows no pump. The library calls from the thread that polls the consumer.

use super::id::{PartitionId, Topics};
use crate::clock::Clock;
use crate::kafka::{Client, ClientLog, ConnectionError};
use parking_lot::Mutex;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{TopicPartitionList, TopicPartitionListElem};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext, Statistics};
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

/// Bytes that the library fetches ahead of the pump, of each partition.
const FETCHED_BYTES_MAX: u32 = 1 << 20;
/// How often the library reports the partitions' ends.
const ENDS_EVERY: Duration = Duration::from_secs(1);
/// How often the library looks whether a topic was created, or has more partitions.
const TOPICS_EVERY: Duration = Duration::from_secs(10);
/// How long a broker may take for one answer.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A member of a consumer group.
pub(in crate::deliver) type Consumer = BaseConsumer<Events>;

/// A change of the assignment.
#[derive(Debug)]
pub(in crate::deliver) enum Change {
    /// These partitions are read here from now on.
    Assigned(Vec<PartitionId>),
    /// These are not read here any more. If they are lost, others may read them already.
    Revoked { partitions: Vec<PartitionId>, is_lost: bool },
}

type Handler = Box<dyn Fn(Change) + Send + Sync>;

/// The callbacks of a member.
pub(in crate::deliver) struct Events {
    log: ClientLog,
    clock: Clock,
    topics: Topics,
    /// Handles a change before it takes effect.
    handler: OnceLock<Handler>,
    /// The offset after the last readable record, by partition.
    ends: Mutex<HashMap<PartitionId, i64>>,
    connection_error: Mutex<Option<ConnectionError>>,
}

impl Events {
    pub(in crate::deliver) fn new(client: &Client, clock: Clock, topics: Topics) -> Self {
        Self {
            log: client.log.clone(),
            clock,
            topics,
            handler: OnceLock::new(),
            ends: Mutex::default(),
            connection_error: Mutex::default(),
        }
    }

    /// Calls `handler` before each change of the assignment; only the first handler counts.
    pub(in crate::deliver) fn on_change(&self, handler: impl Fn(Change) + Send + Sync + 'static) {
        self.handler.set(Box::new(handler)).ok();
    }

    /// The errors of connections since the last report of the brokers.
    pub(in crate::deliver) fn connection_error(&self) -> Option<ConnectionError> {
        self.connection_error.lock().clone()
    }

    /// The end of a partition, as the brokers last said.
    pub(super) fn end(&self, partition: PartitionId) -> Option<i64> {
        self.ends.lock().get(&partition).copied()
    }
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message, self.clock.monotonic());
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP" && broker.nodeid >= 0) {
            *self.connection_error.lock() = None;
        }
        let mut ends = self.ends.lock();
        for (topic, partition) in
            statistics.topics.iter().flat_map(|(name, topic)| topic.partitions.values().map(move |it| (name, it)))
        {
            let known = self.topics.partition(topic, partition.partition).filter(|it| it.number >= 0);
            if let Some(known) = known.filter(|_| partition.ls_offset >= 0) {
                ends.insert(known, partition.ls_offset);
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let since = self.clock.monotonic();
        match &mut *self.connection_error.lock() {
            Some(earlier) => earlier.note(code, reason),
            none => *none = Some(ConnectionError { since, code, reason: reason.to_owned() }),
        }
    }
}

impl ConsumerContext for Events {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, changed: &mut TopicPartitionList) {
        let known = |one: &TopicPartitionListElem<'_>| self.topics.partition(one.topic(), one.partition());
        let partitions = changed.elements().iter().filter_map(known).collect();
        let is_assigned = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if let Some(handler) = self.handler.get() {
            handler(if is_assigned {
                Change::Assigned(partitions)
            } else {
                Change::Revoked { partitions, is_lost: consumer.assignment_lost() }
            });
        }
        let done =
            if is_assigned { consumer.incremental_assign(changed) } else { consumer.incremental_unassign(changed) };
        if let Err(error) = done {
            tracing::warn!(%error, is_assigned, "the Kafka client does not take a change of its partitions");
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("ends", &self.ends).finish_non_exhaustive()
    }
}

/// Settings of a member of `group`; with a `member` name it keeps its partitions over a restart within the time-out.
pub(in crate::deliver) fn settings(
    client: &Client,
    group: &str,
    member: Option<&str>,
    session_timeout: Duration,
) -> ClientConfig {
    let mut settings = reading(client, group);
    settings
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", session_timeout.as_millis().to_string())
        .set("heartbeat.interval.ms", (session_timeout / 10).as_millis().max(1).to_string())
        .set("topic.metadata.refresh.interval.ms", TOPICS_EVERY.as_millis().to_string())
        .set("statistics.interval.ms", ENDS_EVERY.as_millis().to_string());
    if let Some(member) = member {
        settings.set("group.instance.id", member);
    }
    settings
}

/// Settings of a client that reads committed records and commits nothing automatically.
pub(super) fn reading(client: &Client, group: &str) -> ClientConfig {
    let mut settings = client.settings();
    settings
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // The reader finds out itself when a record is missing.
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("socket.timeout.ms", ANSWER_TIMEOUT.as_millis().to_string())
        .set("queued.max.messages.kbytes", (FETCHED_BYTES_MAX / 1024).to_string())
        .set("fetch.message.max.bytes", FETCHED_BYTES_MAX.to_string())
        .set("fetch.queue.backoff.ms", "10");
    settings
}
