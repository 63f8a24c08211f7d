//! The gap tracker: all meters and gaps, and their changes. Pure: no files, no locks.
//!
//! The work for a reading does not depend on the number of meters. At `meters_max` meters a
//! new one is not tracked; its readings are counted.

use super::gap::{Extent, Gap, GapId, GapState, RepairRequest};
use super::gaps::Gaps;
use super::holes::{Holes, MissingValues};
use super::meter::{Finding, Meter, SourceIndex};
use super::slot::{SLOT_NS, Slot, SlotRange};
use super::sources::Sources;
use crate::journal::Position;
use crate::reading::{MeterId, UnixNanos};
use crate::wire::SeenReading;
use std::collections::HashMap;

/// A quarter-hour is missing if it has not arrived a quarter-hour later.
const LATE_NS: i64 = SLOT_NS;
/// A meter silent for this long is no longer followed.
const GONE_NS: i64 = 40 * 96 * SLOT_NS;
/// The tolerated advance of a device's clock; readings further ahead are ignored here.
const AHEAD_NS_MAX: i64 = SLOT_NS;

/// The number of meters whose table never takes more than this memory. The table doubles when
/// seven eighths of it are in use, and meanwhile the old one exists as well; a place takes
/// one byte more than its meter.
pub fn meters_within(memory_bytes: u64) -> usize {
    let place_bytes = size_of::<(MeterId, Meter)>() + 1;
    let places = usize::try_from(memory_bytes).unwrap_or(usize::MAX) / (place_bytes * 3 / 2);
    places.checked_ilog2().map_or(0, |doublings| (1 << doublings) / 8 * 7)
}

/// All meters and gaps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct GapTracker {
    /// Every record before it has been noted.
    pub(super) position: Option<Position>,
    pub(super) meters_max: usize,
    pub(super) meters: HashMap<MeterId, Meter>,
    pub(super) sources: Sources,
    pub(super) holes: Holes,
    pub(super) gaps: Gaps,
    /// Readings of meters that are not tracked, since the start.
    pub(super) untracked: u64,
    /// Gaps closed since the last count.
    pub(super) closed: Vec<(String, GapState)>,
    pub(super) has_changed: bool,
}

impl GapTracker {
    /// Notes a reading. Without a source, because there are too many, it is not tracked.
    pub(super) fn note(&mut self, source: Option<SourceIndex>, seen: SeenReading, received: UnixNanos) {
        let SeenReading { meter: id, is_repair, .. } = seen;
        if seen.at.since(received) > AHEAD_NS_MAX {
            return;
        }
        let Some(source) = source else {
            self.untracked += 1;
            return;
        };
        if self.is_beside(source, seen) {
            if is_repair {
                self.fetched(id, seen.at);
            }
            return;
        }
        let is_full = self.meters.len() >= self.meters_max;
        let Some(meter) = self.meters.get_mut(&id) else {
            if is_full {
                self.untracked += 1;
            } else {
                self.meters.insert(id, Meter::new(source, seen));
                self.has_changed = true;
            }
            return;
        };
        self.has_changed = true;
        if !is_repair {
            meter.source = source;
        }
        match meter.note(seen) {
            None => {}
            Some(Finding::Counter { slot, skipped }) => {
                self.holes.arrived(id, slot);
                self.add_missing(id, skipped, received);
            }
            Some(Finding::LateCounter(slot)) if self.holes.arrived(id, slot) => {
                self.arrived(id, slot, received, is_repair);
            }
            Some(Finding::LateCounter(_)) => {}
            Some(Finding::NoCounter { slot, is_checked }) => self.holes.add_partly(id, slot, is_checked),
            Some(Finding::Silence { from, until }) => self.add_gap(id, Extent::Silence { from, until }, received),
        }
        if is_repair {
            self.fetched(id, seen.at);
        } else {
            self.note_return(id, seen.at, received);
        }
    }

    /// Whether it is a row beside the readings that are expected: fetched later, or of a meter whose readings
    /// another source brings. It shows neither that the meter is heard nor when it is due.
    fn is_beside(&self, source: SourceIndex, seen: SeenReading) -> bool {
        let is_others = || self.meters.get(&seen.meter).is_some_and(|meter| meter.source != source);
        seen.is_row && (seen.is_repair || is_others())
    }

