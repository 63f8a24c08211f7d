//! The client library's log lines: in our words, and each once.
//!
//! The library repeats a line with every attempt, from each of its connections and clients.
//! So all clients of a configuration share one memory of what was logged. Harmless lines are left to
//! the debug level. Knows no client; the parser takes any text.

use parking_lot::Mutex;
use rdkafka::config::RDKafkaLogLevel;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a line is not logged again.
const REPEAT_AFTER: Duration = Duration::from_hours(1);
/// Lines remembered; beyond it the oldest is forgotten.
const LINES_MAX: usize = 32;

/// The memory of the lines that were logged, shared by all clients of a configuration.
#[derive(Debug, Clone, Default)]
pub struct ClientLog(Arc<Mutex<VecDeque<(String, Instant)>>>);

/// The meaning of a line of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// It says nothing that anyone must know.
    Harmless,
    /// A fault of a connection.
    Fault {
        /// Host and port of the broker; empty if the line names none.
        broker: String,
        /// The cause and the advice.
        cause: Cause,
    },
    /// Anything else.
    Other,
}

/// Why a connection to a broker failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing listens there.
    Refused,
    /// No answer.
    Silent,
    /// The name has no address here.
    UnknownHost,
    /// The broker or something between closed it.
    Closed,
    /// The broker's certificate is not trusted.
    Untrusted,
    /// TLS failed otherwise.
    Tls,
    /// The credentials are wrong.
    Credentials,
    /// No broker is reachable; another line has the cause.
    AllDown,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "it refuses connections; check that the broker runs and listens on this port",
            Self::Silent => "it does not answer; check that the broker runs, and the network and firewalls between",
            Self::UnknownHost => {
                "its host name has no address here; check the name, or the broker's advertised.listeners"
            }
            Self::Closed => "it closed the connection; the client connects again automatically",
            Self::Untrusted => {
                "its certificate comes from an authority that is not trusted here; name the authority's certificate in \
                 `ca_file`"
            }
            Self::Tls => "TLS with it failed; check that the listener speaks TLS, and `security`",
            Self::Credentials => {
                "it does not accept the credentials; check `username`, the password and `sasl_mechanism`"
            }
            Self::AllDown => "no broker can be reached; the client tries again automatically",
        })
    }
}

impl Line {
    /// Interprets a line or the reason of an error.
    pub fn of(text: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if has(&["Configuration property", "Failed to acquire idempotence PID"]) {
            return Self::Harmless;
        }
        let cause = if has(&["certificate verify failed", "unable to get local issuer", "self-signed certificate"]) {
            Cause::Untrusted
        } else if has(&["Connection refused"]) {
            Cause::Refused
        } else if has(&["Failed to resolve"]) {
            Cause::UnknownHost
        } else if has(&["SSL handshake", "SSL connect", "SSL_"]) {
            Cause::Tls
        } else if has(&["SASL", "uthentication"]) {
            Cause::Credentials
        } else if has(&["imed out", "timeout", "o route to host", "unreachable"]) {
            Cause::Silent
        } else if has(&["brokers are down"]) {
            Cause::AllDown
        } else if has(&["isconnected", "eceive failed", "Send failed", "onnection reset", "closed by peer"]) {
            Cause::Closed
        } else {
            return Self::Other;
        };
        Self::Fault { broker: broker(text), cause }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { broker, cause } if broker.is_empty() => write!(f, "{cause}"),
            Self::Fault { broker, cause } => write!(f, "broker {broker}: {cause}"),
            Self::Harmless | Self::Other => Ok(()),
        }
    }
}

/// Host and port in `[thrd:NAME]: HOST:PORT/ID: …`; empty without one.
fn broker(text: &str) -> String {
    let rest = text.rsplit_once("]: ").map_or(text, |(_, rest)| rest);
    let name = rest.split_once(": ").map_or("", |(name, _)| name);
    let address = name.rsplit_once('/').map_or("", |(address, _)| address);
    let address = address.rsplit_once("//").map_or(address, |(_, address)| address);
    let is_address = address.contains(':') && !address.contains(char::is_whitespace);
    if is_address { address.to_owned() } else { String::new() }
}

impl ClientLog {
    /// Logs a line of the library, unless it was logged in the last hour.
    pub fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str, now: Instant) {
        let line = Line::of(message);
        let (key, is_fault) = match &line {
            Line::Harmless => return tracing::debug!(facility, "{message}"),
            Line::Fault { .. } => (line.to_string(), true),
            Line::Other => (without_digits(message), false),
        };
        if !self.is_new(key, now) {
            return tracing::debug!(facility, "{message}");
        }
        match level {
            _ if is_fault => tracing::warn!("Kafka connection: {line}"),
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::warn!(facility, "the Kafka client reports: {message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(facility, "the Kafka client reports: {message}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, "{message}"),
        }
    }

    fn is_new(&self, key: String, now: Instant) -> bool {
        let mut lines = self.0.lock();
        lines.retain(|(_, at)| now.saturating_duration_since(*at) < REPEAT_AFTER);
        if lines.iter().any(|(logged, _)| *logged == key) {
            return false;
        }
        if lines.len() >= LINES_MAX {
            lines.pop_front();
        }
        lines.push_back((key, now));
        true
    }
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|char| !char.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_becomes_cause_address_and_advice() {
        for (text, broker, cause) in [
            (
                "[thrd:10.0.0.5:9092/1]: 10.0.0.5:9092/1: Connect to ipv4#10.0.0.5:9092 failed: Connection refused (after 0ms in state CONNECT)",
                "10.0.0.5:9092",
                Cause::Refused,
            ),
            (
                "ssl://kafka:9093/bootstrap: Failed to resolve 'kafka:9093': Name or service not known",
                "kafka:9093",
                Cause::UnknownHost,
            ),
            (
                "[thrd:a:1/1]: a:1/1: Disconnected: connection closed by peer: receive 0 after POLLIN (after 14452ms in state UP)",
                "a:1",
                Cause::Closed,
            ),
            ("[thrd:main]: 1/1 brokers are down", "", Cause::AllDown),
            ("a:1/1: Timed out 2 in-flight, 0 retry-queued requests", "a:1", Cause::Silent),
            ("sasl_ssl://a:1/bootstrap: SSL handshake failed: certificate verify failed", "a:1", Cause::Untrusted),
            ("a:1/1: SASL authentication error: Authentication failed", "a:1", Cause::Credentials),
        ] {
            assert_eq!(Line::of(text), Line::Fault { broker: broker.to_owned(), cause }, "{text}");
        }
        let experimental = "[thrd:app]: Configuration property enable.gapless.guarantee is experimental: …";
        assert_eq!(Line::of(experimental), Line::Harmless);
    }

    #[test]
    fn a_line_is_logged_once_an_hour_whatever_its_numbers_in_bounded_memory() {
        let log = ClientLog::default();
        let now = crate::clock::Clock::system().monotonic();
        assert!(log.is_new("a".into(), now) && !log.is_new("a".into(), now + Duration::from_mins(59)));
        assert!(log.is_new("a".into(), now + Duration::from_mins(60)));
        for number in 0..1_000 {
            log.is_new("x".repeat(number), now);
        }
        assert!(log.0.lock().len() <= LINES_MAX);
        assert_eq!(without_digits("waited 10 s"), without_digits("waited 7 s"));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic_or_invents_an_address(text in "\\PC*") {
            if let Line::Fault { broker, .. } = Line::of(&text) {
                prop_assert!(broker.is_empty() || text.contains(&broker));
            }
        }
    }
}
