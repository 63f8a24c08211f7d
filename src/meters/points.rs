//! The configured metering points: meters that measure at the same place, one after
//! the other.
//!
//! Invariant: a meter belongs to at most one point.

use crate::reading::MeterId;
use std::collections::BTreeMap;

/// The metering points of meters, as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Points(BTreeMap<MeterId, String>);

impl Points {
    /// Assigns a meter to a point.
    ///
    /// # Errors
    /// The point that it is already assigned to.
    pub fn put(&mut self, meter: MeterId, point: &str) -> Result<(), String> {
        match self.0.get(&meter) {
            Some(there) => Err(there.clone()),
            None => {
                self.0.insert(meter, point.to_owned());
                Ok(())
            }
        }
    }

    /// The meter's point: the meter's id if none is configured.
    pub fn of(&self, meter: MeterId) -> String {
        self.0.get(&meter).cloned().unwrap_or_else(|| meter.to_string())
    }

    /// Whether no point is configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The meters with a configured point.
    pub(super) fn meters(&self) -> impl Iterator<Item = MeterId> {
        self.0.keys().copied()
    }
}
