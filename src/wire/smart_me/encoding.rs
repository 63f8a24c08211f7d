//! Details of a body's encoding that its readings do not carry: scales and kinds of its
//! times, and fields that are not in the vendor's description.
//!
//! For diagnosis of a sender, not for the path of a sample: it allocates.

use super::check;
use crate::wire::error::DecodeError;
use crate::wire::field::{Content, FieldReader};
use std::collections::BTreeMap;

/// Distinct unknown fields that are counted; more of them mean another kind of message.
const UNKNOWN_MAX: usize = 64;

/// The encoding of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoding {
    /// The time of each reading, in the readings' order.
    pub times: Vec<TimeEncoding>,
    /// Occurrences of unknown fields, by message name and field number.
    pub unknown: BTreeMap<(&'static str, u32), u64>,
}

/// The encoding of a reading's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeEncoding {
    /// The number of its scale: 0 days to 5 ticks, 0 if absent. `None` without a time.
    pub scale: Option<u64>,
    /// The number of its kind (0 unspecified, 1 UTC, 2 local), if present.
    pub kind: Option<u64>,
}

/// Returns the encoding of a body.
///
/// # Errors
/// Where and why its framing is broken.
pub fn encoding(body: &[u8]) -> Result<Encoding, DecodeError> {
    check::layout::<DecodeError>(body)?;
    let mut encoding = Encoding::default();
    let mut items = FieldReader::new(body);
    while let Some(field) = items.next_checked() {
        match (field.number, field.content) {
            (1, Content::Bytes(device)) => {
                let time = encoding.device(device);
                encoding.times.push(time);
            }
            (number, _) => encoding.note_unknown("DeviceDataArray", number),
        }
    }
    Ok(encoding)
}

impl Encoding {
    fn device(&mut self, device: &[u8]) -> TimeEncoding {
        let mut time = TimeEncoding::default();
        let mut fields = FieldReader::new(device);
        while let Some(field) = fields.next_checked() {
            match (field.number, field.content) {
                (1, Content::Bytes(id)) => self.count_above(id, "Guid", 2),
                (2, Content::Bytes(at)) => self.time(at, &mut time),
                (3, Content::Bytes(value)) => self.count_above(value, "DeviceValue", 2),
                (number, _) => self.note_unknown("DeviceData", number),
            }
        }
        time
    }

    fn time(&mut self, at: &[u8], time: &mut TimeEncoding) {
        time.scale = time.scale.or(Some(0));
        let mut fields = FieldReader::new(at);
        while let Some(field) = fields.next_checked() {
            match (field.number, field.content) {
                (1, _) => {}
                (2, Content::Varint(scale)) => time.scale = Some(scale),
                (3, Content::Varint(kind)) => time.kind = Some(kind),
                (number, _) => self.note_unknown("DateTime", number),
            }
        }
    }

    /// Counts the fields of a message above number `known`.
    fn count_above(&mut self, message: &[u8], name: &'static str, known: u32) {
        let mut fields = FieldReader::new(message);
        while let Some(field) = fields.next_checked() {
            if field.number > known {
                self.note_unknown(name, field.number);
            }
        }
    }

    fn note_unknown(&mut self, message: &'static str, number: u32) {
        let key = (message, number);
        if self.unknown.len() < UNKNOWN_MAX || self.unknown.contains_key(&key) {
            *self.unknown.entry(key).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::readings;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scales_kinds_and_unknown_fields_are_found() {
        let body = [
            // An id with a field 7; a time of hours and UTC; a value with a field 4.
            &[0x0a, 33, 0x0a, 11, 0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0x38, 1][..],
            &[0x12, 6, 0x08, 2, 0x10, 1, 0x18, 1, 0x1a, 10, 0x0a, 6, 1, 0, 1, 8, 0, 255, 0x20, 9],
            // Nothing but an empty time; then a field 5 of the array.
            &[0x0a, 2, 0x12, 0, 0x28, 1],
        ]
        .concat();
        let encoding = encoding(&body).unwrap();
        let times = [TimeEncoding { scale: Some(1), kind: Some(1) }, TimeEncoding { scale: Some(0), kind: None }];
        assert_eq!(encoding.times, times);
        let unknown: Vec<_> = encoding.unknown.into_iter().collect();
        assert_eq!(unknown, [(("DeviceDataArray", 5), 1), (("DeviceValue", 4), 1), (("Guid", 7), 1)]);
    }

    proptest! {
        #[test]
        fn any_bytes_have_as_many_times_as_readings_or_are_refused(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            match (encoding(&body), readings(&body)) {
                (Ok(encoding), Ok(readings)) => prop_assert_eq!(encoding.times.len(), readings.count()),
                (encoding, readings) => prop_assert_eq!(encoding.err(), readings.err()),
            }
        }
    }
}
