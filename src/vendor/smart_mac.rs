//! smart-MAIC's energy and pulse meters D101, D103 and D105 (formerly smart-MAC).
//!
//! [`read`] takes the answer of the device's `getdata` call, [`read_rows`] the rows of the vendor's cloud.
//!
//! Pure. Rules, from the vendor's articles and the code of several clients:
//! - Values are texts, perhaps with blanks in them. The key says what a value is, never its name, which
//!   is in the device's language.
//! - `br0` and the like are line breaks of the vendor's page. Their texts may hold a raw line end, which
//!   JSON forbids: such a body is read with blanks in place of control characters.
//! - A record that is not there is no value; a 0 that is there is one. A counter may jump: the user
//!   sets it to the utility's meter.
//! - Three lines of one phase are three meters, never summed unless the configuration says so.
//! - Members that hold credentials are never given on.

mod layout;
mod mqtt;
mod registers;
mod rows;

pub use layout::{Keys, needs_layout};
pub use mqtt::{read_flat, read_single};
pub use registers::{Analog, Input, Layout, Medium, Options, Wiring};
pub use rows::{Period, read_rows};

use super::document::{Members, MessageError, Scalar};
use super::{At, Part, Value};
use crate::reading::{Flags, UnixNanos};
use crate::secret::is_secret;
use registers::{Device, Place, SUMS};
use std::borrow::Cow;

/// The vendor in the meter ids of these devices. The native id is the devid, for a line or an input
/// followed by `:` and its name.
pub const VENDOR: &str = "smart-mac";

/// A message that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The device's id: an identity, not a secret.
    pub device: Option<String>,
    /// Whether characters had to be replaced: control characters, or bytes that are not UTF-8.
    pub was_repaired: bool,
    /// The model, by the keys of its values; `None` if they are of no known model.
    pub model: Option<&'static str>,
}

impl Message {
    /// A note for people on how the message was read: a name and a sentence.
    pub fn remark(&self) -> Option<(&'static str, &'static str)> {
        self.was_repaired.then_some(("repaired", "characters that cannot stand in its texts were replaced"))
    }
}

/// Calls `each` for every part of the answer of `getdata`.
///
/// # Errors
/// When it is not JSON, a web page (the login form comes with status 200), or has no data.
pub fn read(bytes: &[u8], options: &Options, mut each: impl FnMut(Part<'_>)) -> Result<Message, MessageError> {
    let text = String::from_utf8_lossy(bytes);
    let is_text = matches!(text, Cow::Borrowed(_));
    match Members::read(&text) {
        Err(MessageError::Json(_)) => {
            let repaired = without_controls(&text);
            let message = read_members(&Members::read(&repaired)?, options, &mut each)?;
            Ok(Message { was_repaired: true, ..message })
        }
        members => Ok(Message { was_repaired: !is_text, ..read_members(&members?, options, &mut each)? }),
    }
}

/// The text with blanks in place of control characters. Outside of texts JSON has them only as blanks.
fn without_controls(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect()
}

fn read_members(
    members: &Members<'_>,
    options: &Options,
    each: &mut impl FnMut(Part<'_>),
) -> Result<Message, MessageError> {
    let Some(Scalar::Nested(data)) = members.get("data") else {
        return Err(MessageError::Shape("an object with data"));
    };
    let data = Members::read(data)?;
    let (at, flags) = time(members.get("time"));
    let mut records: Vec<(&str, Scalar<'_>)> = Vec::new();
    for (name, value) in &members.0 {
        match name.as_ref() {
            "devid" | "time" | "data" => {}
            "pout" | "OUT" => records.push((name, value.clone())),
            name => give_text(name, value, each),
        }
    }
    for (key, record) in &data.0 {
        match record {
            // A break of the page.
            _ if key.starts_with("br") => {}
            Scalar::Nested(record) => match Members::read(record) {
                Ok(record) => {
                    if let Some(value) = record.get("value") {
                        records.push((key, value.clone()));
                    }
                }
                Err(_) => each(unreadable(key, record, "the record is not an object")),
            },
            value => records.push((key, value.clone())),
        }
    }
    let now = Now { at, flags };
    visit(&records, options, now, each);
    let model = registers::model(records.iter().map(|(key, _)| *key));
    Ok(Message { device: members.string("devid"), was_repaired: false, model })
}

/// The time of a message.
#[derive(Debug, Clone, Copy)]
struct Now {
    at: At,
    flags: Flags,
}

/// 2000-01-01T00:00:00 UTC: an earlier time is a clock that was never set.
const EARLIEST: i64 = 946_684_800_000_000_000;

/// The time in seconds of 1970 UTC, as a number or a text.
fn time(value: Option<&Scalar<'_>>) -> (At, Flags) {
    match value.and_then(|value| value.whole(9)).filter(|time| *time >= EARLIEST) {
        Some(time) => (At::Time(UnixNanos(time)), Flags::NONE),
        None => (At::Receipt, Flags::TIME_IS_RECEIVE_TIME),
    }
}

/// Gives the values of a message, then totals.
fn visit(records: &[(&str, Scalar<'_>)], options: &Options, now: Now, each: &mut impl FnMut(Part<'_>)) {
    let device = Device::new(Layout::of(records.iter().map(|(key, _)| *key)), options);
    for (key, value) in records {
        match device.place(key) {
            _ if *value == Scalar::Absent => {}
            None => give_text(key, value, each),
            Some(place) => match value.number(0) {
                Some(number) => each(now.value(&place, number, (*key).into())),
                None => each(unreadable(key, &value.text(), "the value is not a number")),
            },
        }
    }
    if options.sum {
        let is_sent = |totals: [&str; 2]| records.iter().any(|(key, _)| totals.contains(key));
        for (place, _, keys) in SUMS.iter().filter(|(_, totals, _)| !is_sent(*totals)) {
            let value = |key: &&str| records.iter().find(|(known, _)| known == key)?.1.number(0);
            let values: Vec<f64> = keys.iter().filter_map(value).collect();
            if values.len() == keys.len() {
                each(now.value(place, values.iter().sum(), keys.join("+").into()));
            }
        }
    }
}

impl Now {
    fn value<'a>(self, place: &Place, number: f64, raw_code: Cow<'a, str>) -> Part<'a> {
        Part::Value(Value {
            channel: place.channel.into(),
            at: self.at,
            flags: self.flags,
            obis: place.obis,
            value: number * place.factor / place.divisor,
            unit: place.unit,
            raw_code,
        })
    }
}

fn give_text(key: &str, value: &Scalar<'_>, each: &mut impl FnMut(Part<'_>)) {
    // Other answers of the device hold a credential.
    if *value != Scalar::Absent && !is_secret(key.as_bytes()) {
        each(Part::Text { raw_code: key.into(), text: value.text() });
    }
}

fn unreadable(key: &str, value: &str, why: &'static str) -> Part<'static> {
    Part::Unreadable { part: format!("{key}: {value}").into(), why: why.into() }
}

#[cfg(test)]
mod tests;
