//! Quarter-hours, ranges of them, and the set of missing ones.

use crate::reading::{QUARTER_HOUR_NS, UnixNanos};
use serde::{Deserialize, Serialize};

/// A quarter-hour, in nanoseconds.
pub const SLOT_NS: i64 = QUARTER_HOUR_NS;

/// An instant at :00, :15, :30 or :45, in quarter-hours since 1970 UTC. Every time has one,
/// and 32 bits are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub(super) i32);

impl Slot {
    /// The quarter-hour at exactly this instant, if there is one.
    pub fn exactly(at: UnixNanos) -> Option<Self> {
        (at.0.rem_euclid(SLOT_NS) == 0).then(|| Self::at_or_before(at))
    }

    /// The last quarter-hour not after this instant.
    pub fn at_or_before(at: UnixNanos) -> Self {
        // 64 bits of nanoseconds are at most ten million quarter-hours.
        Self(i32::try_from(at.0.div_euclid(SLOT_NS)).unwrap_or(i32::MAX))
    }

    /// Its instant.
    pub fn time(self) -> UnixNanos {
        UnixNanos(i64::from(self.0).saturating_mul(SLOT_NS))
    }

    /// The next quarter-hour.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    pub(super) fn plus(self, slots: i32) -> Self {
        Self(self.0.saturating_add(slots))
    }
}

/// The quarter-hours from the first up to, but not including, the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRange(pub Slot, pub Slot);

impl SlotRange {
    /// The number of quarter-hours.
    pub fn slots(self) -> u64 {
        u64::try_from(self.1.0.saturating_sub(self.0.0)).unwrap_or(0)
    }

    fn within(self, other: Self) -> Option<Self> {
        let common = Self(self.0.max(other.0), self.1.min(other.1));
        (common.0 < common.1).then_some(common)
    }
}

/// Missing quarter-hours, as sorted ranges that do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct MissingSlots(Vec<SlotRange>);

impl MissingSlots {
    /// Adds a range that begins at or after the end of all others.
    pub(super) fn push(&mut self, range: SlotRange) {
        match self.0.last_mut() {
            Some(last) if last.1 == range.0 => last.1 = range.1,
            _ => self.0.push(range),
        }
    }

    pub(super) fn contains(&self, slot: Slot) -> bool {
        let after = self.0.partition_point(|range| range.0 <= slot);
        after.checked_sub(1).and_then(|index| self.0.get(index)).is_some_and(|range| slot < range.1)
    }

    /// Removes a range, and returns how many of its quarter-hours were missing.
    pub(super) fn remove(&mut self, gone: SlotRange) -> u64 {
        let removed = self.within(gone).map(SlotRange::slots).sum();
        if removed > 0 {
            let rests = |range: &SlotRange| {
                let before = SlotRange(range.0, range.1.min(gone.0));
                let after = SlotRange(range.0.max(gone.1), range.1);
                [before, after].into_iter().filter(|rest| rest.0 < rest.1)
            };
            self.0 = self.0.iter().flat_map(rests).collect();
        }
        removed
    }

    /// The missing parts of a range.
    pub(super) fn within(&self, wanted: SlotRange) -> impl Iterator<Item = SlotRange> + '_ {
        self.0.iter().filter_map(move |range| range.within(wanted))
    }

    /// The number of ranges.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The oldest range.
    pub(super) fn first(&self) -> Option<SlotRange> {
        self.0.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Compares with a set of single slots.
        #[test]
        fn ranges_agree_with_a_set_of_slots(
            pushes in proptest::collection::vec((0_i32..4, 1_i32..6), 0..8),
            removals in proptest::collection::vec((0_i32..60, 0_i32..8), 0..12),
        ) {
            let (mut missing, mut model, mut end) = (MissingSlots::default(), BTreeSet::new(), 0);
            for (skipped, slots) in pushes {
                let from = end + skipped;
                end = from + slots;
                missing.push(SlotRange(Slot(from), Slot(end)));
                model.extend(from..end);
            }
            for (from, slots) in removals {
                let count = model.iter().filter(|slot| (from..from + slots).contains(*slot)).count();
                prop_assert_eq!(missing.remove(SlotRange(Slot(from), Slot(from + slots))), count as u64);
                model.retain(|slot| !(from..from + slots).contains(slot));
            }
            for slot in 0..70 {
                prop_assert_eq!(missing.contains(Slot(slot)), model.contains(&slot));
            }
            let all = SlotRange(Slot(0), Slot(100));
            prop_assert_eq!(missing.within(all).map(SlotRange::slots).sum::<u64>(), model.len() as u64);
            let touching = missing.0.windows(2).any(|pair| pair[0].1 >= pair[1].0);
            prop_assert!(!touching);
        }
    }
}
