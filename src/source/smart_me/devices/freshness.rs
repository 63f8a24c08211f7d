//! The age of the values in a device list, by the server's clock. Pure.

use crate::base::human;
use crate::reading::UnixNanos;
use crate::vendor::smart_me::{Device, Family};
use std::time::Duration;

/// The slowest readout of M-Bus meters: once a day, with an hour to spare.
const SLOWEST: Duration = Duration::from_hours(25);
/// Stale meters named in a text; the rest are counted.
const NAMED_MAX: usize = 20;

/// The freshness of an account's meters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Freshness {
    /// Number of devices that measure something.
    pub(super) meters: usize,
    /// The names and ages of the meters without a recent value, the oldest first; without an
    /// age, nothing was ever measured.
    pub(super) stale: Vec<(String, Option<Duration>)>,
    /// The age of the oldest value; `None` without a value.
    pub(super) oldest: Option<Duration>,
}

/// The freshness at the time of the answer.
pub(super) fn freshness(devices: &[Device], date: UnixNanos, stale_after: Duration) -> Freshness {
    let mut fresh = Freshness::default();
    for device in devices.iter().filter(|device| device.measures()) {
        fresh.meters += 1;
        let age = device.value_date.map(|at| age(at, date));
        if age.is_none_or(|age| age > limit(device, stale_after)) {
            fresh.stale.push((device.name.clone().unwrap_or_else(|| device.id.to_string()), age));
        }
        fresh.oldest = fresh.oldest.max(age);
    }
    fresh.stale.sort_by_key(|(_, age)| std::cmp::Reverse(age.unwrap_or(Duration::MAX)));
    fresh
}

impl Freshness {
    /// The stale meters by name, with the time since their last value.
    pub(super) fn stale_meters(&self) -> String {
        let named = self.stale.iter().take(NAMED_MAX).map(|(name, age)| match age {
            Some(age) => format!("{name}: no value for {}", human::duration(*age)),
            None => format!("{name}: no value yet"),
        });
        let rest = self.stale.len().saturating_sub(NAMED_MAX);
        named.chain((rest > 0).then(|| format!("and {rest} more"))).collect::<Vec<_>>().join("; ")
    }
}

/// The age of a value; zero if a device's clock is ahead.
pub(super) fn age(at: UnixNanos, date: UnixNanos) -> Duration {
    Duration::from_nanos(u64::try_from(date.since(at)).unwrap_or_default())
}

/// The age limit of a device. Meters read by other devices (M-Bus, S0) have no family.
fn limit(device: &Device, stale_after: Duration) -> Duration {
    if device.family == Family::default() { stale_after.max(SLOWEST) } else { stale_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_value_there_is_no_age_of_the_oldest_one() {
        let list = br#"[{"Id":"8d2f3c64-0c58-4a0e-9d1b-0b7a3f5f6f11","Name":"attic","DeviceEnergyType":1}]"#;
        let fresh = freshness(&Device::list(list).unwrap(), UnixNanos(0), Duration::ZERO);
        assert_eq!((fresh.meters, fresh.oldest), (1, None));
        assert_eq!(fresh.stale, [("attic".to_owned(), None)]);
    }

    #[test]
    fn stale_meters_are_named_the_oldest_first_and_the_rest_is_counted() {
        let list = |ages: &[Option<u64>]| {
            let ages = ages.iter().enumerate();
            let stale = ages.map(|(index, age)| (format!("m{index}"), age.map(Duration::from_secs))).collect();
            Freshness { stale, ..Freshness::default() }.stale_meters()
        };
        assert_eq!(list(&[]), "");
        assert_eq!(list(&[None, Some(3_456_003)]), "m0: no value yet; m1: no value for 40d");
        let many = list(&vec![Some(60); NAMED_MAX + 3]);
        assert!(many.ends_with("; and 3 more") && many.matches("no value for 1m").count() == NAMED_MAX, "{many}");
    }
}
