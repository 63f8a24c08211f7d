//! Counts the values of a device list that give no sample, and logs each reason once.

use crate::source::Reporter;
use crate::vendor::smart_me::{Device, LeftOut};
use std::collections::BTreeSet;

/// Reasons that are logged, each once.
const LOGGED_MAX: usize = 100;

/// The values left out since the start.
#[derive(Debug, Default)]
pub(super) struct LeftOutValues {
    unknown_unit: usize,
    unreadable: usize,
    tariffs: usize,
    logged: BTreeSet<LeftOut>,
}

impl LeftOutValues {
    /// Counts and reports the values left out of a new list.
    pub(super) fn report(&mut self, account: &str, devices: &[Device], reporter: &mut Reporter) {
        for left_out in devices.iter().flat_map(|device| &device.left_out) {
            match left_out {
                LeftOut::UnknownUnit(_) => self.unknown_unit += 1,
                LeftOut::Unreadable(_) => self.unreadable += 1,
                LeftOut::Tariffs => self.tariffs += 1,
            }
            if self.logged.len() < LOGGED_MAX && self.logged.insert(left_out.clone()) {
                tracing::warn!(account, why = %left_out, "a value in smart-me's device list is not stored");
            }
        }
        reporter.set("values_with_unknown_unit", self.unknown_unit);
        reporter.set("values_unreadable", self.unreadable);
        reporter.set("tariffs_not_adding_up", self.tariffs);
    }
}
