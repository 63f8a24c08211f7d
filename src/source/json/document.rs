//! A document as the current reading of its meter.

use crate::reading::{Flags, UnixNanos};
use crate::source::describer::Described;
use crate::source::{Decoded, Fact};
use crate::vendor::Reading;
use crate::vendor::json::{Mapping, read};
use crate::wire::meters::Description;

/// The format of a document.
pub(in crate::source) const FORMAT: &str = "json";
/// Largest document.
pub(super) const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// Decodes a document that holds at least one of the configured values. The error is a sentence.
pub(in crate::source) fn decode(mapping: &Mapping, bytes: &[u8], received: UnixNanos) -> Result<Decoded, String> {
    let document = read(mapping, bytes).map_err(|error| error.to_string())?;
    if document.samples.is_empty() {
        return Err("the document holds none of the configured values: check the pointers".to_owned());
    }
    let (at, flags) = match document.at {
        Some(at) => (at, Flags::NONE),
        None => (received, Flags::TIME_IS_RECEIVE_TIME),
    };
    let facts = vec![("values_absent", Fact::from(document.absent))];
    let reading = Reading { meter: mapping.meter, at, flags, samples: document.samples };
    Ok(Decoded { readings: vec![reading], facts, ..Decoded::default() })
}

/// The description of the meter: only the configuration tells about it.
pub(super) fn described(name: &str, mapping: &Mapping) -> Described {
    vec![(mapping.meter, Description { name: name.to_owned(), ..Description::default() })]
}
