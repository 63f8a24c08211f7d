//! `meterline.v1.ReadingBatch` (`proto/meterline/v1/reading.proto`): the format in which
//! non-protobuf sources store their readings, beside the original message.
//!
//! [`readings`] walks the body once and finds every framing fault; the iterators
//! after it cannot fail. [`encode`] makes such a body. Values are already in base units.
//! [`Original`] is the message that the readings were decoded from.

mod encode;
mod original;

pub use encode::encode;
pub use original::Original;

use super::error::{DecodeError, DecodeErrorKind, Fault, Malformed, Step, WireType};
use super::field::{Content, DEPTH_MAX, Field, FieldReader, Names, in_field, unexpected};
use super::reading::{self, Decoded};
use super::revision::decode_revision;
use crate::reading::{Flags, Sample, SetAside, UnixNanos};
use uuid::Uuid;

/// The encoding of a field.
#[derive(Clone, Copy)]
enum Type {
    Bytes,
    /// UTF-8 bytes.
    Text,
    Fixed64,
    Varint,
    /// One varint, or several as bytes.
    Varints,
}

const BATCH: [(&str, Type); 9] = [
    ("readings", Type::Bytes),
    ("raw", Type::Bytes),
    ("raw_content_type", Type::Text),
    ("raw_origin", Type::Text),
    ("raw_format", Type::Text),
    ("raw_device", Type::Text),
    ("raw_context", Type::Text),
    ("raw_positions", Type::Varints),
    ("raw_readings", Type::Varint),
];
const READING: [(&str, Type); 11] = [
    ("meter", Type::Bytes),
    ("time_ns", Type::Fixed64),
    ("received_ns", Type::Fixed64),
    ("source", Type::Text),
    ("flags", Type::Varint),
    ("journal", Type::Bytes),
    ("sequence", Type::Varint),
    ("index", Type::Varint),
    ("part", Type::Varint),
    ("decode_revision", Type::Varint),
    ("values", Type::Bytes),
];
const VALUE: [(&str, Type); 2] = [("obis", Type::Bytes), ("value", Type::Fixed64)];

/// The readings of a checked body.
#[derive(Debug, Clone)]
pub struct Readings<'a> {
    items: FieldReader<'a>,
    index: u32,
}

/// Checks the body and returns its readings.
///
/// # Errors
/// Where and why the framing is broken.
pub fn readings(body: &[u8]) -> Result<Readings<'_>, DecodeError> {
    check(body).or_else(|Malformed| check::<DecodeError>(body))?;
    Ok(Readings { items: FieldReader::new(body), index: 0 })
}

/// Checks the body and returns the original message of its readings.
///
/// # Errors
/// Where and why the framing is broken.
pub fn original(body: &[u8]) -> Result<Original<'_>, DecodeError> {
    check::<DecodeError>(body)?;
    Ok(Original::of_checked(body))
}

impl Readings<'_> {
    /// No readings, for a body of another kind.
    pub(super) fn none() -> Self {
        Self { items: FieldReader::new(&[]), index: 0 }
    }
}

impl<'a> Iterator for Readings<'a> {
    type Item = Decoded<Values<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
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

/// The last occurrence of each field counts, as in protobuf.
fn assemble(index: u32, bytes: &[u8]) -> Decoded<Values<'_>> {
    let (mut meter, mut time_ns, mut flags, mut revision): (&[u8], _, _, _) = (&[], 0, 0, 0);
    let (mut has_values, mut has_unknown) = (false, false);
    let mut fields = FieldReader::new(bytes);
    while let Some(field) = fields.next_checked() {
        match (field.number, field.content) {
            (1, Content::Bytes(id)) => meter = id,
            (2, Content::Fixed64(time)) => time_ns = time.cast_signed(),
            (5, Content::Varint(bits)) => flags = bits,
            (10, Content::Varint(number)) => revision = number,
            (11, _) => has_values = true,
            (number, _) => has_unknown |= entry(&READING, number).is_none(),
        }
    }
    let meter = reading::meter_id(meter).ok_or(SetAside::MeterMissing);
    let reading = Decoded {
        index,
        meter,
        at: if time_ns == 0 { Err(SetAside::TimeMissing) } else { Ok(UnixNanos(time_ns)) },
        flags: reading::flags_of(meter, Flags::of_bits(flags)),
        decode_revision: u16::try_from(revision).ok().filter(|revision| *revision > 0).unwrap_or_else(decode_revision),
        values: Values(FieldReader::new(bytes)),
    };
    if has_unknown && !has_values { reading.without_known_values() } else { reading }
}

/// The values of a reading, each a sample or the reason why it is set aside.
#[derive(Debug, Clone)]
pub struct Values<'a>(FieldReader<'a>);

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
    let mut fields = FieldReader::new(bytes);
    while let Some(field) = fields.next_checked() {
        match (field.number, field.content) {
            (1, Content::Bytes(code)) => obis = code,
            (2, Content::Fixed64(bits)) => value = f64::from_bits(bits),
            _ => {}
        }
    }
    reading::sample(obis, value)
}

