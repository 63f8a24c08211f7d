//! Ingest into the journal: whoever brings data, it comes through here.
//!
//! A source hands over bytes and waits. Ingest stamps the receive time once,
//! decodes and judges the bytes where they lie, copies them into the journal's
//! pending group and answers when that group is synced. So [`Receipt`] means "on
//! this machine's disk", and a [`Refusal`] that nothing of the body was kept.
//!
//! It knows the journal and the wire formats, and neither which source called nor
//! which sinks read. Invariants: nothing is refused for its content unless the
//! source asks for that, or has used up its quota of what cannot be read; a body is counted once, after its sync; no lock is held
//! while anything waits; what is kept for the status page has a fixed size.

mod clock_watch;
mod drain;
mod entrance;
mod handle;
mod recent_readings;
mod rate;
mod refusal;
mod state;
mod source_counters;
#[cfg(test)]
mod tests;
mod undecodable;

pub use entrance::{Entrance, OnUndecodable, SourceOptions, Receipt};
pub use handle::{Health, Ingest, RecentActivity};
pub use recent_readings::{METERS_MAX, RecentReading, SAMPLES_SHOWN_MAX};
pub use refusal::Refusal;
pub use source_counters::SourceActivity;
