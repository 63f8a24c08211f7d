//! The readings of a fast meter that are journaled: all, or the first of each interval of measurement time.
//! The next readings are compared with the last one of their meter.

use crate::reading::UnixNanos;
use crate::vendor::Reading;
use std::time::Duration;

/// The readings of a fast meter that are journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All.
    All,
    /// The first of each interval of measurement time.
    FirstOfEach(Duration),
}

impl Keep {
    /// The readings of a fetched series that are journaled, in the order of their places.
    pub(in crate::source) fn thinned(self, mut series: Vec<(u32, Reading)>) -> Vec<(u32, Reading)> {
        series.sort_by_key(|(_, reading)| (reading.meter, reading.at));
        series.dedup_by(|(_, reading), (_, kept)| {
            reading.meter == kept.meter && reading.at != kept.at && self.is_thinned(kept.at, reading.at)
        });
        series.sort_unstable_by_key(|(place, _)| *place);
        series
    }

    /// Whether `at` is in the same interval as the kept reading.
    pub(super) fn is_thinned(self, kept: UnixNanos, at: UnixNanos) -> bool {
        match self {
            Self::All => false,
            Self::FirstOfEach(interval) => {
                let interval = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1);
                at.0.div_euclid(interval) == kept.0.div_euclid(interval)
            }
        }
    }
}

/// The times of the last readings, journaled or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    /// Of the last one.
    pub(super) seen: UnixNanos,
    /// Of the last one that was journaled.
    pub(super) kept: UnixNanos,
    /// Whether the journaled one had a doubted zero. The same time may come again with the true value.
    pub(super) lacks_zero: bool,
}

impl Last {
    /// A reading with all its values.
    pub(super) fn whole(at: UnixNanos) -> Self {
        Self::sifted(at, false)
    }

    /// A reading of this time, and whether doubted zeros were left out.
    pub(super) fn sifted(at: UnixNanos, lacks_zero: bool) -> Self {
        Self { seen: at, kept: at, lacks_zero }
    }

    /// Whether a reading of this time is known with all its values.
    pub(super) fn has(&self, at: UnixNanos) -> bool {
        !self.lacks_zero && (self.seen == at || self.kept == at)
    }
}
