//! Bytes to borrowed readings.
//!
//! A body is walked once to check it ([`readings`] fails with offset and field
//! path, or promises that iterating cannot fail) and read through iterators that
//! borrow from it: no allocation, no copy, no I/O, no clock, no metric, no panic
//! on any input. What is framed well but makes no sense (an OBIS code of five
//! bytes, a missing time) is no error here: it comes out as the reason why that
//! reading or that value is set aside.

pub mod batch;
mod error;
mod field;
mod formats;
mod judged;
pub mod meters;
#[cfg(test)]
mod oracle;
mod reading;
pub mod smart_me;

pub use error::{DecodeError, DecodeErrorKind, FieldPath, WireType};
pub use formats::{DECODE_REVISION, PayloadFormat, Reading, Readings, Values, decode_revision, readings};
pub use judged::{Judged, JudgedSamples, Tally};
