//! The formats of recorded messages, and how one is detected.

use crate::wire::{self, PayloadFormat};
use clap::ValueEnum;

/// The format of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The body of smart-me's realtime webhook
    SmartMe,
    /// A ReadingBatch of meterline: the form in which polled readings are recorded
    Meterline,
    /// P1 telegrams, also encrypted ones
    P1,
}

impl Format {
    /// The format of these bytes; `None` if they fit none.
    pub(super) fn detect(bytes: &[u8]) -> Option<Self> {
        let fits = |format| wire::readings(format, bytes).is_ok_and(|mut readings| readings.any(|it| it.meter.is_ok()));
        match bytes.trim_ascii_start() {
            [b'/' | 0xdb, ..] => Some(Self::P1),
            _ if fits(PayloadFormat::SmartMe) => Some(Self::SmartMe),
            _ if fits(PayloadFormat::ReadingBatch) => Some(Self::Meterline),
            // A stream that begins in the middle of a telegram.
            _ if bytes.windows(3).any(|it| it[0] == b'\n' && matches!(it[1], b'/' | b'!')) => Some(Self::P1),
            _ => None,
        }
    }

    /// Its name, as given to `--format`.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
