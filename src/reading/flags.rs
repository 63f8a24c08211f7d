//! Flags of a sample: one bit for each unusual property.

use std::fmt;
use std::ops::BitOr;

/// A set of flags; the bits are listed in `proto/meterline/v1/reading.proto`
/// and stored as they are in every sink. A bit is never given a second meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u16);

impl Flags {
    /// Nothing unusual.
    pub const NONE: Self = Self(0);
    /// The meter sent no time; the receive time is used instead.
    pub const TIME_IS_RECEIVE_TIME: Self = Self(1);
    /// The sender marked the time as local wall-clock time.
    pub const LOCAL_TIME: Self = Self(1 << 1);
    /// The vendor reported a status other than OK.
    pub const STATUS_NOT_OK: Self = Self(1 << 2);
    /// The value was estimated or interpolated by the vendor.
    pub const ESTIMATED: Self = Self(1 << 3);
    /// Fetched later to fill a gap.
    pub const GAP_REPAIR: Self = Self(1 << 4);
    /// A test message of the vendor, or a reading of the canary ([`MeterId::CANARY`](super::MeterId::CANARY)).
    pub const TEST: Self = Self(1 << 5);
    /// A power or energy is negative, and the configuration has nothing that produces.
    pub const SIGN_UNEXPECTED: Self = Self(1 << 6);

    /// Every flag with its name, in bit order.
    pub const NAMED: [(Self, &'static str); 7] = [
        (Self::TIME_IS_RECEIVE_TIME, "time-is-receive-time"),
        (Self::LOCAL_TIME, "local-time"),
        (Self::STATUS_NOT_OK, "status-not-ok"),
        (Self::ESTIMATED, "estimated"),
        (Self::GAP_REPAIR, "gap-repair"),
        (Self::TEST, "test"),
        (Self::SIGN_UNEXPECTED, "sign-unexpected"),
    ];

    /// The stored bits; below 2^15, so that a signed 16-bit column holds them.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The flags of stored bits; bits from 2^15 on are dropped.
    pub fn of_bits(bits: u64) -> Self {
        Self(u16::try_from(bits & 0x7fff).unwrap_or(0))
    }

    /// Whether all of `other`'s flags are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (flag, name) in Self::NAMED {
            if self.contains(flag) {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}
