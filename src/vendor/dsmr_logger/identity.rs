//! The identity of a meter and of the devices on its M-Bus, as a logger gives it.

use super::shape::Shape;
use crate::vendor::p1::{Frame, next_frame};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Channels that loggers have.
pub(super) const CHANNELS: u8 = 4;
/// The places in the telegram of a gas and a water meter whose channel the logger does not give, and
/// their names.
pub(super) const UNKNOWN_CHANNELS: [(u8, &str); 2] = [(8, "gas"), (7, "water")];
const BELGIAN_DIGITS: usize = 5;
pub(super) const GAS_KIND: u8 = 3;
pub(super) const WATER_KIND: u8 = 7;

/// A device on an M-Bus channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// Its kind (EN 13757-3): 3 gas, 4 heat, 7 water, 2 electricity.
    pub kind: Option<u8>,
    /// Its id as sent.
    pub id: Option<String>,
}

/// A meter and its devices. `info` or `fields` gives it, `actual` does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The head line of the telegrams, in which some firmware replaces `\` by `=`.
    pub identification: Option<String>,
    /// The meter's id as sent.
    pub equipment_id: Option<String>,
    /// The standard's version.
    pub version: Option<String>,
    /// The devices on channels 1 to 4.
    pub devices: [Device; CHANNELS as usize],
    /// A gas meter whose channel is not given.
    pub gas: Device,
}

impl Identity {
    /// Takes what a document says.
    pub(super) fn note(&mut self, shape: &Shape<'_>) {
        let text = |name: &str| shape.get(name).map(|value| plain(&value.text())).filter(|text| !text.is_empty());
        let kind = |name: &str| shape.get(name)?.whole(0).and_then(|kind| u8::try_from(kind).ok());
        let note = |known: &mut Option<String>, name: &str| {
            if let Some(text) = text(name) {
                *known = Some(text);
            }
        };
        note(&mut self.identification, "identification");
        note(&mut self.equipment_id, "equipment_id");
        note(&mut self.version, "p1_version");
        for (number, device) in (1..).zip(&mut self.devices) {
            device.kind = kind(&format!("mbus{number}_device_type")).or(device.kind);
            note(&mut device.id, &format!("mbus{number}_equipment_id_ntc"));
            note(&mut device.id, &format!("mbus{number}_equipment_id_tc"));
        }
        self.gas.kind = kind("gas_device_type").or(self.gas.kind);
        note(&mut self.gas.id, "gas_equipment_id");
    }

    /// The document that says this: it is read as a logger's info is.
    pub fn document(&self) -> String {
        let mut fields = Map::new();
        let mut add = |name: String, value: Option<Value>| value.and_then(|value| fields.insert(name, value));
        let text = |text: &Option<String>| text.clone().map(Value::from);
        add("identification".to_owned(), text(&self.identification));
        add("equipment_id".to_owned(), text(&self.equipment_id));
        add("p1_version".to_owned(), text(&self.version));
        for (number, Device { kind, id }) in (1..).zip(&self.devices) {
            add(format!("mbus{number}_device_type"), kind.map(Value::from));
            add(format!("mbus{number}_equipment_id_tc"), text(id));
        }
        add("gas_device_type".to_owned(), self.gas.kind.map(Value::from));
        add("gas_equipment_id".to_owned(), text(&self.gas.id));
        Value::from(fields).to_string()
    }

    /// The id of the meter (`channel` is empty) or of a device: the same as in a P1 telegram of this meter.
    pub fn native_id(&self, channel: &str) -> String {
        let place = UNKNOWN_CHANNELS.iter().find(|(_, name)| *name == channel).map(|(place, _)| *place);
        let number = place.map_or_else(|| channel.to_owned(), |place| place.to_string());
        let telegram = self.lines() + "!\r\n";
        let Some((_, Frame::Telegram(telegram), _)) = next_frame(telegram.as_bytes(), true) else {
            return self.equipment_id.clone().unwrap_or_default();
        };
        let id = telegram.ids().native_id(&number);
        let has_own = place.is_none() || place == Some(UNKNOWN_CHANNELS[0].0) && self.gas.id.is_some();
        if has_own { id } else { format!("{}:{channel}", telegram.ids().native_id("")) }
    }

    /// The channel of the only device of this kind.
    pub(super) fn channel_of(&self, kind: u8) -> Option<u8> {
        let mut channels = (1..).zip(&self.devices).filter(|(_, device)| device.kind == Some(kind));
        let (number, _) = channels.next()?;
        channels.next().is_none().then_some(number)
    }

    /// The kind of the device on a channel.
    pub(super) fn kind(&self, channel: u8) -> Option<u8> {
        self.devices.get(usize::from(channel.checked_sub(1)?))?.kind
    }

    /// The lines of a telegram that say this, from the head line on.
    pub(super) fn lines(&self) -> String {
        let mut lines = format!("/{}\r\n\r\n", self.identification.as_deref().unwrap_or_default());
        let mut line = |code: &str, content: &str| {
            // Writing to a text cannot fail.
            writeln!(lines, "{code}({content})\r").unwrap_or_default();
        };
        if let Some(id) = &self.equipment_id {
            line("0-0:96.1.1", id);
        }
        // Belgian versions have five digits.
        if let Some(version) = self.version.as_ref().filter(|version| version.bytes().all(|it| it.is_ascii_digit())) {
            line(if version.len() == BELGIAN_DIGITS { "0-0:96.1.4" } else { "1-3:0.2.8" }, version);
        }
        let unknown = Device { kind: Some(GAS_KIND), id: self.gas.id.clone() };
        let water = Device { kind: Some(WATER_KIND), id: None };
        let known =
            (1..).zip(&self.devices).chain([(UNKNOWN_CHANNELS[0].0, &unknown), (UNKNOWN_CHANNELS[1].0, &water)]);
        for (number, Device { kind, id }) in known {
            if let Some(kind) = kind {
                line(&format!("0-{number}:24.1.0"), &kind.to_string());
            }
            if let Some(id) = id {
                line(&format!("0-{number}:96.1.0"), id);
            }
        }
        lines
    }
}

/// Characters of an id that can stand in a line; more than 96 are no id.
fn plain(text: &str) -> String {
    let can_stand = |c: &char| c.is_ascii_graphic() && !matches!(c, '(' | ')' | '!' | '/');
    text.chars().filter(can_stand).take(96).collect()
}
