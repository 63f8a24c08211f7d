//! The sources of readings: the webhook, and one module per vendor on shared runners.
//!
//! A source is a named task that brings data of one kind from one place. [`Sources`]
//! starts, stops and joins all sources. A vendor's module defines the requests
//! ([`Polled`], [`Connected`]); the runners do the timing, [`Inlet`] passes readings to
//! ingest, and [`Reporter`] publishes the description that the page, commands and metrics
//! show. Nothing here knows a sink. Read-only towards devices.

mod allowed;
mod arrivals;
mod contact;
mod describer;
mod description;
mod device;
mod groups;
mod inlet;
mod intake;
mod parts;
mod probe;
mod redecode;
pub mod runner;
mod sources;
mod stream;
#[cfg(test)]
mod tests;
mod tokens;

pub mod dsmr_logger;
pub mod em300;
pub mod json;
pub mod ksem;
pub mod mqtt;
pub mod p1;
pub mod smappee;
pub mod smart_mac;
pub mod smart_me;
pub mod webhook;

pub use arrivals::Arrivals;
pub use contact::Contact;
pub use describer::Describer;
pub use description::{Description, Fact, Reporter, SourceState};
pub use groups::SourceGroups;
pub use inlet::{Decoded, Inlet, Keep, METERS_MAX};
pub use probe::{Document, Probe, reach};
pub use redecode::{Decoder, Recorded, Redecoder};
pub use runner::{Connected, Polled, Schedule, SourceError};
pub use sources::{Action, Sources};
