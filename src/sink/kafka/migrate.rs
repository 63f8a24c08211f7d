//! Creates the topics, or changes their settings to the required ones.
//!
//! Compares first and changes only differences, so a second run does nothing. The
//! partition count is part of the contract with consumers (a meter's partition follows
//! from it) and is never changed.

use super::admin::{Admin, Creation, Settings};
use super::config::Config;
use super::connection;
use super::context::Context;
use super::topic::{Partition, differences, partition_difference};
use crate::clock::Clock;
use crate::deliver::{SinkError, SinkErrorKind};
use crate::journal::Sequence;
use crate::kafka;
use crate::sink::Step;
use rdkafka::producer::BaseProducer;
use std::collections::BTreeMap;
use std::time::Duration;

/// Brokers show a new topic only a moment after its creation.
const VISIBLE_TRIES_MAX: u32 = 50;
const VISIBLE_TRY_EVERY: Duration = Duration::from_millis(200);

/// The topics cannot be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A difference that cannot be changed; nothing was done.
    #[error("Kafka needs a decision by the operator, nothing was changed: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// The brokers did not answer or refused; a repeat is safe.
    #[error("{0}")]
    Brokers(#[from] SinkError),
}

/// The topic as the brokers describe it.
#[derive(Debug)]
pub(super) enum Topic {
    /// It does not exist.
    Absent,
    /// It exists.
    Present {
        /// Its partitions.
        partitions: Vec<Partition>,
        /// Its settings; empty where this user may not read them.
        settings: Settings,
    },
}

/// Creates the topics, or changes their settings to the required ones.
///
/// # Errors
/// When a difference cannot be changed, or the brokers fail.
pub fn migrate(config: &Config) -> Result<Vec<Step>, MigrateError> {
    let topics: Vec<Config> = [Some(config.clone()), config.of_meters()].into_iter().flatten().collect();
    let mut refusals = Vec::new();
    for topic in &topics {
        if let Topic::Present { partitions, .. } = topic_state(topic)? {
            refusals.extend(partition_difference(topic, &partitions));
        }
    }
    if !refusals.is_empty() {
        return Err(MigrateError::Refused(refusals));
    }
    let mut steps = Vec::new();
    for topic in &topics {
        steps.extend(migrate_topic(topic)?);
    }
    Ok(steps)
}

/// Creates one topic, or changes its settings.
fn migrate_topic(config: &Config) -> Result<Vec<Step>, MigrateError> {
    let admin = Admin::connect(config)?;
    let mut steps = Vec::new();
    let (partitions, settings) = match topic_state(config)? {
        Topic::Present { partitions, settings } => (partitions, settings),
        Topic::Absent => match admin.create()? {
            Creation::Created => {
                steps.push(made(config));
                wait_until_visible(config)?
            }
            // Another node created it, or the brokers did not show it yet.
            Creation::Existed => wait_until_visible(config)?,
        },
    };
    if let Some(difference) = partition_difference(config, &partitions) {
        return Err(MigrateError::Refused(vec![difference]));
    }
    steps.extend(change(config, &admin, &settings)?);
    Ok(steps)
}

/// Reads the topic's partitions and settings.
pub(super) fn topic_state(config: &Config) -> Result<Topic, SinkError> {
    let producer: BaseProducer<Context> = config
        .client
        .settings()
        .create_with_context(Context::new(Clock::system(), config, Sequence::FIRST))
        .map_err(|error| SinkError::from(kafka::of_client(&error)))?;
    Ok(match connection::partitions(&producer, config)? {
        Some(partitions) => Topic::Present { partitions, settings: Admin::connect(config)?.settings()? },
        None => Topic::Absent,
    })
}

fn made(config: &Config) -> Step {
    let settings: Vec<String> = config.topic_settings().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let did = format!(
        "created with {} partitions, {} {} of each, {}",
        config.partitions,
        config.replication,
        if config.replication == 1 { "copy" } else { "copies" },
        settings.join(", ")
    );
    Step { object: format!("topic {}", config.topic), did }
}

fn wait_until_visible(config: &Config) -> Result<(Vec<Partition>, Settings), SinkError> {
    for _ in 0..VISIBLE_TRIES_MAX {
        match topic_state(config) {
            Ok(Topic::Present { partitions, settings }) => return Ok((partitions, settings)),
            Err(error) if error.kind == SinkErrorKind::Blocked => return Err(error),
            Ok(Topic::Absent) | Err(_) => std::thread::sleep(VISIBLE_TRY_EVERY),
        }
    }
    Err(SinkError::waiting(format!(
        "topic {} was created, but the brokers do not show it yet; run `meterline migrate` again",
        config.topic
    )))
}

fn change(config: &Config, admin: &Admin<'_>, settings: &Settings) -> Result<Option<Step>, SinkError> {
    let differences = differences(config, settings);
    if differences.is_empty() {
        return Ok(None);
    }
    // A change replaces all of the topic's own settings, so the others are sent too.
    let own = settings.iter().filter(|(_, setting)| setting.is_own);
    let mut all: BTreeMap<&str, &str> = own.map(|(name, setting)| (name.as_str(), setting.value.as_str())).collect();
    all.extend(differences.iter().map(|difference| (difference.name, difference.wanted.as_str())));
    admin.set(&all)?;
    let did: Vec<String> = differences.iter().map(ToString::to_string).collect();
    Ok(Some(Step { object: format!("topic {}", config.topic), did: did.join(", ") }))
}
