//! How old what a list of devices says is, by the server's own clock. Pure.

use crate::reading::UnixNanos;
use crate::vendor::smart_me::{Device, Family};
use std::time::Duration;

/// M-Bus meters are read once a day at the slowest.
const SLOWEST: Duration = Duration::from_hours(25);

/// How fresh an account's meters are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Freshness {
    /// Devices that measure something.
    pub(super) meters: usize,
    /// Those that have nothing new, or never had anything.
    pub(super) stale: usize,
    /// The age of what is oldest.
    pub(super) oldest: Duration,
}

/// The freshness at the answer's own time.
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

/// Nothing is younger than now, whatever a device's clock says.
pub(super) fn age(at: UnixNanos, date: UnixNanos) -> Duration {
    Duration::from_nanos(u64::try_from(date.since(at)).unwrap_or_default())
}

/// What others read (M-Bus, S0) has no family.
fn limit(device: &Device, stale_after: Duration) -> Duration {
    if device.family == Family::default() { stale_after.max(SLOWEST) } else { stale_after }
}
