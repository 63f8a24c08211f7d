//! Which of a list's values are new. Pure; bounded by the list itself.

use crate::reading::{MeterId, UnixNanos};
use crate::vendor::smart_me::Device;
use std::collections::HashMap;

/// Nothing older is taken: the slowest readout is once a day, and a device that is gone
/// shows its last value, or zero, for ever.
const AGE_NS_MAX: i64 = 2 * 86_400 * 1_000_000_000;

/// When the values were measured that were taken last.
#[derive(Debug, Default)]
pub(super) struct News(HashMap<MeterId, UnixNanos>);

impl News {
    /// When a device measured what it has, where that is new.
    pub(super) fn of(&self, device: &Device, date: UnixNanos) -> Option<UnixNanos> {
        let at = device.value_date?;
        let is_known = self.0.get(&device.id) == Some(&at);
        (!is_known && device.measures() && date.since(at) <= AGE_NS_MAX).then_some(at)
    }

    /// These were taken; devices that are not in the list are forgotten.
    pub(super) fn took(&mut self, taken: impl Iterator<Item = (MeterId, UnixNanos)>, devices: &[Device]) {
        self.0.extend(taken);
        if self.0.len() > devices.len() {
            let listed: std::collections::HashSet<_> = devices.iter().map(|device| device.id).collect();
            self.0.retain(|meter, _| listed.contains(meter));
        }
    }
}
