//! Ingest: the single entry into the journal.
//!
//! A source passes a body and waits. Ingest stamps the receive time once, decodes and
//! judges the body in place, copies it into the journal's pending group and answers
//! when that group is synced. So [`Receipt::Stored`] means "on this machine's disk",
//! and a [`Refusal`] means that nothing of the body entered the journal.
//!
//! It knows the journal and the wire formats, but not which source called or which
//! sinks read. Invariants: nothing is refused for its content unless the source is
//! configured so or has used up its quota of undecodable bodies; a body is counted
//! once, after its sync; no lock is held while anything waits; the data kept for the
//! built-in page has a fixed size. Parts that follow the readings get them after the sync, from
//! the walk over the body that counts them.

mod clock_watch;
mod drain;
mod entrance;
mod followers;
mod handle;
mod meter_senders;
mod newest;
mod rate;
mod recent_readings;
mod refusal;
mod source_counters;
mod state;
#[cfg(test)]
mod tests;
mod undecodable;

pub use entrance::{Entrance, OnUndecodable, Receipt, SourceOptions};
pub use followers::{Followers, ReadingObserver};
pub use handle::{Health, Ingest, RecentActivity};
pub use recent_readings::{METERS_MAX, RecentReading, SAMPLES_SHOWN_MAX};
pub use refusal::Refusal;
pub use source_counters::{SharedMeter, SourceActivity};
pub use undecodable::Undecodable;
