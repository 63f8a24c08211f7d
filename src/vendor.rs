//! What the vendors' documents look like, as types: bytes in, typed values out.
//!
//! Pure: no transport, no clock, no credentials of ours but as values to write.

pub mod json;
pub mod smart_me;

use crate::reading::{MeterId, Sample, UnixNanos};

/// One meter at one instant, as a vendor's decoder yields it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Whose.
    pub meter: MeterId,
    /// When it was measured.
    pub at: UnixNanos,
    /// Registers and values in base units, each register once.
    pub samples: Vec<Sample>,
}
