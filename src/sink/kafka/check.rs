//! Checks before a start whether the brokers are ready for the sink. Changes nothing.
//!
//! Each finding is one sentence; a fault names the remedy. Checks that depend on a failed
//! one are left out.

use super::admin::Settings;
use super::config::Config;
use super::migrate::{Topic, topic_state};
use super::topic::{self, Partition, differences, partition_difference};
use crate::base::{Finding, Level};
use crate::sink::findings::Findings;

const MIN_IN_SYNC: &str = "min.insync.replicas";

/// Checks the brokers, the credentials and the topics.
pub fn check(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::default();
    match topic_state(config) {
        Err(error) => {
            findings.add(Level::Fault, error.message);
            return findings.0;
        }
        Ok(Topic::Absent) => {
            findings
                .add(Level::Good, format!("Kafka at {} answers and accepts the credentials", config.client.brokers));
            let message = format!("topic {} does not exist; run `meterline migrate` to create it", config.topic);
            findings.add(Level::Fault, message);
        }
        Ok(Topic::Present { partitions, settings }) => {
            findings
                .add(Level::Good, format!("Kafka at {} answers and accepts the credentials", config.client.brokers));
            findings.partitions(config, &partitions);
            findings.settings(config, &settings);
        }
    }
    if let Some(meters) = config.of_meters() {
        findings.meters(&meters);
    }
    findings.0
}

impl Findings {
    fn partitions(&mut self, config: &Config, partitions: &[Partition]) {
        match partition_difference(config, partitions) {
            Some(difference) => self.add(Level::Warning, difference),
            None => self.add(Level::Good, format!("topic {} has {} partitions", config.topic, partitions.len())),
        }
        if partitions.iter().any(|partition| partition.replicas < 2) {
            self.add(
                Level::Warning,
                format!(
                    "topic {} has partitions with one copy, so a lost disk loses records; give them three \
                     copies (kafka-reassign-partitions)",
                    config.topic
                ),
            );
        }
    }

    /// Checks the topic of meters. Its copies and rights are not repeated here: the topic of
    /// readings has the same.
    fn meters(&mut self, config: &Config) {
        let topic = &config.topic;
        match topic_state(config) {
            Err(error) => self.add(Level::Fault, error.message),
            Ok(Topic::Absent) => {
                let message = format!("topic {topic} does not exist; run `meterline migrate` to create it");
                self.add(Level::Fault, message);
            }
            Ok(Topic::Present { partitions, settings }) => {
                match partition_difference(config, &partitions) {
                    Some(difference) => self.add(Level::Warning, difference),
                    None => self.add(Level::Good, format!("topic {topic} exists, for meter descriptions")),
                }
                self.differences(config, &settings);
            }
        }
    }

    fn differences(&mut self, config: &Config, settings: &Settings) {
        for difference in differences(config, settings) {
            let level = if difference.is_fault() { Level::Fault } else { Level::Warning };
            self.add(level, difference.sentence(config));
        }
    }

    fn settings(&mut self, config: &Config, settings: &Settings) {
        let topic = &config.topic;
        if settings.is_empty() {
            return self.add(Level::Warning, topic::unreadable(config));
        }
        self.differences(config, settings);
        if settings.get(MIN_IN_SYNC).is_some_and(|setting| setting.value == "1") {
            self.add(
                Level::Warning,
                format!(
                    "topic {topic}: min.insync.replicas is 1, so a record may be acknowledged while only one broker has it; set 2 \
                     with three copies"
                ),
            );
        }
    }
}
