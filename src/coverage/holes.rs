//! The missing quarter-hours of the meters that miss any.
//!
//! Bounds: [`RANGES_MAX`] ranges of one meter, the oldest are dropped first;
//! [`METERS_MAX`] meters with a quarter-hour that has only a reading without a counter.

use super::slot::{MissingSlots, Slot, SlotRange};
use crate::reading::MeterId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// The maximum number of missing ranges of one meter.
const RANGES_MAX: usize = 100;
/// The maximum number of quarter-hours of one meter with a reading without a counter.
const PARTLY_MAX: usize = 100;
/// Beyond this number of meters, readings without a counter are not remembered.
const METERS_MAX: usize = 20_000;

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

/// The missing quarter-hours of all meters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holes(HashMap<MeterId, MeterHoles>);

/// The missing quarter-hours of one meter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MeterHoles {
    missing: MissingSlots,
    /// Quarter-hours, missing or not due yet, that have a reading without a counter.
    partly: BTreeSet<Slot>,
}

impl Holes {
    /// Adds a range after all others of the meter. Returns whether older ones were dropped.
    pub(super) fn add_missing(&mut self, meter: MeterId, range: SlotRange) -> bool {
        let holes = self.0.entry(meter).or_default();
        holes.missing.push(range);
        let is_over = holes.missing.len() > RANGES_MAX;
        while holes.missing.len() > RANGES_MAX {
            let Some(oldest) = holes.missing.first() else { break };
            holes.missing.remove(oldest);
        }
        let oldest = holes.missing.first().map_or(range.1, |range| range.0);
        holes.partly.retain(|slot| *slot >= oldest);
        is_over
    }

    /// Remembers that a quarter-hour has a reading without a counter, if it is missing or was
    /// not checked yet.
    pub(super) fn add_partly(&mut self, meter: MeterId, slot: Slot, is_checked: bool) {
        if is_checked && !self.is_missing(meter, slot) {
            return;
        }
        let is_full = self.0.len() >= METERS_MAX;
        if is_full && !self.0.contains_key(&meter) {
            return;
        }
        let holes = self.0.entry(meter).or_default();
        if holes.partly.len() < PARTLY_MAX {
            holes.partly.insert(slot);
        }
    }

    /// Removes a quarter-hour whose counter arrived. Returns whether it was missing.
    pub(super) fn arrived(&mut self, meter: MeterId, slot: Slot) -> bool {
        self.change(meter, |holes| {
            holes.partly.remove(&slot);
            holes.missing.remove(SlotRange(slot, slot.next())) > 0
        })
        .unwrap_or(false)
    }

    /// Removes all quarter-hours of a range.
    pub(super) fn remove(&mut self, meter: MeterId, range: SlotRange) {
        self.change(meter, |holes| {
            holes.partly.retain(|slot| *slot < range.0 || *slot >= range.1);
            holes.missing.remove(range);
        });
    }

    pub(super) fn forget(&mut self, meter: MeterId) {
        self.0.remove(&meter);
    }

    pub(super) fn missing_within(&self, meter: MeterId, range: SlotRange) -> impl Iterator<Item = SlotRange> + '_ {
        self.0.get(&meter).into_iter().flat_map(move |holes| holes.missing.within(range))
    }

    pub(super) fn missing_values(&self, meter: MeterId, slot: Slot) -> MissingValues {
        match self.0.get(&meter) {
            Some(holes) if holes.missing.contains(slot) && holes.partly.contains(&slot) => MissingValues::Counters,
            Some(holes) if holes.missing.contains(slot) => MissingValues::All,
            _ => MissingValues::Nothing,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MeterId, &MeterHoles)> {
        self.0.iter().map(|(id, holes)| (*id, holes))
    }

    fn is_missing(&self, meter: MeterId, slot: Slot) -> bool {
        self.0.get(&meter).is_some_and(|holes| holes.missing.contains(slot))
    }

    /// Changes the holes of a meter, if it has any.
    fn change<T>(&mut self, meter: MeterId, change: impl FnOnce(&mut MeterHoles) -> T) -> Option<T> {
        let holes = self.0.get_mut(&meter)?;
        let result = change(holes);
        if holes.missing.is_empty() && holes.partly.is_empty() {
            self.0.remove(&meter);
        }
        Some(result)
    }
}

impl FromIterator<(MeterId, MeterHoles)> for Holes {
    fn from_iter<I: IntoIterator<Item = (MeterId, MeterHoles)>>(holes: I) -> Self {
        Self(holes.into_iter().collect())
    }
}
