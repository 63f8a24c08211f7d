//! The SQLite sink: the embedded store, one file.
//!
//! Does not know sources, the pump or other sinks.
//!
//! - Rows and the cursor are committed in one transaction, sized by time and rows, in
//!   WAL mode with `synchronous=FULL`: every commit is one fdatasync of the log, so it
//!   survives a power cut, and the sink's progress is exactly the committed cursor. (The
//!   alternative, `NORMAL` with a synced checkpoint before the progress moves, saves a
//!   sync of a few milliseconds per transaction and needs a second state between committed
//!   and safe: not worth it at a few transactions a second.)
//! - The last value in journal order wins: only the last row of a key in a batch is written,
//!   and batches follow each other.
//! - Samples are in one table for each period of measurement time (`periods`). Full tables are
//!   sealed and joined between the commits, in bounded steps (`tidy`).
//! - Views give readable times, names and energy in plain SQL (`views`, `energy`); the tables of time zones and
//!   local days that they need are written with the samples (`calendar`).
//! - A trigger lists every changed value in `corrections`, at no cost without changes; at
//!   most [`CORRECTIONS_MAX`] are kept.
//! - Only the owner may read the file (0600). `PRAGMA user_version` counts the migrations;
//!   a file of a newer version is refused.
//! - A new file has the cursor of no journal, so the pump fills it from the oldest retained
//!   record.
//! - Progress counts only in the files that have the store's names (`names`). A database and
//!   a log that do not belong together are refused (`generation`).
//! - The log, the room that it leaves on the volume and the age and the size of the samples are bounded
//!   (`log`, `keep`).

mod batch;
mod calendar;
mod check;
mod deliver;
mod dictionary;
mod ends;
mod energy;
mod expire;
mod file;
mod forget;
mod fresh;
mod generation;
mod join;
mod keep;
mod log;
mod names;
mod periods;
mod restore;
mod rollup;
mod seal;
mod series;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod tidy;
mod views;
mod write;

pub use check::check;
pub use deliver::Sqlite;
pub use file::SCHEMA_VERSION;
pub use forget::forget;
pub use generation::refuse_foreign_log;
pub use keep::Retention;
pub use log::{FREE_BYTES_MIN, LOG_BYTES_MAX};
pub use restore::{Restored, restore};
pub use write::CORRECTIONS_MAX;

use std::path::PathBuf;

/// The settings of the embedded store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file.
    pub file: PathBuf,
    /// The samples to keep.
    pub retention: Retention,
    /// The time zone of meters whose description names none, as in the IANA database.
    pub time_zone: String,
}
