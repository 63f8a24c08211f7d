//! `meterline.v1.ReadingBatch` (`proto/meterline/v1/reading.proto`): what sources
//! that are not protobuf record, their readings beside the message they came in.
//!
//! [`readings`] walks the body once and finds every fault of its framing; the
//! iterators after it cannot fail. [`encode`] makes such a body. Values are in base
//! units already.

mod check;
mod encode;

pub use encode::{Original, encode};

use super::error::Malformed;
use super::field::{Content, Cursor};
use super::{DecodeError, Reading};
use crate::reading::{Flags, MeterId, Obis, Sample, SetAside, UnixNanos};
use uuid::Uuid;

/// The readings of a checked body.
#[derive(Debug, Clone)]
pub struct Readings<'a> {
    items: Cursor<'a>,
    index: u32,
}

/// Checks the body and returns its readings.
///
/// # Errors
/// Where and why the framing fails.
pub fn readings(body: &[u8]) -> Result<Readings<'_>, DecodeError> {
    check::check(body).or_else(|Malformed| check::check::<DecodeError>(body))?;
    Ok(Readings { items: Cursor::new(body), index: 0 })
}

impl Readings<'_> {
    /// The readings of a body that holds something else.
    pub(super) fn none() -> Self {
        Self { items: Cursor::new(&[]), index: 0 }
    }
}

impl<'a> Iterator for Readings<'a> {
    type Item = Reading<'a>;

    fn next(&mut self) -> Option<Reading<'a>> {
        while let Some(field) = self.items.next_checked() {
            if let (1, Content::Bytes(reading)) = (field.number, field.content) {
                let index = self.index;
                self.index = index.saturating_add(1);
                return Some(assemble(index, reading));
            }
        }
        None
    }
}

/// The last of each field counts, as protobuf has it.
fn assemble(index: u32, bytes: &[u8]) -> Reading<'_> {
    let (mut meter, mut time_ns, mut flags): (&[u8], _, _) = (&[], 0, 0);
    let mut fields = Cursor::new(bytes);
    while let Some(field) = fields.next_checked() {
        match (field.number, field.content) {
            (1, Content::Bytes(id)) => meter = id,
            (2, Content::Fixed64(time)) => time_ns = time.cast_signed(),
            (5, Content::Varint(bits)) => flags = bits,
            _ => {}
        }
    }
    Reading {
        index,
        meter: meter_id(meter).ok_or(SetAside::MeterMissing),
        at: if time_ns == 0 { Err(SetAside::TimeMissing) } else { Ok(UnixNanos(time_ns)) },
        flags: Flags::of_bits(flags),
        values: super::Values::Batch(Values(Cursor::new(bytes))),
    }
}

/// A meter of other than sixteen bytes, or of none but zeros, is none.
pub(super) fn meter_id(bytes: &[u8]) -> Option<MeterId> {
    let id = Uuid::from_slice(bytes).ok().filter(|id| !id.is_nil())?;
    Some(MeterId::from(id))
}

/// The values of a reading, each a sample or the reason why it is none.
#[derive(Debug, Clone)]
pub struct Values<'a>(Cursor<'a>);

impl Iterator for Values<'_> {
    type Item = Result<Sample, SetAside>;

    #[inline(never)]
    fn next(&mut self) -> Option<Self::Item> {
        while let Some(field) = self.0.next_checked() {
            if let (11, Content::Bytes(value)) = (field.number, field.content) {
                return Some(sample(value));
            }
        }
        None
    }
}

fn sample(bytes: &[u8]) -> Result<Sample, SetAside> {
    let (mut obis, mut value): (&[u8], f64) = (&[], 0.0);
    let mut fields = Cursor::new(bytes);
    while let Some(field) = fields.next_checked() {
        match (field.number, field.content) {
            (1, Content::Bytes(code)) => obis = code,
            (2, Content::Fixed64(bits)) => value = f64::from_bits(bits),
            _ => {}
        }
    }
    match <[u8; 6]>::try_from(obis) {
        Ok(code) => Ok(Sample { obis: Obis(code), value }),
        Err(_) if obis.is_empty() => Err(SetAside::ObisMissing),
        Err(_) => Err(SetAside::ObisLength),
    }
}

#[cfg(test)]
mod tests;
