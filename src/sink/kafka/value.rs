//! The value of a Kafka record: its format, and the frame of a schema registry.
//!
//! Knows neither topics nor the client. Invariants: equal messages give equal bytes, so that
//! a repeat has the checksum of the first copy; the largest part of a reading fits a record.

mod json;

use crate::proto::v1;
use prost::Message;

/// Values of one record at most, in protobuf. A value takes at most 19 bytes, so a record
/// stays under 900 kB beside its other fields: below the limit of client and broker.
const PROTOBUF_VALUES_MAX: usize = 47_000;

/// The same in JSON, where a value takes at most 69 bytes.
const JSON_VALUES_MAX: usize = 12_500;

/// The first byte of a value with the id of its schema.
const MAGIC: u8 = 0;

/// The list of message indexes that stands for the first message of a `.proto` file:
/// `Reading` and `Meter`.
const FIRST_MESSAGE: u8 = 0;

/// The format of a record's value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// The messages of `proto/meterline/v1`.
    #[default]
    Protobuf,
    /// The same fields as a JSON object.
    Json,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Protobuf, Self::Json];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Protobuf => "protobuf",
            Self::Json => "json",
        }
    }
}

/// How messages become values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ValueEncoder {
    /// The format.
    pub(super) format: Format,
    /// The id of the message's schema in a schema registry, which precedes the message;
    /// `None` for the bare message.
    pub(super) schema_id: Option<u32>,
}

impl ValueEncoder {
    /// The name that a consumer's way to read the values has. Another schema id changes nothing.
    pub(super) fn name(self) -> &'static str {
        match (self.format, self.schema_id) {
            (Format::Protobuf, None) => "protobuf",
            (Format::Protobuf, Some(_)) => "protobuf-framed",
            (Format::Json, None) => "json",
            (Format::Json, Some(_)) => "json-framed",
        }
    }

    /// Values of one record at most; a reading with more has several records. Part of the
    /// contract: a repeat must cut at the same places.
    pub(super) fn values_max(self) -> usize {
        match self.format {
            Format::Protobuf => PROTOBUF_VALUES_MAX,
            Format::Json => JSON_VALUES_MAX,
        }
    }

    /// Replaces `bytes` by the value of a reading.
    pub(super) fn reading(self, message: &v1::Reading, bytes: &mut Vec<u8>) {
        self.begin(bytes);
        match self.format {
            Format::Protobuf => protobuf(message, bytes),
            Format::Json => json::reading(message, bytes),
        }
    }

    /// Replaces `bytes` by the value of a version of a meter's description.
    pub(super) fn meter(self, message: &v1::Meter, bytes: &mut Vec<u8>) {
        self.begin(bytes);
        match self.format {
            Format::Protobuf => protobuf(message, bytes),
            Format::Json => json::meter(message, bytes),
        }
    }

    fn begin(self, bytes: &mut Vec<u8>) {
        bytes.clear();
        let Some(id) = self.schema_id else { return };
        bytes.push(MAGIC);
        bytes.extend_from_slice(&id.to_be_bytes());
        if self.format == Format::Protobuf {
            bytes.push(FIRST_MESSAGE);
        }
    }
}

fn protobuf(message: &impl Message, bytes: &mut Vec<u8>) {
    let encoded = message.encode(bytes);
    debug_assert!(encoded.is_ok(), "a Vec has room for every message");
}

#[cfg(test)]
mod tests;
