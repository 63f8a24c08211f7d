//! Detects the format of a message.

use super::devices;
use super::format::Format;
use super::{ksem_configuration, smappee, smappee_mqtt};
use crate::wire::{self, PayloadFormat};

/// The format of these bytes of a topic, if there is one; `None` if they fit none.
pub(super) fn detect(bytes: &[u8], topic: Option<&str>) -> Option<Format> {
    if topic.is_some_and(smappee_mqtt::is_topic) {
        return Some(Format::SmappeeMqtt);
    }
    let fits = |format| wire::readings(format, bytes).is_ok_and(|mut readings| readings.any(|it| it.meter.is_ok()));
    match bytes.trim_ascii_start() {
        [b'/' | 0xdb, ..] => Some(Format::P1),
        [b'{' | b'[', ..] => detect_json(&String::from_utf8_lossy(bytes)),
        _ if fits(PayloadFormat::SmartMe) => Some(Format::SmartMe),
        _ if fits(PayloadFormat::ReadingBatch) => Some(Format::Meterline),
        _ if devices::has_values(Format::KsemGdr, bytes) => Some(Format::KsemGdr),
        _ if ksem_configuration::is_configuration(bytes) => Some(Format::KsemConfiguration),
        // A stream that begins in the middle of a telegram.
        _ if bytes.windows(3).any(|it| it[0] == b'\n' && matches!(it[1], b'/' | b'!')) => Some(Format::P1),
        _ => None,
    }
}

/// The format of a JSON text, by names that only one format has.
fn detect_json(text: &str) -> Option<Format> {
    const NAMES: [(Format, &[&str]); 6] = [
        (Format::SmartMac, &["\"devid\"", "\"data\""]),
        (Format::SmartMacCloud, &["\"TIME\"", "\"ID\""]),
        (Format::KsemJson, &["\"values\"", "\"configuration_id\""]),
        (Format::KsemJson, &["\"values\"", "\"active_power_+\""]),
        (Format::KsemJson, &["\"values\"", "\"timestamp\"", "\"seconds\""]),
        (Format::Em300, &["*255\""]),
    ];
    let named = NAMES.iter().find(|(_, names)| names.iter().all(|name| text.contains(name)));
    let logger = || devices::has_values(Format::DsmrLogger, text.as_bytes()).then_some(Format::DsmrLogger);
    let smappee = || smappee::is_answer(text.as_bytes()).then_some(Format::SmappeeRest);
    let mqtt = || smappee_mqtt::is_message(text).then_some(Format::SmappeeMqtt);
    named.map(|(format, _)| *format).or_else(smappee).or_else(mqtt).or_else(logger)
}
