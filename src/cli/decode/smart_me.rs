//! Answers of smart-me's REST API: devices with their last values, and the registers of a device.
//!
//! Fields of the API have no codes, so a value's raw code is its register.

use super::item::{Item, Judge, ValueItem};
use super::output::Output;
use crate::cli::failure::Failure;
use crate::reading::registry;
use crate::reading::{Flags, MeterId, Sample, UnixNanos};
use crate::vendor::smart_me::{Device, Values};
use crate::vendor::{At, Value};
use std::io::Write;

/// Whether the text is such an answer, by names that only it has. Servers write them in either case.
pub(super) fn is_answer(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("\"deviceenergytype\"") || is_of_registers(&text)
}

fn is_of_registers(text: &str) -> bool {
    ["\"deviceid\"", "\"values\"", "\"obis\""].iter().all(|name| text.contains(name))
}

/// Prints the values of an answer.
pub(super) fn decode(bytes: &[u8], judge: &Judge, output: &mut Output<impl Write>) -> Result<(), Failure> {
    let is_of_registers = is_of_registers(&String::from_utf8_lossy(bytes).to_ascii_lowercase());
    let items = if is_of_registers { registers(bytes, judge) } else { devices(bytes, judge) };
    match items {
        Err(error) => output.unreadable_message(0, &error, bytes),
        Ok(items) if items.is_empty() && bytes.trim_ascii() != b"[]" => {
            output.unreadable_message(0, "the answer has no device of smart-me", bytes)
        }
        Ok(items) => {
            output.message();
            items.into_iter().try_for_each(|item| output.put(0, item))
        }
    }
}

/// The items of a list of devices, or of one.
fn devices(bytes: &[u8], judge: &Judge) -> Result<Vec<Item>, String> {
    let is_one = bytes.trim_ascii_start().starts_with(b"{");
    let list = if is_one { [b"[", bytes, b"]"].concat() } else { bytes.to_vec() };
    let mut items = Vec::new();
    for device in Device::list(&list).map_err(|error| error.to_string())? {
        let id = device.id.to_string();
        let serial = device.serial.map(|serial| serial.to_string());
        for (name, text) in [("Name", device.name), ("Serial", serial)] {
            items.extend(text.map(|text| self::text(&id, name, text)));
        }
        match device.value_date {
            Some(at) => items.extend(device.samples.iter().map(|sample| value(device.id, at, *sample, judge))),
            None => items.push(text(&id, "ValueDate", "nothing was measured yet".to_owned())),
        }
        let left_out = device.left_out.iter().map(|why| Item::Unreadable { error: why.to_string(), kept: id.clone() });
        items.extend(left_out);
    }
    Ok(items)
}

/// The items of registers.
fn registers(bytes: &[u8], judge: &Judge) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    for values in Values::read(bytes).map_err(|error| error.to_string())? {
        let (Some(meter), Some(at)) = (values.meter, values.at) else {
            return Err("the answer names no device or no time".to_owned());
        };
        items.extend(values.samples.iter().map(|sample| value(meter, at, *sample, judge)));
        if values.unreadable > 0 {
            let error = "registers whose code or number cannot be read".to_owned();
            items.push(Item::Unreadable { error, kept: values.unreadable.to_string() });
        }
    }
    Ok(items)
}

fn value(meter: MeterId, at: UnixNanos, sample: Sample, judge: &Judge) -> Item {
    let Sample { obis, value } = sample;
    let unit = registry::unit(obis);
    let raw_code = obis.to_string().into();
    let value = Value { channel: "".into(), at: At::Time(at), flags: Flags::NONE, obis, value, unit, raw_code };
    Item::Value(ValueItem::of(&value, (meter.to_string(), meter.to_string()), judge))
}

fn text(meter: &str, name: &str, text: String) -> Item {
    Item::text((meter.to_owned(), meter.to_owned()), name, text)
}
