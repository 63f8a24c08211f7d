//! A topic with JSON documents, mapped to registers by the configuration.

use super::message::{Found, Message, Readings, Unreadable};
pub(super) use crate::source::json::FORMAT;
use crate::source::json::decode;
use crate::source::{Decoded, Recorded};
use crate::vendor::json::Mapping;

/// A configured topic.
#[derive(Debug, Clone)]
pub struct Document {
    /// The topic, without wildcards.
    pub topic: String,
    /// The mapping of its documents to registers.
    pub mapping: Mapping,
}

impl Document {
    /// Decodes a message of the journal again.
    pub(super) fn decode_again(&self, recorded: &Recorded<'_>) -> Result<Decoded, String> {
        decode(&self.mapping, recorded.original.bytes, recorded.received)
    }

    pub(super) fn take(&self, message: &Message<'_>) -> Found {
        match decode(&self.mapping, message.payload, message.received) {
            // A retained document without a time of its own may be of any age.
            Ok(_) if message.is_retained && self.mapping.time.is_none() => Found::LeftOut("retained"),
            Ok(decoded) => Found::Readings(Readings { format: FORMAT, ..Readings::new(decoded, message.topic) }),
            Err(why) => {
                let message = Readings::new(Decoded::default(), message.topic);
                Found::Unreadable(Unreadable::new(why, Readings { format: FORMAT, ..message }))
            }
        }
    }
}
