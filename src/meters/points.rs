//! The configured metering points: meters that measure at the same place, one after
//! the other, and their role there.
//!
//! Invariant: a meter belongs to at most one point.

use crate::reading::MeterId;
use crate::wire::meters::{Role, Version};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The metering points of meters, as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Points(BTreeMap<MeterId, Point>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Point {
    name: String,
    /// Instead of the vendor's.
    role: Option<Role>,
}

impl Points {
    /// Assigns a meter to a point, where it has this role; `None` leaves the role that its vendor names.
    ///
    /// # Errors
    /// The point that it is already assigned to.
    pub fn put(&mut self, meter: MeterId, point: &str, role: Option<Role>) -> Result<(), String> {
        match self.0.get(&meter) {
            Some(there) => Err(there.name.clone()),
            None => {
                self.0.insert(meter, Point { name: point.to_owned(), role });
                Ok(())
            }
        }
    }

    /// The meter's point: the meter's id if none is configured.
    pub fn of(&self, meter: MeterId) -> String {
        self.0.get(&meter).map_or_else(|| meter.to_string(), |point| point.name.clone())
    }

    /// The configured role of a meter.
    pub fn role(&self, meter: MeterId) -> Option<Role> {
        self.0.get(&meter)?.role
    }

    /// Whether no point is configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The version with the configured role.
    pub(super) fn with_role<'a>(&self, version: &'a Version) -> Cow<'a, Version> {
        let mut version = Cow::Borrowed(version);
        if let Some(role) = self.role(version.meter).filter(|role| *role != version.description.role) {
            version.to_mut().description.role = role;
        }
        version
    }

    /// The meters with a configured point.
    pub(super) fn meters(&self) -> impl Iterator<Item = MeterId> {
        self.0.keys().copied()
    }
}
