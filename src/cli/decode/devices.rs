//! Answers and frames of devices on the local network.

use super::format::Format;
use super::item::Item;
use super::options::Options;
use super::output::Output;
use crate::cli::failure::Failure;
use crate::reading::MeterId;
use crate::vendor::dsmr_logger::{Document, Identity};
use crate::vendor::smart_mac::{Layout, Period, Wiring};
use crate::vendor::{At, MessageError, Part, Value, dsmr_logger, ksem, p1, smart_mac};
use std::collections::{BTreeMap, BTreeSet};
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
    topic: Option<&str>,
    bytes: &[u8],
    options: &Options,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let wiring = options.wiring;
    let given = Given { topic, topics: &options.topics, context: &options.context, wiring };
    let read = match format {
        Format::SmartMacCloud => rows_of_smart_mac(bytes, &given.options()),
        format => read(format, bytes, given).map(|message| vec![message]),
    };
    let messages = match read {
        Ok(messages) => messages,
        Err(error) => return output.unreadable_message(0, &error, bytes),
    };
    output.message();
    for Message { vendor, parts, texts, native_id } in messages {
        let ids = |channel: &str| {
            let native_id = native_id(channel);
            (MeterId::named(vendor, &native_id).to_string(), native_id)
        };
        parts.into_iter().try_for_each(|part| output.put(0, Item::of(part, &texts, ids, &options.judge)))?;
    }
    Ok(())
}

/// The topics and contexts that were given beside a message.
#[derive(Debug, Clone, Copy, Default)]
struct Given<'a> {
    topic: Option<&'a str>,
    /// The topics of all messages.
    topics: &'a [String],
    context: &'a [Vec<u8>],
    wiring: Wiring,
}

impl Given<'_> {
    fn options(&self) -> smart_mac::Options {
        smart_mac::Options { wiring: self.wiring, ..smart_mac::Options::default() }
    }

    /// The contexts as one, by `read`; `None` without any. The error is a sentence.
    fn context<T: Default, E: ToString>(&self, read: impl Fn(T, &[u8]) -> Result<T, E>) -> Result<Option<T>, String> {
        let all = || self.context.iter().try_fold(T::default(), |known, context| read(known, context));
        let fault = |error: E| format!("the context cannot be used: {}", error.to_string());
        (!self.context.is_empty()).then(all).transpose().map_err(fault)
    }
}

