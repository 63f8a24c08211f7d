//! Reads and changes a topic's settings; blocking.

use super::advertised;
use super::config::Config;
use super::fault;
use crate::deliver::SinkError;
use crate::kafka::{self, LogContext};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long the brokers may take for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// An administration client for one topic.
pub(super) struct Admin<'a> {
    client: AdminClient<LogContext>,
    config: &'a Config,
    /// Only waits for answers, which come from the library's own thread.
    runtime: Runtime,
}

/// One setting of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// The current value.
    pub(super) value: String,
    /// Whether it was set for this topic, not taken from the brokers' defaults.
    pub(super) is_own: bool,
}

/// The result of creating a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Creation {
    /// It was created.
    Created,
    /// It existed already, with its own settings.
    Existed,
}

/// The topic's settings by name.
pub(super) type Settings = BTreeMap<String, Setting>;

impl<'a> Admin<'a> {
    /// Creates a client; it sends nothing yet.
    pub(super) fn connect(config: &'a Config) -> Result<Self, SinkError> {
        let client = config.client.settings().create_with_context(LogContext::new(&config.client));
        let client = client.map_err(|error| SinkError::from(kafka::of_client(&error)))?;
        let runtime = Builder::new_current_thread().build();
        let runtime =
            runtime.map_err(|error| SinkError::waiting(format!("the Kafka client cannot be created: {error}")))?;
        Ok(Self { client, config, runtime })
    }

    /// The topic's settings; empty where this user may not read them.
    pub(super) fn settings(&self) -> Result<Settings, SinkError> {
        let resource = ResourceSpecifier::Topic(&self.config.topic);
        let answer = self.wait(self.client.describe_configs([&resource], &options()))?;
        let entries = answer.into_iter().filter_map(Result::ok).flat_map(|resource| resource.entries);
        Ok(entries
            .filter_map(|entry| {
                let is_own = entry.source == ConfigSource::DynamicTopic;
                Some((entry.name, Setting { value: entry.value?, is_own }))
            })
            .collect())
    }

    /// Creates the topic, unless it exists by now.
    pub(super) fn create(&self) -> Result<Creation, SinkError> {
        let settings = self.config.topic_settings();
        let partitions = i32::from(self.config.partitions);
        let replication = TopicReplication::Fixed(i32::from(self.config.replication));
        let mut new = NewTopic::new(&self.config.topic, partitions, replication);
        for (name, value) in &settings {
            new = new.set(name, value);
        }
        let answer = self.wait(self.client.create_topics([&new], &options()))?;
        match answer.into_iter().find_map(Result::err) {
            None => Ok(Creation::Created),
            Some((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(Creation::Existed),
            Some((_, code)) => Err(self.refused("created", code)),
        }
    }

    /// Replaces all of the topic's own settings by these.
    pub(super) fn set(&self, settings: &BTreeMap<&str, &str>) -> Result<(), SinkError> {
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(&self.config.topic));
        for (name, value) in settings {
            change = change.set(name, value);
        }
        let answer = self.wait(self.client.alter_configs([&change], &options()))?;
        answer.into_iter().find_map(Result::err).map_or(Ok(()), |(_, code)| Err(self.refused("changed", code)))
    }

    /// Waits for an answer, at most [`REQUEST_TIMEOUT`].
    fn wait<T>(&self, answer: impl Future<Output = Result<T, KafkaError>>) -> Result<T, SinkError> {
        self.runtime.block_on(answer).map_err(|error| self.failed(&error))
    }

    fn refused(&self, what: &str, code: RDKafkaErrorCode) -> SinkError {
        let Config { topic, client, partitions, replication, .. } = self.config;
        let brokers = &client.brokers;
        SinkError::blocked(match code {
            RDKafkaErrorCode::InvalidReplicationFactor => format!(
                "topic {topic} cannot be {what}: {replication} copies of a partition need as many brokers; \
                 lower `replication` of the Kafka sink"
            ),
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => format!(
                "topic {topic} cannot be {what}: grant this user Create and AlterConfigs on it, or run \
                 `meterline migrate` as an administrator"
            ),
            RDKafkaErrorCode::PolicyViolation => format!(
                "topic {topic} cannot be {what}: a policy of {brokers} forbids it (asked for {partitions} partitions, \
                 {replication} copies)"
            ),
            code => format!("topic {topic} cannot be {what} on {brokers}: {code}"),
        })
    }

    fn failed(&self, error: &KafkaError) -> SinkError {
        let code = error.rdkafka_error_code();
        if let Some(error) = code.and_then(|code| fault::of_topic(code, self.config)) {
            return error;
        }
        if let Some(broker) = advertised::unreachable_broker(self.config) {
            return fault::of_advertised(self.config, &broker);
        }
        let why = code.map_or_else(|| error.to_string(), |code| code.to_string());
        SinkError::waiting(format!(
            "the Kafka brokers at {} did not answer a request about topic {}: {why}",
            self.config.client.brokers, self.config.topic
        ))
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT))
}
