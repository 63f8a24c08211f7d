//! The payload formats, and the entry point that decodes a body of any of them.

use super::error::DecodeError;
use super::reading::Decoded;
use super::{batch, meters, smart_me};
use crate::reading::{Sample, SetAside};

/// The encoding of a record's payload. Numbers are stored and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum PayloadFormat {
    /// smart-me's `DeviceDataArray`.
    SmartMe = 1,
    /// Our own `meterline.v1.ReadingBatch`.
    ReadingBatch = 2,
    /// Our own `meterline.v1.MeterBatch`: descriptions of meters, no readings.
    Meters = 3,
}

impl PayloadFormat {
    /// The format of a stored number; `None` if unknown.
    pub fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::SmartMe),
            2 => Some(Self::ReadingBatch),
            3 => Some(Self::Meters),
            _ => None,
        }
    }

    /// The number as stored.
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// A reading of any format, borrowed from the body.
pub type Reading<'a> = Decoded<Values<'a>>;

/// The values of a reading, each a sample or the reason why it is set aside.
#[derive(Debug, Clone)]
pub enum Values<'a> {
    /// In smart-me's format.
    SmartMe(smart_me::Values<'a>),
    /// In our own batch format.
    Batch(batch::Values<'a>),
}

impl Iterator for Values<'_> {
    type Item = Result<Sample, SetAside>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::SmartMe(values) => values.next(),
            Self::Batch(values) => values.next(),
        }
    }

    /// Chooses the format once, outside the loop.
    #[inline(always)]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, initial: B, f: F) -> B {
        match self {
            Self::SmartMe(values) => values.fold(initial, f),
            Self::Batch(values) => values.fold(initial, f),
        }
    }
}

/// The readings of a checked body.
#[derive(Debug, Clone)]
pub enum Readings<'a> {
    /// In smart-me's format.
    SmartMe(smart_me::Readings<'a>),
    /// In our own batch format.
    Batch(batch::Readings<'a>),
}

impl<'a> Iterator for Readings<'a> {
    type Item = Reading<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Reading<'a>> {
        match self {
            Self::SmartMe(readings) => readings.next().map(|reading| reading.map(Values::SmartMe)),
            Self::Batch(readings) => readings.next().map(|reading| reading.map(Values::Batch)),
        }
    }
}

/// Checks the whole body and returns its readings; none if it describes meters.
///
/// # Errors
/// Where and why the framing is broken: for the same bodies as prost's decoder, and for
/// bodies without any known field.
pub fn readings(format: PayloadFormat, body: &[u8]) -> Result<Readings<'_>, DecodeError> {
    #[cfg(feature = "test-faults")]
    let body = envelope::strip(body);
    match format {
        PayloadFormat::SmartMe => smart_me::readings(body).map(Readings::SmartMe),
        PayloadFormat::ReadingBatch => batch::readings(body).map(Readings::Batch),
        PayloadFormat::Meters => meters::versions(body).map(|_| Readings::Batch(batch::Readings::none())),
    }
}

/// A format that only the decoder of a test build knows: a body in a non-protobuf
/// envelope. For the tests of decoding again.
#[cfg(feature = "test-faults")]
mod envelope {
    const ENVELOPE: &[u8] = b"\xff\xffenvelope:";

    pub(super) fn strip(body: &[u8]) -> &[u8] {
        let is_known = || crate::faults::is_on(crate::wire::revision::KNOWS_ENVELOPE);
        body.strip_prefix(ENVELOPE).filter(|_| is_known()).unwrap_or(body)
    }
}
