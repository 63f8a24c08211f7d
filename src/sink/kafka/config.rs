//! What the sink must be told, and its translation for the client library.
//!
//! Invariant: a secret leaves its [`Secret`] only on the way into the library.

use crate::secret::Secret;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::path::PathBuf;
use std::time::Duration;

/// Encoded size up to which messages share a batch; the broker's own default limit
/// is little more. Each connection may hold five batches, so this costs memory.
const BATCH_BYTES_MAX: u32 = 1_000_000;
/// The client refuses a larger message at once, and the topic has to take one.
pub(super) const MESSAGE_BYTES_MAX: u32 = 1_000_000;
/// The setting that bounds a batch, after compression.
pub(super) const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
/// The setting that says whose clock stamps records.
pub(super) const TIMESTAMP_TYPE: &str = "message.timestamp.type";
/// The brokers' clock: what arrived late is neither refused nor deleted early.
pub(super) const LOG_APPEND_TIME: &str = "LogAppendTime";
/// The setting that says how long records are kept.
pub(super) const RETENTION_MS: &str = "retention.ms";
/// The setting that says how old records go.
const CLEANUP_POLICY: &str = "cleanup.policy";

/// The sink's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// `host:port` of one or more brokers, with commas between them.
    pub brokers: String,
    /// The topic that takes the readings.
    pub topic: String,
    /// The compacted topic that takes what is known of the meters; `None` for none.
    pub meters_topic: Option<String>,
    /// Whether `topic` is that one: it keeps the newest record of every key.
    compacts: bool,
    /// Encryption of the connections; `None` is plain text.
    pub tls: Option<Tls>,
    /// How to prove who we are; `None` where the brokers do not ask.
    pub sasl: Option<Sasl>,
    /// How batches are compressed.
    pub compression: Compression,
    /// Messages that wait for their acknowledgement at most.
    pub queue_messages_max: u32,
    /// Their bytes at most; at least [`Config::QUEUE_BYTES_LEAST`].
    pub queue_bytes_max: u64,
    /// How long a message waits for others to share its batch.
    pub linger: Duration,
    /// Partitions of a topic that `migrate` makes. Never changes afterwards.
    pub partitions: u16,
    /// Copies of each partition in a topic that `migrate` makes.
    pub replication: u16,
    /// How long the topic keeps its records; `None` is for ever.
    pub retention: Option<Duration>,
}

impl Config {
    /// Room for the largest message and one more.
    pub const QUEUE_BYTES_LEAST: u64 = 2_000_000;

    /// Meters to the topic's name with `-meters`, plain text, zstd, at most 20,000 messages or 16 MiB waiting; 12 partitions
    /// with one copy each, kept for a week.
    #[must_use]
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>) -> Self {
        let topic = topic.into();
        Self {
            brokers: brokers.into(),
            meters_topic: Some(format!("{topic}-meters")),
            topic,
            compacts: false,
            tls: None,
            sasl: None,
            compression: Compression::Zstd,
            queue_messages_max: 20_000,
            queue_bytes_max: 16 << 20,
            linger: Duration::from_millis(20),
            partitions: 12,
            replication: 1,
            retention: Some(Duration::from_secs(7 * 86_400)),
        }
    }

    /// The same with the topic of meters in place of the readings', where there is one.
    pub(super) fn of_meters(&self) -> Option<Self> {
        let topic = self.meters_topic.clone()?;
        Some(Self { topic, meters_topic: None, compacts: true, ..self.clone() })
    }

    /// The settings that the topic must have.
    pub(super) fn topic_settings(&self) -> Vec<(&'static str, String)> {
        let stamps = (TIMESTAMP_TYPE, LOG_APPEND_TIME.to_owned());
        if self.compacts {
            // What is known of a meter is kept for as long as nothing newer is.
            return vec![stamps, (CLEANUP_POLICY, "compact".to_owned())];
        }
        let retention = self.retention.map_or_else(|| "-1".to_owned(), |time| time.as_millis().to_string());
        // Compaction by key would keep one reading of each meter.
        vec![stamps, (RETENTION_MS, retention), (CLEANUP_POLICY, "delete".to_owned())]
    }

    /// The queue's bound in messages; none at all would be no bound to the library.
    pub(super) fn queue_messages(&self) -> u32 {
        self.queue_messages_max.max(1)
    }

    /// The queue's bound in bytes.
    pub(super) fn queue_bytes(&self) -> u64 {
        self.queue_bytes_max.max(Self::QUEUE_BYTES_LEAST)
    }

    /// For a producer whose batches a topic with this `max.message.bytes` takes.
    pub(super) fn producer(&self, topic_bytes_max: Option<u32>) -> ClientConfig {
        let batch_bytes = topic_bytes_max.unwrap_or(BATCH_BYTES_MAX).clamp(1, BATCH_BYTES_MAX);
        let queue_kib = self.queue_bytes().div_ceil(1024);
        let mut client = self.client();
        client
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("enable.gapless.guarantee", "true")
            .set("message.timeout.ms", "0")
            .set("partitioner", "murmur2_random")
            .set("compression.type", self.compression.name())
            .set("linger.ms", self.linger.as_millis().to_string())
            .set("batch.size", batch_bytes.to_string())
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("queue.buffering.max.messages", self.queue_messages().to_string())
            .set("queue.buffering.max.kbytes", queue_kib.to_string());
        client
    }

    /// For a consumer that reads single records back: fetches little at once, and
    /// also what a transaction under way holds back from others.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut client = self.client();
        client
            // Needed by the library; nothing is ever committed or joined.
            .set("group.id", "meterline-read-back")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_uncommitted")
            .set("queued.min.messages", "1")
            .set("queued.max.messages.kbytes", "2048")
            .set("fetch.message.max.bytes", "65536")
            .set("fetch.max.bytes", MESSAGE_BYTES_MAX.to_string());
        client
    }

    /// For any client: where the brokers are and how to prove who we are.
    pub(super) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "meterline")
            // A topic made by the broker would have the wrong timestamps.
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
    /// File of the authorities that sign the brokers' certificates; `None` takes
    /// the system's.
    pub ca_location: Option<PathBuf>,
}

/// A user's name and password at the brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sasl {
    /// How the password is proven.
    pub mechanism: SaslMechanism,
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
}

/// How a password is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// Sent as it is: only over TLS.
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
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Least CPU in client and broker for our records.
    Zstd,
    /// For consumers without zstd.
    Lz4,
    /// Not at all.
    None,
}

impl Compression {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Lz4, Self::None];

    /// The kind as Kafka names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::None => "none",
        }
    }
}
