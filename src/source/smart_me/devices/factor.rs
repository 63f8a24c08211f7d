//! Checks the webhook's unit against the API's. smart-me's documentation gives the webhook's
//! counters in mWh, observed values are in Wh, and the API sends a unit with every number.
//!
//! The result never corrects a value: recorded values would then be read differently.

use crate::source::smart_me::counters::WebhookCounters;
use crate::vendor::smart_me::Device;

/// Smaller counters are not compared: a few seconds of energy would distort the ratio.
const LEAST_WH: f64 = 10_000.0;
/// Relative tolerance around a likely factor.
const TOLERANCE: f64 = 0.01;
const LIKELY: [f64; 4] = [1.0, 1e3, 1e-3, 1e6];

/// Ratio of the webhook's counters to the API's in Wh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct UnitFactor {
    /// The median over the meters: 1 for Wh, 1000 for mWh.
    pub(super) factor: f64,
    /// Number of compared meters.
    pub(super) meters: usize,
    /// Number of meters with another factor than expected.
    pub(super) differing: usize,
}

impl UnitFactor {
    fn is_expected(self) -> bool {
        self.differing == 0
    }

    /// Logs a change of the result.
    pub(super) fn log_change(self, account: &str, before: Option<Self>, expected: f64) {
        let was_expected = before.is_none_or(Self::is_expected);
        let Self { factor, meters, differing } = self;
        if was_expected && !self.is_expected() {
            tracing::warn!(
                account,
                factor,
                expected,
                meters,
                differing,
                "the webhook's counters differ from the API's counters in Wh (a factor of 1000 means mWh); nothing \
                 is corrected"
            );
        } else if !was_expected && self.is_expected() {
            tracing::info!(account, factor, "the webhook's counters agree with smart-me's API again");
        }
    }
}

/// Compares the same counters at the same time; `None` without comparable meters.
pub(super) fn compare(devices: &[Device], counters: &WebhookCounters, expected: f64) -> Option<UnitFactor> {
    let mut factors: Vec<f64> = devices.iter().filter_map(|device| factor(device, counters)).collect();
    factors.sort_by(f64::total_cmp);
    Some(UnitFactor {
        factor: *factors.get(factors.len() / 2)?,
        meters: factors.len(),
        differing: factors.iter().filter(|factor| !is_about(**factor, expected)).count(),
    })
}

/// The factor of one device, from the larger of import and export.
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
