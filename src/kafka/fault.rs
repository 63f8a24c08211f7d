//! Errors of connections and clients, as sentences with a remedy.
//!
//! Invariant: no sentence holds a secret. The library's own messages are shown only where they cannot hold a
//! configured value.

use super::client::Client;
use super::client_log::Line;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::{Duration, Instant};

/// A failure that is not of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether the operator must fix something; it passes without help otherwise.
    pub is_blocking: bool,
    /// The cause, the place and the remedy.
    pub message: String,
}

impl Fault {
    fn waiting(message: String) -> Self {
        Self { is_blocking: false, message }
    }

    fn blocked(message: String) -> Self {
        Self { is_blocking: true, message }
    }
}

/// Connection errors; no message has failed yet.
#[derive(Debug, Clone)]
pub struct ConnectionError {
    /// The time of the first error.
    pub since: Instant,
    /// The most specific error.
    pub code: RDKafkaErrorCode,
    /// The library's message.
    pub reason: String,
}

impl ConnectionError {
    /// Notes a later error, if it says no less.
    pub fn note(&mut self, code: RDKafkaErrorCode, reason: &str) {
        if is_as_specific(code, self.code) {
            self.code = code;
            reason.clone_into(&mut self.reason);
        }
    }
}

/// No broker is usable.
pub fn of_connection(connection_error: Option<&ConnectionError>, client: &Client) -> Fault {
    let brokers = &client.brokers;
    let Some(ConnectionError { code, reason, .. }) = connection_error else {
        return Fault::waiting(format!(
            "no Kafka broker at {brokers} answers; check that it is running and reachable from here"
        ));
    };
    match code {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => Fault::blocked(format!(
            "the Kafka brokers at {brokers} do not accept the credentials of user {}: {reason}; \
             check `username`, the password and `sasl_mechanism`",
            client.sasl.as_ref().map_or("(none)", |sasl| &sasl.username)
        )),
        RDKafkaErrorCode::SSL => Fault::blocked(format!(
            "no TLS connection to the Kafka brokers at {brokers}: {reason}; if their certificate is from a private \
             authority, name the authority's in `ca_file`; check that the listener speaks TLS"
        )),
        code => Fault::waiting(match Line::of(reason) {
            line @ Line::Fault { .. } => format!("no Kafka broker at {brokers} can be used: {line}"),
            Line::Harmless | Line::Other => format!("no Kafka broker at {brokers} can be reached ({code}): {reason}"),
        }),
    }
}

/// The library refuses to create a client: always a wrong setting.
pub fn of_client(error: &KafkaError) -> Fault {
    Fault::blocked(match error {
        KafkaError::ClientConfig(_, reason, key, _) if !key.contains("password") => {
            format!("the settings of the Kafka client are not usable: {reason} ({key})")
        }
        KafkaError::ClientConfig(_, _, key, _) => format!("the Kafka client does not accept the value of {key}"),
        KafkaError::ClientCreation(reason) => format!("the settings of the Kafka client are not usable: {reason}"),
        KafkaError::Nul(_) => "a setting of the Kafka client holds a zero byte; remove it".to_owned(),
        other => match other.rdkafka_error_code() {
            Some(code) => format!("the Kafka client cannot be created: {code}"),
            None => "the Kafka client cannot be created".to_owned(),
        },
    })
}

/// Whether a request about a group failed because the user has no right to the group. The library repeats such a request
/// until its time-out, and tells of the refusal in a poll.
pub fn is_refused_group<C: ConsumerContext>(consumer: &BaseConsumer<C>, error: &KafkaError) -> bool {
    let is_refused =
        |error: &KafkaError| error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed);
    is_refused(error) || consumer.poll(Duration::ZERO).is_some_and(|polled| polled.is_err_and(|it| is_refused(&it)))
}

/// Whether a code is at least as specific as another; "no broker reachable" is the least.
fn is_as_specific(code: RDKafkaErrorCode, than: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, Authentication, BrokerTransportFailure, Fatal, Resolve, SSL};
    let rank = |code| match code {
        Fatal => 4,
        Authentication | SSL => 3,
        BrokerTransportFailure | Resolve => 2,
        AllBrokersDown => 0,
        _ => 1,
    };
    rank(code) >= rank(than)
}
