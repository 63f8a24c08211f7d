//! The sink itself: its implementation of [`Sink`].

mod failing;

use super::broken;
use super::config::{Config, DeliveryMode};
use super::confirmed::ConfirmedStates;
use super::connection::Connection;
use super::context::Reports;
use super::counts::Counts;
use super::encode::Encoder;
use super::fault;
use super::in_flight::{Target, Ticket};
use super::ownership::Ownership;
use super::transaction::Transactions;
use crate::clock::Clock;
use crate::deliver::{Delivery, Progress, Sink, SinkError};
use crate::journal::{CursorError, Journal, Position, Sequence};
use crate::reading::{MeterId, UnixNanos};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _};
use std::time::{Duration, Instant};

/// Interval between polls while messages are in flight.
const POLL_EVERY: Duration = Duration::from_millis(10);
/// Interval between polls for errors while none are.
const IDLE_POLL_EVERY: Duration = Duration::from_secs(1);
/// How long one draining `settle` waits for acknowledgements.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);
/// Interval between loss checks after an interruption.
const RECHECK_EVERY: Duration = Duration::from_secs(5);
/// Records in flight at most until the failed ones are acknowledged. It bounds the
/// repeats of every attempt while the topic refuses one of them.
const THROTTLED_RECORDS_MAX: usize = 64;

/// The Kafka sink.
#[derive(Debug)]
pub struct Kafka {
    config: Config,
    /// The configuration for the topic of meters, if there is one.
    meters_config: Option<Config>,
    clock: Clock,
    encoder: Encoder,
    connection: Option<Connection>,
    /// The right to commit positions; `None` in the mode `at-least-once`.
    ownership: Option<Ownership>,
    confirmed: ConfirmedStates,
    /// The last loss check while the producer runs.
    rechecked: Option<Instant>,
    /// When to look at the topic's settings again.
    next_look: Option<Instant>,
    /// The oldest unsafe record, and the time it became the oldest.
    front: (Sequence, Instant),
    /// The highest record taken at the last permanent failure.
    throttled_until: Option<Sequence>,
    counts: Counts,
}

impl Kafka {
    /// A sink that connects with its first `rewind`. Its checkpoints are in the journal
    /// under `name`.
    ///
    /// # Errors
    /// When the checkpoints or the sink's id cannot be read.
    pub fn new(name: &str, config: &Config, clock: Clock, journal: &Journal) -> Result<Self, CursorError> {
        let mut config = config.clone();
        let ownership = match config.delivery {
            DeliveryMode::AtLeastOnce => None,
            DeliveryMode::Transactional => {
                config.transactional_id = format!("meterline-{}-{}", journal.sink_id(name)?, config.topic);
                Some(Ownership::new(journal.clone()))
            }
        };
        Ok(Self {
            ownership,
            confirmed: ConfirmedStates::read(journal.clone(), name)?,
            rechecked: None,
            next_look: None,
            front: (Sequence::FIRST, clock.monotonic()),
            meters_config: config.of_meters(),
            clock,
            encoder: Encoder::of(&config),
            config,
            connection: None,
            throttled_until: None,
            counts: Counts::new(name),
        })
    }

    fn topic(&self, target: Target) -> &str {
        let of_meters = self.meters_config.as_ref().filter(|_| target == Target::Meters);
        &of_meters.unwrap_or(&self.config).topic
    }

