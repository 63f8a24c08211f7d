//! KOSTAL's Smart Energy Meter, TQ-Systems' Energy Managers and ABL's eMS home.
//!
//! [`json`] reads the official JSON interface, [`gdr`] the protobuf frames of the WebSocket and their
//! configuration, [`em300`] the older interface of EM2xx and EM3xx, [`device`] identity, clock and load,
//! [`tariff`] the contract and its prices.
//!
//! Pure. Rules, from the public code of the makers and of several clients: values are in thousandths of
//! the base unit; import and export are separate registers; D = 4 is the momentary value, which every
//! other vendor sends as D = 7; C = 15, 35, 55, 75 is the power factor of export. `registers` holds these.

pub mod device;
pub mod em300;
pub mod gdr;
pub mod json;
mod registers;
pub mod tariff;

use super::Part;
use std::borrow::Cow;

/// The vendor in the meter ids of these devices. The native id is the serial number, for a channel
/// beside the grid meter followed by `:` and the channel.
pub const VENDOR: &str = "ksem";

/// The channel of the grid meter: the device itself.
const GRID_METER: &str = "smart-meter";

/// The end of the name of a status that is not OK; its channel stands before it.
const STATUS: &str = "/status";

/// The text of the status of a channel. A status that is not OK is also a flag of the values.
fn status<'a>(channel: &str, text: impl Into<Cow<'a, str>>) -> Part<'a> {
    Part::Text { raw_code: format!("{channel}{STATUS}").into(), text: text.into() }
}

/// A status that is not OK, with its channel; `None` for any other part.
pub fn status_not_ok(part: &Part<'_>) -> Option<String> {
    match part {
        Part::Text { raw_code, text } => Some(format!("{}: {text}", raw_code.strip_suffix(STATUS)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
