//! Answers and frames of devices on the local network: one message per file.

use super::format::Format;
use super::item::{Item, Judge, ValueItem};
use super::output::Output;
use crate::cli::failure::Failure;
use crate::reading::MeterId;
use crate::vendor::dsmr_logger::{Document, Identity};
use crate::vendor::smart_mac::{Options, Period};
use crate::vendor::{Part, dsmr_logger, ksem, p1, smart_mac};
use std::io::Write;

/// The message of a device.
struct Message {
    vendor: &'static str,
    parts: Vec<Part<'static>>,
    /// The native id of each channel.
    native_id: Box<dyn Fn(&str) -> String>,
}

/// Prints the parts of a message.
pub(super) fn decode(
    format: Format,
    bytes: &[u8],
    judge: &Judge,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let message = match read(format, bytes) {
        Ok(message) => message,
        Err(error) => return output.unreadable_message(0, &error, bytes),
    };
    output.message();
    for part in &message.parts {
        output.put(0, &message.item(part, judge))?;
    }
    Ok(())
}

/// Whether the bytes are a message of this format with a value.
pub(super) fn has_values(format: Format, bytes: &[u8]) -> bool {
    read(format, bytes).is_ok_and(|message| message.parts.iter().any(|part| matches!(part, Part::Value(_))))
}

impl Message {
    fn item(&self, part: &Part<'_>, judge: &Judge) -> Item {
        let ids = |channel: &str| {
            let native_id = (self.native_id)(channel);
            (MeterId::named(self.vendor, &native_id).to_string(), native_id)
        };
        match part {
            Part::Value(value) => {
                let (meter, native_id) = ids(&value.channel);
                Item::Value(ValueItem::of(value, meter, native_id, judge))
            }
            Part::Text { raw_code, text } => {
                let (meter, native_id) = ids("");
                let (raw_code, text) = (raw_code.to_string(), text.to_string());
                Item::Text { meter: Some(meter), native_id: Some(native_id), raw_code, text }
            }
            Part::Unreadable { part, why } => Item::Unreadable { error: why.to_string(), kept: part.to_string() },
        }
    }
}

/// Reads a message. The error is a sentence.
fn read(format: Format, bytes: &[u8]) -> Result<Message, String> {
    let mut parts = Vec::new();
    let each = |part: Part<'_>| parts.push(part.into_owned());
    let options = Options::default();
    let text = |error: &dyn std::fmt::Display| error.to_string();
    match format {
        Format::KsemJson => {
            ksem::json::read(bytes, each).map_err(|error| text(&error))?;
            Ok(Message { vendor: ksem::VENDOR, parts, native_id: Box::new(ksem_id) })
        }
        Format::KsemGdr => {
            ksem::gdr::read(bytes, None, each).map_err(|error| text(&error))?;
            Ok(Message { vendor: ksem::VENDOR, parts, native_id: Box::new(ksem_id) })
        }
        Format::KsemUsage => {
            ksem::device::usage(bytes, each).map_err(|error| text(&error))?;
            Ok(Message { vendor: ksem::VENDOR, parts, native_id: Box::new(ksem_id) })
        }
        Format::KsemPrices => {
            ksem::tariff::prices("", bytes, each).map_err(|error| text(&error))?;
            Ok(Message { vendor: ksem::VENDOR, parts, native_id: Box::new(ksem_id) })
        }
        Format::Em300 => {
            ksem::em300::read(bytes, each).map_err(|error| text(&error))?;
            Ok(Message { vendor: ksem::VENDOR, parts, native_id: Box::new(ksem_id) })
        }
        Format::SmartMac => {
            let message = smart_mac::read(bytes, &options, each).map_err(|error| text(&error))?;
            Ok(Message { vendor: smart_mac::VENDOR, parts, native_id: device_id(message.device) })
        }
        Format::SmartMacMqtt => {
            let message = smart_mac::read_flat(bytes, &options, each).map_err(|error| text(&error))?;
            Ok(Message { vendor: smart_mac::VENDOR, parts, native_id: device_id(message.device) })
        }
        Format::SmartMacCloud => {
            let device = smart_mac::read_rows(bytes, Period::Minute, &options, each).map_err(|error| text(&error))?;
            Ok(Message { vendor: smart_mac::VENDOR, parts, native_id: device_id(device) })
        }
        Format::DsmrLogger => logger(bytes),
        Format::SmartMe
        | Format::Meterline
        | Format::P1
        | Format::KsemConfiguration
        | Format::SmappeeMqtt
        | Format::SmappeeRest => Err("the format is not one of a device".to_owned()),
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
        document.identity().clone()
    };
    let native_id = Box::new(move |channel: &str| identity.native_id(channel));
    Ok(Message { vendor: p1::VENDOR, parts, native_id })
}

/// A KSEM's messages do not hold its serial number, so the channel's name stands for it.
fn ksem_id(channel: &str) -> String {
    if channel.is_empty() { "smart-meter".to_owned() } else { channel.to_owned() }
}

fn device_id(device: Option<String>) -> Box<dyn Fn(&str) -> String> {
    let device = device.unwrap_or_default();
    Box::new(move |channel| if channel.is_empty() { device.clone() } else { format!("{device}:{channel}") })
}
