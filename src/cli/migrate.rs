//! `meterline migrate`: brings the sinks' schemas to the needed state.

use super::Failure;
use super::location::ConfigLocation;
use super::table::{print, print_json};
use crate::app::{Migrated, migrate};
use clap::Args;

/// Brings QuestDB's tables and Kafka's topic to the state the service needs
///
/// Compares what is there with what is wanted, makes what is missing, says what it
/// did, and refuses in a sentence what cannot be changed. Safe to repeat.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    location: ConfigLocation,
    /// Rows expected a day in QuestDB: from 5 million on a new table is partitioned by hour.
    /// Cannot be changed later; sink.questdb.partition says it directly
    #[arg(long, value_name = "NUMBER")]
    rows_per_day: Option<u64>,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &MigrateArgs) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let done = migrate(&config, arguments.rows_per_day);
    if arguments.json {
        print_json(&done)?;
    } else {
        for migrated in &done {
            print(lines(migrated))?;
        }
    }
    match done.iter().filter(|migrated| migrated.refused.is_some()).count() {
        0 => Ok(()),
        refused => Err(Failure::Configuration(format!("{refused} of {} sinks could not be migrated", done.len()))),
    }
}

fn lines(migrated: &Migrated) -> String {
    let mut lines: Vec<String> = migrated.did.iter().map(|step| format!("{}: {step}", migrated.sink)).collect();
    match &migrated.refused {
        Some(why) => lines.push(format!("{}: {why}", migrated.sink)),
        None if lines.is_empty() => lines.push(format!("{}: as wanted, nothing to do", migrated.sink)),
        None => {}
    }
    lines.join("\n")
}
