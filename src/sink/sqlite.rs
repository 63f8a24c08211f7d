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
//! - The last value in journal order wins: a batch is sorted by key and journal order,
//!   only the last row of a key is written, and batches follow each other.
//! - A trigger lists every changed value in `corrections`, at no cost without changes; at
//!   most [`CORRECTIONS_MAX`] are kept.
//! - Only the owner may read the file (0600). `PRAGMA user_version` counts the migrations;
//!   a file of a newer version is refused.
//! - A new file has no cursor, so the pump fills it from the oldest retained record.

mod batch;
mod deliver;
mod dictionary;
mod file;
#[cfg(test)]
mod tests;
mod write;

pub use deliver::Sqlite;
pub use write::CORRECTIONS_MAX;
