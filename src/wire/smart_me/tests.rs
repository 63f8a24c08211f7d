//! Decoding of bodies, case by case; the property tests against prost are in `oracle`.

use super::*;
use crate::wire::{PayloadFormat, Reading, Readings};

mod bytes;
mod errors;
mod odd;
mod oracle;
mod samples;

/// Decodes a body through the public entry point.
fn readings(body: &[u8]) -> Result<Readings<'_>, DecodeError> {
    crate::wire::readings(PayloadFormat::SmartMe, body)
}