    pub(super) fn judge(&mut self, now: UnixNanos) {
        let judged = Slot::at_or_before(now.saturating_add(-LATE_NS));
        let (mut missing, mut gone) = (Vec::new(), Vec::new());
        for (id, meter) in &mut self.meters {
            missing.extend(meter.judge(judged).map(|range| (*id, range)));
            if now.since(meter.heard) > GONE_NS {
                gone.push(*id);
            }
        }
        for (id, range) in missing {
            self.add_missing(id, range, now);
        }
        for id in gone {
            self.forget(id, now);
        }
        // The number of readings in a silence is unknown, so any fetched reading closes it.
        let fetched = self.gaps.iter().filter(|gap| gap.is_open() && gap.slots().is_none() && gap.repaired > 0);
        for id in fetched.map(|gap| gap.id).collect::<Vec<_>>() {
            self.close(id, GapState::Repaired, now);
        }
    }

    /// Expects no reading before `now`, because records were not seen.
    pub(super) fn skip_to(&mut self, now: UnixNanos) {
        let slot = Slot::at_or_before(now).next();
        self.meters.values_mut().for_each(|meter| meter.skip_to(slot));
        self.has_changed = true;
    }

    fn add_missing(&mut self, id: MeterId, range: SlotRange, now: UnixNanos) {
        if range.slots() == 0 {
            return;
        }
        let has_dropped = self.holes.add_missing(id, range);
        self.add_gap(id, Extent::Slots(range), now);
        if has_dropped {
            let is_over = |gap: &GapId| {
                self.gaps.get(*gap).is_some_and(|gap| gap.is_of_quarter_hours() && self.slots_missing(gap) == 0)
            };
            let over: Vec<GapId> = self.gaps.open_of(id).into_iter().filter(is_over).collect();
            over.into_iter().for_each(|gap| self.close(gap, GapState::Gone, now));
        }
    }

    /// Adds a gap, or extends the last one of this meter.
    fn add_gap(&mut self, id: MeterId, extent: Extent, now: UnixNanos) {
        self.has_changed = true;
        let last = self.gaps.last_open_mut(id);
        if let (Extent::Slots(range), Some(gap)) = (extent, last)
            && let Some(slots) = gap.slots().filter(|slots| slots.1 == range.0)
        {
            gap.extent = Extent::Slots(SlotRange(slots.0, range.1));
            return;
        }
        let source = self.meters.get(&id).map_or("", |meter| self.sources.name(meter.source));
        if let Some(dropped) = self.gaps.add(id, source, extent, now) {
            if let Some(slots) = dropped.slots() {
                self.holes.remove(dropped.meter, slots);
            }
            self.closed.push((dropped.source, GapState::Gone));
        }
    }

    /// Records that a missing quarter-hour arrived.
    fn arrived(&mut self, id: MeterId, slot: Slot, now: UnixNanos, is_repair: bool) {
        let holds = |gap: &Gap| gap.slots().is_some_and(|slots| (slots.0..slots.1).contains(&slot));
        let Some(gap) = self.gaps.find_open_mut(id, holds) else { return };
        if is_repair {
            gap.repaired += 1;
        } else {
            gap.late += 1;
        }
        let (gap, slots, is_repaired) = (gap.id, gap.slots(), gap.repaired > 0);
        if slots.is_some_and(|slots| self.holes.missing_within(id, slots).next().is_none()) {
            let state = if is_repaired { GapState::Repaired } else { GapState::Late };
            self.close(gap, state, now);
        }
    }

    /// Records a fetched reading within a silence.
    fn fetched(&mut self, id: MeterId, at: UnixNanos) {
        let is_within = |gap: &Gap| matches!(gap.extent, Extent::Silence { from, until } if from < at && at < until);
        if let Some(gap) = self.gaps.find_open_mut(id, is_within) {
            gap.repaired += 1;
            self.has_changed = true;
        }
    }

