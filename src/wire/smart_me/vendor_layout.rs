//! The layout of a device as the vendor's library writes it: id, time, then only values
//! of nineteen bytes each, all finite. It is recognised by comparing a few bytes per
//! value and read at fixed offsets. Any other layout takes the general path, with the
//! same result.

use super::message::{Guid, Instant};
use crate::reading::{Obis, Sample};
use crate::wire::error::Malformed;

/// `1a 11 0a 06 <code: 6> 11 <value: 8>`
pub(super) type ValueBytes = [u8; 19];

/// A device split at its fixed offsets.
pub(super) struct Device<'a> {
    pub(super) meter: Guid,
    pub(super) at: Instant,
    pub(super) values: &'a [ValueBytes],
}

/// Splits a device at the fixed offsets: `0a 12 09 <lo: 8> 11 <hi: 8> 12 <length>
/// <time> <values>`. The values are not checked.
#[inline(always)]
pub(super) fn split(device: &[u8]) -> Option<Device<'_>> {
    let (head, rest) = device.split_first_chunk::<22>()?;
    let &[0x0a, 0x12, 0x09, .., 0x12, len] = head else {
        return None;
    };
    let (lo, half) = head[3..].split_first_chunk()?;
    let (&[0x11], half) = half.split_first_chunk()? else {
        return None;
    };
    let (hi, _) = half.split_first_chunk()?;
    if len >= 0x80 {
        return None;
    }
    let (at, values) = rest.split_at_checked(usize::from(len))?;
    let (values, []) = values.as_chunks() else {
        return None;
    };
    let meter = Guid { lo: u64::from_le_bytes(*lo), hi: u64::from_le_bytes(*hi) };
    Some(Device { meter, at: instant(at)?, values })
}

/// Reads `08 <value> 10 <scale>` with a value of eight bytes, the encoding of ticks in
/// this century; other times are merged field by field.
#[inline(always)]
fn instant(bytes: &[u8]) -> Option<Instant> {
    if let [0x08, value @ .., 0x10, scale @ 0..0x80] = bytes
        && let Ok(groups) = <[u8; 8]>::try_from(value).map(u64::from_le_bytes)
        // Every byte but the last has the continuation bit.
        && groups & HIGH_BITS == HIGH_BITS >> 8
    {
        return Some(Instant::new(seven_bit_groups(groups), *scale));
    }
    merged_instant(bytes)
}

#[inline(never)]
fn merged_instant(bytes: &[u8]) -> Option<Instant> {
    let mut at = Instant::default();
    at.merge::<Malformed>(bytes).ok().map(|()| at)
}

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The number whose groups of seven bits, lowest first, are the lower bits of the
/// bytes: pairs of groups are joined, then pairs of those.
#[inline(always)]
fn seven_bit_groups(bytes: u64) -> u64 {
    let sevens = bytes & !HIGH_BITS;
    let fourteens = sevens & 0x007f_007f_007f_007f | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
    let twenty_eights = fourteens & 0x0000_3fff_0000_3fff | (fourteens & 0x3fff_0000_3fff_0000) >> 2;
    twenty_eights & 0x0fff_ffff | (twenty_eights & 0x0fff_ffff_0000_0000) >> 4
}

/// Whether the whole device has this layout, with finite values only.
#[inline(always)]
pub(super) fn matches(device: &[u8]) -> bool {
    split(device).is_some_and(|device| device.values.iter().all(is_vendor_value))
}

#[inline(always)]
fn is_vendor_value(value: &ValueBytes) -> bool {
    let &[k0, k1, k2, k3, _, _, _, _, _, _, k10, ..] = value;
    let is_laid_out = u32::from_le_bytes([k0, k1, k2, k3]) == u32::from_le_bytes([0x1a, 0x11, 0x0a, 0x06]);
    is_laid_out & (k10 == 0x11) & sample(value).value.is_finite()
}

/// The sample of a value in this layout.
#[inline(always)]
pub(super) fn sample(value: &ValueBytes) -> Sample {
    let &[_, _, _, _, a, b, c, d, e, f, _, v0, v1, v2, v3, v4, v5, v6, v7] = value;
    Sample { obis: Obis([a, b, c, d, e, f]), value: f64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7]) }
}

/// The sample of a value's content, if it is `0a 06 <code: 6> 11 <value: 8>`.
#[inline(always)]
pub(super) fn content(value: &[u8]) -> Option<Sample> {
    match *value {
        [0x0a, 6, a, b, c, d, e, f, 0x11, v0, v1, v2, v3, v4, v5, v6, v7] => {
            let value = f64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7]);
            Some(Sample { obis: Obis([a, b, c, d, e, f]), value })
        }
        _ => None,
    }
}
