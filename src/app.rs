//! The only place that wires: builds every part from the configuration, starts
//! them in order, stops them in the data's order.
//!
//! Start: journal (its lock makes this process the only one), dead letters, pumps,
//! door, webhook, other sources, control, admin. No sink and no other server is waited
//! for. Stop: sources (the webhook finishes what it has read, commits and answers), pumps
//! (drain until the deadline, store the cursors), journal, control, admin last.

mod check;
mod commands;
mod error;
mod journal;
mod migrate;
mod offline;
mod parts;
mod repair;
mod replay;
mod service;
mod sinks;
mod sources;
mod status;
pub mod telemetry;
mod upkeep;

pub use check::{Finding, findings};
pub use error::StartError;
pub use migrate::{Migrated, migrate};
pub use offline::{command, estimate_replay, forget_cursor};
pub use repair::{repair_segment, restore_journal};
pub use service::Service;
