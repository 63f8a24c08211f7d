//! All meters: heard since the start, described by a source, or known to the store.
//!
//! A list is made for one page from snapshots, and is as long as the fleet.

use super::Views;
use super::history::PastError;
use super::meter_state::Meter;
use crate::ingest::METERS_MAX;
use crate::reading::{MeterId, UnixNanos};
use crate::source::Description as Source;
use std::collections::HashMap;
use std::sync::Arc;

/// All meters.
pub(super) struct Fleet {
    /// In no order.
    pub(super) meters: Vec<Meter>,
    /// A sentence about missing meters, with the reason.
    pub(super) notice: Option<String>,
}

/// All meters; without the stored ones while the store cannot be read.
pub(super) fn meters(views: &Views, now: UnixNanos) -> Fleet {
    let readings = views.ingest.newest_readings(METERS_MAX);
    let mut meters: HashMap<MeterId, Meter> = HashMap::with_capacity(readings.len());
    meters.extend(readings.iter().map(|reading| (reading.meter, Meter::of_reading(reading, &views.units))));
    views.meters.each_valid(|version| {
        meters.entry(version.meter).or_insert_with(|| Meter::new(version.meter, &views.units)).describe(version);
    });
    let (stored, fault) = views.history.meters(now);
    for entry in &stored.meters {
        meters.entry(entry.meter).or_insert_with(|| Meter::stored(entry, &views.units));
    }
    let mut meters: Vec<Meter> = meters.into_values().collect();
    meters.iter_mut().for_each(Meter::classify);
    let left_out = || match stored.left_out {
        0 => None,
        count => Some(format!("{count} meters of the store are not in this list; `meterline meters` has all.")),
    };
    let notice = fault.map(|fault| without_store(&fault)).or_else(left_out);
    Fleet { meters, notice }
}

/// The sentence about a store that cannot be read.
pub(super) fn without_store(fault: &PastError) -> String {
    format!("These are live values, without curves and energy: {fault}.")
}

/// One meter; `None` if nothing is known about it, and the store could be read.
pub(super) fn meter(views: &Views, id: MeterId, now: UnixNanos) -> Option<Meter> {
    let reading = views.ingest.newest_readings_of(&[id]).pop();
    let versions = views.meters.versions(id);
    let (stored, fault) = views.history.meters(now);
    let entry = stored.meters.iter().find(|entry| entry.meter == id);
    let mut meter = match (&reading, entry) {
        (Some(reading), _) => Meter::of_reading(reading, &views.units),
        (None, Some(entry)) => Meter::stored(entry, &views.units),
        (None, None) if versions.is_empty() && fault.is_none() && stored.left_out == 0 => return None,
        (None, None) => Meter::new(id, &views.units),
    };
    if let Some(version) = versions.last() {
        meter.describe(version);
    }
    meter.classify();
    mark_silent(views, std::slice::from_mut(&mut meter), now);
    Some(meter)
}

/// Marks the silent ones of these meters, by the rule of gap detection.
pub(super) fn mark_silent(views: &Views, meters: &mut [Meter], now: UnixNanos) {
    let ids: Vec<MeterId> = meters.iter().map(|meter| meter.id).collect();
    let silent = views.coverage.silent_among(&ids, now);
    for meter in meters {
        meter.silent_since = silent.get(&meter.id).copied();
    }
}

/// The kind of a source: `smart-me devices`, `webhook`.
pub(super) fn source_kinds(sources: &[Arc<Source>]) -> HashMap<&str, &'static str> {
    sources.iter().rev().map(|source| (source.name.as_str(), source.kind)).collect()
}
