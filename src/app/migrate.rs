//! What `migrate` does: each sink's schema to the needed state.

use crate::config::Config;
use serde::Serialize;

/// What was done for a sink.
#[derive(Debug, Clone, Serialize)]
pub struct Migrated {
    /// The sink.
    pub sink: &'static str,
    /// A sentence for everything that was done; empty where all was as wanted.
    pub did: Vec<String>,
    /// Why it could not be brought to the needed state.
    pub refused: Option<String>,
}

/// Migrates every configured sink that has something to migrate. The embedded
/// store migrates itself when it is opened.
#[must_use]
#[cfg_attr(not(all(feature = "questdb", feature = "kafka")), allow(unused_variables))]
pub fn migrate(config: &Config, rows_per_day: Option<u64>) -> Vec<Migrated> {
    let migrated: [Option<Migrated>; _] = [
        #[cfg(feature = "questdb")]
        config.sinks.questdb.as_ref().map(|questdb| migrate_questdb(questdb, rows_per_day)),
        #[cfg(feature = "kafka")]
        config.sinks.kafka.as_ref().map(migrate_kafka),
    ];
    migrated.into_iter().flatten().collect()
}

#[cfg(feature = "questdb")]
fn migrate_questdb(questdb: &crate::config::QuestDb, rows_per_day: Option<u64>) -> Migrated {
    use crate::sink::questdb::{PartitionUnit, migrate};
    let partition = questdb.partition.or(rows_per_day.map(PartitionUnit::for_rows_per_day));
    match migrate(&questdb.sink, partition) {
        Ok(steps) => Migrated { sink: "questdb", did: steps.iter().map(ToString::to_string).collect(), refused: None },
        Err(error) => Migrated { sink: "questdb", did: Vec::new(), refused: Some(error.to_string()) },
    }
}

#[cfg(feature = "kafka")]
fn migrate_kafka(kafka: &crate::sink::kafka::Config) -> Migrated {
    match crate::sink::kafka::migrate(kafka) {
        Ok(steps) => Migrated { sink: "kafka", did: steps.iter().map(ToString::to_string).collect(), refused: None },
        Err(error) => Migrated { sink: "kafka", did: Vec::new(), refused: Some(error.to_string()) },
    }
}
