//! From what the brokers have to what the sink needs.
//!
//! Compares first; makes or changes only what is missing, so a second run does
//! nothing. The partition count is part of the contract with consumers (a meter's
//! partition follows from it) and is never changed.

use super::admin::{Admin, Creation, Settings};
use super::config::Config;
use super::connection::{self, Partition};
use super::context::Context;
use super::fault;
use crate::clock::Clock;
use crate::deliver::{SinkError, SinkErrorKind};
use crate::journal::Sequence;
use crate::sink::Step;
use rdkafka::producer::BaseProducer;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The brokers know a new topic a moment after it was made.
const VISIBLE_TRIES_MAX: u32 = 50;
const VISIBLE_TRY_EVERY: Duration = Duration::from_millis(200);

/// Why the topic is not as needed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Something is there that cannot be changed; nothing was done.
    #[error("Kafka needs a decision, nothing was changed: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// The brokers could not be asked or did not do it; a repeat is safe.
    #[error("{0}")]
    Brokers(#[from] SinkError),
}

/// What the brokers say of the topic.
#[derive(Debug)]
pub(super) enum Topic {
    /// It is not there.
    Absent,
    /// It is there.
    Present {
        /// Its partitions.
        partitions: Vec<Partition>,
        /// Its settings; empty where this user may not read them.
        settings: Settings,
    },
}

/// Makes the topics, or gives them the settings they need.
///
/// # Errors
/// Where one differs in what cannot be changed, or the brokers do not do it.
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

/// Makes one topic, or gives it the settings it needs.
fn migrate_topic(config: &Config) -> Result<Option<Step>, MigrateError> {
    let admin = Admin::connect(config)?;
    let (partitions, settings) = match topic_state(config)? {
        Topic::Present { partitions, settings } => (partitions, settings),
        Topic::Absent => match admin.create()? {
            Creation::Created => {
                wait_until_visible(config)?;
                return Ok(Some(made(config)));
            }
            // Another node was quicker, or the brokers did not show it yet.
            Creation::Existed => wait_until_visible(config)?,
        },
    };
    if let Some(difference) = partition_difference(config, &partitions) {
        return Err(MigrateError::Refused(vec![difference]));
    }
    Ok(change(config, &admin, &settings)?)
}

/// Looks at the topic.
pub(super) fn topic_state(config: &Config) -> Result<Topic, SinkError> {
    let producer: BaseProducer<Context> = config
        .client()
        .create_with_context(Context::new(Clock::system(), &config.topic, Sequence::FIRST))
        .map_err(|error| fault::of_client(&error))?;
    Ok(match connection::partitions(&producer, config)? {
        Some(partitions) => Topic::Present { partitions, settings: Admin::connect(config)?.settings()? },
        None => Topic::Absent,
    })
}

/// The sentence about a partition count that is not the wanted one.
pub(super) fn partition_difference(config: &Config, partitions: &[Partition]) -> Option<String> {
    let (topic, there, wanted) = (&config.topic, partitions.len(), usize::from(config.partitions));
    (there != wanted).then(|| {
        format!(
            "topic {topic} has {there} partitions and `partitions` of the Kafka sink says {wanted}: a count never \
             changes, because consumers rely on a meter's partition; set `partitions = {there}`, or choose \
             another `topic`"
        )
    })
}

fn made(config: &Config) -> Step {
    let settings: Vec<String> = config.topic_settings().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let did = format!(
        "made with {} partitions, {} {} of each, {}",
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
        "topic {} was made, but the brokers do not show it yet; run `meterline migrate` again",
        config.topic
    )))
}

fn change(config: &Config, admin: &Admin<'_>, settings: &Settings) -> Result<Option<Step>, SinkError> {
    let differences = differences(config, settings);
    if differences.is_empty() {
        return Ok(None);
    }
    // A change replaces all settings of the topic's own, so the others go with it.
    let own = settings.iter().filter(|(_, setting)| setting.is_own);
    let mut all: BTreeMap<&str, &str> = own.map(|(name, setting)| (name.as_str(), setting.value.as_str())).collect();
    all.extend(differences.iter().map(|difference| (difference.name, difference.wanted.as_str())));
    admin.set(&all)?;
    let did: Vec<String> = differences.iter().map(ToString::to_string).collect();
    Ok(Some(Step { object: format!("topic {}", config.topic), did: did.join(", ") }))
}

/// A setting that is not as needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) actual: String,
    /// What it should be.
    pub(super) wanted: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} changed from {} to {}", self.name, self.actual, self.wanted)
    }
}

/// Where the topic's settings are not as needed.
pub(super) fn differences(config: &Config, settings: &Settings) -> Vec<Difference> {
    config
        .topic_settings()
        .into_iter()
        .filter_map(|(name, wanted)| {
            let actual = settings.get(name).map_or("unknown", |setting| &setting.value).to_owned();
            (actual != wanted).then_some(Difference { name, actual, wanted })
        })
        .collect()
}
