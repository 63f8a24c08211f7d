//! The QuestDB sink: rows over ILP/HTTP into one table that deduplicates by key, and meter
//! descriptions into another (`meters`).
//!
//! Does not know sources, the pump or other sinks. Requests are all or nothing, one at a
//! time, in journal order; repeats are harmless, because the table keeps the last row of a
//! key. After any failure the pump goes back to the lowest unsafe record and the same rows
//! are sent again in the same order, so the last value of a key is the right one.
//!
//! `fault` alone interprets the server's answers; `tests/it/questdb.rs` pins them against
//! the real server:
//! - 204 means that the rows are in the table's log, not yet applied: a record is safe once
//!   the log is applied up to its end after the request (`confirm`).
//! - A row is refused only when the server names its own value as the reason. Any other
//!   refusal is about the table, the credentials or the server, and the sink waits.
//!
//! Known limit: a request that timed out may still be applied after its repeat; the server
//! offers no way to exclude that. It matters only for a correction sent within the same
//! seconds.

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
mod ttl;
mod view;

pub use check::check;
pub use config::{Config, ConfigError, Credentials, ServerUrl, TableName};
pub use deliver::QuestDb;
pub use encode::{ReadingRows, RefusedRow, RefusedRows, Rows};
pub use migrate::{MigrateError, migrate};
pub use schema::PartitionUnit;
pub use server::Server;
pub use sql::{Answer, Row};
pub use view::day_view;