/// Whether the bytes are a message of this format with a value.
pub(super) fn has_values(format: Format, bytes: &[u8]) -> bool {
    read(format, bytes, Given::default())
        .is_ok_and(|message| message.parts.iter().any(|part| matches!(part, Part::Value(_))))
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

/// Reads a message, with what was given beside it. The error is a sentence.
fn read(format: Format, bytes: &[u8], given: Given<'_>) -> Result<Message, String> {
    let mut parts = Vec::new();
    let each = |part: Part<'_>| parts.push(part.into_owned());
    let options = given.options();
    match format {
        Format::KsemJson => {
            ksem::json::read(bytes, each).map_err(|error| error.to_string())?;
            Ok(Message::of_ksem(parts))
        }
        Format::KsemGdr => {
            let configuration = given.context(|known: ksem::gdr::Configuration, context| {
                let more = ksem::gdr::Configuration::read(context)?;
                let channels = known.channels.into_iter().chain(more.channels).collect();
                Ok::<_, ksem::gdr::FrameError>(ksem::gdr::Configuration { channels, ..more })
            })?;
            ksem::gdr::read(bytes, configuration.as_ref(), each).map_err(|error| error.to_string())?;
            Ok(Message::of_ksem(parts))
        }
        Format::KsemUsage => {
            let status = ksem::device::usage(bytes, each).map_err(|error| error.to_string())?;
            if status.is_none() && !has_parts(&parts) {
                return Err("the answer has no load and no status of a KSEM".to_owned());
            }
            Ok(Message::of_ksem(parts))
        }
        Format::KsemPrices => {
            ksem::tariff::prices("", bytes, each).map_err(|error| error.to_string())?;
            if !parts.is_empty() && !has_parts(&parts) {
                return Err("the rows have no prices of a KSEM".to_owned());
            }
            Ok(Message::of_ksem(parts))
        }
        Format::Em300 => {
            ksem::em300::read(bytes, each).map_err(|error| match error {
                // Without its values an answer may be anything.
                ksem::em300::ReadError::SessionEnded => "the answer has no values of an EM300".to_owned(),
                error => error.to_string(),
            })?;
            let native_id = match serial(&parts) {
                Some(serial) => device_id(Some(serial)),
                None => Box::new(ksem_id),
            };
            Ok(Message::new(ksem::VENDOR, parts, native_id))
        }
        Format::SmartMac => of_smart_mac(bytes, given),
        Format::SmartMacMqtt => {
            let message = smart_mac::read_flat(bytes, &options, each).map_err(|error| error.to_string())?;
            if !has_parts(&parts) {
                return Err(NO_VALUE_OF_SMART_MAC.to_owned());
            }
            Ok(Message::new(smart_mac::VENDOR, parts, device_id(message.device)))
        }
        Format::DsmrLogger => logger(bytes, given),
        Format::SmartMacCloud
        | Format::SmartMe
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

/// Why a message of another device is none of a smart-MAIC.
const NO_VALUE_OF_SMART_MAC: &str = "the answer has no values of a smart-MAIC";

/// Whether there is a value, or a part that would be one.
fn has_parts(parts: &[Part<'_>]) -> bool {
    parts.iter().any(|part| !matches!(part, Part::Text { .. }))
}

/// Reads an answer of a smart-MAIC, its flat object of MQTT, or the value of a topic of its own.
fn of_smart_mac(bytes: &[u8], given: Given<'_>) -> Result<Message, String> {
    let mut parts = Vec::new();
    let options = given.options();
    let (device, key) = given.topic.and_then(of_topic).unzip();
    let device = device.map(str::to_owned);
    if let Some(key) = key.filter(|_| !bytes.trim_ascii_start().starts_with(b"{")) {
        let layout = layout(device.as_deref(), given)?;
        if !smart_mac::read_single(key, bytes, &options, layout, |part| parts.push(part.into_owned())) {
            return Err(format!(
                "the meaning of {key} depends on the other values of its device: give their files and topics, too"
            ));
        }
        return Ok(Message::new(smart_mac::VENDOR, parts, device_id(device)));
    }
    let message = match smart_mac::read(bytes, &options, |part| parts.push(part.into_owned())) {
        Err(MessageError::Shape(_)) => {
            parts.clear();
            let message = smart_mac::read_flat(bytes, &options, |part| parts.push(part.into_owned()));
            if !parts.iter().any(|part| matches!(part, Part::Value(_))) {
                return Err(NO_VALUE_OF_SMART_MAC.to_owned());
            }
            message
        }
        message => message,
    };
    let message = message.map_err(|error| error.to_string())?;
    parts.extend(message.remark().map(|(name, text)| Part::Text { raw_code: name.into(), text: text.into() }));
    Ok(Message::new(smart_mac::VENDOR, parts, device_id(message.device.or(device))))
}

/// The layout of a device's keys: by a context of the journal, or by several topics of the device.
fn layout(device: Option<&str>, given: Given<'_>) -> Result<Option<Layout>, String> {
    let kept = given.context(|_, context| Layout::read(context).map(Some).ok_or("it is no layout of a smart-MAIC"))?;
    let topics = given.topics.iter().filter_map(|topic| of_topic(topic)).filter(|(of, _)| Some(*of) == device);
    let keys: Vec<&str> = topics.map(|(_, key)| key).collect();
    Ok(kept.flatten().or_else(|| (keys.len() > 1).then(|| Layout::of(keys.iter().copied()))))
}

/// Reads rows of smart-MAIC's cloud, perhaps of several devices. They do not name their period, so their distance
/// shows it; a single row is of a minute.
fn rows_of_smart_mac(bytes: &[u8], options: &smart_mac::Options) -> Result<Vec<Message>, String> {
    let read = |period| {
        let mut devices: BTreeMap<String, Vec<Part<'static>>> = BTreeMap::new();
        let read = smart_mac::read_rows(bytes, period, options, |device, part| {
            devices.entry(device.unwrap_or_default().to_owned()).or_default().push(part.into_owned());
        });
        read.map(|()| devices).map_err(|error| error.to_string())
    };
    let (minutes, mut hours) = (read(Period::Minute)?, read(Period::Hour)?);
    if !minutes.is_empty() && !minutes.values().any(|parts| has_parts(parts)) {
        return Err(NO_VALUE_OF_SMART_MAC.to_owned());
    }
    let messages = minutes.into_iter().map(|(device, parts)| {
        let parts = if is_hourly(&parts) { hours.remove(&device).unwrap_or_default() } else { parts };
        Message::new(smart_mac::VENDOR, parts, device_id(Some(device)))
    });
    Ok(messages.collect())
}

/// Nanoseconds of an hour.
const HOUR_NS: i64 = 3_600_000_000_000;

/// Whether the rows of a device are an hour apart.
fn is_hourly(parts: &[Part<'_>]) -> bool {
    let times = parts.iter().filter_map(|part| match part {
        Part::Value(Value { at: At::Time(at), .. }) => Some(at.0),
        _ => None,
    });
    let times: BTreeSet<i64> = times.collect();
    let distance = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next - one).min();
    distance.is_some_and(|distance| distance >= HOUR_NS)
}

/// Reads an answer of a DSMR-logger: rows of a history, a document with fields, or the description of the logger.
fn logger(bytes: &[u8], given: Given<'_>) -> Result<Message, String> {
    let identity = given.context(|known, context| Document::read(context, &known).map(|it| it.identity().clone()))?;
    let mut identity: Identity = identity.unwrap_or_default();
    let mut parts = Vec::new();
    let rows = dsmr_logger::history::read(bytes, &identity, |part| parts.push(part.into_owned()));
    // The fields of a document may come as an array, but are no rows.
    let has_rows = parts.iter().any(|part| !matches!(part, Part::Unreadable { .. }));
    if rows.is_err() || !has_rows {
        parts.clear();
        let document = Document::read(bytes, &identity).map_err(|error| error.to_string())?;
        let is_of_the_logger = || dsmr_logger::LoggerInfo::read(bytes).is_ok_and(|info| !info.is_empty());
        if !document.has_fields() && !is_of_the_logger() {
            return Err("the answer has no fields of a DSMR-logger".to_owned());
        }
        document.visit(|part| parts.push(part.into_owned()));
        parts.extend(document.remarks().map(|(name, text)| Part::Text { raw_code: name.into(), text: text.into() }));
        identity = document.identity().clone();
    }
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
