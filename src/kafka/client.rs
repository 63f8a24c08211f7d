//! How clients reach the brokers, and its translation for the client library.

use super::client_log::ClientLog;
use crate::secret::Secret;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::path::PathBuf;

/// The brokers, and how to connect to them.
#[derive(Debug, Clone)]
pub struct Client {
    /// `host:port` of one or more brokers, with commas between them.
    pub brokers: String,
    /// Encryption of the connections; `None` is plain text.
    pub tls: Option<Tls>,
    /// The credentials; `None` where the brokers need none.
    pub sasl: Option<Sasl>,
    /// The lines that the client library logged, for all clients of this configuration.
    pub log: ClientLog,
}

impl Client {
    /// Brokers without encryption and credentials.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self { brokers: brokers.into(), tls: None, sasl: None, log: ClientLog::default() }
    }

    /// Settings of any client of the library.
    pub fn settings(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "meterline")
            // A topic created by a broker would have the wrong timestamps.
            .set("allow.auto.create.topics", "false")
            .set("security.protocol", self.security_protocol())
            .set("reconnect.backoff.max.ms", "2000")
            .set("socket.keepalive.enable", "true")
            .set_log_level(RDKafkaLogLevel::Info);
        if let Some(tls) = &self.tls {
            let ca = tls.ca_location.as_ref().map_or("probe".into(), |path| path.to_string_lossy());
            client.set("ssl.ca.location", ca);
        }
        if let Some(sasl) = &self.sasl {
            client
                .set("sasl.mechanism", sasl.mechanism.name())
                .set("sasl.username", &sasl.username)
                .set("sasl.password", sasl.password.expose());
        }
        client
    }

    fn security_protocol(&self) -> &'static str {
        match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        }
    }
}

/// Encryption of the connections; the brokers' certificates are always verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// File with the CA certificates; `None` is the system's.
    pub ca_location: Option<PathBuf>,
}

/// The credentials for the brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sasl {
    /// The authentication mechanism.
    pub mechanism: SaslMechanism,
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
}

/// The authentication mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// The password in clear text: only over TLS.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    /// Every mechanism.
    pub const ALL: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// The mechanism as Kafka names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}
