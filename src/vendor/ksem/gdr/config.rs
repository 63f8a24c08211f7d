//! The configuration of the channels (GCRs): `/api/data-transfer/protobuf/gdr/local/config/<channel>`.

use super::field::{Entry, Fields, FrameError};
use super::flex::{Definition, FlexUnit};
use crate::reading::Obis;

/// The configuration of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Its UUID.
    pub id: String,
    /// Its channels.
    pub channels: Vec<Channel>,
}

/// The configuration of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channel {
    /// The name under which its values come, such as `smart-meter`.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// Whether it consumes or produces.
    pub class: Class,
    /// Where its values come from.
    pub sources: Vec<String>,
    /// The OBIS codes that it delivers, as the device has them.
    pub codes: Vec<Obis>,
    /// The kind of its device.
    pub device: Device,
    /// Other properties.
    pub meta: Vec<(String, String)>,
    /// The meanings of its flex values.
    pub definitions: Vec<Definition>,
}

/// Whether a channel consumes or produces. Numbers that are not known are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Class(pub u64);

impl Class {
    /// Its name; `None` if it is not known.
    pub fn name(self) -> Option<&'static str> {
        match self.0 {
            1 => Some("consumer"),
            2 => Some("producer"),
            3 => Some("hybrid"),
            _ => None,
        }
    }
}

/// The kind of a channel's device. Numbers that are not known are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Device(pub u64);

impl Device {
    /// The name of the kinds that matter for a meter; `None` for others.
    pub fn name(self) -> Option<&'static str> {
        match self.0 {
            1 => Some("photovoltaics"),
            2 => Some("electric vehicle"),
            3 => Some("battery"),
            13 => Some("heat pump"),
            56 => Some("grid connection"),
            57 => Some("hybrid inverter"),
            60 => Some("this device"),
            _ => None,
        }
    }
}

impl Configuration {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When the bytes are no GCRs message.
    pub fn read(message: &[u8]) -> Result<Self, FrameError> {
        let (mut configuration, mut fields) = (Self::default(), Fields::new(message));
        while let Some(field) = fields.next()? {
            match field.number {
                1 => {
                    let entry = Entry::read(field.bytes()?)?;
                    configuration.channels.push(Channel::read(entry.text_key()?, entry.value_bytes()?)?);
                }
                2 => field.text()?.clone_into(&mut configuration.id),
                _ => {}
            }
        }
        Ok(configuration)
    }

    /// The configuration of the channel with this name.
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == name)
    }
}

impl Channel {
    fn read(key: &str, message: &[u8]) -> Result<Self, FrameError> {
        let (mut channel, mut fields) = (Self::default(), Fields::new(message));
        while let Some(field) = fields.next()? {
            match field.number {
                1 => field.text()?.clone_into(&mut channel.id),
                2 => field.text()?.clone_into(&mut channel.label),
                3 => channel.class = Class(field.varint()?),
                4 => channel.sources.push(field.text()?.to_owned()),
                5 => field.varints(|code| {
                    let [_, _, code @ ..] = code.to_be_bytes();
                    channel.codes.push(Obis(code));
                })?,
                6 => channel.device = Device(field.varint()?),
                7 => {
                    let entry = Entry::read(field.bytes()?)?;
                    channel.meta.push((entry.text_key()?.to_owned(), entry.value_text()?.to_owned()));
                }
                9 => {
                    let entry = Entry::read(field.bytes()?)?;
                    channel.definitions.push(Definition::read(entry.text_key()?, entry.value_bytes()?)?);
                }
                _ => {}
            }
        }
        let name = if key.is_empty() { &channel.id } else { key };
        channel.name = name.to_owned();
        Ok(channel)
    }
}

impl Definition {
    fn read(name: &str, message: &[u8]) -> Result<Self, FrameError> {
        let mut definition =
            Self { name: name.to_owned(), label: String::new(), is_text: false, unit: FlexUnit(0), decimal_power: 0 };
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => field.text()?.clone_into(&mut definition.label),
                2 => definition.is_text = field.varint()? == 1,
                3 => definition.unit = FlexUnit(field.varint()?),
                4 => definition.decimal_power = zigzag(field.varint()?),
                _ => {}
            }
        }
        Ok(definition)
    }
}

/// A number of protobuf's type sint32.
fn zigzag(number: u64) -> i32 {
    // Only the lower half counts, as protobuf prescribes for 32 bits.
    let low = u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default();
    (low >> 1).cast_signed() ^ -(low & 1).cast_signed()
}
