//! The callbacks of clients whose errors are answers of their calls.

use super::client::Client;
use super::client_log::ClientLog;
use crate::clock::Clock;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Statistics};

/// The callbacks of clients that only log.
#[derive(Debug, Clone)]
pub struct LogContext {
    log: ClientLog,
    clock: Clock,
}

impl LogContext {
    /// The callbacks for a client of this configuration.
    pub fn new(client: &Client) -> Self {
        Self { log: client.log.clone(), clock: Clock::system() }
    }
}

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message, self.clock.monotonic());
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the Kafka client reports an error");
    }
}

impl ConsumerContext for LogContext {}
