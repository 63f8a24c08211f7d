//! The reports of the client library: acknowledgements, errors, log lines.
//!
//! Only collects them; `fault` interprets them. The library calls from `poll`, on the
//! pump's thread; the lock exists because the library's interface allows any thread.

use super::acked_offsets::{AckedOffsets, ConfirmedState, OffsetRegression};
use super::config::Config;
use super::in_flight::{InFlight, Target, Ticket};
use crate::clock::Clock;
use crate::journal::Sequence;
use crate::kafka::{ClientLog, ConnectionError};
use parking_lot::{Mutex, MutexGuard};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;
use rdkafka::{ClientContext, Statistics};

/// The reports about one producer.
#[derive(Debug)]
pub(super) struct Reports {
    /// The records in flight.
    pub(super) in_flight: InFlight,
    /// Messages acknowledged since the last count.
    pub(super) acknowledged: u64,
    /// The first permanent failure of a message.
    pub(super) failure: Option<Failure>,
    /// Connection errors since the last acknowledgement.
    pub(super) connection_error: Option<ConnectionError>,
    /// The highest acknowledged records, also of earlier producers.
    pub(super) acked: AckedOffsets,
    /// The state at the last commit of a transactional producer; `None` for any other.
    pub(super) committed: Option<ConfirmedState>,
    /// The confirmed state at the first connection error since the last loss check.
    pub(super) interrupted: Option<ConfirmedState>,
    /// An acknowledgement that shows that a log became shorter.
    pub(super) regression: Option<OffsetRegression>,
    /// All reports counted: tells whether a poll handled one.
    pub(super) events: u64,
}

/// A permanent failure of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    /// The cause.
    pub(super) code: RDKafkaErrorCode,
    /// The lowest record whose message failed with this cause.
    pub(super) lowest: Option<Sequence>,
    /// Whether the message was for the topic of meters.
    pub(super) is_meters_topic: bool,
}

impl Failure {
    /// Whether it only follows from another failure.
    pub(super) fn is_consequence(&self) -> bool {
        is_consequence(self.code)
    }
}

/// The callbacks for the library.
#[derive(Debug)]
pub(super) struct Context {
    clock: Clock,
    log: ClientLog,
    reports: Mutex<Reports>,
}

impl Context {
    /// A context without reports.
    pub(super) fn new(clock: Clock, config: &Config, next: Sequence) -> Self {
        let in_flight = InFlight::from(next);
        let reports = Reports {
            in_flight,
            acknowledged: 0,
            failure: None,
            connection_error: None,
            acked: AckedOffsets::default(),
            committed: None,
            interrupted: None,
            regression: None,
            events: 0,
        };
        Self { clock, log: config.client.log.clone(), reports: Mutex::new(reports) }
    }

    /// The reports so far.
    pub(super) fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock()
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Ticket;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Ticket) {
        let mut reports = self.reports();
        reports.events += 1;
        match result {
            Ok(message) => {
                let bytes = message.payload_len() + message.key_len();
                let target = reports.in_flight.acknowledged(ticket, bytes);
                reports.acknowledged += 1;
                reports.connection_error = None;
                // Only the offsets of the topic of readings are noted.
                if target == Some(Target::Meters) {
                    return;
                }
                let value = message.payload().unwrap_or_default();
                if let Err(regression) = reports.acked.note(message.partition(), message.offset(), value) {
                    reports.regression.get_or_insert(regression);
                }
            }
            Err((error, _)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
                reports.failed(ticket, code);
            }
        }
    }
}

impl Reports {
    /// The confirmed state now.
    pub(super) fn confirmed(&self) -> ConfirmedState {
        self.committed.clone().unwrap_or_else(|| self.acknowledged_state())
    }

    /// The record below which everything is confirmed.
    pub(super) fn confirmed_next(&self) -> Sequence {
        self.committed.as_ref().map_or_else(|| self.in_flight.next_unsafe(), |state| state.next)
    }

    /// Counts the records since the last commit as confirmed: no transaction is open, so they had
    /// no messages.
    pub(super) fn pass_records_without_messages(&mut self) {
        let next = self.in_flight.next_unsafe();
        if let Some(state) = &mut self.committed {
            state.next = next;
        }
    }

    /// Begins with the acknowledged records of earlier producers.
    pub(super) fn start(&mut self, acked: AckedOffsets, is_transactional: bool) {
        self.acked = acked;
        self.committed = is_transactional.then(|| self.acknowledged_state());
    }

    /// The acknowledged state now: of a transactional producer it may still be aborted.
    pub(super) fn acknowledged_state(&self) -> ConfirmedState {
        ConfirmedState { next: self.in_flight.next_unsafe(), acked: self.acked.clone() }
    }

    /// Notes a failure; the cause replaces its consequences, in any order of arrival.
    fn failed(&mut self, ticket: Ticket, code: RDKafkaErrorCode) {
        let sequence = self.in_flight.sequence(ticket);
        let is_meters_topic = self.in_flight.target(ticket) == Some(Target::Meters);
        let failure = self.failure.get_or_insert(Failure { code, lowest: None, is_meters_topic });
        if failure.is_consequence() && !is_consequence(code) {
            *failure = Failure { code, lowest: None, is_meters_topic };
        }
        if failure.code == code {
            failure.lowest = lower(failure.lowest, sequence);
        }
    }
}

fn lower(one: Option<Sequence>, other: Option<Sequence>) -> Option<Sequence> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn is_consequence(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{Fatal, GaplessGuarantee, OutOfOrderSequenceNumber, PurgeInflight, PurgeQueue};
    matches!(code, PurgeQueue | PurgeInflight | Fatal | GaplessGuarantee | OutOfOrderSequenceNumber)
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reports().events += 1;
        self.log.log(level, facility, message, self.clock.monotonic());
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let since = self.clock.monotonic();
        let mut reports = self.reports();
        reports.events += 1;
        if reports.interrupted.is_none() {
            reports.interrupted = Some(reports.confirmed());
        }
        match &mut reports.connection_error {
            Some(earlier) => earlier.note(code, reason),
            none => *none = Some(ConnectionError { since, code, reason: reason.to_owned() }),
        }
    }
}
