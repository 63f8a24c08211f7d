//! The payload formats, and the one way to read a body of any of them.

use super::error::DecodeError;
use super::reading::Decoded;
use super::{batch, meters, smart_me};
use crate::reading::{Sample, SetAside};

/// Raised whenever the same bytes would decode to other readings; part of the
/// identity of a reading in Kafka.
pub const DECODE_REVISION: u16 = 1;

/// The revision of this program's decoder: [`DECODE_REVISION`], but for a test
/// build whose decoder has learned something.
#[must_use]
pub fn decode_revision() -> u16 {
    #[cfg(feature = "test-faults")]
    if learned::has_learned() {
        return DECODE_REVISION + 1;
    }
    DECODE_REVISION
}

/// How a record's payload is encoded. Numbers are stored and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum PayloadFormat {
    /// smart-me's `DeviceDataArray`.
    SmartMe = 1,
    /// Our own `meterline.v1.ReadingBatch`.
    ReadingBatch = 2,
    /// Our own `meterline.v1.MeterBatch`: what is known of meters, no readings.
    Meters = 3,
}

impl PayloadFormat {
    /// The format of a stored number, if this program knows it.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::SmartMe),
            2 => Some(Self::ReadingBatch),
            3 => Some(Self::Meters),
            _ => None,
        }
    }

    /// The number as stored.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// A reading of any format, borrowed from the bytes it came in.
pub type Reading<'a> = Decoded<Values<'a>>;

/// The values of a reading, each a sample or the reason why it is none.
#[derive(Debug, Clone)]
pub enum Values<'a> {
    /// As smart-me sends them.
    SmartMe(smart_me::Values<'a>),
    /// Of our own batches.
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

    /// The loop inside the choice of format, not the choice inside the loop.
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
    /// As smart-me sends them.
    SmartMe(smart_me::Readings<'a>),
    /// Of our own batches.
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

/// Checks the whole body and returns its readings: none where it describes meters.
///
/// # Errors
/// Where and why the framing fails; equal to what prost's decoder refuses.
pub fn readings(format: PayloadFormat, body: &[u8]) -> Result<Readings<'_>, DecodeError> {
    #[cfg(feature = "test-faults")]
    let body = learned::within(body);
    match format {
        PayloadFormat::SmartMe => smart_me::readings(body).map(Readings::SmartMe),
        PayloadFormat::ReadingBatch => batch::readings(body).map(Readings::Batch),
        PayloadFormat::Meters => meters::versions(body).map(|_| Readings::Batch(batch::Readings::none())),
    }
}

/// What the decoder of a test build knows more than a release: a body in an
/// envelope that is no protobuf. For the tests of decoding again.
#[cfg(feature = "test-faults")]
mod learned {
    const ENVELOPE: &[u8] = b"\xff\xffenvelope:";

    pub(super) fn has_learned() -> bool {
        crate::faults::is_on("decoder-knows-envelope")
    }

    pub(super) fn within(body: &[u8]) -> &[u8] {
        body.strip_prefix(ENVELOPE).filter(|_| has_learned()).unwrap_or(body)
    }
}
