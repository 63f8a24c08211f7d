//! What a body means, row by row; the property tests against prost are in `oracle`.

use super::*;
use crate::wire::{PayloadFormat, Reading, Readings};

mod bytes;
mod errors;
mod odd;
mod oracle;
mod samples;

/// As everybody outside reads a body.
fn readings(body: &[u8]) -> Result<Readings<'_>, DecodeError> {
    crate::wire::readings(PayloadFormat::SmartMe, body)
}
