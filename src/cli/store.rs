//! `meterline store`: restores the embedded store.

use super::Failure;
use super::location::DataLocation;
use super::table::print;
use crate::app::restore_store;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Restore the embedded SQLite store from a copy
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
}

pub(super) fn run(arguments: &StoreArgs) -> Result<(), Failure> {
    match &arguments.verb {
        Action::Restore { location, copy } => {
            print(restore_store(&location.load_existing()?, copy).map_err(Failure::failed)?.join("\n"))
        }
    }
}
