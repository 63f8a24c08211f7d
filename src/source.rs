//! Where readings come from: the webhook, and one module a vendor on shared runners.
//!
//! A source brings data of one kind from one place. It is a named task: [`Sources`]
//! starts, stops and joins all of them. A vendor's module says what to request
//! ([`Polled`], [`Connected`]); the runners do the timing, [`Inlet`] is the way to
//! ingest, and [`Reporter`] publishes the one description that page, commands and
//! metrics show. Nothing here knows a sink. Read-only towards devices.

mod description;
mod inlet;
pub mod runner;
mod sources;
#[cfg(test)]
mod tests;

pub mod json;
pub mod smart_me;
pub mod webhook;

pub use description::{Description, Fact, Reporter, SourceState};
pub use inlet::{Inlet, Keep};
pub use runner::{Connected, Polled, Schedule, SourceError};
pub use sources::{Action, Sources};
