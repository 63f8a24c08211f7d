//! The meters of a capture: their cadence, what they repeat, what comes late.

use super::Spread;
use super::decoded::Reading;
use crate::reading::{MeterId, Obis, UnixNanos};
use serde::Serialize;
use std::collections::{BTreeMap, btree_map};

/// What one meter did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Meter {
    /// Its id.
    pub meter: String,
    /// Readings, repeats included.
    pub readings: u64,
    /// Those of them at a quarter-hour.
    pub at_quarter_hours: u64,
    /// From one measured time to the next.
    pub distance_ms: Option<Spread>,
    /// Readings of a time that had come before, with the same values,
    pub repeats_same: u64,
    /// and with others.
    pub repeats_other: u64,
    /// Readings older than one that had come before.
    pub late: u64,
    /// From measured to received.
    pub delay_ms: Option<Spread>,
}

/// The meters of these readings, which stand in the order they were received.
pub(super) fn meters(readings: &[&Reading]) -> Vec<Meter> {
    let mut by_meter: BTreeMap<MeterId, Vec<(&Reading, UnixNanos)>> = BTreeMap::new();
    for reading in readings {
        if let (Some(meter), Some(at)) = (reading.meter, reading.at) {
            by_meter.entry(meter).or_default().push((reading, at));
        }
    }
    by_meter.into_iter().map(|(meter, readings)| Meter::of(meter, &readings)).collect()
}

impl Meter {
    fn of(id: MeterId, readings: &[(&Reading, UnixNanos)]) -> Self {
        let mut meter = Self {
            meter: id.to_string(),
            readings: readings.len() as u64,
            at_quarter_hours: readings.iter().map(|(reading, _)| u64::from(reading.is_at_quarter_hour())).sum(),
            distance_ms: None,
            repeats_same: 0,
            repeats_other: 0,
            late: 0,
            delay_ms: Spread::of(readings.iter().filter_map(|(reading, _)| reading.delay_ms())),
        };
        let mut seen: BTreeMap<UnixNanos, Vec<(Obis, u64)>> = BTreeMap::new();
        for (reading, at) in readings {
            let is_late = seen.last_key_value().is_some_and(|(newest, _)| at < newest);
            meter.note(seen.entry(*at), reading, is_late);
        }
        let times: Vec<UnixNanos> = seen.into_keys().collect();
        meter.distance_ms =
            Spread::of(times.iter().zip(times.iter().skip(1)).map(|(before, after)| after.since(*before) / 1_000_000));
        meter
    }

    fn note(&mut self, seen: btree_map::Entry<'_, UnixNanos, Vec<(Obis, u64)>>, reading: &Reading, is_late: bool) {
        let values = bits(reading);
        match seen {
            btree_map::Entry::Vacant(place) => {
                self.late += u64::from(is_late);
                place.insert(values);
            }
            btree_map::Entry::Occupied(mut before) => {
                let is_same = *before.get() == values;
                let counter = if is_same { &mut self.repeats_same } else { &mut self.repeats_other };
                *counter += 1;
                before.insert(values);
            }
        }
    }
}

/// The values, comparable, in the order of their codes.
fn bits(reading: &Reading) -> Vec<(Obis, u64)> {
    let mut values: Vec<_> = reading.values.iter().map(|(obis, value)| (*obis, value.to_bits())).collect();
    values.sort_unstable();
    values
}
