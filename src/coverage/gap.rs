//! A gap: the missing readings of one meter, when it was found, and its state.

use super::slot::{Slot, SlotRange};
use crate::reading::{MeterId, UnixNanos};
use std::time::Duration;

/// Delays after each attempt to fetch a gap; after the last attempt the gap is closed.
/// A device that was offline sends its stored values when it is back, which may take
/// days.
const RETRY_DELAYS: [Duration; 5] = [
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
    Duration::from_hours(72),
];

/// A gap's number; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GapId(pub u64);

/// The extent of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Quarter-hours; some of them may have arrived since.
    Slots(SlotRange),
    /// The unknown readings between two existing ones.
    Silence {
        /// The reading before.
        from: UnixNanos,
        /// The reading after.
        until: UnixNanos,
    },
}

impl Extent {
    /// The first missing instant, or the reading before.
    pub fn from(self) -> UnixNanos {
        match self {
            Self::Slots(SlotRange(from, _)) => from.time(),
            Self::Silence { from, .. } => from,
        }
    }

    /// The last missing instant, or the reading after.
    pub fn until(self) -> UnixNanos {
        match self {
            Self::Slots(SlotRange(_, until)) => until.plus(-1).time(),
            Self::Silence { until, .. } => until,
        }
    }
}

/// The state of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapState {
    /// Readings are missing.
    Open,
    /// All readings arrived late, without a fetch.
    Late,
    /// Readings were fetched, at least the last ones.
    Repaired,
    /// The source does not have all readings, even after days.
    NotAtSource,
    /// The meter was silent too long and is no longer followed.
    Gone,
}

impl GapState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Open, Self::Late, Self::Repaired, Self::NotAtSource, Self::Gone];

    /// The name as shown and stored; never changed.
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

/// Missing readings of one meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Its number.
    pub id: GapId,
    /// The meter.
    pub meter: MeterId,
    /// The source of its readings.
    pub source: String,
    /// The extent, as found.
    pub extent: Extent,
    /// When it was found.
    pub found: UnixNanos,
    /// Its state.
    pub state: GapState,
    /// When it got this state.
    pub changed: UnixNanos,
    /// Readings that arrived late without a fetch.
    pub late: u64,
    /// Fetched readings.
    pub repaired: u64,
    /// Completed attempts to fetch all missing readings.
    pub asked: usize,
    /// When the next attempt is due.
    pub ask_at: UnixNanos,
    /// The progress of the current attempt.
    pub asked_until: Option<Slot>,
    /// Whether the meter was heard again after the gap, which made an attempt due.
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

    /// Whether readings are still missing.
    pub fn is_open(&self) -> bool {
        self.state == GapState::Open
    }

    /// Whether the gap is of quarter-hours, not of a silence.
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

    /// Records a completed attempt. Returns whether there will be another one.
    pub(super) fn finish_attempt(&mut self, now: UnixNanos) -> bool {
        self.asked_until = None;
        let wait = RETRY_DELAYS.get(self.asked).copied();
        self.asked += 1;
        let wait_ns = wait.map(|wait| i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
        self.ask_at = now.saturating_add(wait_ns.unwrap_or_default());
        wait.is_some()
    }
}

/// A request to a source for missing readings of one meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairRequest {
    /// The gap.
    pub gap: GapId,
    /// The meter.
    pub meter: MeterId,
    /// The first instant.
    pub from: UnixNanos,
    /// The last instant.
    pub until: UnixNanos,
}
