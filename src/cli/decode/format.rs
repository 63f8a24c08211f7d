//! The formats of recorded messages, and how one is detected.

use super::devices;
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
    /// A DSMR-logger's answer: actual, info, fields or hist
    DsmrLogger,
    /// The JSON values of a KOSTAL Smart Energy Meter or a TQ Energy Manager
    KsemJson,
    /// A frame of their WebSocket (protobuf)
    KsemGdr,
    /// The values of the older EM300
    Em300,
    /// The answer of a smart-MAIC meter
    SmartMac,
    /// Rows of smart-MAIC's cloud
    SmartMacCloud,
}

impl Format {
    /// The format of these bytes; `None` if they fit none.
    pub(super) fn detect(bytes: &[u8]) -> Option<Self> {
        let fits = |format| wire::readings(format, bytes).is_ok_and(|mut readings| readings.any(|it| it.meter.is_ok()));
        match bytes.trim_ascii_start() {
            [b'/' | 0xdb, ..] => Some(Self::P1),
            [b'{' | b'[', ..] => Self::detect_json(&String::from_utf8_lossy(bytes)),
            _ if fits(PayloadFormat::SmartMe) => Some(Self::SmartMe),
            _ if fits(PayloadFormat::ReadingBatch) => Some(Self::Meterline),
            _ if devices::has_values(Self::KsemGdr, bytes) => Some(Self::KsemGdr),
            // A stream that begins in the middle of a telegram.
            _ if bytes.windows(3).any(|it| it[0] == b'\n' && matches!(it[1], b'/' | b'!')) => Some(Self::P1),
            _ => None,
        }
    }

    /// The format of a JSON text, by names that only one format has.
    fn detect_json(text: &str) -> Option<Self> {
        const NAMES: [(Format, &[&str]); 5] = [
            (Format::SmartMac, &["\"devid\"", "\"data\""]),
            (Format::SmartMacCloud, &["\"TIME\"", "\"ID\""]),
            (Format::KsemJson, &["\"values\"", "\"configuration_id\""]),
            (Format::KsemJson, &["\"values\"", "\"active_power_+\""]),
            (Format::Em300, &["*255\""]),
        ];
        let named = NAMES.iter().find(|(_, names)| names.iter().all(|name| text.contains(name)));
        let logger = || devices::has_values(Self::DsmrLogger, text.as_bytes()).then_some(Self::DsmrLogger);
        named.map(|(format, _)| *format).or_else(logger)
    }

    /// Its name, as given to `--format`.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
