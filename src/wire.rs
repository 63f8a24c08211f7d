//! The decoders: bytes to borrowed readings.
//!
//! A body is checked in one walk: [`readings`] fails with offset and field path, or
//! iterating afterwards cannot fail. The iterators borrow from the body: no allocation,
//! no copy, no I/O, no clock, no metric, no panic on any input. Well-framed but
//! implausible data (an OBIS code of five bytes, a missing time) is no error here: it
//! is returned as the reason why that reading or value is set aside.

pub mod batch;
mod error;
mod field;
mod formats;
mod judged;
pub mod meters;
#[cfg(test)]
mod oracle;
mod published;
mod reading;
mod revision;
mod seen;
pub mod smart_me;

pub use batch::Envelope;
pub use error::{DecodeError, DecodeErrorKind, FieldPath, WireType};
pub use formats::{PayloadFormat, Reading, Readings, Values, readings};
pub use judged::{Judged, JudgedSamples, Tally};
pub use published::{published, published_meter};
pub use revision::{DECODE_REVISION, decode_revision};
pub use seen::SeenReading;
