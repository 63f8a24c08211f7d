//! `meterline store`: restores the embedded store, and deletes a meter from it.

use super::Failure;
use super::location::DataLocation;
use super::table::print;
use crate::app::{forget_meter, restore_store};
use crate::reading::MeterId;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use uuid::Uuid;

/// Restore the embedded SQLite store from a copy, or delete a meter from it
///
/// Make copies of a store with `sqlite3 meterline.sqlite ".backup COPY"` beside the running
/// service, or with the service stopped. `meterline check --store` checks the store.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 success, 1 failure, 3 error in the configuration.")]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    verb: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put a copy in the place of the store
    ///
    /// Checks the copy as a whole first. Replaces the database, its log (-wal) and the log's
    /// index (-shm) together, and keeps the store before as a file with the suffix .replaced.
    /// At the next start the service sends to the store the records that the copy lacks, as
    /// far as the journal retains them. The service must be stopped.
    Restore {
        #[command(flatten)]
        location: DataLocation,
        /// The copy; if COPY-wal exists, it belongs to it
        copy: PathBuf,
    },
    /// Delete a meter: its samples, quarter-hours, corrections, descriptions and gaps
    ///
    /// Deletes them from the embedded store, from the descriptions of the meters and from the list of
    /// gaps, and writes the store's file again. The journal, the dead letters, QuestDB and Kafka
    /// are left as they are: docs/privacy.md has the whole procedure. A meter that a source still
    /// sends comes back. The service must be stopped.
    Forget {
        #[command(flatten)]
        location: DataLocation,
        /// The meter's id
        meter: Uuid,
    },
}

pub(super) fn run(arguments: &StoreArgs) -> Result<(), Failure> {
    match &arguments.verb {
        Action::Restore { location, copy } => {
            print(restore_store(&location.load_existing()?, copy).map_err(Failure::failed)?.join("\n"))
        }
        Action::Forget { location, meter } => {
            let meter = MeterId::from(*meter);
            print(forget_meter(&location.load_existing()?, meter).map_err(Failure::failed)?.join("\n"))
        }
    }
}
