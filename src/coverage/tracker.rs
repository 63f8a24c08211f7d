//! The gap tracker: all meters and gaps, and their changes. Pure: no files, no locks.

use super::gap::{Extent, Gap, GapId, GapState, RepairRequest};
use super::meter::{Finding, Meter, MissingValues, SeenReading};
use super::slot::{SLOT_NS, Slot, SlotRange};
use crate::journal::Position;
use crate::reading::{MeterId, UnixNanos};
use std::collections::{BTreeMap, HashMap};

/// The maximum number of meters followed.
pub const METERS_MAX: usize = 20_000;
/// The maximum number of gaps kept, closed ones included.
pub const GAPS_MAX: usize = 10_000;
/// A quarter-hour is missing if it has not arrived a quarter-hour later.
const LATE_NS: i64 = SLOT_NS;
/// A meter silent for this long is no longer followed.
const GONE_NS: i64 = 40 * 96 * SLOT_NS;
/// The tolerated advance of a device's clock; readings further ahead are ignored here.
const AHEAD_NS_MAX: i64 = SLOT_NS;

/// All meters and gaps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct GapTracker {
    /// Every record before it has been noted.
    pub(super) position: Option<Position>,
    pub(super) meters: HashMap<MeterId, Meter>,
    pub(super) gaps: BTreeMap<GapId, Gap>,
    /// The open gaps by meter.
    pub(super) open: HashMap<MeterId, Vec<GapId>>,
    pub(super) next_gap: u64,
    /// Gaps closed since the last count.
    pub(super) closed: Vec<(String, GapState)>,
    pub(super) has_changed: bool,
}

impl GapTracker {
    pub(super) fn note(&mut self, source: &str, seen: SeenReading, received: UnixNanos) {
        let SeenReading { meter: id, is_repair, .. } = seen;
        if seen.at.since(received) > AHEAD_NS_MAX {
            return;
        }
        self.has_changed = true;
        let Some(meter) = self.meters.get_mut(&id) else {
            self.make_room_for_meter();
            self.meters.insert(id, Meter::new(source, seen));
            return;
        };
        if meter.source != source && !is_repair {
            source.clone_into(&mut meter.source);
        }
        match meter.note(seen) {
            None => {}
            Some(Finding::Missing(range)) => self.add_gap(id, Extent::Slots(range), received),
            Some(Finding::Silence { from, until }) => self.add_gap(id, Extent::Silence { from, until }, received),
            Some(Finding::Arrived(slot)) => self.arrived(id, slot, received, is_repair),
        }
        if is_repair {
            self.fetched(id, seen.at);
        } else {
            self.note_return(id, seen.at, received);
        }
    }

