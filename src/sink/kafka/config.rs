//! The sink's settings, and their translation for the client library.

use super::value::{Format, ValueEncoder};
use crate::kafka::Client;
use rdkafka::ClientConfig;
use std::time::Duration;

/// Encoded size up to which messages share a batch; the broker's own default limit
/// is little more. Each connection may hold five batches, so this costs memory.
const BATCH_BYTES_MAX: u32 = 1_000_000;
/// The largest message in bytes. The client refuses a larger one; the topic must accept it.
pub(super) const MESSAGE_BYTES_MAX: u32 = 1_000_000;
/// The topic setting for the largest batch, in bytes after compression.
pub(super) const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
/// The topic setting for the clock of the records' timestamps.
pub(super) const TIMESTAMP_TYPE: &str = "message.timestamp.type";
/// The brokers' clock: late readings are neither refused nor deleted early.
pub(super) const LOG_APPEND_TIME: &str = "LogAppendTime";
/// The topic setting for the retention time, in milliseconds.
pub(super) const RETENTION_MS: &str = "retention.ms";
/// The topic setting for the removal of old records.
pub(super) const CLEANUP_POLICY: &str = "cleanup.policy";

/// The sink's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The brokers, and how to connect to them.
    pub client: Client,
    /// The topic of readings.
    pub topic: String,
    /// The compacted topic of meter descriptions; `None` for none.
    pub meters_topic: Option<String>,
    /// Whether `topic` is the compacted one, which keeps the newest record of every key.
    pub(super) compacts: bool,
    /// The format of the values. Never changed for a topic that has records.
    pub format: Format,
    /// The id of the readings' schema in a schema registry, which then precedes each value.
    pub schema_id: Option<u32>,
    /// The same for the topic of meters.
    pub meters_schema_id: Option<u32>,
    /// Whether a crash may repeat records.
    pub delivery: DeliveryMode,
    /// The producer's name in the mode `transactional`: of the data directory and the topic.
    pub(super) transactional_id: String,
    /// How long a transaction may stay open before the brokers end it.
    pub transaction_timeout: Duration,
    /// The age at which a transaction is committed.
    pub commit_interval: Duration,
    /// Messages of a transaction at most, besides its last record.
    pub transaction_messages_max: u32,
    /// Their bytes at most, besides its last record.
    pub transaction_bytes_max: u64,
    /// The compression of batches.
    pub compression: Compression,
    /// Unacknowledged messages at most.
    pub queue_messages_max: u32,
    /// Their bytes at most; no less than [`Config::QUEUE_BYTES_LEAST`].
    pub queue_bytes_max: u64,
    /// How long a message waits for others of its batch.
    pub linger: Duration,
    /// Partitions of a topic that `migrate` creates. Never changed afterwards.
    pub partitions: u16,
    /// Replicas of each partition of a topic that `migrate` creates.
    pub replication: u16,
    /// How long the topic keeps its records; `None` is without limit.
    pub retention: Option<Duration>,
    /// Interval between looks at the topic's settings.
    pub look_every: Duration,
}

impl Config {
    /// Bytes of the smallest queue: two messages of the largest size.
    pub const QUEUE_BYTES_LEAST: u64 = 2_000_000;
    /// How long a broker may take for a request of a transactional producer. A commit waits for its requests, and the
    /// pump for the commit. The client refuses transactions that may end earlier.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

