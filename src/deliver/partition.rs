//! A partition of a Kafka topic as the log behind a pump.
//!
//! The committed offset is the cursor, and its metadata has the cursor's note and the sink's checkpoints (`offsets`).
//! A record's sequence is its offset and 1, so the committed offset is one below the cursor. Knows neither the pump
//! nor the sink, and moves no other partition.
//!
//! Invariants: an offset is committed only as the pump's cursor, never by the library; after the partition was lost,
//! nothing is committed; `Partition::renew` allows a request to the store only while the brokers still
//! count this member's commits, so a process that was stopped and wakes changes nothing in the store
//! ([ADR 23](../../docs/adr/0023-a-commit-is-the-lease.md)).

mod assigned;
mod check;
mod consumer;
mod error;
mod id;
mod offsets;
mod reader;
mod signal;
mod sources;
mod times;
mod value;

pub use assigned::Partition;
pub(super) use assigned::{JUDGED_BEFORE, Membership};
pub(super) use check::{check, of_refused_group};
pub(super) use consumer::{Change, Consumer, Events, settings};
pub(super) use error::PartitionError;
pub use id::{Contents, PartitionId, Topics};
pub(super) use reader::PartitionReader;
pub(super) use signal::Signal;
