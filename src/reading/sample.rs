//! A sample, and the meter and time that identify it together with its OBIS code.

use super::obis::Obis;
use std::fmt;
use uuid::Uuid;

/// A quarter-hour, the interval at which meters are read for billing, in nanoseconds.
pub const QUARTER_HOUR_NS: i64 = 900 * 1_000_000_000;

/// One value of one register, in the registry's base unit (Wh, W, V, A, m3 ...).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The register.
    pub obis: Obis,
    /// The value; finite once it has passed [`Limits::judge_value`](super::Limits::judge_value).
    pub value: f64,
}

/// The permanent 128-bit id of a meter, in RFC 4122 byte order.
///
/// smart-me: the DeviceId. Other vendors: `UUIDv5` of `vendor:native-id[:channel]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterId(Uuid);

/// The name of the source of the canary's readings.
pub const CANARY_SOURCE: &str = "canary";

/// The UUID namespace of meters whose vendor has no UUIDs. It never changes.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d65_7465_726c_5e6e_8d65_76e2_9f3a_41c7);

impl MeterId {
    /// The meter of the service's own test readings: `UUIDv5` of `meterline:canary`. From any sender, its readings have
    /// the flag [`Flags::TEST`](super::Flags::TEST).
    pub const CANARY: Self = Self(Uuid::from_u128(0x5f1f_9605_769f_503c_b72a_1f0d_bc78_69ae));

    /// The id of a meter whose vendor has no UUIDs: `UUIDv5` of `vendor:native`,
    /// where `native` is the vendor's own id, followed by a channel if there are several.
    pub fn named(vendor: &str, native: &str) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("{vendor}:{native}").as_bytes()))
    }

    /// The id of a channel of a device, or of the device itself if `channel` is empty.
    pub fn of_channel(vendor: &str, native: &str, channel: &str) -> Self {
        if channel.is_empty() {
            Self::named(vendor, native)
        } else {
            Self::named(vendor, &format!("{native}:{channel}"))
        }
    }

    /// The id of a .NET `Guid` as protobuf-net's `bcl.Guid` carries it: the first
    /// three groups little-endian, the last eight bytes in order.
    pub fn from_bcl_guid(lo: u64, hi: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&lo.to_le_bytes());
        bytes[8..].copy_from_slice(&hi.to_le_bytes());
        Self(Uuid::from_bytes_le(bytes))
    }

    /// The id as a UUID.
    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// The sixteen bytes in RFC 4122 order, as on the Kafka wire.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl From<Uuid> for MeterId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for MeterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for MeterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Nanoseconds since 1970-01-01T00:00:00 UTC (1677 to 2262).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// The instant `nanos` later, clamped to the range.
    #[must_use]
    pub fn saturating_add(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to `self`; negative if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixNanos {
    /// RFC 3339 in UTC with as many fraction digits as needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => fmt::Display::fmt(&time, f),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

impl fmt::Debug for UnixNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
