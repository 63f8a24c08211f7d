//! A device as the vendor's library writes it: id, time, then nothing but values
//! of nineteen bytes each. Recognised by comparing a few bytes a value, read by
//! fixed offsets; whatever differs goes the general way and means the same.

use super::message::{Guid, Instant};
use crate::reading::{Obis, Sample};

/// `1a 11 0a 06 <code: 6> 11 <value: 8>`
pub(super) type ValueBytes = [u8; 19];

/// A device cut at its fixed offsets.
pub(super) struct Device<'a> {
    pub(super) meter: Guid,
    pub(super) at: &'a [u8],
    pub(super) values: &'a [ValueBytes],
}

/// Cuts a device at the usual offsets: `0a 12 09 <lo: 8> 11 <hi: 8> 12 <length>
/// <time> <values>`. The values are not looked at.
#[inline]
pub(super) fn split(device: &[u8]) -> Option<Device<'_>> {
    let (head, rest) = device.split_first_chunk::<22>()?;
    let &[0x0a, 0x12, 0x09, a0, a1, a2, a3, a4, a5, a6, a7, 0x11, b0, b1, b2, b3, b4, b5, b6, b7, 0x12, len] = head
    else {
        return None;
    };
    if len >= 0x80 {
        return None;
    }
    let (at, values) = rest.split_at_checked(usize::from(len))?;
    let (values, []) = values.as_chunks() else {
        return None;
    };
    let meter = Guid {
        lo: u64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]),
        hi: u64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
    };
    Some(Device { meter, at, values })
}

/// Whether the device is laid out so throughout, and its time can be read.
#[inline]
pub(super) fn is_usual(device: &[u8]) -> bool {
    split(device)
        .is_some_and(|device| Instant::default().merge(device.at).is_ok() && device.values.iter().all(is_usual_value))
}

#[inline]
fn is_usual_value(value: &ValueBytes) -> bool {
    let &[k0, k1, k2, k3, _, _, _, _, _, _, k10, ..] = value;
    (u32::from_le_bytes([k0, k1, k2, k3]) == u32::from_le_bytes([0x1a, 0x11, 0x0a, 0x06])) & (k10 == 0x11)
}

/// The sample of a value laid out so.
#[inline]
pub(super) fn sample(value: &ValueBytes) -> Sample {
    let &[_, _, _, _, a, b, c, d, e, f, _, v0, v1, v2, v3, v4, v5, v6, v7] = value;
    Sample { obis: Obis([a, b, c, d, e, f]), value: f64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7]) }
}
