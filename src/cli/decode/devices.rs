//! Answers and frames of devices on the local network.

use super::format::Format;
use super::item::Item;
use super::options::Options;
use super::output::Output;
use crate::cli::failure::Failure;
use crate::reading::MeterId;
use crate::vendor::dsmr_logger::{Document, Identity};
use crate::vendor::smart_mac::{Keys, Period};
use crate::vendor::{At, MessageError, Part, Value, dsmr_logger, ksem, p1, smart_mac};
use std::collections::BTreeSet;
use std::io::Write;

/// The message of a device.
struct Message {
    vendor: &'static str,
    parts: Vec<Part<'static>>,
    /// The channel of its texts.
    texts: String,
    /// The native id of each channel.
    native_id: Box<dyn Fn(&str) -> String>,
}

/// Prints the parts of a message.
pub(super) fn decode(
    format: Format,
    bytes: &[u8],
    options: &Options,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let message = match read(format, bytes, options.topic.as_deref(), &options.context) {
        Ok(message) => message,
        Err(error) => return output.unreadable_message(0, &error, bytes),
    };
    output.message();
    let Message { vendor, parts, texts, native_id } = message;
    let ids = |channel: &str| {
        let native_id = native_id(channel);
        (MeterId::named(vendor, &native_id).to_string(), native_id)
    };
    parts.into_iter().try_for_each(|part| output.put(0, Item::of(part, &texts, ids, &options.judge)))
}

/// Whether the bytes are a message of this format with a value.
pub(super) fn has_values(format: Format, bytes: &[u8]) -> bool {
    read(format, bytes, None, &[]).is_ok_and(|message| message.parts.iter().any(|part| matches!(part, Part::Value(_))))
}

impl Message {
    fn new(vendor: &'static str, parts: Vec<Part<'static>>, native_id: Box<dyn Fn(&str) -> String>) -> Self {
        Self { vendor, parts, texts: String::new(), native_id }
    }

    /// A message of a KSEM. Texts of a message with values of one channel are of this channel.
    fn of_ksem(parts: Vec<Part<'static>>) -> Self {
        let mut channels = parts.iter().filter_map(|part| match part {
            Part::Value(value) => Some(value.channel.to_string()),
            _ => None,
        });
        let first = channels.next().unwrap_or_default();
        let texts = if channels.all(|channel| channel == first) { first } else { String::new() };
        Self { texts, ..Self::new(ksem::VENDOR, parts, Box::new(ksem_id)) }
    }
}

/// Reads a message, with the topic and the configuration that were given. The error is a sentence.
fn read(format: Format, bytes: &[u8], topic: Option<&str>, context: &[Vec<u8>]) -> Result<Message, String> {
    let mut parts = Vec::new();
    let each = |part: Part<'_>| parts.push(part.into_owned());
    let options = smart_mac::Options::default();
    match format {
        Format::KsemJson => {
            ksem::json::read(bytes, each).map_err(|error| error.to_string())?;
            Ok(Message::of_ksem(parts))
        }
        Format::KsemGdr => {
            let configuration = context.first().map(|context| ksem::gdr::Configuration::read(context)).transpose();
            let configuration = configuration.map_err(|error| format!("the context cannot be used: {error}"))?;
            ksem::gdr::read(bytes, configuration.as_ref(), each).map_err(|error| error.to_string())?;
            Ok(Message::of_ksem(parts))
        }
        Format::KsemUsage => {
            ksem::device::usage(bytes, each).map_err(|error| error.to_string())?;
            Ok(Message::of_ksem(parts))
        }
        Format::KsemPrices => {
            ksem::tariff::prices("", bytes, each).map_err(|error| error.to_string())?;
            Ok(Message::of_ksem(parts))
        }
        Format::Em300 => {
            ksem::em300::read(bytes, each).map_err(|error| error.to_string())?;
            let native_id = match serial(&parts) {
                Some(serial) => device_id(Some(serial)),
                None => Box::new(ksem_id),
            };
            Ok(Message::new(ksem::VENDOR, parts, native_id))
        }
        Format::SmartMac => of_smart_mac(bytes, topic),
        Format::SmartMacMqtt => {
            let message = smart_mac::read_flat(bytes, &options, each).map_err(|error| error.to_string())?;
            Ok(Message::new(smart_mac::VENDOR, parts, device_id(message.device)))
        }
        Format::SmartMacCloud => rows_of_smart_mac(bytes),
        Format::DsmrLogger => logger(bytes),
        Format::SmartMe
        | Format::SmartMeRest
        | Format::Meterline
        | Format::P1
        | Format::KsemConfiguration
        | Format::SmappeeMqtt
        | Format::SmappeeRest => Err("the format is not one of a device".to_owned()),
    }
}

