//! The expected readings of one meter: quarter-hours, or else its own cadence.
//!
//! A meter that has sent at three quarter-hours close to each other is on the grid:
//! from then on a counter value is expected at each quarter-hour. For any other meter
//! the mean interval of its readings is learned; a silence of four times that is a gap.

use super::slot::{MissingSlots, SLOT_NS, Slot, SlotRange};
use crate::reading::{MeterId, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Quarter-hours close to each other that put a meter on the grid.
const GRID_AFTER: u8 = 3;
/// The maximum distance of quarter-hours that are close to each other.
const CLOSE_SLOTS: i64 = 2;
/// Intervals after which the cadence is known.
const LEARNED_AFTER: u8 = 10;
/// A silence of this many mean intervals is a gap.
const SILENT_INTERVALS: i64 = 4;
/// The shortest silence: devices count as offline after it (vendor, "Zähler offline").
const SILENT_NS_MIN: i64 = SLOT_NS;
/// Weight of the newest interval in the mean, as one part of this many.
const NEWEST_PART: i64 = 8;
/// The maximum length of a gap, its newest part: devices store a month.
const SLOTS_BACK_MAX: i64 = 40 * 96;
/// The maximum number of missing ranges of one meter; the oldest are dropped first.
const RANGES_MAX: usize = 1000;
/// The maximum number of missing quarter-hours with a reading without a counter.
const PARTLY_MAX: usize = 1000;

/// The expectations of one meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meter {
    /// The source of its readings.
    pub(super) source: String,
    /// Its newest measurement time.
    pub(super) heard: i64,
    /// The mean interval of its readings.
    interval_ns: i64,
    /// Intervals counted, up to [`LEARNED_AFTER`].
    distances: u8,
    pub(super) grid: Grid,
}

/// The state of the quarter-hour grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grid {
    /// Not on the grid yet.
    Learning { newest: Option<Slot>, hits: u8 },
    /// Quarter-hours are expected.
    On {
        /// The first quarter-hour not checked yet.
        next: Slot,
        missing: MissingSlots,
        /// Missing quarter-hours that have a reading without a counter.
        partly: BTreeSet<Slot>,
    },
}

/// The properties of a reading that coverage needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenReading {
    /// The meter.
    pub meter: MeterId,
    /// When it was measured.
    pub at: UnixNanos,
    /// Whether one of its registers is a counter.
    pub has_counter: bool,
    /// Whether it was fetched by gap repair.
    pub is_repair: bool,
}

/// A change found in the readings of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// Quarter-hours are missing.
    Missing(SlotRange),
    /// A missing quarter-hour arrived.
    Arrived(Slot),
    /// No reading arrived between these two.
    Silence { from: UnixNanos, until: UnixNanos },
}

/// The values missing at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingValues {
    /// Nothing: existing values stay.
    Nothing,
    /// Counters; other registers exist.
    Counters,
    /// Everything.
    All,
}

impl Meter {
    pub(super) fn new(source: &str, seen: SeenReading) -> Self {
        let mut meter = Self {
            source: source.to_owned(),
            heard: seen.at.0,
            interval_ns: 0,
            distances: 0,
            grid: Grid::Learning { newest: None, hits: 0 },
        };
        meter.learn(seen);
        meter
    }

    /// Notes a reading.
    pub(super) fn note(&mut self, seen: SeenReading) -> Option<Finding> {
        let silence = self.note_distance(seen.at);
        match Slot::exactly(seen.at) {
            Some(slot) if self.is_on_grid() => self.note_slot(slot, seen.has_counter),
            Some(_) => {
                self.learn(seen);
                silence
            }
            None => silence.filter(|_| !self.is_on_grid()),
        }
    }

    /// Finds the missing quarter-hours up to `judged`, the last one due.
    pub(super) fn judge(&mut self, judged: Slot) -> Option<Finding> {
        let Grid::On { next, missing, .. } = &mut self.grid else { return None };
        if judged < *next {
            return None;
        }
        let range = SlotRange((*next).max(judged.plus(-SLOTS_BACK_MAX)), judged.next());
        missing.push(range);
        *next = judged.next();
        self.drop_oldest();
        Some(Finding::Missing(range))
    }

