//! QuestDB: rows over ILP/HTTP into one table that deduplicates by key, and what is
//! known of the meters into another (`meters`).
//!
//! Knows nothing of sources, of the pump or of other sinks. A request is all or
//! nothing, one at a time, in journal order; repeating one is harmless, because
//! the table keeps the last row of a key. So whatever fails, the pump goes back
//! to the lowest unsafe record and sends the same rows in the same order again,
//! and the last value of a key is the right one.
//!
//! What an answer of the server means is decided in `fault` alone, and pinned
//! against the real server by `tests/it/questdb.rs`:
//! - 204 means taken into the table's log, not yet applied: a record is safe once
//!   the log was applied up to where it stood after the request (`confirm`).
//! - A row is refused only when the server names its own value as the reason;
//!   everything else is about the table, the credentials or the server, and waits.
//!
//! Known limit: a request that timed out may still be applied after its repeat;
//! the server gives no means to rule that out. It matters only for a correction
//! sent within the same seconds.

mod check;
mod checkpoints;
mod config;
mod confirm;
mod deliver;
mod encode;
mod fault;
mod fingerprint;
mod held_rows;
mod meters;
mod migrate;
mod row_sender;
mod schema;
mod server;
mod sql;

pub use check::check;
pub use config::{Config, ConfigError, Credentials, ServerUrl, TableName};
pub use deliver::QuestDb;
pub use encode::{RefusedRow, RefusedRows};
pub use migrate::{MigrateError, migrate};
pub use schema::PartitionUnit;
