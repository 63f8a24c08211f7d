//! The expected readings of one meter: quarter-hours, or else its own cadence.
//!
//! A meter that has sent at three quarter-hours close to each other is on the grid: from then on
//! a counter value is expected at each quarter-hour. A meter that sends often must have sent at
//! eight in a row. For any other meter the mean interval of its readings is learned; a silence of
//! four times that is a gap.
//!
//! A meter takes 24 bytes, because there may be a million. Its missing quarter-hours are
//! in `holes`, because few meters miss any.

use super::longest::{Longest, SILENT_NS_MIN as UNUSUAL_NS_MIN};
use super::slot::{SLOT_NS, Slot, SlotRange};
use crate::reading::UnixNanos;
use crate::wire::SeenReading;

/// Quarter-hours close to each other that put a meter on the grid.
const GRID_AFTER: u8 = 3;
/// The maximum distance of quarter-hours that are close to each other.
const CLOSE_SLOTS: i32 = 2;
/// A meter whose mean interval is shorter meets quarter-hours by chance: one reading in ten seconds is
/// at one of them every few hours.
const FREQUENT_NS: i64 = SLOT_NS / 3;
/// It is on the grid after this number of quarter-hours without a miss.
const GRID_AFTER_OF_FREQUENT: u8 = 8;
/// Intervals after which the cadence is known.
const LEARNED_AFTER: u8 = 10;
/// Days after that until its longest silence is known: a burst of readings says nothing about the silence after it.
const KNOWN_DAYS: u8 = 2;
/// A silence of this many mean intervals is a gap.
const SILENT_INTERVALS: i64 = 4;
/// The shortest silence: devices count as offline after it (vendor, "Zähler offline").
const SILENT_NS_MIN: i64 = SLOT_NS;
/// Weight of the newest interval in the mean, as one part of this many.
const NEWEST_PART: i64 = 8;
/// The maximum length of a gap, its newest part: devices store a month.
const SLOTS_BACK_MAX: i32 = 40 * 96;
const MILLISECOND_NS: i64 = 1_000_000;
const DAY_NS: i64 = 86_400_000 * MILLISECOND_NS;

/// The expectations of one meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meter {
    /// Its newest measurement time.
    pub(super) heard: UnixNanos,
    /// The mean interval of its readings.
    pub(super) interval_ms: u32,
    pub(super) grid: Grid,
    /// The source of its readings.
    pub(super) source: SourceIndex,
    /// Its readings since the last ones that were not seen, counted up to one more than [`LEARNED_AFTER`]; then
    /// the days on which it was heard, up to [`KNOWN_DAYS`].
    pub(super) readings: u8,
    /// Its longest silence of late.
    pub(super) longest: Longest,
}

const _: () = assert!(size_of::<Meter>() == 24, "the memory of a million meters");

/// The number of a source in the list of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SourceIndex(pub(super) u16);

/// The state of the quarter-hour grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grid {
    /// No quarter-hour was sent yet.
    Off,
    /// Not on the grid yet.
    Learning { newest: Slot, hits: u8 },
    /// Quarter-hours are expected; `next` is the first one not checked yet.
    On { next: Slot },
}

/// The meaning of a reading for its meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// A counter at a quarter-hour not checked before; those in `skipped` are missing.
    Counter { slot: Slot, skipped: SlotRange },
    /// A counter at a quarter-hour checked before, which may have been missing.
    LateCounter(Slot),
    /// A reading without a counter at a quarter-hour, checked before or not.
    NoCounter { slot: Slot, is_checked: bool },
    /// No reading arrived between these two.
    Silence { from: UnixNanos, until: UnixNanos },
}

impl Meter {
    pub(super) fn new(source: SourceIndex, seen: SeenReading) -> Self {
        let mut meter =
            Self { heard: seen.at, interval_ms: 0, grid: Grid::Off, source, readings: 1, longest: Longest::default() };
        meter.learn(seen);
        meter
    }

    /// Notes a reading.
    pub(super) fn note(&mut self, seen: SeenReading) -> Option<Finding> {
        let silence = self.note_distance(seen.at);
        match (Slot::exactly(seen.at), self.grid) {
            (Some(slot), Grid::On { next }) => Some(self.note_slot(slot, next, seen.has_counter)),
            (None, Grid::On { .. }) => None,
            (_, Grid::Off | Grid::Learning { .. }) => {
                self.learn(seen);
                silence
            }
        }
    }

