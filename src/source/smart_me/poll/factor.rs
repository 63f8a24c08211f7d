//! The webhook's unit, checked against the API's: smart-me's text calls the webhook's
//! counters mWh, practice says Wh, and the API writes its unit beside every number.
//!
//! Nothing is corrected by what is found: what was recorded would be read otherwise.

use super::super::counters::WebhookCounters;
use crate::vendor::smart_me::Device;

/// A smaller counter says nothing: a few seconds would be a part of it.
const LEAST_WH: f64 = 10_000.0;
/// A factor is one of these within so much of itself.
const TOLERANCE: f64 = 0.01;
const LIKELY: [f64; 4] = [1.0, 1e3, 1e-3, 1e6];

/// What the webhook's counters are of the API's, in Wh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitFactor {
    /// That of the meter in the middle.
    pub factor: f64,
    /// Meters that were compared.
    pub meters: usize,
    /// Those of them with another factor than expected.
    pub differing: usize,
}

impl UnitFactor {
    /// Whether all is as expected.
    #[must_use]
    pub fn is_expected(&self) -> bool {
        self.differing == 0
    }
}

/// Compares what both ways say of the same counter at the same time.
pub(super) fn compare(devices: &[Device], counters: &WebhookCounters, expected: f64) -> Option<UnitFactor> {
    let mut factors: Vec<f64> = devices.iter().filter_map(|device| factor(device, counters)).collect();
    factors.sort_by(f64::total_cmp);
    Some(UnitFactor {
        factor: *factors.get(factors.len() / 2)?,
        meters: factors.len(),
        differing: factors.iter().filter(|factor| !is_about(**factor, expected)).count(),
    })
}

/// By the larger of import and export.
fn factor(device: &Device, counters: &WebhookCounters) -> Option<f64> {
    let at = device.value_date?;
    let comparable =
        device.samples.iter().filter(|sample| WebhookCounters::has(sample.obis) && sample.value >= LEAST_WH);
    let largest = comparable.max_by(|a, b| a.value.total_cmp(&b.value))?;
    let ratio = counters.value(device.id, largest.obis, at)? / largest.value;
    Some(LIKELY.into_iter().find(|likely| is_about(ratio, *likely)).unwrap_or(ratio))
}

fn is_about(factor: f64, wanted: f64) -> bool {
    (factor / wanted - 1.0).abs() <= TOLERANCE
}
