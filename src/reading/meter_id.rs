//! A meter's identity.

use std::fmt;
use uuid::Uuid;

/// 128 bits that name a meter for ever, in RFC 4122 byte order.
///
/// smart-me: the DeviceId. Other vendors: `UUIDv5` of `vendor:native-id[:channel]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterId(Uuid);

impl MeterId {
    /// The id of a .NET `Guid` as protobuf-net's `bcl.Guid` carries it: the first
    /// three groups little-endian, the last eight bytes in order.
    #[must_use]
    pub fn from_bcl_guid(lo: u64, hi: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&lo.to_le_bytes());
        bytes[8..].copy_from_slice(&hi.to_le_bytes());
        Self(Uuid::from_bytes_le(bytes))
    }

    /// The id as a UUID.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// The sixteen bytes in RFC 4122 order, as on the Kafka wire.
    #[must_use]
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