    /// The quarter-hours up to `judged`, the last one due, that did not arrive.
    pub(super) fn judge(&mut self, judged: Slot) -> Option<SlotRange> {
        let Grid::On { next } = &mut self.grid else { return None };
        if judged < *next {
            return None;
        }
        let missing = SlotRange((*next).max(judged.plus(-SLOTS_BACK_MAX)), judged.next());
        *next = judged.next();
        Some(missing)
    }

    /// Expects nothing before `slot`, because readings were not seen.
    pub(super) fn skip_to(&mut self, slot: Slot) {
        self.grid = match self.grid {
            Grid::On { next } => Grid::On { next: slot.max(next) },
            // Quarter-hours in a row are not in a row any more.
            Grid::Off | Grid::Learning { .. } => Grid::Off,
        };
        (self.interval_ms, self.readings) = (0, 0);
    }

    /// The mean interval of its readings, once known.
    fn cadence_ns(&self) -> Option<i64> {
        self.mean_ns().filter(|_| self.readings > LEARNED_AFTER)
    }

    /// The mean of the intervals counted so far.
    fn mean_ns(&self) -> Option<i64> {
        (self.readings > 1).then_some(i64::from(self.interval_ms) * MILLISECOND_NS)
    }

    /// The silence that is unusual for it, once that is known. On the grid it is heard every quarter-hour.
    pub(super) fn unusual_silence_ns(&self) -> Option<i64> {
        match self.grid {
            Grid::On { .. } => Some(UNUSUAL_NS_MIN),
            Grid::Off | Grid::Learning { .. } => {
                (self.readings > LEARNED_AFTER + KNOWN_DAYS).then(|| self.longest.unusual_ns())
            }
        }
    }

    fn note_distance(&mut self, at: UnixNanos) -> Option<Finding> {
        let before = self.heard;
        let distance = at.since(before);
        if distance <= 0 {
            return None;
        }
        self.heard = at;
        self.longest.note(before, at);
        if self.readings > LEARNED_AFTER && before.0.div_euclid(DAY_NS) != at.0.div_euclid(DAY_NS) {
            self.readings = self.readings.saturating_add(1).min(LEARNED_AFTER + 1 + KNOWN_DAYS);
        }
        let bound = self.cadence_ns().map(|usual| usual.saturating_mul(SILENT_INTERVALS).max(SILENT_NS_MIN));
        if bound.is_some_and(|bound| distance > bound) {
            return Some(Finding::Silence { from: before, until: at });
        }
        let (distance, mean) = (distance / MILLISECOND_NS, i64::from(self.interval_ms));
        let mean = match self.readings {
            // There were others before it.
            0 => 0,
            1 => distance,
            _ => mean + (distance - mean) / NEWEST_PART,
        };
        // A meter is forgotten before its interval exceeds 32 bits.
        self.interval_ms = u32::try_from(mean).unwrap_or(u32::MAX);
        if self.readings <= LEARNED_AFTER {
            self.readings += 1;
        }
        None
    }

    fn learn(&mut self, seen: SeenReading) {
        let Some(slot) = Slot::exactly(seen.at).filter(|_| seen.has_counter) else { return };
        let (newest, hits) = match self.grid {
            Grid::On { .. } => return,
            Grid::Off => (None, 0),
            Grid::Learning { newest, hits } => (Some(newest), hits),
        };
        if newest.is_some_and(|newest| slot <= newest) {
            return;
        }
        let is_frequent = self.mean_ns().is_some_and(|usual| usual < FREQUENT_NS);
        let (close, after) = if is_frequent { (1, GRID_AFTER_OF_FREQUENT) } else { (CLOSE_SLOTS, GRID_AFTER) };
        let is_close = newest.is_some_and(|newest| slot <= newest.plus(close));
        let hits = if is_close { hits.saturating_add(1) } else { 1 };
        self.grid = if hits >= after { Grid::On { next: slot.next() } } else { Grid::Learning { newest: slot, hits } };
    }

    fn note_slot(&mut self, slot: Slot, next: Slot, has_counter: bool) -> Finding {
        if !has_counter {
            return Finding::NoCounter { slot, is_checked: slot < next };
        }
        if slot < next {
            return Finding::LateCounter(slot);
        }
        self.grid = Grid::On { next: slot.next() };
        Finding::Counter { slot, skipped: SlotRange(next.max(slot.plus(-SLOTS_BACK_MAX)), slot) }
    }
}
