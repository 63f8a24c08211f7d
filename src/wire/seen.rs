//! The properties of a reading that tell which readings are missing.

use super::judged::Judged;
use crate::reading::registry::{self, Kind};
use crate::reading::{Flags, MeterId, Obis, QUARTER_HOUR_NS, UnixNanos};

/// A reading without its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenReading {
    /// The meter.
    pub meter: MeterId,
    /// When it was measured.
    pub at: UnixNanos,
    /// Whether one of its registers is a counter; always false between quarter-hours, where
    /// it is not needed.
    pub has_counter: bool,
    /// Whether it was fetched by gap repair.
    pub is_repair: bool,
}

impl SeenReading {
    /// The properties of a judged reading.
    pub fn of(reading: &Judged<'_>) -> Self {
        let is_at_quarter_hour = reading.at.0.rem_euclid(QUARTER_HOUR_NS) == 0;
        Self {
            meter: reading.meter,
            at: reading.at,
            has_counter: is_at_quarter_hour && reading.samples().any(|sample| is_counter(sample.obis)),
            is_repair: reading.flags.contains(Flags::GAP_REPAIR),
        }
    }
}

fn is_counter(obis: Obis) -> bool {
    registry::entry(obis).is_some_and(|entry| entry.kind == Kind::Counter)
}