/// The serial number of an EM300, if its answer has it.
fn serial(parts: &[Part<'_>]) -> Option<String> {
    parts.iter().find_map(|part| match part {
        Part::Text { raw_code, text } if matches!(&**raw_code, "serial" | "ieq_serial") => Some(text.to_string()),
        _ => None,
    })
}

/// Whether it is a topic of a smart-MAIC.
pub(super) fn is_topic_of_smart_mac(topic: &str) -> bool {
    of_topic(topic).is_some()
}

/// The device and the last segment of a topic of a smart-MAIC: `PREFIX/1728053249/JSON`.
fn of_topic(topic: &str) -> Option<(&str, &str)> {
    let (parent, key) = topic.rsplit_once('/')?;
    let rest = parent.trim_end_matches(|c: char| c.is_ascii_digit());
    let device = &parent[rest.len()..];
    (device.len() >= DEVID_DIGITS_MIN).then_some((device, key))
}

/// A shorter number at the end of a topic is no device.
const DEVID_DIGITS_MIN: usize = 8;

/// Reads an answer of a smart-MAIC, its flat object of MQTT, or the value of a topic of its own.
fn of_smart_mac(bytes: &[u8], topic: Option<&str>) -> Result<Message, String> {
    let mut parts = Vec::new();
    let options = smart_mac::Options::default();
    let (device, key) = topic.and_then(of_topic).unzip();
    let device = device.map(str::to_owned);
    if let Some(key) = key.filter(|_| !bytes.trim_ascii_start().starts_with(b"{")) {
        if !Keys::default().read(key, bytes, &options, |part| parts.push(part.into_owned())) {
            return Err(format!("the meaning of {key} depends on the other values of its device"));
        }
        return Ok(Message::new(smart_mac::VENDOR, parts, device_id(device)));
    }
    let message = match smart_mac::read(bytes, &options, |part| parts.push(part.into_owned())) {
        Err(MessageError::Shape(_)) => {
            parts.clear();
            let message = smart_mac::read_flat(bytes, &options, |part| parts.push(part.into_owned()));
            if !parts.iter().any(|part| matches!(part, Part::Value(_))) {
                return Err("the answer has no values of a smart-MAIC".to_owned());
            }
            message
        }
        message => message,
    };
    let message = message.map_err(|error| error.to_string())?;
    parts.extend(message.remark().map(|(name, text)| Part::Text { raw_code: name.into(), text: text.into() }));
    Ok(Message::new(smart_mac::VENDOR, parts, device_id(message.device.or(device))))
}

/// Reads rows of smart-MAIC's cloud. They do not name their period, so their distance shows it; a single row is of
/// a minute.
fn rows_of_smart_mac(bytes: &[u8]) -> Result<Message, String> {
    let options = smart_mac::Options::default();
    let read = |period| {
        let mut parts = Vec::new();
        let device = smart_mac::read_rows(bytes, period, &options, |part| parts.push(part.into_owned()));
        device.map(|device| (device, parts)).map_err(|error| error.to_string())
    };
    let (device, parts) = read(Period::Minute)?;
    let times: BTreeSet<i64> = parts.iter().filter_map(time).collect();
    let distance = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next - one).min();
    let is_hourly = distance.is_some_and(|distance| distance >= HOUR_NS);
    let parts = if is_hourly { read(Period::Hour)?.1 } else { parts };
    Ok(Message::new(smart_mac::VENDOR, parts, device_id(device)))
}

/// Nanoseconds of an hour.
const HOUR_NS: i64 = 3_600_000_000_000;

/// The time of a value.
fn time(part: &Part<'_>) -> Option<i64> {
    match part {
        Part::Value(Value { at: At::Time(at), .. }) => Some(at.0),
        _ => None,
    }
}

/// Reads an answer of a DSMR-logger: rows of a history, or a document with fields.
fn logger(bytes: &[u8]) -> Result<Message, String> {
    let mut parts = Vec::new();
    let rows = dsmr_logger::history::read(bytes, &Identity::default(), |part| parts.push(part.into_owned()));
    // The fields of a document may come as an array, but are no rows.
    let has_rows = parts.iter().any(|part| !matches!(part, Part::Unreadable { .. }));
    let identity = if rows.is_ok() && has_rows {
        Identity::default()
    } else {
        parts.clear();
        let document = Document::read(bytes, &Identity::default()).map_err(|error| error.to_string())?;
        document.visit(|part| parts.push(part.into_owned()));
        parts.extend(document.remarks().map(|(name, text)| Part::Text { raw_code: name.into(), text: text.into() }));
        document.identity().clone()
    };
    let native_id = Box::new(move |channel: &str| identity.native_id(channel));
    Ok(Message::new(p1::VENDOR, parts, native_id))
}

/// A KSEM's messages do not hold its serial number, so the channel's name stands for it.
fn ksem_id(channel: &str) -> String {
    if channel.is_empty() { "smart-meter".to_owned() } else { channel.to_owned() }
}

fn device_id(device: Option<String>) -> Box<dyn Fn(&str) -> String> {
    let device = device.unwrap_or_default();
    Box::new(move |channel| if channel.is_empty() { device.clone() } else { format!("{device}:{channel}") })
}
