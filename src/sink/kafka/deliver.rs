//! The sink itself: its implementation of [`Sink`].

use super::config::Config;
use super::confirmed::ConfirmedStates;
use super::connection::{self, Connection};
use super::context::{Failure, Reports};
use super::encode::Encoder;
use super::fault;
use super::in_flight::{Target, Ticket};
use super::{advertised, broken};
use crate::clock::Clock;
use crate::deliver::{Delivery, Progress, Sink, SinkError};
use crate::journal::{CursorError, Journal, Position, Sequence};
use crate::reading::{MeterId, UnixNanos};
use metrics::{Counter, Gauge};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig};
use std::time::{Duration, Instant};

/// Interval between polls while messages are in flight.
const POLL_EVERY: Duration = Duration::from_millis(10);
/// Interval between polls for errors while none are.
const IDLE_POLL_EVERY: Duration = Duration::from_secs(1);
/// How long brokers may be unreachable before the sink reports it. A broker's restart
/// takes less, and the client bridges it without repeats.
const UNREACHABLE_MAX: Duration = Duration::from_secs(3);
/// How long the oldest record may make no progress while brokers answer.
const STALL_MAX: Duration = Duration::from_secs(20);
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
    /// When the checkpoints cannot be read.
    pub fn new(name: &str, config: &Config, clock: Clock, journal: &Journal) -> Result<Self, CursorError> {
        Ok(Self {
            confirmed: ConfirmedStates::read(journal.clone(), name)?,
            rechecked: None,
            next_look: None,
            front: (Sequence::FIRST, clock.monotonic()),
            config: config.clone(),
            meters_config: config.of_meters(),
            clock,
            encoder: Encoder::of(config),
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
        let partition = connection.acked_partitions(target).map_or(0, |partitions| partitions.partition(key));
        loop {
            let Some(connection) = &self.connection else { return Err(not_connected()) };
            let record = BaseRecord::with_opaque_to(self.topic(target), ticket)
                .key(key)
                .partition(i32::try_from(partition).unwrap_or_default())
                .payload(value)
                .timestamp(received.0.div_euclid(1_000_000));
            match connection.producer.send(record) {
                Ok(()) => {
                    let bytes = key.len() + value.len();
                    connection.producer.context().reports().in_flight.sent(ticket, bytes);
                    self.counts.bytes.increment(bytes as u64);
                    return self.await_first_ack(target, partition);
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

    /// Handles the client's reports.
    ///
    /// # Errors
    /// When delivery cannot continue.
    fn check_reports(&mut self) -> Result<(), SinkError> {
        let Some(connection) = &self.connection else { return Err(not_connected()) };
        let now = self.clock.monotonic();
        let context = connection.producer.context();
        let mut reports = context.reports();
        self.counts.count(&mut reports);
        let connection_error = reports.connection_error.as_ref();
        let is_fatal =
            connection_error.is_some_and(|connection_error| connection_error.code == RDKafkaErrorCode::Fatal);
        let is_unreachable =
            connection_error.is_some_and(|connection_error| now - connection_error.since > UNREACHABLE_MAX);
        let has_failed = reports.failure.is_some();
        let regression = reports.regression;
        let front = reports.in_flight.next_unsafe();
        if front != self.front.0 || reports.in_flight.records() == 0 {
            self.front = (front, now);
        }
        drop(reports);
        if let Some(regression) = regression {
            self.end_producer(RDKafkaErrorCode::PurgeQueue);
            return Err(fault::of_offset_regression(&self.config, regression));
        }
        if has_failed || is_fatal {
            return Err(self.end_producer(RDKafkaErrorCode::Fatal));
        }
        if is_unreachable {
            connection::writable_partitions(&connection.producer, &self.config)?;
            context.reports().connection_error = None;
        }
        if now - self.front.1 <= STALL_MAX {
            return Ok(());
        }
        let unreachable = advertised::unreachable_broker(&self.config);
        Err(unreachable.map_or_else(
            || fault::of_stall(&self.config, STALL_MAX),
            |broker| fault::of_advertised(&self.config, &broker),
        ))
    }

    /// Ends the producer after a permanent failure and returns the cause. The cause may be
    /// reported after its consequences, so all reports are handled first.
    fn end_producer(&mut self, code: RDKafkaErrorCode) -> SinkError {
        let Some(connection) = &self.connection else { return not_connected() };
        let producer = &connection.producer;
        producer.purge(PurgeConfig::default().queue().inflight());
        producer.flush(FLUSH_TIMEOUT).ok();
        connection.serve();
        let mut reports = producer.context().reports();
        self.counts.count(&mut reports);
        self.throttled_until = self.throttled_until.max(Some(reports.in_flight.next()));
        let fatal =
            || producer.client().fatal_error().map(|(code, _)| Failure { code, lowest: None, is_meters_topic: false });
        let failure = match reports.failure {
            Some(failure) if !failure.is_consequence() => failure,
            other => fatal().or(other).unwrap_or(Failure { code, lowest: None, is_meters_topic: false }),
        };
        match self.meters_config.as_ref().filter(|_| failure.is_meters_topic) {
            Some(of_meters) => fault::of_delivery(&failure, of_meters, None),
            None => fault::of_delivery(&failure, &self.config, connection.topic_bytes_max),
        }
    }

    /// Makes a checkpoint if one is due. After an interruption a loss check comes first: a
    /// new checkpoint would hide a loss.
    fn checkpoint_if_due(&mut self, is_ending: bool) -> Result<(), SinkError> {
        let Some(connection) = &self.connection else { return Err(not_connected()) };
        let now = self.clock.now();
        let reports = connection.producer.context().reports();
        let is_ending = is_ending && reports.in_flight.records() == 0;
        if reports.connection_error.is_some() || !self.confirmed.is_due(reports.in_flight.next_unsafe(), now, is_ending)
        {
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
    fn close(&self) {
        if let Some(connection) = &self.connection {
            connection.producer.context().reports().in_flight.close();
        }
    }

    fn progress(&mut self) -> Result<Progress, SinkError> {
        let Some(connection) = &self.connection else { return Err(not_connected()) };
        let reports = connection.producer.context().reports();
        let next_unsafe = reports.in_flight.next_unsafe();
        if self.throttled_until.is_some_and(|until| next_unsafe > until) {
            self.throttled_until = None;
        }
        let every = if reports.in_flight.records() == 0 { IDLE_POLL_EVERY } else { POLL_EVERY };
        Ok(Progress::new(next_unsafe, Some(self.clock.monotonic() + every)))
    }

    /// Whether the pump should read no further. A quarter of the client's queue is reserved
    /// for the readings of one more record.
    fn has_no_room(&self, reports: &Reports) -> bool {
        let in_flight = &reports.in_flight;
        let (messages_max, bytes_max) = (self.config.queue_messages(), self.config.queue_bytes());
        let records_max = match self.throttled_until {
            Some(_) => THROTTLED_RECORDS_MAX,
            None => usize::try_from(messages_max).unwrap_or(usize::MAX),
        };
        in_flight.records() >= records_max
            || in_flight.messages() >= messages_max - messages_max / 4
            || in_flight.bytes() >= bytes_max - bytes_max / 4
    }
}

impl Sink for Kafka {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        Ok(self.confirmed.position(&self.config.topic))
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
        self.connection.as_ref().is_some_and(|connection| self.has_no_room(&connection.producer.context().reports()))
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
        let connection = Connection::open(&self.config, &self.clock, position.next)?;
        connection.producer.context().reports().acked =
            self.confirmed.recover(position.next, connection.partitions, &self.config, &self.clock)?;
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

/// The sink's metrics.
#[derive(Debug)]
struct Counts {
    rows: Counter,
    bytes: Counter,
    in_flight: Gauge,
}

impl Counts {
    fn new(sink: &str) -> Self {
        let labels = [("sink", sink.to_owned())];
        Self {
            rows: crate::metrics::counter("meterline_sink_rows_total", &labels),
            bytes: crate::metrics::counter("meterline_sink_bytes_total", &labels),
            in_flight: crate::metrics::gauge("meterline_sink_in_flight_rows", &labels),
        }
    }

    fn count(&self, reports: &mut Reports) {
        self.rows.increment(std::mem::take(&mut reports.acknowledged));
        self.in_flight.set(f64::from(reports.in_flight.messages()));
    }
}
