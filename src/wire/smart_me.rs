//! smart-me's `DeviceDataArray` (`proto/smart_me/smart_me.proto`).
//!
//! [`readings`] walks the body once and finds every framing fault; the iterators after
//! it cannot fail. That walk recognises devices in the layout of the vendor's library
//! (see `vendor_layout`). One device in another layout makes the whole body take the
//! general path, which reads fields in any order and merges repeated ones as prost does.

mod check;
mod encoding;
mod message;
mod vendor_layout;

pub use encoding::{Encoding, TimeEncoding, encoding};

use super::error::{DecodeError, Malformed};
use super::field::{Content, FieldReader};
use super::reading::{self, Decoded};
use super::revision::decode_revision;
use crate::reading::{Flags, MeterId, Obis, Sample, SetAside, UnixNanos};
use check::Layout;
use message::{Guid, Instant, Value};

/// The readings of a checked body.
#[derive(Debug, Clone)]
pub struct Readings<'a> {
    items: FieldReader<'a>,
    index: u32,
    layout: Layout,
}

/// Checks the body and returns its readings.
///
/// # Errors
/// Where and why the framing is broken.
#[inline]
pub fn readings(body: &[u8]) -> Result<Readings<'_>, DecodeError> {
    let layout = check::layout(body).or_else(|Malformed| check::layout::<DecodeError>(body))?;
    Ok(Readings { items: FieldReader::new(body), index: 0, layout })
}

impl<'a> Iterator for Readings<'a> {
    type Item = Decoded<Values<'a>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        while let Some(field) = self.items.next_checked() {
            if let (1, Content::Bytes(device)) = (field.number, field.content) {
                let index = self.index;
                self.index = index.saturating_add(1);
                return Some(any_reading(index, device, self.layout));
            }
        }
        None
    }
}

#[inline(always)]
fn any_reading(index: u32, device: &[u8], layout: Layout) -> Decoded<Values<'_>> {
    match vendor_layout::split(device) {
        Some(device) if layout == Layout::Vendor => {
            assemble(index, device.meter, Some(device.at), RawValues::Vendor(device.values.iter()))
        }
        _ => merged_reading(index, device),
    }
}

/// The reading of a device in any layout.
#[inline(never)]
fn merged_reading(index: u32, device: &[u8]) -> Decoded<Values<'_>> {
    let (mut meter, mut at) = (Guid::default(), None::<Instant>);
    let (mut has_values, mut has_unknown) = (false, false);
    let mut fields = FieldReader::new(device);
    while let Some(field) = fields.next_checked() {
        match (field.number, field.content) {
            (1, Content::Bytes(bytes)) => drop(meter.merge::<Malformed>(bytes)),
            (2, Content::Bytes(bytes)) => drop(at.get_or_insert_default().merge::<Malformed>(bytes)),
            (3, _) => has_values = true,
            _ => has_unknown = true,
        }
    }
    let reading = assemble(index, meter, at, RawValues::General(FieldReader::new(device)));
    if has_unknown && !has_values { reading.without_known_values() } else { reading }
}

#[inline(always)]
fn assemble(index: u32, meter: Guid, at: Option<Instant>, values: RawValues<'_>) -> Decoded<Values<'_>> {
    let meter = if meter == Guid::default() {
        Err(SetAside::MeterMissing)
    } else {
        Ok(MeterId::from_bcl_guid(meter.lo, meter.hi))
    };
    let flags = if at.is_some_and(Instant::is_local) { Flags::LOCAL_TIME } else { Flags::NONE };
    Decoded {
        index,
        meter,
        at: at.map_or(Err(SetAside::TimeMissing), Instant::unix_nanos).map(UnixNanos),
        flags: reading::flags_of(meter, flags),
        decode_revision: decode_revision(),
        values: Values(values),
    }
}

/// The values of a reading, each a sample or the reason why it is set aside.
#[derive(Debug, Clone)]
pub struct Values<'a>(RawValues<'a>);

#[derive(Debug, Clone)]
enum RawValues<'a> {
    Vendor(std::slice::Iter<'a, vendor_layout::ValueBytes>),
    General(FieldReader<'a>),
}

impl Values<'_> {
    /// The number of values, if the check found only finite samples.
    #[inline(always)]
    pub(super) fn all_finite(&self) -> Option<usize> {
        match &self.0 {
            RawValues::Vendor(values) => Some(values.len()),
            RawValues::General(_) => None,
        }
    }
}

impl Iterator for Values<'_> {
    type Item = Result<Sample, SetAside>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            RawValues::Vendor(values) => values.next().map(|value| Ok(vendor_layout::sample(value))),
            // Destructured and rebuilt so that it stays in registers.
            RawValues::General(fields) => match next_value(fields)? {
                Ok(Sample { obis: Obis([a, b, c, d, e, f]), value }) => {
                    Some(Ok(Sample { obis: Obis([a, b, c, d, e, f]), value }))
                }
                Err(reason) => Some(Err(reason)),
            },
        }
    }

    /// Chooses the layout once, outside the loop.
    #[inline(always)]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, initial: B, mut f: F) -> B {
        match self.0 {
            RawValues::Vendor(values) => {
                values.fold(initial, |folded, value| f(folded, Ok(vendor_layout::sample(value))))
            }
            RawValues::General(mut fields) => {
                let mut folded = initial;
                while let Some(value) = next_value(&mut fields) {
                    folded = f(folded, value);
                }
                folded
            }
        }
    }
}

#[inline(never)]
fn next_value(fields: &mut FieldReader<'_>) -> Option<Result<Sample, SetAside>> {
    while let Some(field) = fields.next_checked() {
        if let (3, Content::Bytes(bytes)) = (field.number, field.content) {
            return Some(vendor_layout::content(bytes).map_or_else(|| merged_sample(bytes), Ok));
        }
    }
    None
}

/// The sample of a value in any layout.
fn merged_sample(bytes: &[u8]) -> Result<Sample, SetAside> {
    let mut value = Value::default();
    value.merge::<Malformed>(bytes).ok();
    reading::sample(value.obis, value.value)
}

#[cfg(test)]
mod tests;