/// Where a published reading comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Name of the account or device that delivered it.
    pub source: &'a str,
    /// When it was received; 0 if its producer says nothing.
    pub received_ns: i64,
    /// The journal that recorded it; nil if its producer has none.
    pub journal: Uuid,
    /// Its record there.
    pub sequence: u64,
    /// Its index in the record.
    pub index: u32,
    /// Its part.
    pub part: u32,
}

/// Checks one encoded `Reading` and returns where it comes from. The last occurrence of each field counts.
///
/// # Errors
/// Where and why the framing is broken.
pub(super) fn envelope(reading: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    check_reading::<DecodeError>(reading)?;
    let mut found = Envelope { source: "", received_ns: 0, journal: Uuid::nil(), sequence: 0, index: 0, part: 0 };
    let number = |varint| u32::try_from(varint).unwrap_or(u32::MAX);
    let mut fields = FieldReader::new(reading);
    while let Some(field) = fields.next_checked() {
        match (field.number, field.content) {
            (3, Content::Fixed64(time)) => found.received_ns = time.cast_signed(),
            (4, Content::Bytes(name)) => found.source = std::str::from_utf8(name).unwrap_or_default(),
            (6, Content::Bytes(id)) => found.journal = Uuid::from_slice(id).unwrap_or_default(),
            (7, Content::Varint(sequence)) => found.sequence = sequence,
            (8, Content::Varint(index)) => found.index = number(index),
            (9, Content::Varint(part)) => found.part = number(part),
            _ => {}
        }
    }
    Ok(found)
}

fn check<F: Fault>(body: &[u8]) -> Result<(), F> {
    let names: Names = |number| name(&BATCH, number);
    let (mut readings, mut is_known) = (0, body.is_empty());
    let mut fields = FieldReader::new(body);
    while let Some(field) = fields.next(DEPTH_MAX, names)? {
        check_type(&field, &BATCH, fields.offset(), names)?;
        is_known |= names(field.number).is_some();
        if let (1, Content::Bytes(bytes)) = (field.number, field.content) {
            check_reading(bytes)
                .map_err(|fault: F| fault.within(Step::Item("readings", readings), fields.offset() - bytes.len()))?;
            readings = readings.saturating_add(1);
        }
    }
    if is_known { Ok(()) } else { Err(F::new(DecodeErrorKind::NothingKnown, 0)) }
}

fn check_reading<F: Fault>(reading: &[u8]) -> Result<(), F> {
    let names: Names = |number| name(&READING, number);
    let mut values = 0;
    let mut fields = FieldReader::new(reading);
    while let Some(field) = fields.next(DEPTH_MAX - 1, names)? {
        check_type(&field, &READING, fields.offset(), names)?;
        if let (11, Content::Bytes(bytes)) = (field.number, field.content) {
            check_value(bytes)
                .map_err(|fault: F| fault.within(Step::Item("values", values), fields.offset() - bytes.len()))?;
            values = values.saturating_add(1);
        }
    }
    Ok(())
}

fn check_value<F: Fault>(value: &[u8]) -> Result<(), F> {
    let names: Names = |number| name(&VALUE, number);
    let mut fields = FieldReader::new(value);
    while let Some(field) = fields.next(DEPTH_MAX - 2, names)? {
        check_type(&field, &VALUE, fields.offset(), names)?;
    }
    Ok(())
}

/// Checks a field's wire type; `end` is the field's end in its message.
fn check_type<F: Fault>(field: &Field<'_>, known: &[(&'static str, Type)], end: usize, names: Names) -> Result<(), F> {
    let Some((_, wanted)) = entry(known, field.number) else { return Ok(()) };
    let wire_type = match (wanted, field.content) {
        (Type::Bytes, Content::Bytes(_))
        | (Type::Fixed64, Content::Fixed64(_))
        | (Type::Varint | Type::Varints, Content::Varint(_)) => {
            return Ok(());
        }
        (Type::Varints, Content::Bytes(bytes)) => return check_varints(bytes, end - bytes.len(), field.number, names),
        (Type::Text, Content::Bytes(bytes)) => {
            return match std::str::from_utf8(bytes) {
                Ok(_) => Ok(()),
                Err(_) => Err(in_field(DecodeErrorKind::NotText, end - bytes.len(), field.number, names)),
            };
        }
        (Type::Bytes | Type::Text, _) => WireType::Bytes,
        (Type::Fixed64, _) => WireType::Fixed64,
        (Type::Varint | Type::Varints, _) => WireType::Varint,
    };
    Err(unexpected(field, wire_type, names))
}

/// Checks the numbers of a field at `offset`.
fn check_varints<F: Fault>(bytes: &[u8], offset: usize, number: u32, names: Names) -> Result<(), F> {
    let mut varints = FieldReader::new(bytes);
    while let Some(found) = varints.next_varint() {
        found.map_err(|kind| in_field(kind, offset + varints.offset(), number, names))?;
    }
    Ok(())
}

fn entry(known: &[(&'static str, Type)], number: u32) -> Option<(&'static str, Type)> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    known.get(index).copied()
}

fn name(known: &[(&'static str, Type)], number: u32) -> Option<&'static str> {
    entry(known, number).map(|(name, _)| name)
}

#[cfg(test)]
mod tests;
