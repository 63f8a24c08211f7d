//! All gaps, open and closed. At [`GAPS_MAX`] the oldest closed one is dropped, or else the
//! oldest open one. No operation visits all gaps to change one.

use super::gap::{Extent, Gap, GapId, GapState};
use crate::reading::{MeterId, UnixNanos};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The maximum number of gaps kept, closed ones included.
pub const GAPS_MAX: usize = if cfg!(test) { 500 } else { 10_000 };

/// The gaps of all meters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    all: BTreeMap<GapId, Gap>,
    closed: BTreeSet<GapId>,
    /// The open gaps by meter, oldest first.
    open: HashMap<MeterId, Vec<GapId>>,
    pub(super) next: u64,
}

impl Gaps {
    /// The gaps with these numbers; `next` is the number of the next one.
    pub(super) fn new(all: BTreeMap<GapId, Gap>, next: u64) -> Self {
        let mut gaps = Self { next, ..Self::default() };
        for gap in all.values() {
            if gap.is_open() {
                gaps.open.entry(gap.meter).or_default().push(gap.id);
            } else {
                gaps.closed.insert(gap.id);
            }
        }
        gaps.all = all;
        gaps
    }

    /// Adds a gap. Returns the one dropped for it, if it was open.
    pub(super) fn add(&mut self, meter: MeterId, source: &str, extent: Extent, now: UnixNanos) -> Option<Gap> {
        let dropped = if self.all.len() < GAPS_MAX { None } else { self.drop_oldest() };
        let id = GapId(self.next);
        self.next += 1;
        self.all.insert(id, Gap::new(id, meter, source, extent, now));
        self.open.entry(meter).or_default().push(id);
        dropped
    }

    fn drop_oldest(&mut self) -> Option<Gap> {
        if let Some(closed) = self.closed.pop_first() {
            self.all.remove(&closed);
            return None;
        }
        let (_, gap) = self.all.pop_first()?;
        self.forget_open(gap.meter, gap.id);
        Some(gap)
    }

    pub(super) fn get(&self, id: GapId) -> Option<&Gap> {
        self.all.get(&id)
    }

    /// An open gap.
    pub(super) fn open_mut(&mut self, id: GapId) -> Option<&mut Gap> {
        self.all.get_mut(&id).filter(|gap| gap.is_open())
    }

    /// The newest open gap of a meter.
    pub(super) fn last_open_mut(&mut self, meter: MeterId) -> Option<&mut Gap> {
        let last = self.open.get(&meter)?.last()?;
        self.all.get_mut(last)
    }

    /// The first open gap of a meter for which `is_it` holds.
    pub(super) fn find_open_mut(&mut self, meter: MeterId, is_it: impl Fn(&Gap) -> bool) -> Option<&mut Gap> {
        let open = self.open.get(&meter)?;
        let found = open.iter().find(|gap| self.all.get(gap).is_some_and(&is_it))?;
        self.all.get_mut(found)
    }

    /// The open gaps of a meter.
    pub(super) fn open_of(&self, meter: MeterId) -> Vec<GapId> {
        self.open.get(&meter).cloned().unwrap_or_default()
    }

    /// Closes an open gap. Returns its source.
    pub(super) fn close(&mut self, id: GapId, state: GapState, now: UnixNanos) -> Option<String> {
        let gap = self.open_mut(id)?;
        gap.close(state, now);
        let (meter, source) = (gap.meter, gap.source.clone());
        self.forget_open(meter, id);
        self.closed.insert(id);
        Some(source)
    }

    /// All gaps, lowest number first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Gap> {
        self.all.values()
    }

    /// Removes all gaps of a meter.
    pub(super) fn remove_of(&mut self, meter: MeterId) {
        let of_meter: Vec<GapId> = self.iter().filter(|gap| gap.meter == meter).map(|gap| gap.id).collect();
        for id in of_meter {
            self.all.remove(&id);
            self.closed.remove(&id);
        }
        self.open.remove(&meter);
    }

    fn forget_open(&mut self, meter: MeterId, gap: GapId) {
        if let Some(open) = self.open.get_mut(&meter) {
            open.retain(|known| *known != gap);
            if open.is_empty() {
                self.open.remove(&meter);
            }
        }
    }
}
