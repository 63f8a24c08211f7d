//! The one walk over a body that finds every fault of its framing.

use crate::wire::error::{Fault, Step};
use crate::wire::field::{Content, Cursor, DEPTH_MAX, Names};
use crate::wire::shape::{Type, check_type, name};

const BATCH: [(&str, Type); 4] =
    [("readings", Type::Bytes), ("raw", Type::Bytes), ("raw_content_type", Type::Text), ("raw_origin", Type::Text)];
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

pub(super) fn check<F: Fault>(body: &[u8]) -> Result<(), F> {
    let names: Names = |number| name(&BATCH, number);
    let mut readings = 0;
    let mut fields = Cursor::new(body);
    while let Some(field) = fields.next(DEPTH_MAX, names)? {
        check_type(&field, &BATCH, fields.offset(), names)?;
        if let (1, Content::Bytes(bytes)) = (field.number, field.content) {
            check_reading(bytes)
                .map_err(|fault: F| fault.within(Step::Item("readings", readings), fields.offset() - bytes.len()))?;
            readings = readings.saturating_add(1);
        }
    }
    Ok(())
}

fn check_reading<F: Fault>(reading: &[u8]) -> Result<(), F> {
    let names: Names = |number| name(&READING, number);
    let mut values = 0;
    let mut fields = Cursor::new(reading);
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
    let mut fields = Cursor::new(value);
    while let Some(field) = fields.next(DEPTH_MAX - 2, names)? {
        check_type(&field, &VALUE, fields.offset(), names)?;
    }
    Ok(())
}
