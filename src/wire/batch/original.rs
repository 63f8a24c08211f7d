//! The original message of a batch's readings: what a later decoder needs to decode it again.

use super::super::field::{Content, FieldReader};

/// The original message of the readings, without secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Original<'a> {
    /// Its bytes; empty if they are not kept.
    pub bytes: &'a [u8],
    /// Its media type.
    pub content_type: &'a str,
    /// Its origin within the source: a topic or a request's path.
    pub origin: &'a str,
    /// Its format, as `meterline decode --format` names it; empty if it cannot be decoded alone.
    pub format: &'a str,
    /// The vendor's id of the device, if the bytes do not hold it.
    pub device: &'a str,
    /// The version of the context that its decoder needs; empty if it needs none.
    pub context: &'a str,
    /// The positions of the batch's readings among all of the message, ascending; empty if it has all.
    pub positions: Vec<u32>,
    /// The number of all readings of the message; 0 if the batch has all.
    pub readings: u32,
}

impl<'a> Original<'a> {
    /// The original message of a checked batch; its last fields count, as in protobuf.
    pub(super) fn of_checked(batch: &'a [u8]) -> Self {
        let mut original = Self::default();
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let mut fields = FieldReader::new(batch);
        while let Some(field) = fields.next_checked() {
            match (field.number, field.content) {
                (2, Content::Bytes(bytes)) => original.bytes = bytes,
                (3, Content::Bytes(bytes)) => original.content_type = text(bytes),
                (4, Content::Bytes(bytes)) => original.origin = text(bytes),
                (5, Content::Bytes(bytes)) => original.format = text(bytes),
                (6, Content::Bytes(bytes)) => original.device = text(bytes),
                (7, Content::Bytes(bytes)) => original.context = text(bytes),
                (8, Content::Varint(position)) => original.positions.push(u32_of(position)),
                (8, Content::Bytes(bytes)) => {
                    let mut positions = FieldReader::new(bytes);
                    while let Some(Ok(position)) = positions.next_varint() {
                        original.positions.push(u32_of(position));
                    }
                }
                (9, Content::Varint(readings)) => original.readings = u32_of(readings),
                _ => {}
            }
        }
        original
    }

    /// Whether the batch has the reading at this position of the message.
    pub fn takes(&self, position: u32) -> bool {
        self.positions.is_empty() || self.positions.binary_search(&position).is_ok()
    }
}

/// As prost reads a number of 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "protobuf keeps the lower bits")]
fn u32_of(varint: u64) -> u32 {
    varint as u32
}