    /// Hands one message to the client; waits while the queue is full.
    fn send(
        &mut self,
        target: Target,
        key: &str,
        value: &[u8],
        received: UnixNanos,
        ticket: Ticket,
    ) -> Result<(), SinkError> {
        let Some(connection) = &mut self.connection else { return Err(not_connected()) };
        if let Some(transactions) = &mut connection.transactions {
            let begun = transactions.begin(&connection.producer, &self.clock);
            begun.map_err(|error| fault::of_transaction(fault::code(&error), &self.config))?;
        }
        let partition = connection.acked_partitions(target).map_or(0, |partitions| partitions.partition(key));
        loop {
            let topic = self.topic(target);
            let Some(connection) = &self.connection else { return Err(not_connected()) };
            let record = BaseRecord::with_opaque_to(topic, ticket)
                .key(key)
                .partition(i32::try_from(partition).unwrap_or_default())
                .payload(value)
                .timestamp(received.0.div_euclid(1_000_000));
            match connection.producer.send(record) {
                Ok(()) => {
                    let bytes = key.len() + value.len();
                    connection.producer.context().reports().in_flight.sent(ticket, bytes);
                    self.counts.bytes.increment(bytes as u64);
                    return self.sent(target, partition, bytes);
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    connection.producer.poll(POLL_EVERY);
                    self.check_reports()?;
                }
                Err((error, _)) => {
                    return Err(self.end_producer(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)));
                }
            }
        }
    }

    /// Counts a message that the client has: in its transaction, or with the partition's first.
    fn sent(&mut self, target: Target, partition: usize, bytes: usize) -> Result<(), SinkError> {
        match self.connection.as_mut().and_then(|connection| connection.transactions.as_mut()) {
            Some(transactions) => {
                transactions.add(bytes);
                Ok(())
            }
            None => self.await_first_ack(target, partition),
        }
    }

    /// Waits for the acknowledgement if the last message was the producer's first on its
    /// partition.
    fn await_first_ack(&mut self, target: Target, partition: usize) -> Result<(), SinkError> {
        let acked_partitions = self.connection.as_mut().and_then(|connection| connection.acked_partitions(target));
        if !acked_partitions.is_some_and(|acked_partitions| acked_partitions.needs_first_ack(partition)) {
            return Ok(());
        }
        while let Some(connection) = &mut self.connection {
            if connection.producer.context().reports().in_flight.messages() == 0 {
                if let Some(acked_partitions) = connection.acked_partitions(target) {
                    acked_partitions.add(partition);
                }
                return Ok(());
            }
            connection.producer.flush(POLL_EVERY).ok();
            connection.serve();
            self.check_reports()?;
        }
        Err(not_connected())
    }

    /// Commits the open transaction if that is due and all its messages are acknowledged.
    fn commit_if_due(&mut self, is_last: bool) -> Result<(), SinkError> {
        let transactions = self.connection.as_ref().and_then(|connection| connection.transactions.as_ref());
        let now = self.clock.monotonic();
        if !transactions.is_some_and(|it| it.is_due(&self.config, self.records_max(), is_last, now)) {
            return Ok(());
        }
        if let Some(connection) = &self.connection {
            // A timeout is no error: the transaction stays due.
            connection.producer.flush(FLUSH_TIMEOUT).ok();
            connection.serve();
        }
        self.check_reports()?;
        match (&mut self.ownership, &mut self.connection) {
            (Some(ownership), Some(connection)) => ownership.commit(connection, &self.config, &self.clock),
            _ => Ok(()),
        }
    }

    /// Makes a checkpoint if one is due. After an interruption a loss check comes first: a
    /// new checkpoint would hide a loss.
    fn checkpoint_if_due(&mut self, is_ending: bool) -> Result<(), SinkError> {
        let Some(connection) = &self.connection else { return Err(not_connected()) };
        let now = self.clock.now();
        let reports = connection.producer.context().reports();
        let is_ending = is_ending && reports.in_flight.records() == 0;
        if reports.connection_error.is_some() || !self.confirmed.is_due(reports.confirmed_next(), now, is_ending) {
            return Ok(());
        }
        let (state, interrupted) = (reports.confirmed(), reports.interrupted.clone());
        drop(reports);
        if let Some(before) = interrupted {
            if self.rechecked.is_some_and(|at| self.clock.elapsed(at) < RECHECK_EVERY) {
                return Ok(());
            }
            self.rechecked = Some(self.clock.monotonic());
            match self.confirmed.lost_since(&before, &self.config, &self.clock) {
                Ok(None) => connection.producer.context().reports().interrupted = None,
                Ok(Some(why)) => {
                    return Err(SinkError::waiting(format!("{why}; comparing the topic with the checkpoints")));
                }
                Err(error) => {
                    tracing::debug!(%error, "no checkpoint yet");
                    return Ok(());
                }
            }
        }
        self.confirmed.add(&state, &self.config, now);
        Ok(())
    }

    /// Looks at the topic's settings every few minutes.
    fn look_if_due(&mut self) -> Result<(), SinkError> {
        let Some(connection) = &mut self.connection else { return Err(not_connected()) };
        let now = self.clock.monotonic();
        if self.next_look.is_some_and(|at| now < at) {
            return Ok(());
        }
        self.next_look = Some(now + self.config.look_every);
        connection.look(&self.config)
    }

    /// Notes that the client has all messages of the last record.
    fn close(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.producer.context().reports().in_flight.close();
            if let Some(transactions) = &mut connection.transactions {
                transactions.close_record();
            }
        }
    }

    fn progress(&mut self) -> Result<Progress, SinkError> {
        let Some(connection) = &self.connection else { return Err(not_connected()) };
        let mut reports = connection.producer.context().reports();
        let transactions = connection.transactions.as_ref();
        if transactions.is_some_and(Transactions::is_idle) {
            reports.pass_records_without_messages();
        }
        let next_unsafe = reports.confirmed_next();
        if self.throttled_until.is_some_and(|until| next_unsafe > until) {
            self.throttled_until = None;
        }
        let every = if reports.in_flight.records() == 0 { IDLE_POLL_EVERY } else { POLL_EVERY };
        let next_poll = self.clock.monotonic() + every;
        let commit_at = transactions.and_then(|transactions| transactions.commit_at(&self.config));
        Ok(Progress::new(next_unsafe, Some(commit_at.map_or(next_poll, |at| at.min(next_poll)))))
    }

    /// Records in flight or in a transaction at most.
    fn records_max(&self) -> usize {
        if self.throttled_until.is_some() { THROTTLED_RECORDS_MAX } else { usize::MAX }
    }

    /// Whether the pump should read no further. A quarter of the client's queue is reserved
    /// for the readings of one more record.
    fn has_no_room(&self, reports: &Reports) -> bool {
        let in_flight = &reports.in_flight;
        let (messages_max, bytes_max) = (self.config.queue_messages(), self.config.queue_bytes());
        let records_max = self.records_max().min(usize::try_from(messages_max).unwrap_or(usize::MAX));
        in_flight.records() >= records_max
            || in_flight.messages() >= messages_max - messages_max / 4
            || in_flight.bytes() >= bytes_max - bytes_max / 4
    }
}

