//! Builds all parts of the service from the configuration, starts them and stops them.
//! Only this module connects parts with each other.
//!
//! Start: journal (its lock excludes other processes), dead letters, pumps, ingest,
//! webhook, other sources, control, admin. The start waits for no sink and no other server.
//! Stop, in the direction of the data: sources (the webhook commits and answers the bodies
//! that it has read), pumps (drain until the deadline, store the cursors), journal, control,
//! admin.

mod canary;
mod check;
mod commands;
mod data;
mod descriptors;
mod error;
mod fill;
mod finding;
mod journal;
mod kafka_log;
mod live;
mod migrate;
mod offline;
mod parts;
mod passed_sockets;
mod probe;
mod reload;
mod repair;
mod replay;
mod service;
mod service_manager;
mod signals;
mod sinks;
mod sources;
mod status;
#[cfg(feature = "sqlite")]
mod store;
pub mod telemetry;
mod upkeep;

pub use check::findings;
pub use data::check_data;
pub use error::StartError;
pub use finding::Finding;
pub use migrate::{Migrated, migrate};
pub use offline::{command, estimate_replay, forget_cursor};
pub use passed_sockets::PassedSockets;
pub use probe::{Hints, Probed, probe_address, probe_configured};
pub use reload::ConfigFile;
pub use repair::{repair_segment, restore_journal};
pub use replay::no_source;
pub use service::Service;
#[cfg(feature = "sqlite")]
pub use store::{forget_meter, restore_store};