    /// Makes an attempt due at once: a meter that is back may have sent its stored values.
    fn note_return(&mut self, id: MeterId, at: UnixNanos, now: UnixNanos) {
        let is_back = |gap: &Gap| gap.asked > 0 && !gap.is_back && at > gap.extent.until();
        if let Some(gap) = self.gaps.find_open_mut(id, is_back) {
            gap.is_back = true;
            gap.ask_at = gap.ask_at.min(now);
        }
    }

    fn close(&mut self, id: GapId, state: GapState, now: UnixNanos) {
        if let Some(source) = self.gaps.close(id, state, now) {
            self.closed.push((source, state));
            self.has_changed = true;
        }
    }

    /// The request for the oldest wanted gap that is due.
    pub(super) fn next_request(
        &self,
        is_wanted: impl Fn(&Gap) -> bool,
        now: UnixNanos,
        slots_max: u32,
    ) -> Option<RepairRequest> {
        let due = self.gaps.iter().filter(|gap| gap.is_open() && gap.ask_at <= now && is_wanted(gap));
        let gap = due.min_by_key(|gap| gap.extent.from())?;
        let (from, until) = match gap.extent {
            Extent::Silence { from, until } => (from, until),
            Extent::Slots(range) => {
                let rest = SlotRange(gap.asked_until.unwrap_or(range.0).max(range.0), range.1);
                let missing: Vec<_> = self.holes.missing_within(gap.meter, rest).collect();
                let from = missing.first().map_or(range.0, |first| first.0);
                let last = missing.last().map_or(from, |last| last.1.plus(-1));
                let slots = i32::try_from(slots_max).unwrap_or(i32::MAX);
                (from.time(), last.min(from.plus(slots - 1)).time())
            }
        };
        Some(RepairRequest { gap: gap.id, meter: gap.meter, from, until })
    }

    pub(super) fn missing_values(&self, request: &RepairRequest, at: UnixNanos) -> MissingValues {
        let Some(gap) = self.gaps.get(request.gap).filter(|gap| gap.is_open()) else { return MissingValues::Nothing };
        match (gap.extent, Slot::exactly(at)) {
            (Extent::Silence { from, until }, _) if from < at && at < until => MissingValues::All,
            (Extent::Slots(_), Some(slot)) => self.holes.missing_values(gap.meter, slot),
            _ => MissingValues::Nothing,
        }
    }

    pub(super) fn requested(&mut self, request: &RepairRequest, now: UnixNanos) {
        self.has_changed = true;
        let Some(gap) = self.gaps.open_mut(request.gap) else { return };
        let reached = Slot::at_or_before(request.until).next();
        if let Some(slots) = gap.slots().filter(|slots| reached < slots.1) {
            gap.asked_until = Some(reached);
            let (meter, rest) = (gap.meter, SlotRange(reached, slots.1));
            if self.holes.missing_within(meter, rest).next().is_some() {
                return;
            }
        }
        let Some(gap) = self.gaps.open_mut(request.gap) else { return };
        if gap.finish_attempt(now) {
            return;
        }
        let (id, meter, slots) = (gap.id, gap.meter, gap.slots());
        let state = if gap.repaired > 0 && slots.is_none() { GapState::Repaired } else { GapState::NotAtSource };
        if let Some(slots) = slots {
            self.holes.remove(meter, slots);
        }
        self.close(id, state, now);
    }

    fn forget(&mut self, id: MeterId, now: UnixNanos) {
        self.meters.remove(&id);
        self.holes.forget(id);
        for gap in self.gaps.open_of(id) {
            self.close(gap, GapState::Gone, now);
        }
        self.has_changed = true;
    }

    /// Removes a meter and all its gaps, also closed ones.
    pub(super) fn remove(&mut self, id: MeterId) {
        self.meters.remove(&id);
        self.holes.forget(id);
        self.gaps.remove_of(id);
        self.has_changed = true;
    }

    pub(super) fn slots_missing(&self, gap: &Gap) -> u64 {
        let slots = gap.slots().filter(|_| gap.is_open());
        slots.map_or(0, |slots| self.holes.missing_within(gap.meter, slots).map(SlotRange::slots).sum())
    }
}
