//! SQLite: the embedded store, one file.
//!
//! Knows nothing of sources, of the pump or of other sinks.
//!
//! - Rows and the cursor go into the file in one transaction, sized by time and
//!   rows, in WAL mode with `synchronous=FULL`: every commit is one fdatasync of
//!   the log, so what is committed survives a loss of power, and the sink's
//!   progress is exactly the committed cursor. (The other way, `NORMAL` and a
//!   synced checkpoint before the progress moves, saves a sync of a few
//!   milliseconds a transaction and needs a second state between committed and
//!   safe: not worth it at a few transactions a second.)
//! - The later one in journal order wins: a batch is sorted by key and journal
//!   order, only the last of a key is written, and batches follow each other.
//! - A key that gets another value is listed in `corrections` by a trigger, which
//!   costs nothing where nothing is corrected; at most [`CORRECTIONS_MAX`] are kept.
//! - The file is its owner's alone (0600). `PRAGMA user_version` counts the
//!   migrations; a file of a newer program is refused.
//! - A file made anew has seen nothing: it says so, and the pump fills it from the
//!   oldest record that is retained.

mod batch;
mod deliver;
mod dictionary;
mod file;
#[cfg(test)]
mod tests;
mod write;

pub use deliver::Sqlite;
pub use write::CORRECTIONS_MAX;
