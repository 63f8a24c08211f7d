//! Decodes any JSON document into a reading. The configuration maps JSON pointers
//! (RFC 6901) to registers and to the time.
//!
//! Pure. Invariants: an absent or null value gives no sample, never zero; values are
//! converted to the registry's base units.

mod guess;
mod unit;

pub use guess::{Guess, GuessedRegister, guess};
pub use unit::factor;

use crate::reading::{MeterId, Obis, Sample, UnixNanos};
use serde_json::Value;

/// The mapping from a document to a reading of one meter.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// The meter.
    pub meter: MeterId,
    /// The measurement time; `None` if the device sends none.
    pub time: Option<Time>,
    /// The registers.
    pub values: Vec<Register>,
}

/// The location of a register in the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// The JSON pointer.
    pub pointer: String,
    /// The register.
    pub obis: Obis,
    /// The factor from the document's number to the base unit.
    pub factor: f64,
}

/// The location of the measurement time in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// The JSON pointer. A string there is RFC 3339 with an offset.
    pub pointer: String,
    /// Nanoseconds of one unit, if the time is a number since 1970 UTC.
    pub unit_ns: i64,
}

/// A decoded document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The measurement time; `None` if the mapping has none.
    pub at: Option<UnixNanos>,
    /// Registers and values in base units.
    pub samples: Vec<Sample>,
    /// Registers of the mapping without a number in the document.
    pub absent: usize,
}

/// Why a document cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON.
    #[error("the answer is not JSON: {0}")]
    Json(String),
    /// The time is missing or not valid.
    #[error("the document has no valid time at {0}")]
    Time(String),
}

/// Decodes a document.
///
/// # Errors
/// See [`DocumentError`].
pub fn read(mapping: &Mapping, bytes: &[u8]) -> Result<Document, DocumentError> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| DocumentError::Json(error.to_string()))?;
    let at = match &mapping.time {
        Some(time) => Some(time.of(&document).ok_or_else(|| DocumentError::Time(time.pointer.clone()))?),
        None => None,
    };
    let sample = |register: &Register| {
        let value = number(document.pointer(&register.pointer)?)? * register.factor;
        value.is_finite().then_some(Sample { obis: register.obis, value })
    };
    let samples: Vec<Sample> = mapping.values.iter().filter_map(sample).collect();
    Ok(Document { at, absent: mapping.values.len() - samples.len(), samples })
}

/// A number, also as a string: small devices send both.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

impl Time {
    fn of(&self, document: &Value) -> Option<UnixNanos> {
        let nanos = match document.pointer(&self.pointer)? {
            Value::String(text) => {
                let time: jiff::Timestamp = text.trim().parse().ok()?;
                i64::try_from(time.as_nanosecond()).ok()?
            }
            Value::Number(number) => match number.as_i64() {
                Some(whole) => whole.checked_mul(self.unit_ns)?,
                None => fraction_ns(number.as_f64()?, self.unit_ns)?,
            },
            _ => return None,
        };
        Some(UnixNanos(nanos))
    }
}

/// Converts a number with a fraction to nanoseconds.
fn fraction_ns(units: f64, unit_ns: i64) -> Option<i64> {
    let scaled = jiff::SignedDuration::try_from_secs_f64(units).ok()?.as_nanos().checked_mul(i128::from(unit_ns))?;
    i64::try_from(scaled / 1_000_000_000).ok()
}

#[cfg(test)]
mod tests;
