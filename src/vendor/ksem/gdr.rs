//! Protobuf frames: measured values (GDRs) of the WebSocket, and the configuration (GCRs).
//! `proto/ksem/gdr.proto` is the schema.
//!
//! Invariants: nothing is copied and nothing is allocated for a frame of known registers. A map entry
//! without a value is 0; a register without an entry was not measured. Unknown fields are skipped. A
//! damaged frame gives an error and no value.

mod config;
mod field;
mod flex;

pub use config::{Channel, Class, Configuration, Device};
pub use field::FrameError;
pub use flex::{Definition, FlexUnit};

use super::registers::{INSTANTANEOUS, instantaneous, raw_code, register, unit};
use super::{GRID_METER, status};
use crate::reading::registry::Unit;
use crate::reading::{Flags, Obis, UnixNanos};
use crate::vendor::decimal::Decimal;
use crate::vendor::{At, Part, Value};
use field::{Entry, Fields};
use flex::{Content, FlexValue};
use std::borrow::Cow;

/// The status of a channel whose values are good.
const STATUS_OK: u64 = 1;
/// Group C of the highest register without a phase.
const SUM_MAX: u8 = 16;

/// Calls `each` for every part of a frame. `configuration` gives the unit and power of ten of flex values;
/// without it the known names decide.
///
/// # Errors
/// When the bytes are no whole frame; `each` was not called then.
pub fn read<'a>(
    frame: &'a [u8],
    configuration: Option<&Configuration>,
    mut each: impl FnMut(Part<'a>),
) -> Result<(), FrameError> {
    let has_instantaneous = check(frame)?;
    let mut fields = Fields::new(frame);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => {
                let entry = Entry::read(field.bytes()?)?;
                let record = Record::read(entry.text_key()?, entry.value_bytes()?, has_instantaneous)?;
                let definitions = configuration.and_then(|known| known.channel(record.name));
                record.visit(definitions.map(|channel| &channel.definitions[..]).unwrap_or_default(), &mut each)?;
            }
            2 => {
                let text = field.text()?.into();
                each(Part::Text { raw_code: "configUuid".into(), text });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads every field once, so that a damaged frame gives no value. Returns whether a code has the D of
/// instantaneous values.
fn check(frame: &[u8]) -> Result<bool, FrameError> {
    let (mut has_instantaneous, mut fields) = (false, Fields::new(frame));
    while let Some(field) = fields.next()? {
        match field.number {
            1 => {
                let entry = Entry::read(field.bytes()?)?;
                entry.text_key()?;
                has_instantaneous |= check_record(entry.value_bytes()?)?;
            }
            2 => {
                field.text()?;
            }
            _ => {}
        }
    }
    Ok(has_instantaneous)
}

fn check_record(message: &[u8]) -> Result<bool, FrameError> {
    let (mut has_instantaneous, mut fields) = (false, Fields::new(message));
    while let Some(field) = fields.next()? {
        match field.number {
            1 => {
                field.text()?;
            }
            2 => {
                field.varint()?;
            }
            3 => {
                timestamp(field.bytes()?)?;
            }
            4 => has_instantaneous |= value(field.bytes()?)?.0.0[3] == INSTANTANEOUS,
            5 => {
                let entry = Entry::read(field.bytes()?)?;
                entry.text_key()?;
                FlexValue::read(entry.value_bytes()?)?;
            }
            _ => {}
        }
    }
    Ok(has_instantaneous)
}

/// The values of a channel at an instant: a GDR.
struct Record<'a> {
    fields: Fields<'a>,
    name: &'a str,
    at: At,
    status: u64,
    flags: Flags,
    /// Whether its codes above those without a phase are the phases'. Sources disagree in the energy flow:
    /// C = 61 to 76 are other devices there.
    has_phases: bool,
    /// Whether a code of the frame has the D of instantaneous values.
    has_instantaneous: bool,
    timestamp_is_invalid: bool,
}

impl<'a> Record<'a> {
    /// Finds time, status and name, which may stand behind the values.
    fn read(key: &'a str, message: &'a [u8], has_instantaneous: bool) -> Result<Self, FrameError> {
        let (mut id, mut status, mut time) = ("", 0, None);
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => id = field.text()?,
                2 => status = field.varint()?,
                3 => time = Some(timestamp(field.bytes()?)?),
                _ => {}
            }
        }
        let none_or = |flag, is_set| if is_set { flag } else { Flags::NONE };
        let at = time.flatten().map_or(At::Receipt, At::Time);
        let is_receipt = at == At::Receipt;
        let name = if key.is_empty() { id } else { key };
        Ok(Self {
            fields: Fields::new(message),
            name,
            has_phases: !name.contains("sumvalues"),
            at,
            status,
            flags: none_or(Flags::TIME_IS_RECEIVE_TIME, is_receipt)
                | none_or(Flags::STATUS_NOT_OK, status != STATUS_OK),
            has_instantaneous,
            timestamp_is_invalid: time == Some(None),
        })
    }

    fn visit(&self, definitions: &[Definition], each: &mut impl FnMut(Part<'a>)) -> Result<(), FrameError> {
        if self.timestamp_is_invalid {
            each(Part::Unreadable { part: self.name.into(), why: "the channel's time is not a time".into() });
        }
        let mut fields = self.fields.clone();
        while let Some(field) = fields.next()? {
            match field.number {
                4 => {
                    let (code, raw) = value(field.bytes()?)?;
                    let has_instantaneous = self.has_instantaneous && self.has(instantaneous(code))?;
                    each(self.register(code, raw, has_instantaneous));
                }
                5 => {
                    let entry = Entry::read(field.bytes()?)?;
                    each(self.flex(entry.text_key()?, FlexValue::read(entry.value_bytes()?)?, definitions));
                }
                _ => {}
            }
        }
        if self.status != STATUS_OK {
            each(status(self.name, status_name(self.status)));
        }
        Ok(())
    }

    /// A value under an OBIS code.
    fn register(&self, code: Obis, raw: i64, has_instantaneous: bool) -> Part<'a> {
        let is_settled = self.has_phases || code.0[2] <= SUM_MAX;
        let obis = register(code, has_instantaneous);
        match unit(obis) {
            Some(unit) if is_settled => self.value(obis, Decimal::new(raw, -3).to_f64(), unit, raw_code(code)),
            // Only the scale of electricity is known.
            _ if !is_settled || code.0[0] != 1 => {
                Part::Text { raw_code: raw_code(code), text: Cow::Owned(raw.to_string()) }
            }
            _ => self.value(obis, Decimal::new(raw, 0).to_f64(), Unit::Unknown, raw_code(code)),
        }
    }

    fn has(&self, wanted: Option<Obis>) -> Result<bool, FrameError> {
        let mut fields = self.fields.clone();
        while let Some(field) = fields.next()? {
            if field.number == 4 && Some(value(field.bytes()?)?.0) == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A value under a name.
    fn flex(&self, name: &'a str, value: FlexValue<'a>, definitions: &[Definition]) -> Part<'a> {
        let definition = definitions.iter().find(|known| known.name == name);
        match value.content(name, definition) {
            Content::Value(obis, value, unit) => self.value(obis, value, unit, name.into()),
            Content::Text(text) => Part::Text { raw_code: name.into(), text },
        }
    }

    fn value(&self, obis: Obis, value: f64, unit: Unit, raw_code: Cow<'a, str>) -> Part<'a> {
        let channel = if self.name == GRID_METER { "" } else { self.name };
        Part::Value(Value { channel: channel.into(), at: self.at, flags: self.flags, obis, value, unit, raw_code })
    }
}

/// The name of a status in the schema; a number that it does not know stays as it is.
fn status_name(status: u64) -> Cow<'static, str> {
    match status {
        0 => "STATUS_UNKNOWN".into(),
        2 => "STATUS_WARNING".into(),
        3 => "STATUS_ERROR".into(),
        other => other.to_string().into(),
    }
}

/// An entry of the values: the code and the number as sent. It is unsigned; from 2^63 on it is a negative
/// number in two's complement.
fn value(entry: &[u8]) -> Result<(Obis, i64), FrameError> {
    let entry = Entry::read(entry)?;
    let [_, _, code @ ..] = entry.varint_key()?.to_be_bytes();
    Ok((Obis(code), entry.value_varint()?.cast_signed()))
}

/// A time stamp; `None` if it is not a time. The seconds count from 1970 UTC.
fn timestamp(message: &[u8]) -> Result<Option<UnixNanos>, FrameError> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => seconds = field.varint()?.cast_signed(),
            2 => nanos = field.varint()?.cast_signed(),
            _ => {}
        }
    }
    let is_valid = seconds > 0 && (0..1_000_000_000).contains(&nanos);
    let time = || seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(UnixNanos);
    Ok(if is_valid { time() } else { None })
}
