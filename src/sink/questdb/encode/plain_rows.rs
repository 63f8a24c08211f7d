//! Writes the rows of a reading that needs no escapes: most of every row is the same for all
//! samples of a reading, so it is written once and copied.
//!
//! Knows the table's columns and version 2 of the line protocol, and nothing about requests. The
//! client library encodes the readings that [`PlainRows::of`] does not take.
//! Invariant: the library would write the same bytes (`encode/tests.rs` compares them).

use crate::reading::{Flags, Obis, Sample, UnixNanos};
use std::io::Write as _;

/// The bytes of a row behind its register, for a source of about 64 characters. A longer one is
/// the client library's.
const ROW_END_BYTES_MAX: usize = 256;
/// Bytes of a value in binary form.
const VALUE_BYTES: usize = size_of::<f64>();
/// Marks a value in binary form: a second `=`, and the type of a double.
const BINARY_DOUBLE: [u8; 2] = [b'=', 16];
/// A UUID as text.
pub(super) const UUID_CHARS: usize = 36;
/// `255-255:255.255.255*255`
pub(super) const OBIS_CHARS_MAX: usize = 23;

/// The bytes that the rows of one reading have behind their register, with room for the value.
#[derive(Debug)]
pub(super) struct PlainRows {
    row_end: [u8; ROW_END_BYTES_MAX],
    length: usize,
    value_at: usize,
}

impl PlainRows {
    /// The common bytes of a reading's rows; `None` if it needs escapes, is refused by the client
    /// library, or has a long source.
    pub(super) fn of(
        source: &str,
        meter: &[u8; UUID_CHARS],
        received: UnixNanos,
        flags: Flags,
        at: UnixNanos,
    ) -> Option<Self> {
        if at.0 < 0 || source.bytes().any(needs_escape) {
            return None;
        }
        let mut row_end = [0; ROW_END_BYTES_MAX];
        let mut digits = itoa::Buffer::new();
        let mut rest = row_end.as_mut_slice();
        let mut put = |bytes: &[u8]| rest.write_all(bytes).map(|()| rest.len()).ok();
        put(b",source=")?;
        put(source.as_bytes())?;
        put(b" meter=\"")?;
        put(meter)?;
        put(b"\",value=")?;
        let value_at = ROW_END_BYTES_MAX - put(&BINARY_DOUBLE)?;
        put(&[0; VALUE_BYTES])?;
        put(b",received=")?;
        put(digits.format(received.0).as_bytes())?;
        // A missing SHORT value is stored as 0, and most rows have no flag.
        if flags == Flags::NONE {
            put(b"n ")?;
        } else {
            put(b"n,flags=")?;
            put(digits.format(flags.bits()).as_bytes())?;
            put(b"i ")?;
        }
        put(digits.format(at.0).as_bytes())?;
        let length = ROW_END_BYTES_MAX - put(b"n\n")?;
        Some(Self { row_end, length, value_at })
    }

    /// Appends the row of a sample; `begin` is the table and the name of the register's column.
    pub(super) fn write(&self, begin: &[u8], sample: Sample, rows: &mut Vec<u8>) {
        let mut obis_text = [0; OBIS_CHARS_MAX];
        rows.extend_from_slice(begin);
        rows.extend_from_slice(obis_in(&mut obis_text, sample.obis));
        let value_at = rows.len() + self.value_at;
        rows.extend_from_slice(&self.row_end[..self.length]);
        rows[value_at..value_at + VALUE_BYTES].copy_from_slice(&sample.value.to_le_bytes());
    }
}

/// Whether a character of a symbol has a `\` before it.
fn needs_escape(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'=' | b'\n' | b'\r' | b'\\')
}

/// The full code, `A-B:C.D.E*F`, from a table, because this runs for every sample.
pub(super) fn obis_in(text: &mut [u8; OBIS_CHARS_MAX], obis: Obis) -> &[u8] {
    const SEPARATORS: [u8; 6] = *b"-:..*\0";
    let mut length = 0;
    for (group, separator) in obis.0.into_iter().zip(SEPARATORS) {
        let (digits, count) = DECIMAL[usize::from(group)];
        text[length..length + digits.len()].copy_from_slice(&digits);
        length += count;
        if separator != 0 {
            text[length] = separator;
            length += 1;
        }
    }
    &text[..length]
}

/// The decimal digits of every byte without leading zeros, and their number.
const DECIMAL: [([u8; 3], usize); 256] = {
    let mut decimal = [([0; 3], 0); 256];
    let mut byte = 0_u8;
    while let Some(next) = byte.checked_add(1) {
        decimal[byte as usize] = decimal_of(byte);
        byte = next;
    }
    decimal[byte as usize] = decimal_of(byte);
    decimal
};

const fn decimal_of(byte: u8) -> ([u8; 3], usize) {
    let (hundreds, tens, ones) = (b'0' + byte / 100, b'0' + byte / 10 % 10, b'0' + byte % 10);
    match byte {
        0..10 => ([ones, 0, 0], 1),
        10..100 => ([tens, ones, 0], 2),
        _ => ([hundreds, tens, ones], 3),
    }
}
