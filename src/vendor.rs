//! The vendors' documents as types: bytes in, typed values out.
//!
//! Pure: no transport, no clock; our credentials appear only as values to write.

mod decimal;
mod document;
pub mod dsmr_logger;
pub mod json;
pub mod ksem;
#[cfg(test)]
mod lines;
pub mod p1;
mod part;
mod record;
pub mod smappee;
pub mod smart_mac;
pub mod smart_me;
mod transformers;

pub use document::MessageError;
pub use part::{At, Part, Readings, Value};
pub use transformers::Transformers;

use crate::reading::{Flags, MeterId, Sample, UnixNanos};

/// One meter at one instant, as a vendor's decoder returns it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The meter.
    pub meter: MeterId,
    /// The time of measurement.
    pub at: UnixNanos,
    /// Its unusual properties.
    pub flags: Flags,
    /// Registers and values in base units, each register at most once.
    pub samples: Vec<Sample>,
}
