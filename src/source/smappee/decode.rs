//! Decodes a message as it is journaled: an answer with some of its entries. Live and again, by the same code.
//!
//! Invariant: values depend on the message, the request's path, the kept configuration of the location and, for values
//! without a time, the receive time alone.

use super::account::Account;
use crate::reading::{Flags, UnixNanos};
use crate::source::parts::Parts;
use crate::source::{Decoded, Decoder, Recorded};
use crate::vendor::smappee::Location;
use crate::vendor::smappee::rest::{Asked, Document, Site, is_unknown};
use crate::vendor::{At, MessageError, Part, Value};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The format of its messages in the journal.
pub(super) const FORMAT: &str = "smappee-rest";
const NO_REQUEST: MessageError = MessageError::Shape("to a request for values");
/// The longest name of an unknown member that is shown, in characters.
const NAME_CHARS_MAX: usize = 40;

/// A decoded message.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) decoded: Decoded,
    /// The names of members that are not known.
    pub(super) unknown: BTreeSet<String>,
}

/// The answer to a request of this path.
///
/// # Errors
/// When it is no text.
pub(super) fn answer<'b>(path: &str, body: &'b [u8]) -> Result<Document<'b>, MessageError> {
    let (shape, _) = Asked::of_path(path).ok_or(NO_REQUEST)?;
    Document::of(shape, body)
}

/// Decodes a message of this path, received at `received`.
///
/// # Errors
/// When its values are not where they should be.
pub(super) fn decode(site: &Site, path: &str, message: &[u8], received: UnixNanos) -> Result<Answered, MessageError> {
    let (shape, asked) = Asked::of_path(path).ok_or(NO_REQUEST)?;
    let (mut parts, mut unknown) = (Parts::new(received), BTreeSet::new());
    Document::of(shape, message)?.visit(site, asked, |part| {
        if let Part::Text { raw_code, .. } = &part
            && is_unknown(raw_code)
        {
            unknown.insert(raw_code.chars().take(NAME_CHARS_MAX).collect());
        }
        parts.add(with_origin_of_time(part), |channel| site.meter(channel));
    })?;
    Ok(Answered { decoded: parts.into_decoded(), unknown })
}

/// A value without a time of its own says so.
fn with_origin_of_time(part: Part<'_>) -> Part<'_> {
    match part {
        Part::Value(value) if value.at == At::Receipt => {
            Part::Value(Value { flags: value.flags | Flags::TIME_IS_RECEIVE_TIME, ..value })
        }
        other => other,
    }
}

impl Account {
    /// The decoder of its messages.
    pub fn decoders(&self) -> [(&'static str, Decoder); 1] {
        [(FORMAT, Box::new(decode_again))]
    }
}

/// Decodes a message of the journal again.
fn decode_again(recorded: &Recorded<'_>) -> Result<Decoded, String> {
    let original = recorded.original;
    let location = Uuid::parse_str(original.device).map_err(|_| "the record names no location")?;
    let site = Site::of_context(Location::of_public_id(location), recorded.context);
    let answered = site.and_then(|site| decode(&site, original.origin, original.bytes, recorded.received));
    answered.map(|answered| answered.decoded).map_err(|error| error.to_string())
}
