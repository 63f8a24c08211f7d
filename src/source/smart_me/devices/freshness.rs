//! The age of the values in a device list, by the server's clock. Pure.

use crate::reading::UnixNanos;
use crate::vendor::smart_me::{Device, Family};
use std::time::Duration;

/// The slowest readout of M-Bus meters: once a day, with an hour to spare.
const SLOWEST: Duration = Duration::from_hours(25);

/// The freshness of an account's meters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Freshness {
    /// Number of devices that measure something.
    pub(super) meters: usize,
    /// Number of meters without a recent value.
    pub(super) stale: usize,
    /// The age of the oldest value.
    pub(super) oldest: Duration,
}

/// The freshness at the time of the answer.
pub(super) fn freshness(devices: &[Device], date: UnixNanos, stale_after: Duration) -> Freshness {
    let mut fresh = Freshness::default();
    for device in devices.iter().filter(|device| device.measures()) {
        fresh.meters += 1;
        let age = device.value_date.map(|at| age(at, date));
        if age.is_none_or(|age| age > limit(device, stale_after)) {
            fresh.stale += 1;
        }
        fresh.oldest = fresh.oldest.max(age.unwrap_or_default());
    }
    fresh
}

/// The age of a value; zero if a device's clock is ahead.
pub(super) fn age(at: UnixNanos, date: UnixNanos) -> Duration {
    Duration::from_nanos(u64::try_from(date.since(at)).unwrap_or_default())
}

/// The age limit of a device. Meters read by other devices (M-Bus, S0) have no family.
fn limit(device: &Device, stale_after: Duration) -> Duration {
    if device.family == Family::default() { stale_after.max(SLOWEST) } else { stale_after }
}