    pub(super) fn is_on_grid(&self) -> bool {
        matches!(self.grid, Grid::On { .. })
    }

    /// The mean interval of its readings, once known.
    pub(super) fn cadence_ns(&self) -> Option<i64> {
        (self.distances >= LEARNED_AFTER).then_some(self.interval_ns)
    }

    pub(super) fn missing_within(&self, range: SlotRange) -> Vec<SlotRange> {
        match &self.grid {
            Grid::On { missing, .. } => missing.within(range).collect(),
            Grid::Learning { .. } => Vec::new(),
        }
    }

    /// Stops expecting the quarter-hours of this range.
    pub(super) fn stop_expecting(&mut self, range: SlotRange) -> u64 {
        match &mut self.grid {
            Grid::On { missing, partly, .. } => {
                partly.retain(|slot| *slot < range.0 || *slot >= range.1);
                missing.remove(range)
            }
            Grid::Learning { .. } => 0,
        }
    }

    pub(super) fn missing_values(&self, slot: Slot) -> MissingValues {
        match &self.grid {
            Grid::On { missing, partly, .. } if missing.contains(slot) => {
                if partly.contains(&slot) {
                    MissingValues::Counters
                } else {
                    MissingValues::All
                }
            }
            _ => MissingValues::Nothing,
        }
    }

    fn note_distance(&mut self, at: UnixNanos) -> Option<Finding> {
        let before = UnixNanos(self.heard);
        let distance = at.since(before);
        if distance <= 0 {
            return None;
        }
        self.heard = at.0;
        let bound = self.cadence_ns().map(|usual| usual.saturating_mul(SILENT_INTERVALS).max(SILENT_NS_MIN));
        if bound.is_some_and(|bound| distance > bound) {
            return Some(Finding::Silence { from: before, until: at });
        }
        self.interval_ns = match self.distances {
            0 => distance,
            _ => self.interval_ns + (distance - self.interval_ns) / NEWEST_PART,
        };
        self.distances = self.distances.saturating_add(1).min(LEARNED_AFTER);
        None
    }

    fn learn(&mut self, seen: SeenReading) {
        let (Some(slot), Grid::Learning { newest, hits }) = (Slot::exactly(seen.at), &mut self.grid) else { return };
        if !seen.has_counter || newest.is_some_and(|newest| slot <= newest) {
            return;
        }
        let is_close = newest.is_some_and(|newest| slot <= newest.plus(CLOSE_SLOTS));
        *hits = if is_close { *hits + 1 } else { 1 };
        *newest = Some(slot);
        if *hits >= GRID_AFTER {
            self.grid = Grid::On { next: slot.next(), missing: MissingSlots::default(), partly: BTreeSet::new() };
        }
    }

    fn note_slot(&mut self, slot: Slot, has_counter: bool) -> Option<Finding> {
        let Grid::On { next, missing, partly } = &mut self.grid else { return None };
        if !has_counter {
            if (missing.contains(slot) || slot >= *next) && partly.len() < PARTLY_MAX {
                partly.insert(slot);
            }
            return None;
        }
        partly.remove(&slot);
        if slot < *next {
            return (missing.remove(SlotRange(slot, slot.next())) > 0).then_some(Finding::Arrived(slot));
        }
        let skipped = SlotRange((*next).max(slot.plus(-SLOTS_BACK_MAX)), slot);
        *next = slot.next();
        if skipped.slots() == 0 {
            return None;
        }
        missing.push(skipped);
        self.drop_oldest();
        Some(Finding::Missing(skipped))
    }

    fn drop_oldest(&mut self) {
        let Grid::On { missing, partly, next } = &mut self.grid else { return };
        while missing.len() > RANGES_MAX {
            let Some(oldest) = missing.first() else { return };
            missing.remove(oldest);
        }
        let oldest = missing.first().map_or(*next, |range| range.0);
        partly.retain(|slot| *slot >= oldest);
    }
}
