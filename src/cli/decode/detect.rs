//! Detects the format of a message.

use super::devices;
use super::format::Format;
use super::{ksem_configuration, smappee, smappee_mqtt, smart_me};
use crate::wire::{self, PayloadFormat};

/// The format of these bytes of a topic, if there is one; `None` if they fit none.
pub(super) fn detect(bytes: &[u8], topic: Option<&str>) -> Option<Format> {
    if topic.is_some_and(smappee_mqtt::is_topic) {
        return Some(Format::SmappeeMqtt);
    }
    if topic.is_some_and(smappee::is_path) {
        return Some(Format::SmappeeRest);
    }
    if topic.is_some_and(devices::is_topic_of_smart_mac) {
        return Some(Format::SmartMac);
    }
    match bytes.trim_ascii_start() {
        _ if is_binary(bytes) => binary(bytes),
        [b'/' | 0xdb, ..] => Some(Format::P1),
        [b'{' | b'[', ..] => detect_json(&String::from_utf8_lossy(bytes)),
        _ => {
            // A stream that begins in the middle of a telegram.
            let has_telegram = || bytes.windows(2).any(|it| matches!(it, b"\n/" | b"\n!"));
            binary(bytes).or_else(|| has_telegram().then_some(Format::P1))
        }
    }
}

/// Whether the bytes are a binary message. It begins with a line feed, and the length after it may be the
/// character that begins a telegram or a JSON text.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.first() == Some(&FIRST_FIELD) && binary(bytes).is_some()
}

/// The usual first byte of binary messages: field 1, with a length.
const FIRST_FIELD: u8 = 0x0a;

fn binary(bytes: &[u8]) -> Option<Format> {
    let fits = |format| wire::readings(format, bytes).is_ok_and(|mut readings| readings.any(|it| it.meter.is_ok()));
    match () {
        () if fits(PayloadFormat::SmartMe) => Some(Format::SmartMe),
        () if fits(PayloadFormat::ReadingBatch) => Some(Format::Meterline),
        () if devices::has_values(Format::KsemGdr, bytes) => Some(Format::KsemGdr),
        () if ksem_configuration::is_configuration(bytes) => Some(Format::KsemConfiguration),
        () => None,
    }
}

/// Why bytes have no known format, and what to do.
pub(super) fn why_unknown(bytes: &[u8]) -> &'static str {
    match bytes {
        _ if bytes.trim_ascii().is_empty() => "there is nothing in it",
        [0x1f, 0x8b, ..] => "it is compressed (gzip): unpack it first",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is text in UTF-16: convert it to UTF-8 first",
        _ => "the format is unknown: give it with --format",
    }
}

/// The format of a JSON text, by names that only one format has.
fn detect_json(text: &str) -> Option<Format> {
    const NAMES: [(Format, &[&str]); 14] = [
        (Format::SmartMac, &["\"devid\"", "\"data\""]),
        (Format::SmartMacCloud, &["\"TIME\"", "\"ID\""]),
        (Format::KsemJson, &["\"values\"", "\"configuration_id\""]),
        (Format::KsemJson, &["\"values\"", "\"active_power_+\""]),
        (Format::KsemJson, &["\"values\"", "\"timestamp\"", "\"seconds\""]),
        (Format::Em300, &["*255\""]),
        (Format::SmartMac, &["\"OUT\"", "\"Wh\""]),
        (Format::SmartMac, &["\"OUT\"", "\"Wh1\""]),
        (Format::KsemUsage, &["\"CpuLoad\""]),
        (Format::KsemUsage, &["\"FlashDataFree\""]),
        (Format::KsemPrices, &["\"time\"", "\"price\""]),
        (Format::DsmrLogger, &["\"energy_delivered_tariff1\""]),
        (Format::DsmrLogger, &["\"actual\"", "\"timestamp\""]),
        (Format::DsmrLogger, &["\"mbus1_delivered\""]),
    ];
    let named = NAMES.iter().find(|(_, names)| names.iter().all(|name| text.contains(name)));
    let logger = || devices::has_values(Format::DsmrLogger, text.as_bytes()).then_some(Format::DsmrLogger);
    let smappee = || smappee::is_answer(text.as_bytes()).then_some(Format::SmappeeRest);
    let mqtt = || smappee_mqtt::is_message(text).then_some(Format::SmappeeMqtt);
    let smart_me = || smart_me::is_answer(text).then_some(Format::SmartMeRest);
    // Registers of smart-me look like an EM300's.
    smart_me().or_else(|| named.map(|(format, _)| *format)).or_else(smappee).or_else(mqtt).or_else(logger)
}
