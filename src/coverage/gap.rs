//! A gap: what is missing of one meter, since when that is known, and what became of it.

use super::slot::{Slot, SlotRange};
use crate::reading::{MeterId, UnixNanos};
use std::time::Duration;

/// Waits after each look that found nothing; after the last the source has nothing.
/// A device that was offline itself sends its stored values when it is back, which
/// may take days.
const RETRY_DELAYS: [Duration; 5] = [
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
    Duration::from_hours(72),
];

/// Its number; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GapId(pub u64);

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Quarter-hours; some of them may have come since.
    Slots(SlotRange),
    /// Whatever the meter would have sent between two readings that are there.
    Silence {
        /// The reading before.
        from: UnixNanos,
        /// The reading after.
        until: UnixNanos,
    },
}

impl Extent {
    /// The first instant that is missing, or the reading before.
    #[must_use]
    pub fn from(self) -> UnixNanos {
        match self {
            Self::Slots(SlotRange(from, _)) => from.time(),
            Self::Silence { from, .. } => from,
        }
    }

    /// The last instant that is missing, or the reading after.
    #[must_use]
    pub fn until(self) -> UnixNanos {
        match self {
            Self::Slots(SlotRange(_, until)) => until.plus(-1).time(),
            Self::Silence { until, .. } => until,
        }
    }
}

/// What became of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapState {
    /// Something is missing.
    Open,
    /// It came by itself, late.
    Late,
    /// It was fetched, or the last of it was.
    Repaired,
    /// The source has none of it, or not all, also after days.
    NotAtSource,
    /// The meter was not heard again for so long that it is not followed any more.
    Gone,
}

impl GapState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Open, Self::Late, Self::Repaired, Self::NotAtSource, Self::Gone];

    /// As shown and stored; never changed.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Late => "late",
            Self::Repaired => "repaired",
            Self::NotAtSource => "not-at-source",
            Self::Gone => "gone",
        }
    }
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Its number.
    pub id: GapId,
    /// Whose readings are missing.
    pub meter: MeterId,
    /// Who brings them.
    pub source: String,
    /// What is missing, or was.
    pub extent: Extent,
    /// When it was found.
    pub found: UnixNanos,
    /// What became of it.
    pub state: GapState,
    /// When that was certain; of an open one when it was found.
    pub changed: UnixNanos,
    /// Readings that came late by themselves.
    pub late: u64,
    /// Readings that were fetched.
    pub repaired: u64,
    /// How often the source was asked for all that is missing.
    pub asked: usize,
    /// When it is to be asked next.
    pub ask_at: UnixNanos,
    /// How far the look under way has come.
    pub asked_until: Option<Slot>,
    /// Whether the meter was heard again after it, and the source looked at for that.
    pub is_back: bool,
}

impl Gap {
    pub(super) fn new(id: GapId, meter: MeterId, source: &str, extent: Extent, now: UnixNanos) -> Self {
        Self {
            id,
            meter,
            source: source.to_owned(),
            extent,
            found: now,
            state: GapState::Open,
            changed: now,
            late: 0,
            repaired: 0,
            asked: 0,
            ask_at: now,
            asked_until: None,
            is_back: false,
        }
    }

    /// Whether something is missing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == GapState::Open
    }

    /// Whether quarter-hours are missing, and not whatever a silence left out.
    #[must_use]
    pub fn is_of_quarter_hours(&self) -> bool {
        self.slots().is_some()
    }

    pub(super) fn slots(&self) -> Option<SlotRange> {
        match self.extent {
            Extent::Slots(range) => Some(range),
            Extent::Silence { .. } => None,
        }
    }

    pub(super) fn close(&mut self, state: GapState, now: UnixNanos) {
        self.state = state;
        self.changed = now;
        self.asked_until = None;
    }

    /// All of it was asked for. Whether it is to be asked for again.
    pub(super) fn finish_attempt(&mut self, now: UnixNanos) -> bool {
        self.asked_until = None;
        let wait = RETRY_DELAYS.get(self.asked).copied();
        self.asked += 1;
        let wait_ns = wait.map(|wait| i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
        self.ask_at = now.saturating_add(wait_ns.unwrap_or_default());
        wait.is_some()
    }
}

/// What is to be asked for: quarter-hours or times of one meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairRequest {
    /// The gap.
    pub gap: GapId,
    /// Whose readings.
    pub meter: MeterId,
    /// The first instant.
    pub from: UnixNanos,
    /// The last instant.
    pub until: UnixNanos,
}