    pub(super) fn judge(&mut self, now: UnixNanos) {
        let judged = Slot::at_or_before(now.saturating_add(-LATE_NS));
        let findings: Vec<_> =
            self.meters.iter_mut().filter_map(|(id, meter)| Some((*id, meter.judge(judged)?))).collect();
        for (id, finding) in findings {
            if let Finding::Missing(range) = finding {
                self.add_gap(id, Extent::Slots(range), now);
            }
        }
        let gone: Vec<MeterId> = self
            .meters
            .iter()
            .filter(|(_, meter)| now.since(UnixNanos(meter.heard)) > GONE_NS)
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.forget(id, now);
        }
        // The number of readings in a silence is unknown, so any fetched reading closes it.
        let fetched = self.gaps.values().filter(|gap| gap.is_open() && gap.slots().is_none() && gap.repaired > 0);
        for id in fetched.map(|gap| gap.id).collect::<Vec<_>>() {
            self.close(id, GapState::Repaired, now);
        }
    }

    /// Adds a gap, or extends the last one of this meter.
    fn add_gap(&mut self, id: MeterId, extent: Extent, now: UnixNanos) {
        self.has_changed = true;
        let source = self.meters.get(&id).map(|meter| meter.source.clone()).unwrap_or_default();
        if let Extent::Slots(range) = extent {
            let last = self.open.get(&id).and_then(|open| open.last()).copied();
            let last = last.and_then(|last| self.gaps.get_mut(&last));
            if let Some(gap) = last.filter(|gap| gap.slots().is_some_and(|slots| slots.1 == range.0)) {
                gap.extent = Extent::Slots(SlotRange(gap.slots().map_or(range.0, |slots| slots.0), range.1));
                return;
            }
        }
        self.make_room_for_gap();
        let gap = GapId(self.next_gap);
        self.next_gap += 1;
        self.gaps.insert(gap, Gap::new(gap, id, &source, extent, now));
        self.open.entry(id).or_default().push(gap);
    }

    /// Records that a missing quarter-hour arrived.
    fn arrived(&mut self, id: MeterId, slot: Slot, now: UnixNanos, is_repair: bool) {
        let holds = |gap: &Gap| gap.slots().is_some_and(|slots| (slots.0..slots.1).contains(&slot));
        let Some(gap) = self.find_open_gap(id, holds) else { return };
        if is_repair {
            gap.repaired += 1;
        } else {
            gap.late += 1;
        }
        let gap = gap.clone();
        if self.slots_missing(&gap) == 0 {
            let state = if gap.repaired > 0 { GapState::Repaired } else { GapState::Late };
            self.close(gap.id, state, now);
        }
    }

    /// Records a fetched reading within a silence.
    fn fetched(&mut self, id: MeterId, at: UnixNanos) {
        let is_within = |gap: &Gap| matches!(gap.extent, Extent::Silence { from, until } if from < at && at < until);
        if let Some(gap) = self.find_open_gap(id, is_within) {
            gap.repaired += 1;
        }
    }

    /// Makes an attempt due at once: a meter that is back may have sent its stored values.
    fn note_return(&mut self, id: MeterId, at: UnixNanos, now: UnixNanos) {
        let is_back = |gap: &Gap| gap.asked > 0 && !gap.is_back && at > gap.extent.until();
        if let Some(gap) = self.find_open_gap(id, is_back) {
            gap.is_back = true;
            gap.ask_at = gap.ask_at.min(now);
        }
    }

    fn find_open_gap(&mut self, id: MeterId, is_it: impl Fn(&Gap) -> bool) -> Option<&mut Gap> {
        let open = self.open.get(&id)?;
        let found = open.iter().find(|gap| self.gaps.get(gap).is_some_and(&is_it)).copied()?;
        self.gaps.get_mut(&found)
    }

    fn close(&mut self, id: GapId, state: GapState, now: UnixNanos) {
        let Some(gap) = self.gaps.get_mut(&id) else { return };
        gap.close(state, now);
        let meter = gap.meter;
        self.closed.push((gap.source.clone(), state));
        self.has_changed = true;
        self.forget_open(meter, id);
    }

    fn forget_open(&mut self, meter: MeterId, gap: GapId) {
        if let Some(open) = self.open.get_mut(&meter) {
            open.retain(|known| *known != gap);
            if open.is_empty() {
                self.open.remove(&meter);
            }
        }
    }

    pub(super) fn next_request(&self, source: &str, now: UnixNanos, slots_max: u32) -> Option<RepairRequest> {
        let due = self.gaps.values().filter(|gap| gap.is_open() && gap.source == source && gap.ask_at <= now);
        let gap = due.min_by_key(|gap| gap.extent.from())?;
        let (from, until) = match gap.extent {
            Extent::Silence { from, until } => (from, until),
            Extent::Slots(range) => {
                let rest = SlotRange(gap.asked_until.unwrap_or(range.0).max(range.0), range.1);
                let missing = self.meters.get(&gap.meter)?.missing_within(rest);
                let from = missing.first().map_or(range.0, |first| first.0);
                let last = missing.last().map_or(from, |last| last.1.plus(-1));
                (from.time(), last.min(from.plus(i64::from(slots_max) - 1)).time())
            }
        };
        Some(RepairRequest { gap: gap.id, meter: gap.meter, from, until })
    }

    pub(super) fn missing_values(&self, request: &RepairRequest, at: UnixNanos) -> MissingValues {
        let Some(gap) = self.gaps.get(&request.gap).filter(|gap| gap.is_open()) else { return MissingValues::Nothing };
        match (gap.extent, Slot::exactly(at)) {
            (Extent::Silence { from, until }, _) if from < at && at < until => MissingValues::All,
            (Extent::Slots(_), Some(slot)) => {
                self.meters.get(&gap.meter).map_or(MissingValues::Nothing, |meter| meter.missing_values(slot))
            }
            _ => MissingValues::Nothing,
        }
    }

    pub(super) fn requested(&mut self, request: &RepairRequest, now: UnixNanos) {
        self.has_changed = true;
        let Some(gap) = self.gaps.get_mut(&request.gap).filter(|gap| gap.is_open()) else { return };
        let reached = Slot::at_or_before(request.until).next();
        let is_partly = gap.slots().is_some_and(|slots| reached < slots.1);
        if is_partly {
            gap.asked_until = Some(reached);
            let rest = SlotRange(reached, gap.slots().map_or(reached, |slots| slots.1));
            let gap = (gap.id, gap.meter);
            let has_rest = self.meters.get(&gap.1).is_some_and(|meter| !meter.missing_within(rest).is_empty());
            if has_rest {
                return;
            }
        }
        let Some(gap) = self.gaps.get_mut(&request.gap) else { return };
        if gap.finish_attempt(now) {
            return;
        }
        let (id, meter, slots) = (gap.id, gap.meter, gap.slots());
        let state = if gap.repaired > 0 && slots.is_none() { GapState::Repaired } else { GapState::NotAtSource };
        if let (Some(slots), Some(meter)) = (slots, self.meters.get_mut(&meter)) {
            meter.stop_expecting(slots);
        }
        self.close(id, state, now);
    }

    fn forget(&mut self, id: MeterId, now: UnixNanos) {
        self.meters.remove(&id);
        for gap in self.open.get(&id).cloned().unwrap_or_default() {
            self.close(gap, GapState::Gone, now);
        }
    }

    pub(super) fn slots_missing(&self, gap: &Gap) -> u64 {
        let Some(slots) = gap.slots().filter(|_| gap.is_open()) else { return 0 };
        self.meters
            .get(&gap.meter)
            .map_or(0, |meter| meter.missing_within(slots).into_iter().map(SlotRange::slots).sum())
    }

    fn make_room_for_meter(&mut self) {
        if self.meters.len() < METERS_MAX {
            return;
        }
        let least = self.meters.iter().min_by_key(|(_, meter)| meter.heard).map(|(id, meter)| (*id, meter.heard));
        if let Some((id, heard)) = least {
            self.forget(id, UnixNanos(heard));
        }
    }

    fn make_room_for_gap(&mut self) {
        if self.gaps.len() < GAPS_MAX {
            return;
        }
        let closed = self.gaps.values().find(|gap| !gap.is_open()).map(|gap| gap.id);
        let least = closed.or_else(|| self.gaps.keys().next().copied());
        if let Some(gap) = least.and_then(|id| self.gaps.remove(&id)) {
            self.forget_open(gap.meter, gap.id);
        }
    }
}
