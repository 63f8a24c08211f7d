//! One producer and its topic's partitions.

use super::acked_partitions::AckedPartitions;
use super::admin::Admin;
use super::config::Config;
use super::context::Context;
use super::fault;
use super::in_flight::Target;
use super::topic::{self, Partition};
use super::transaction::Transactions;
use crate::clock::Clock;
use crate::deliver::SinkError;
use crate::journal::Sequence;
use crate::kafka;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};
use std::time::{Duration, Instant};

/// How long a broker may take to answer a metadata request.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of a producer waits for the answers to what it has sent.
const ABANDON_TIMEOUT: Duration = Duration::from_secs(5);

/// A producer whose topic existed at its start.
pub(super) struct Connection {
    pub(super) producer: BaseProducer<Context>,
    /// The topic's `max.message.bytes`, where this user may read it.
    pub(super) topic_bytes_max: Option<u32>,
    /// The topic's partitions at the start.
    pub(super) partitions: usize,
    /// Conditions at the topic that do not stop the sink.
    pub(super) warnings: Vec<String>,
    /// Partitions of the topic of readings with an acknowledged message.
    pub(super) acked_partitions: AckedPartitions,
    /// The same for the topic of meters; `None` until that topic was checked.
    pub(super) acked_meter_partitions: Option<AckedPartitions>,
    /// The transactions; `None` in the mode `at-least-once`.
    pub(super) transactions: Option<Transactions>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("topic_bytes_max", &self.topic_bytes_max).finish_non_exhaustive()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.transactions.as_ref().is_some_and(|transactions| !transactions.is_idle()) {
            self.abandon();
        }
    }
}

impl Connection {
    /// Connects, checks the topic, and creates a producer with batches of the right size.
    ///
    /// # Errors
    /// When no broker answers, the topic is missing or not writable now, or the credentials
    /// or settings are wrong.
    pub(super) fn open(config: &Config, clock: &Clock, next: Sequence) -> Result<Self, SinkError> {
        let partitions = writable_partitions(&producer(config, None, clock, next)?, config)?;
        let settings = Admin::connect(config)?.settings()?;
        let warnings = topic::examine(config, &partitions, &settings)?;
        let topic_bytes_max = topic::message_bytes_max(&settings);
        let acked_partitions = AckedPartitions::none_of(partitions.len(), clock.monotonic());
        let producer = producer(config, topic_bytes_max, clock, next)?;
        let partitions = partitions.len();
        Ok(Self {
            producer,
            topic_bytes_max,
            partitions,
            warnings,
            acked_partitions,
            acked_meter_partitions: None,
            transactions: None,
        })
    }

    /// Looks at the topic again, while the producer runs.
    ///
    /// # Errors
    /// When the topic would lose acknowledged records, or move meters to other partitions.
    /// The brokers' failures are none: delivery finds them itself.
    pub(super) fn look(&mut self, config: &Config) -> Result<(), SinkError> {
        let found = writable_partitions(&self.producer, config)
            .and_then(|partitions| Ok((partitions, Admin::connect(config)?.settings()?)));
        let (partitions, settings) = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "the topic's settings are unknown");
                return Ok(());
            }
        };
        if partitions.len() > self.partitions {
            return Err(fault::of_more_partitions(config, self.partitions, partitions.len()));
        }
        self.warnings = topic::examine(config, &partitions, &settings)?;
        Ok(())
    }

    /// Checks the topic of meters, configured by `config`, before the first message to it.
    ///
    /// # Errors
    /// When it is missing or not writable now.
    pub(super) fn check_meters_topic(&mut self, config: &Config, now: Instant) -> Result<(), SinkError> {
        if self.acked_meter_partitions.is_none() {
            let partitions = writable_partitions(&self.producer, config)?;
            self.acked_meter_partitions = Some(AckedPartitions::none_of(partitions.len(), now));
        }
        Ok(())
    }

    /// The acknowledged partitions of a topic.
    pub(super) fn acked_partitions(&mut self, target: Target) -> Option<&mut AckedPartitions> {
        match target {
            Target::Readings => Some(&mut self.acked_partitions),
            Target::Meters => self.acked_meter_partitions.as_mut(),
        }
    }

    /// Forgets old acknowledgements of both topics, once a record.
    pub(super) fn forget_old_acks(&mut self, now: Instant) {
        self.acked_partitions.forget_old(now);
        if let Some(acked_partitions) = &mut self.acked_meter_partitions {
            acked_partitions.forget_old(now);
        }
    }

    /// Drops what the client still has, and aborts an open transaction, so that it holds no consumer up. If a message
    /// stays unanswered, the next producer ends the transaction, or the brokers.
    pub(super) fn abandon(&mut self) {
        let what = PurgeConfig::default().queue();
        self.producer.purge(if self.transactions.is_some() { what } else { what.inflight() });
        let is_answered = self.producer.flush(ABANDON_TIMEOUT).is_ok();
        self.serve();
        if let Some(transactions) = &mut self.transactions {
            transactions.end(is_answered.then_some(&self.producer));
        }
    }

    /// Handles all pending reports of the library.
    pub(super) fn serve(&self) {
        serve(&self.producer);
    }
}

/// One poll handles one report, so this polls until there is none.
fn serve(producer: &BaseProducer<Context>) {
    let context = producer.context();
    let mut seen = context.reports().events;
    loop {
        producer.poll(Duration::ZERO);
        let events = context.reports().events;
        if events == seen {
            return;
        }
        seen = events;
    }
}

fn producer(
    config: &Config,
    topic_bytes_max: Option<u32>,
    clock: &Clock,
    next: Sequence,
) -> Result<BaseProducer<Context>, SinkError> {
    config
        .producer(topic_bytes_max)
        .create_with_context(Context::new(clock.clone(), config, next))
        .map_err(|error| SinkError::from(kafka::of_client(&error)))
}

/// The topic's partitions, all writable.
///
/// # Errors
/// When the topic is missing or a partition is not writable now.
pub(super) fn writable_partitions(
    producer: &BaseProducer<Context>,
    config: &Config,
) -> Result<Vec<Partition>, SinkError> {
    partitions(producer, config)?.ok_or_else(|| fault::of_missing_topic(config))
}

/// The topic's partitions, all writable; `None` where the topic does not exist.
///
/// # Errors
/// When no broker answers or a partition is not writable now.
pub(super) fn partitions(
    producer: &BaseProducer<Context>,
    config: &Config,
) -> Result<Option<Vec<Partition>>, SinkError> {
    let metadata = match producer.client().fetch_metadata(Some(&config.topic), METADATA_TIMEOUT) {
        Ok(metadata) => metadata,
        Err(error) => {
            // The cause is reported separately.
            serve(producer);
            let connection_error = producer.context().reports().connection_error.clone();
            return Err(error
                .rdkafka_error_code()
                .and_then(|code| fault::of_topic(code, config))
                .unwrap_or_else(|| kafka::of_connection(connection_error.as_ref(), &config.client).into()));
        }
    };
    let topic = metadata.topics().first().ok_or_else(|| SinkError::from(kafka::of_connection(None, &config.client)))?;
    match topic.error().map(RDKafkaErrorCode::from) {
        None | Some(RDKafkaErrorCode::LeaderNotAvailable) => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => return Ok(None),
        Some(code) => return Err(fault::of_topic_state(code, config)),
    }
    if let Some(partition) = topic.partitions().iter().find(|partition| partition.leader() < 0) {
        return Err(fault::of_leader(config, partition.id()));
    }
    Ok(Some(topic.partitions().iter().map(|partition| Partition { replicas: partition.replicas().len() }).collect()))
}