impl Sink for Kafka {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        let checkpoint = self.confirmed.position(&self.config.topic);
        let Some(ownership) = &mut self.ownership else { return Ok(checkpoint) };
        let committed = ownership.stored_position(&self.config, &self.clock)?;
        // A higher checkpoint is of the other mode, or the brokers lost positions: then the topic shows whether records, too.
        let is_higher = |checkpoint: &Position| committed.is_none_or(|committed| committed.next < checkpoint.next);
        Ok(checkpoint.filter(is_higher).or(committed))
    }

    fn is_exact(&self) -> bool {
        self.ownership.as_ref().is_some_and(Ownership::has_position)
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError> {
        let Some(connection) = &mut self.connection else { return Err(not_connected()) };
        connection.forget_old_acks(self.clock.monotonic());
        let ticket = connection.producer.context().reports().in_flight.open(delivery.record.sequence, Target::Readings);
        let received = delivery.record.header.received;
        // Taken out of `self`, so that its bytes can be borrowed while `self` sends them. After a panic the new one stays.
        let mut encoder = std::mem::replace(&mut self.encoder, Encoder::of(&self.config));
        encoder.begin(&delivery.record, delivery.source);
        let mut key = uuid::Uuid::encode_buffer();
        // Consumers get no test readings of the service itself.
        let mut wanted = delivery.readings().filter(|reading| reading.meter != MeterId::CANARY);
        let sent: Result<u64, SinkError> = wanted.try_fold(0, |readings, reading| {
            let key = reading.meter.uuid().hyphenated().encode_lower(&mut key);
            let mut send = |key: &str, value: &[u8]| self.send(Target::Readings, key, value, received, ticket);
            encoder.parts(&reading, |value| broken::send(delivery.record.sequence, key, value, &mut send))?;
            Ok(readings + 1)
        });
        self.encoder = encoder;
        let readings = sent?;
        self.close();
        Ok(readings)
    }

    fn describe(&mut self, delivery: &Delivery<'_>) -> Result<bool, SinkError> {
        let Some(config) = &self.meters_config else { return Ok(false) };
        let Some(connection) = &mut self.connection else { return Err(not_connected()) };
        connection.check_meters_topic(config, self.clock.monotonic())?;
        connection.forget_old_acks(self.clock.monotonic());
        let ticket = connection.producer.context().reports().in_flight.open(delivery.record.sequence, Target::Meters);
        let values = config.values();
        let mut value = Vec::new();
        for version in delivery.versions() {
            values.meter(&version.to_message(), &mut value);
            self.send(Target::Meters, &version.meter.to_string(), &value, delivery.record.header.received, ticket)?;
        }
        self.close();
        Ok(true)
    }

    fn warnings(&self) -> &[String] {
        self.connection.as_ref().map_or(&[], |connection| &connection.warnings)
    }

    fn is_full(&self) -> bool {
        let Some(connection) = &self.connection else { return false };
        let transactions = connection.transactions.as_ref();
        transactions.is_some_and(|transactions| transactions.is_full(&self.config, self.records_max()))
            || self.has_no_room(&connection.producer.context().reports())
    }

    fn settle(&mut self, drain: bool) -> Result<Progress, SinkError> {
        let Some(connection) = &self.connection else { return Err(not_connected()) };
        if drain {
            // A timeout is no error: the progress shows the missing acknowledgements.
            connection.producer.flush(FLUSH_TIMEOUT).ok();
        }
        // A full queue is no reason to wait here: the pump does, and a poll with a time-out reads
        // the clock without a pause in its last millisecond.
        connection.serve();
        self.check_reports()?;
        self.look_if_due()?;
        self.commit_if_due(drain)?;
        self.checkpoint_if_due(drain)?;
        self.progress()
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        // The old producer ends and drops its queue before the new one starts.
        if let Some(ended) = self.connection.take() {
            let mut reports = ended.producer.context().reports();
            let before = reports.interrupted.take();
            self.confirmed.remember(before.into_iter().chain([reports.confirmed()]));
        }
        self.counts.in_flight.set(0.0);
        let (mut connection, committed) = match &mut self.ownership {
            None => (Connection::open(&self.config, &self.clock, position.next)?, None),
            Some(ownership) => ownership.connect(&self.config, &self.clock, position)?,
        };
        let partitions = connection.partitions;
        let acked = self.confirmed.recover(position.next, committed, partitions, &self.config, &self.clock)?;
        connection.producer.context().reports().start(acked, connection.transactions.is_some());
        if let Some(ownership) = &mut self.ownership {
            ownership.commit(&mut connection, &self.config, &self.clock)?;
        }
        self.next_look = Some(self.clock.monotonic() + self.config.look_every);
        self.connection = Some(connection);
        if position.next < self.front.0 {
            // A loss or a replay, not a failure.
            self.throttled_until = None;
        }
        self.front = (position.next, self.clock.monotonic());
        Ok(())
    }
}

fn not_connected() -> SinkError {
    SinkError::waiting("the Kafka sink has no connection yet")
}
