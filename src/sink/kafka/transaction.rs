//! The transactions of one producer: messages, then the journal position, then the commit.
//!
//! Does not know what the messages hold, nor how a failure is repaired: after any error the
//! producer is replaced, and its successor ends the transaction. Invariants: a transaction holds
//! whole records of the journal; the position is committed with the messages below it or not at
//! all; beyond a bound no record is added, so one transaction is at most one record larger.

use super::claim::Claim;
use super::config::Config;
use crate::clock::Clock;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How long the end of a commit may take. The requests before it have the client's limit.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an abort may take. Without it, the next producer or the brokers end the transaction.
const ABORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the position of an idle sink is committed again. Brokers forget a position that was
/// not committed for `offsets.retention.minutes`: a week, by default.
const RENEW_EVERY: Duration = Duration::from_hours(6);
/// The partition of the topic of readings in whose name the position is committed.
pub(super) const PARTITION: i32 = 0;

/// The transactions of one producer.
pub(super) struct Transactions {
    group: ConsumerGroupMetadata,
    open: Option<Open>,
    /// When the position was committed.
    committed: Instant,
    /// Commits of messages so far; the test faults count by it.
    commits: i64,
}

/// An open transaction; a claim alone needs one without messages.
#[derive(Debug, Clone, Copy)]
struct Open {
    since: Instant,
    records: usize,
    messages: u32,
    bytes: u64,
}

impl std::fmt::Debug for Transactions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transactions").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Transactions {
    /// No transaction yet, of a producer that the brokers know. `group` keeps the positions.
    pub(super) fn new(group: ConsumerGroupMetadata, now: Instant) -> Self {
        Self { group, open: None, committed: now, commits: 0 }
    }

    /// Begins a transaction, unless one is open.
    pub(super) fn begin<C: ProducerContext>(&mut self, producer: &BaseProducer<C>, clock: &Clock) -> KafkaResult<()> {
        if self.open.is_none() {
            producer.begin_transaction()?;
            self.open = Some(Open { since: clock.monotonic(), records: 0, messages: 0, bytes: 0 });
        }
        Ok(())
    }

    /// Notes a message of the open transaction.
    pub(super) fn add(&mut self, bytes: usize) {
        if let Some(open) = &mut self.open {
            open.messages += 1;
            open.bytes += bytes as u64;
        }
    }

    /// Notes that a record is complete.
    pub(super) fn close_record(&mut self) {
        if let Some(open) = &mut self.open {
            open.records += 1;
        }
    }

    /// Whether no transaction is open.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_none()
    }

    /// Whether the open transaction takes no further record.
    pub(super) fn is_full(&self, config: &Config, records_max: usize) -> bool {
        self.open.is_some_and(|open| {
            open.records >= records_max
                || open.messages >= config.transaction_messages_max
                || open.bytes >= config.transaction_bytes_max
        })
    }

    /// When the open transaction is old enough to be committed.
    pub(super) fn commit_at(&self, config: &Config) -> Option<Instant> {
        self.open.map(|open| open.since + config.commit_interval)
    }

    /// Whether to commit now: a transaction that is old enough, full or the last, or the old position
    /// of an idle sink.
    pub(super) fn is_due(&self, config: &Config, records_max: usize, is_last: bool, now: Instant) -> bool {
        match self.commit_at(config) {
            Some(at) => is_last || at <= now || self.is_full(config, records_max),
            None => now.saturating_duration_since(self.committed) >= RENEW_EVERY,
        }
    }

    /// Adds a claim to the open transaction, or to an empty one. All messages must be acknowledged.
    ///
    /// # Errors
    /// Then the transaction is not committed.
    pub(super) fn prepare<C: ProducerContext>(
        &mut self,
        producer: &BaseProducer<C>,
        config: &Config,
        claim: &Claim,
        clock: &Clock,
    ) -> KafkaResult<()> {
        self.begin(producer, clock)?;
        self.die(1);
        producer.send_offsets_to_transaction(&offset_of(config, claim)?, &self.group, COMMIT_TIMEOUT)
    }

    /// Commits the transaction that was prepared.
    ///
    /// # Errors
    /// Then it is not known whether it was committed.
    pub(super) fn commit<C: ProducerContext>(&mut self, producer: &BaseProducer<C>, clock: &Clock) -> KafkaResult<()> {
        self.die(2);
        producer.commit_transaction(COMMIT_TIMEOUT)?;
        self.die(3);
        self.commits += i64::from(self.has_messages());
        (self.open, self.committed) = (None, clock.monotonic());
        Ok(())
    }

    /// Ends the open transaction: tries to abort it by this producer, so that it holds no consumer up. Without one it is
    /// left to the next producer or the brokers, because not all messages are answered: one that came after the abort would
    /// belong to the next transaction.
    pub(super) fn end<C: ProducerContext>(&mut self, by: Option<&BaseProducer<C>>) {
        if self.open.take().is_some()
            && let Some(producer) = by
            && let Err(error) = producer.abort_transaction(ABORT_TIMEOUT)
        {
            tracing::debug!(%error, "the transaction is not aborted; the next producer ends it");
        }
    }

    fn has_messages(&self) -> bool {
        self.open.is_some_and(|open| open.messages > 0)
    }

    /// Kills the process in test builds: in the commit with this number, at this step.
    fn die(&self, step: i64) {
        #[cfg(feature = "test-faults")]
        if self.has_messages() {
            crate::faults::die_at("kafka-commit", self.commits * 10 + step);
        }
        let _ = step;
    }
}

/// The claim as an offset of the topic of readings.
fn offset_of(config: &Config, claim: &Claim) -> KafkaResult<TopicPartitionList> {
    let mut offsets = TopicPartitionList::new();
    let mut offset = offsets.add_partition(&config.topic, PARTITION);
    offset.set_offset(Offset::Offset(i64::try_from(claim.position.next.0).unwrap_or(i64::MAX)))?;
    offset.set_metadata(claim.to_string());
    Ok(offsets)
}
