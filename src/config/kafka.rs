//! `[sink.kafka]`: the Kafka sink.

use super::ca_file::ca_file;
use super::secrets::{PASSWORD, secret};
use super::section::Section;
use super::value::Bytes;
use crate::kafka::{Sasl, SaslMechanism, Tls};
use crate::sink::kafka::{Compression, Config, DeliveryMode, Format};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The accepted values of `transaction_timeout`: from the longest request on.
const TRANSACTION_TIMEOUTS: RangeInclusive<Duration> = Config::REQUEST_TIMEOUT..=Duration::from_mins(15);
/// The longest `commit_interval`: half of the shortest transaction.
const COMMIT_INTERVAL_MAX: Duration = Duration::from_secs(5);

pub(super) fn kafka(mut section: Section<'_>) -> Option<Config> {
    if !section.is_present() {
        return None;
    }
    let brokers = section.required::<String>("brokers", "\"127.0.0.1:9092\"");
    let topic = section.get_or("topic", "meterline.readings".to_owned());
    let mut config = Config::new(brokers.clone().unwrap_or_default(), topic);
    // An empty name disables the topic.
    config.meters_topic = section
        .get("meters_topic")
        .map_or(config.meters_topic, |topic: String| Some(topic).filter(|it| !it.is_empty()));
    if config.meters_topic.as_ref() == Some(&config.topic) {
        section.fault("meters_topic", "must not be the topic of the readings, because it is compacted");
    }
    values(&mut section, &mut config);
    delivery(&mut section, &mut config);
    let compressions = Compression::ALL.map(|compression| (compression.name(), compression));
    config.compression = section.choice("compression", &compressions, config.compression);
    config.partitions = small(section.number_between("partitions", config.partitions.into(), 1..=10_000));
    config.replication = small(section.number_between("replication", config.replication.into(), 1..=100));
    config.retention = section.get("retention").or(config.retention);
    config.linger = section.get_or("linger", config.linger);
    config.queue_bytes_max = section.get::<Bytes>("queue_max").map_or(config.queue_bytes_max, |bytes| bytes.0);
    if config.queue_bytes_max < Config::QUEUE_BYTES_LEAST {
        section.fault(
            "queue_max",
            format!("must be at least {} bytes: the largest message and one more", Config::QUEUE_BYTES_LEAST),
        );
    }
    let queue_messages_max = usize::try_from(config.queue_messages_max).unwrap_or(usize::MAX);
    let queue_messages_max = section.number_between("queue_messages_max", queue_messages_max, 1..=1_000_000);
    config.queue_messages_max = u32::try_from(queue_messages_max).unwrap_or(u32::MAX);
    (config.client.tls, config.client.sasl) = security(&mut section);
    section.finish();
    brokers.map(|_| config)
}

/// The format of the values and the ids of their schemas.
fn values(section: &mut Section<'_>, config: &mut Config) {
    let formats = Format::ALL.map(|format| (format.name(), format));
    config.format = section.choice("format", &formats, config.format);
    config.schema_id = schema_id(section, "schema_id");
    config.meters_schema_id = schema_id(section, "meters_schema_id");
    match (config.schema_id, config.meters_schema_id, &config.meters_topic) {
        (Some(_), None, Some(_)) => {
            section.fault("meters_schema_id", "must be given with schema_id, unless meters_topic = \"\"");
        }
        (None, Some(_), _) => section.fault("schema_id", "must be given with meters_schema_id"),
        _ => {}
    }
}

/// Whether a crash may repeat records, and the transactions that prevent it.
fn delivery(section: &mut Section<'_>, config: &mut Config) {
    let modes = DeliveryMode::ALL.map(|mode| (mode.name(), mode));
    config.delivery = section.choice("delivery", &modes, config.delivery);
    config.transaction_timeout = section.get_or("transaction_timeout", config.transaction_timeout);
    if !TRANSACTION_TIMEOUTS.contains(&config.transaction_timeout) {
        section.fault("transaction_timeout", "must be from 10s to 15m, which is the brokers' own limit by default");
    }
    config.commit_interval = section.get_or("commit_interval", config.commit_interval);
    if config.commit_interval > COMMIT_INTERVAL_MAX {
        section.fault("commit_interval", "must be at most 5s: consumers get a record only after its commit");
    }
}

/// A schema registry's id: from 1 to the largest positive number of 32 bits.
fn schema_id(section: &mut Section<'_>, key: &'static str) -> Option<u32> {
    let number = section.get::<u64>(key)?;
    let id = u32::try_from(number).ok().filter(|&id| id > 0 && i32::try_from(id).is_ok());
    if id.is_none() {
        section.fault(key, format!("must be the id of a schema, from 1 to {}", i32::MAX));
    }
    id
}

fn small(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Encryption and credentials of the connections.
pub(super) fn security(section: &mut Section<'_>) -> (Option<Tls>, Option<Sasl>) {
    let choices = [
        ("plaintext", (false, false)),
        ("tls", (true, false)),
        ("sasl_plaintext", (false, true)),
        ("sasl_tls", (true, true)),
    ];
    let (with_tls, with_sasl) = section.choice("security", &choices, (false, false));
    let mechanisms = SaslMechanism::ALL.map(|mechanism| (mechanism.name(), mechanism));
    let mechanism = section.choice("sasl_mechanism", &mechanisms, SaslMechanism::ScramSha512);
    let faults_before = section.fault_count();
    let username: Option<String> = section.get("username");
    let password = secret(section, PASSWORD);
    let ca_location = ca_file(section).map(|file| file.path().to_owned());
    let sasl = match (with_sasl, username, password) {
        _ if section.fault_count() > faults_before => None,
        (true, Some(username), Some(password)) => Some(Sasl { mechanism, username, password }),
        (true, _, _) => {
            section.fault("security", "SASL needs username and password_file; add them");
            None
        }
        (false, None, None) => None,
        (false, _, _) => {
            section.fault("security", "must be sasl_plaintext or sasl_tls if username or a password is given");
            None
        }
    };
    (with_tls.then_some(Tls { ca_location }), sasl)
}
