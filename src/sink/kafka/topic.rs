//! The topic's settings compared with the required ones: what stops the sink, what only
//! warns, and what `migrate` changes.
//!
//! Pure. Invariant: only a setting stops the sink with which the topic deletes acknowledged
//! records whatever their age.

use super::admin::Settings;
use super::config::{CLEANUP_POLICY, Config, MAX_MESSAGE_BYTES, MESSAGE_BYTES_MAX, TIMESTAMP_TYPE};
use crate::deliver::SinkError;
use std::fmt;

/// A partition of the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Partition {
    /// The number of its replicas.
    pub(super) replicas: usize,
}

/// A setting that differs from the required one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// Its name.
    pub(super) name: &'static str,
    /// The current value.
    pub(super) actual: String,
    /// The required value.
    pub(super) wanted: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} changed from {} to {}", self.name, self.actual, self.wanted)
    }
}

impl Difference {
    /// Whether the sink stops, because the topic deletes records that nothing replaces. An unknown
    /// policy is no reason: some brokers do not report it.
    pub(super) fn stops_the_sink(&self) -> bool {
        self.name == CLEANUP_POLICY && self.compacts()
    }

    fn compacts(&self) -> bool {
        self.actual.split(',').any(|policy| policy.trim() == "compact")
    }

    /// Whether records can be lost, and not only kept for a shorter or longer time.
    pub(super) fn is_fault(&self) -> bool {
        matches!(self.name, CLEANUP_POLICY | TIMESTAMP_TYPE)
    }

    /// A sentence with the consequence and the remedy.
    pub(super) fn sentence(&self, config: &Config) -> String {
        let Self { name, actual, wanted } = self;
        let consequence = match *name {
            CLEANUP_POLICY if config.compacts => "so meters that send no new description lose theirs",
            CLEANUP_POLICY if !self.compacts() => "so it may not keep its records as long as `retention` says",
            CLEANUP_POLICY => {
                "so it deletes all but the newest reading of each meter; what it deleted is sent again by \
                 `meterline replay`"
            }
            TIMESTAMP_TYPE => {
                "so it judges records by the senders' timestamps, and refuses late ones or deletes them early"
            }
            MAX_MESSAGE_BYTES => "so it may refuse a large reading",
            _ => "so it does not keep its records as long as `retention` says",
        };
        format!(
            "topic {}: {name} is {actual} and should be {wanted}, {consequence}; run `meterline migrate` to change it",
            config.topic
        )
    }
}

/// The topic's settings that differ from the required ones; none where this user may not read
/// them.
pub(super) fn differences(config: &Config, settings: &Settings) -> Vec<Difference> {
    if settings.is_empty() {
        return Vec::new();
    }
    let fixed = config.topic_settings().into_iter().filter_map(|(name, wanted)| {
        let actual = settings.get(name).map_or("unknown", |setting| &setting.value).to_owned();
        (actual != wanted).then_some(Difference { name, actual, wanted })
    });
    let too_small = message_bytes_max(settings).filter(|&bytes| bytes < MESSAGE_BYTES_MAX).map(|bytes| Difference {
        name: MAX_MESSAGE_BYTES,
        actual: bytes.to_string(),
        wanted: MESSAGE_BYTES_MAX.to_string(),
    });
    fixed.chain(too_small).collect()
}

/// The topic's limit of a batch in bytes, where this user may read it.
pub(super) fn message_bytes_max(settings: &Settings) -> Option<u32> {
    settings.get(MAX_MESSAGE_BYTES)?.value.parse().ok()
}

/// A sentence about a wrong partition count, if it is wrong.
pub(super) fn partition_difference(config: &Config, partitions: &[Partition]) -> Option<String> {
    let (topic, there, wanted) = (&config.topic, partitions.len(), usize::from(config.partitions));
    (there != wanted).then(|| {
        format!(
            "topic {topic} has {there} partitions, `partitions` of the Kafka sink is {wanted}: the count never \
             changes, because consumers rely on a meter's partition; set `partitions = {there}`, or choose \
             another `topic`"
        )
    })
}

/// Sentences about what does not stop the sink.
///
/// # Errors
/// When a setting stops the sink.
pub(super) fn examine(
    config: &Config,
    partitions: &[Partition],
    settings: &Settings,
) -> Result<Vec<String>, SinkError> {
    let (stopping, others): (Vec<_>, Vec<_>) =
        differences(config, settings).into_iter().partition(Difference::stops_the_sink);
    if !stopping.is_empty() {
        let sentences: Vec<String> = stopping.iter().map(|difference| difference.sentence(config)).collect();
        return Err(SinkError::blocked(sentences.join("; ")));
    }
    let unknown = settings.is_empty().then(|| unreadable(config));
    let others = others.iter().map(|difference| difference.sentence(config));
    Ok(unknown.into_iter().chain(others).chain(partition_difference(config, partitions)).collect())
}

/// A sentence about settings that this user may not read.
pub(super) fn unreadable(config: &Config) -> String {
    format!(
        "topic {}: this user may not read its settings, so wrong ones are not noticed; grant DescribeConfigs",
        config.topic
    )
}

#[cfg(test)]
mod tests {
    use super::super::admin::Setting;
    use super::*;
    use crate::deliver::SinkErrorKind;

    fn settings(changed: &[(&str, &str)]) -> Settings {
        let right = [
            ("cleanup.policy", "delete"),
            ("message.timestamp.type", "LogAppendTime"),
            ("retention.ms", "604800000"),
            ("max.message.bytes", "1048588"),
        ];
        let setting =
            |&(name, value): &(&str, &str)| (name.to_owned(), Setting { value: value.to_owned(), is_own: true });
        right.iter().chain(changed).map(setting).collect()
    }

    #[test]
    fn compaction_stops_the_sink_and_the_rest_warns() {
        let config = Config::new("127.0.0.1:1", "readings");
        let partitions = vec![Partition { replicas: 3 }; 12];
        let examined = |changed: &[(&str, &str)]| examine(&config, &partitions, &settings(changed));
        assert_eq!(examined(&[]).unwrap(), [""; 0]);
        for (name, value) in [("cleanup.policy", "compact"), ("cleanup.policy", "compact,delete")] {
            let error = examined(&[(name, value)]).unwrap_err();
            assert_eq!(error.kind, SinkErrorKind::Blocked);
            assert!(error.message.contains(value) && error.message.contains("meterline migrate"), "{error}");
        }
        for (name, value) in [
            ("retention.ms", "1000"),
            ("max.message.bytes", "5000"),
            ("message.timestamp.type", "CreateTime"),
            ("cleanup.policy", "none"),
        ] {
            let warnings = examined(&[(name, value)]).unwrap();
            assert!(warnings.len() == 1 && warnings[0].contains(value), "{warnings:?}");
        }
        let warnings = examine(&config, &partitions[..4], &Settings::new()).unwrap();
        assert!(warnings[0].contains("DescribeConfigs") && warnings[1].contains("has 4 partitions"), "{warnings:?}");
    }
}
