//! The client's failures, and the end of a producer.
//!
//! Sends nothing. Invariant: after an error the producer is not used again; the next `rewind`
//! replaces it.

use super::super::advertised;
use super::super::connection;
use super::super::context::Failure;
use super::super::fault;
use super::{Kafka, not_connected};
use crate::deliver::SinkError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use std::time::Duration;

/// How long brokers may be unreachable before the sink reports it. A broker's restart
/// takes less, and the client bridges it without repeats.
const UNREACHABLE_MAX: Duration = Duration::from_secs(3);
/// How long the oldest record may make no progress while brokers answer.
const STALL_MAX: Duration = Duration::from_secs(20);

impl Kafka {
    /// Handles the client's reports.
    ///
    /// # Errors
    /// When delivery cannot continue.
    pub(super) fn check_reports(&mut self) -> Result<(), SinkError> {
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
    pub(super) fn end_producer(&mut self, code: RDKafkaErrorCode) -> SinkError {
        let Some(connection) = &mut self.connection else { return not_connected() };
        connection.abandon();
        let producer = &connection.producer;
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
}
