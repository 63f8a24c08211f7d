//! `meterline migrate`: creates or updates the sinks' schemas.

use super::Failure;
use super::location::ConfigLocation;
use super::progress;
use super::table::{print, print_json};
use super::verbosity::Verbosity;
use crate::app::{Migrated, migrate};
use clap::Args;

/// Create or update the tables in QuestDB and the topics in Kafka
///
/// Run it before the first start of the service and after an update of meterline. It
/// creates missing tables, columns and topics and reports each step. It deletes nothing.
/// A difference that it cannot change is an error. You can repeat it safely.
#[derive(Debug, Args)]
#[command(after_help = "Example: meterline migrate --config meterline.toml --rows-per-day 20000000\n\n\
    Exit codes: 0 success, 3 error in the configuration, or a sink could not be migrated.")]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    location: ConfigLocation,
    /// Expected rows per day in QuestDB. With 5 million or more, a new table is partitioned
    /// by hour, otherwise by day. This cannot be changed later. sink.questdb.partition
    /// overrides it
    #[arg(long, value_name = "NUMBER")]
    rows_per_day: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &MigrateArgs, verbosity: Verbosity) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let done = progress::during("migrating QuestDB and Kafka", verbosity, || migrate(&config, arguments.rows_per_day));
    if arguments.json {
        print_json(&done)?;
    } else if done.is_empty() {
        print("nothing to migrate: neither QuestDB nor Kafka is configured")?;
    } else {
        for migrated in &done {
            print(lines(migrated))?;
        }
    }
    match done.iter().filter(|migrated| migrated.refused.is_some()).count() {
        0 => Ok(()),
        refused => Err(Failure::Shown {
            message: format!("{refused} of {} sinks could not be migrated; the reasons are listed above", done.len()),
            code: 3,
        }),
    }
}

fn lines(migrated: &Migrated) -> String {
    let mut lines: Vec<String> = migrated.did.iter().map(|step| format!("{}: {step}", migrated.sink)).collect();
    match &migrated.refused {
        Some(why) => lines.push(format!("{}: {why}", migrated.sink)),
        None if lines.is_empty() => lines.push(format!("{}: up to date", migrated.sink)),
        None => {}
    }
    lines.join("\n")
}
