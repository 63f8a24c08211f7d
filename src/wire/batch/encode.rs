//! Writes a batch, without an allocation for each reading or sample and without a copy of the message.
//!
//! Invariant: the bytes are those that prost writes: fields in the order of their numbers, none with its default value.

use super::super::revision::decode_revision;
use super::Original;
use crate::reading::{Flags, MeterId, Sample, UnixNanos};

/// Room for the readings of a message of usual size.
const ROOM: usize = 2 << 10;
/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
/// Bytes of an id and of a code with their keys and lengths, and of a fixed number with its key.
const METER_FIELD: usize = 18;
const OBIS_FIELD: usize = 8;
const FIXED64_FIELD: usize = 9;

/// Encodes readings of this program's decoder (meter, time, flags, values in base units) and their
/// original message.
pub fn encode<V: AsRef<[Sample]>>(
    readings: impl IntoIterator<Item = (MeterId, UnixNanos, Flags, V)>,
    original: &Original<'_>,
) -> Vec<u8> {
    let mut batch = Vec::with_capacity(ROOM + original.bytes.len());
    for (meter, at, flags, values) in readings {
        reading(&mut batch, meter, at, flags, values.as_ref());
    }
    let texts = [original.content_type, original.origin, original.format, original.device, original.context];
    let fields = std::iter::once(original.bytes).chain(texts.map(str::as_bytes));
    for (number, content) in (2..).zip(fields).filter(|(_, content)| !content.is_empty()) {
        bytes(&mut batch, number, content);
    }
    if !original.positions.is_empty() {
        key(&mut batch, 8, BYTES);
        varint(&mut batch, original.positions.iter().copied().map(varint_len).sum());
        original.positions.iter().for_each(|position| varint(&mut batch, usize_of(*position)));
    }
    number(&mut batch, 9, original.readings);
    batch
}

fn reading(batch: &mut Vec<u8>, meter: MeterId, at: UnixNanos, flags: Flags, values: &[Sample]) {
    let (flags, revision) = (u32::from(flags.bits()), u32::from(decode_revision()));
    let time_len = if at.0 == 0 { 0 } else { FIXED64_FIELD };
    let values_len: usize = values.iter().map(|sample| 2 + value_len(sample)).sum();
    key(batch, 1, BYTES);
    varint(batch, METER_FIELD + time_len + number_len(flags) + number_len(revision) + values_len);
    bytes(batch, 1, meter.as_bytes());
    if at.0 != 0 {
        key(batch, 2, FIXED64);
        batch.extend_from_slice(&at.0.to_le_bytes());
    }
    number(batch, 5, flags);
    number(batch, 10, revision);
    for sample in values {
        key(batch, 11, BYTES);
        varint(batch, value_len(sample));
        bytes(batch, 1, &sample.obis.0);
        if sample.value != 0.0 {
            key(batch, 2, FIXED64);
            batch.extend_from_slice(&sample.value.to_le_bytes());
        }
    }
}

/// Bytes of a value without its key and length, which have one byte each.
fn value_len(sample: &Sample) -> usize {
    if sample.value == 0.0 { OBIS_FIELD } else { OBIS_FIELD + FIXED64_FIELD }
}

/// Bytes of a number with its key.
fn number_len(value: u32) -> usize {
    if value == 0 { 0 } else { 1 + varint_len(value) }
}

/// A number that is written unless it is 0.
fn number(batch: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        key(batch, field, VARINT);
        varint(batch, usize_of(value));
    }
}

fn bytes(batch: &mut Vec<u8>, field: u32, content: &[u8]) {
    key(batch, field, BYTES);
    varint(batch, content.len());
    batch.extend_from_slice(content);
}

fn key(batch: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(batch, usize_of(field << 3 | wire_type));
}

fn varint(batch: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        batch.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    batch.push(value.to_le_bytes()[0]);
}

fn varint_len(value: u32) -> usize {
    usize_of((u32::BITS - (value | 1).leading_zeros()).div_ceil(7))
}

/// The targets of this program have at least 32 bits.
fn usize_of(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
