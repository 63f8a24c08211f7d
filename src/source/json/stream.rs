//! A device that sends one JSON document per line over a TCP connection.

use super::document::{DOCUMENT_BYTES_MAX, FORMAT, decode, described};
use crate::reading::UnixNanos;
use crate::source::Decoded;
use crate::source::describer::Described;
use crate::source::stream::Messages;
use crate::vendor::json::Mapping;
use std::ops::Range;

/// The documents of a device.
#[derive(Debug)]
pub(super) struct Lines {
    /// The name of the source.
    pub(super) name: String,
    pub(super) mapping: Mapping,
}

impl Messages for Lines {
    const CONTENT_TYPE: &'static str = "application/json";
    const FORMAT: &'static str = FORMAT;
    const BYTES_MAX: usize = 2 * DOCUMENT_BYTES_MAX;

    fn split(received: &[u8], at_end: bool) -> Option<(Range<usize>, usize)> {
        let start = received.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let line = &received[start..];
        match line.iter().position(|byte| *byte == b'\n') {
            Some(end) => Some((start..start + end, start + end + 1)),
            None if at_end || line.len() > DOCUMENT_BYTES_MAX => Some((start..received.len(), received.len())),
            None => None,
        }
    }

    fn decode(&mut self, line: &[u8], received: UnixNanos) -> Result<Decoded, String> {
        if line.len() > DOCUMENT_BYTES_MAX {
            return Err(format!("a line is longer than {DOCUMENT_BYTES_MAX} bytes"));
        }
        decode(&self.mapping, line, received)
    }

    fn described(&self, _: &[u8]) -> Described {
        described(&self.name, &self.mapping)
    }
}
