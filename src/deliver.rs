//! From the journal into a sink: what a sink is, and the pump that drives one.
//!
//! A pump is one thread with one cursor. It knows nothing of which sink it drives
//! nor of other pumps. Invariants: a sink gets records in journal order from one
//! thread; the stored cursor is never beyond what the sink said is safe; after
//! any error, panics included, the pump goes back to the lowest unsafe record,
//! waits, and sends again; a rewind is durable before its first record is sent.
//!
//! Where to look: `sink` is what a sink is; `run` the pump's loop over `state`, with `start`
//! (where it begins), `feed` (what it hands over), `skip` (what retention took) and `rewind`
//! (setting it back); `replay` is what a replay is, `records` how its records are read,
//! `estimate` what it would send. `keeper` and `coverage` are sinks of their own.

mod coverage;
mod cursor;
mod estimate;
mod feed;
mod keeper;
mod metrics;
mod catch_up_rate;
mod position;
mod poison;
mod pump;
mod records;
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
mod error;

pub use coverage::CoverageSink;
pub use estimate::{Estimate, EstimateError, estimate};
pub use keeper::Keeper;
pub use pump::{PumpHandle, StartError};
pub use records::CurrentRules;
pub use refused_rows::RefusedRows;
pub use replay::{Reread, Rewind, RewindError, Rewound, rewind_stored};
pub use sink::{Delivery, Exception, Progress, Sink, SinkError, SinkErrorKind, RecordFilter};
pub use state::PumpOptions;
pub use status::{PumpStatus, SinkState};
