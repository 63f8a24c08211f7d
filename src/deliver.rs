//! From the journal into a sink: what a sink is, and the pump that drives one.
//!
//! A pump is one thread with one cursor. It knows nothing of which sink it drives
//! nor of other pumps. Invariants: a sink gets records in journal order from one
//! thread; the stored cursor is never beyond what the sink said is safe; after
//! any error, panics included, the pump goes back to the lowest unsafe record,
//! waits, and sends again; a rewind is durable before its first record is sent.

mod counters;
mod coverage;
mod cursor;
mod feed;
mod keeper;
mod metrics;
mod place;
mod poison;
mod pump;
mod refused_rows;
mod replaying;
mod rewind;
mod run;
mod shared;
mod sink;
mod start;
mod status;
#[cfg(test)]
pub(crate) mod tests;
mod touched;
mod trouble;

pub use counters::WebhookCounters;
pub use coverage::CoverageSink;
pub use keeper::Keeper;
pub use pump::{PumpHandle, PumpOptions, StartError};
pub use refused_rows::RefusedRows;
pub use replaying::{CurrentRules, Reread};
pub use rewind::{Rewind, RewindError, Rewound, rewind_stored};
pub use sink::{Delivery, Exception, Progress, Sink, SinkError, SinkTrouble, Takes};
pub use status::{PumpStatus, SinkState};
