//! The vendors' documents as types: bytes in, typed values out.
//!
//! Pure: no transport, no clock; our credentials appear only as values to write.

mod decimal;
pub mod json;
pub mod p1;
pub mod smart_me;

use crate::reading::{MeterId, Sample, UnixNanos};

/// One meter at one instant, as a vendor's decoder returns it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The meter.
    pub meter: MeterId,
    /// The time of measurement.
    pub at: UnixNanos,
    /// Registers and values in base units, each register at most once.
    pub samples: Vec<Sample>,
}