    /// The defaults: meters to `TOPIC-meters`, bare protobuf, plain text, at least once, lz4, a queue of 20,000 messages
    /// or 8 MiB, 12 partitions with one replica each, retention of a week.
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>) -> Self {
        let topic = topic.into();
        Self {
            client: Client::new(brokers),
            meters_topic: Some(format!("{topic}-meters")),
            topic,
            compacts: false,
            format: Format::Protobuf,
            schema_id: None,
            meters_schema_id: None,
            delivery: DeliveryMode::AtLeastOnce,
            transactional_id: String::new(),
            transaction_timeout: Duration::from_mins(1),
            commit_interval: Duration::from_millis(100),
            transaction_messages_max: 50_000,
            transaction_bytes_max: 32 << 20,
            compression: Compression::Lz4,
            queue_messages_max: 20_000,
            queue_bytes_max: 8 << 20,
            linger: Duration::from_millis(20),
            partitions: 12,
            replication: 1,
            retention: Some(Duration::from_secs(7 * 86_400)),
            look_every: Duration::from_mins(5),
        }
    }

    /// The configuration for the topic of meters, if there is one.
    pub(super) fn of_meters(&self) -> Option<Self> {
        let topic = self.meters_topic.clone()?;
        let schema_id = self.meters_schema_id;
        Some(Self { topic, meters_topic: None, compacts: true, schema_id, ..self.clone() })
    }

    /// How messages become values of this topic.
    pub(super) fn values(&self) -> ValueEncoder {
        ValueEncoder { format: self.format, schema_id: self.schema_id }
    }

    /// The required settings of the topic.
    pub(super) fn topic_settings(&self) -> Vec<(&'static str, String)> {
        let stamps = (TIMESTAMP_TYPE, LOG_APPEND_TIME.to_owned());
        if self.compacts {
            // A description stays until a newer one of its meter comes.
            return vec![stamps, (CLEANUP_POLICY, "compact".to_owned())];
        }
        let retention = self.retention.map_or_else(|| "-1".to_owned(), |time| time.as_millis().to_string());
        // Compaction by key would keep one reading of each meter.
        vec![stamps, (RETENTION_MS, retention), (CLEANUP_POLICY, "delete".to_owned())]
    }

    /// The queue's bound in messages; to the library 0 would mean no bound.
    pub(super) fn queue_messages(&self) -> u32 {
        self.queue_messages_max.max(1)
    }

    /// The queue's bound in bytes.
    pub(super) fn queue_bytes(&self) -> u64 {
        self.queue_bytes_max.max(Self::QUEUE_BYTES_LEAST)
    }

    /// Settings of a producer for a topic with this `max.message.bytes`.
    pub(super) fn producer(&self, topic_bytes_max: Option<u32>) -> ClientConfig {
        let batch_bytes = topic_bytes_max.unwrap_or(BATCH_BYTES_MAX).clamp(1, BATCH_BYTES_MAX);
        let queue_kib = self.queue_bytes().div_ceil(1024);
        let mut client = self.client.settings();
        client
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("compression.type", self.compression.name())
            .set("linger.ms", self.linger.as_millis().to_string())
            .set("batch.size", batch_bytes.to_string())
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("queue.buffering.max.messages", self.queue_messages().to_string())
            .set("queue.buffering.max.kbytes", queue_kib.to_string());
        match self.delivery {
            DeliveryMode::AtLeastOnce => client.set("enable.gapless.guarantee", "true"),
            // A failed message fails its transaction, so no later one passes it.
            DeliveryMode::Transactional => client
                .set("transactional.id", &self.transactional_id)
                .set("transaction.timeout.ms", self.transaction_timeout.as_millis().to_string())
                .set("socket.timeout.ms", Self::REQUEST_TIMEOUT.as_millis().to_string()),
        };
        client
    }

    /// Settings of a consumer that reads single records: small fetches, uncommitted
    /// transactions included. An answer holds a whole batch, so it fills the queue; the next
    /// partition's fetch must not wait a second (the default) for that.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut client = self.client.settings();
        client
            // The library requires a group; nothing is committed and no group is joined.
            .set("group.id", "meterline-read-back")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_uncommitted")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.min.messages", "1")
            .set("queued.max.messages.kbytes", "2048")
            .set("fetch.message.max.bytes", "65536")
            .set("fetch.max.bytes", MESSAGE_BYTES_MAX.to_string());
        client
    }
}

/// Whether a crash may repeat records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeliveryMode {
    /// It may.
    #[default]
    AtLeastOnce,
    /// Not for consumers with `isolation.level=read_committed`.
    Transactional,
}

impl DeliveryMode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::AtLeastOnce, Self::Transactional];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::AtLeastOnce => "at-least-once",
            Self::Transactional => "transactional",
        }
    }
}

/// The compression of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Least CPU of client and broker together for our records (docs/performance.md).
    Lz4,
    /// The smallest topic, for more CPU.
    Zstd,
    /// No compression.
    None,
}

impl Compression {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Lz4, Self::Zstd, Self::None];

    /// The kind as Kafka names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::None => "none",
        }
    }
}
