//! Delivery from a log into sinks: the sink interface and the pump that feeds one sink.
//! The log is this node's journal, or a partition of a Kafka topic.
//!
//! A pump is one thread with one cursor. It does not know which sink it feeds, nor
//! other pumps. Invariants: a sink gets records in the log's order from one thread; the
//! stored cursor never passes the sink's safe position; after any error, panics
//! included, the pump goes back to the lowest unsafe record, waits, and sends again;
//! a rewind is durable before its first record is sent.
//!
//! Files: `sink` is the sink interface, `log` the log, `partition` the one that Kafka has. `run` is the pump's loop over `state`; its steps
//! are `start` (first position), `feed` (handing records over), `skip` (records that
//! retention deleted) and `rewind`. `replay` defines a replay, `records` reads its records,
//! `redecode` decodes them again, and `estimate` predicts its size. `keeper` and `coverage` are sinks of their own.

mod catch_up_rate;
mod coverage;
mod cursor;
mod error;
mod estimate;
mod feed;
#[cfg(feature = "kafka")]
mod kafka_log;
mod keeper;
mod log;
mod logged_reasons;
mod metrics;
#[cfg(feature = "kafka")]
mod partition;
mod poison;
mod position;
mod pump;
mod records;
mod redecode;
mod refused_rows;
mod replay;
mod rewind;
mod run;
mod shared;
mod sink;
mod skip;
mod start;
mod state;
mod status;
#[cfg(test)]
pub(crate) mod tests;

pub use coverage::{CoverageSink, PINNED_BYTES_MAX};
pub use estimate::{Estimate, EstimateError, estimate};
#[cfg(feature = "kafka")]
pub use kafka_log::{Group, GroupConfig, GroupStatus, SinkFor};
pub use keeper::Keeper;
pub use log::Log;
#[cfg(feature = "kafka")]
pub use partition::{Contents, Partition, PartitionId, Topics};
pub use pump::{PumpHandle, StartError};
pub use records::CurrentRules;
pub use redecode::Redecode;
pub use refused_rows::RefusedRows;
pub use replay::{Reread, Rewind, RewindError, Rewound, rewind_stored};
pub use sink::{Delivery, Exception, Known, Progress, RecordFilter, Sink, SinkError, SinkErrorKind};
pub use state::PumpOptions;
pub use status::{PumpStatus, SinkState};
