//! Creates or updates the schema of each sink.

use crate::config::Config;
use serde::Serialize;

/// The result of the migration of one sink.
#[derive(Debug, Clone, Serialize)]
pub struct Migrated {
    /// The sink.
    pub sink: &'static str,
    /// The steps that were done; empty if the schema was up to date.
    pub did: Vec<String>,
    /// The reason why the migration failed.
    pub refused: Option<String>,
}

/// Migrates QuestDB and Kafka, if configured. SQLite migrates when it is opened.
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
