//! A service location: the place of one monitor.
//!
//! Its UUID is the password of the vendor's MQTT broker. Invariant: a [`Location`] does not hold it. It
//! holds a hash of it, which is the id of the location's own meter and may be shown and stored.

use crate::reading::MeterId;
use std::fmt;
use uuid::Uuid;

/// The vendor in the meter ids of these monitors.
pub const VENDOR: &str = "smappee";

/// A service location, known by its public id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(MeterId);

impl Location {
    /// The location of this secret UUID: its public id is `UUIDv5` of `smappee:uuid`.
    pub fn of_uuid(uuid: Uuid) -> Self {
        Self(MeterId::named(VENDOR, &uuid.as_hyphenated().to_string()))
    }

    /// The location of this public id.
    pub fn of_public_id(id: Uuid) -> Self {
        Self(id.into())
    }

    /// The meter of a channel: `UUIDv5` of `smappee:public-id:channel`. The empty channel is the location.
    pub fn meter(self, channel: &str) -> MeterId {
        if channel.is_empty() { self.0 } else { MeterId::of_channel(VENDOR, &self.0.to_string(), channel) }
    }
}

impl fmt::Display for Location {
    /// The public id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}
