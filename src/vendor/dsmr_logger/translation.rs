//! A document as the telegram that it was made of.

use super::fields::{ChannelField, Field, Form};
use super::identity::{GAS_KIND, Identity, UNKNOWN_CHANNELS, WATER_KIND};
use super::shape::Shape;
use crate::vendor::decimal::Decimal;
use crate::vendor::document::Scalar;
use crate::vendor::p1::{Frame, Nameplate, Telegram, next_frame};
use crate::vendor::{At, Part, Value};
use std::borrow::Cow;
use std::fmt::Write as _;

/// A longer number is none.
const NUMBER_BYTES_MAX: usize = 32;
/// A longer log is a text. With one line a field, a telegram stays well below its bound.
const LOG_BYTES_MAX: usize = 1500;
/// Whole numbers from here on are negative in the flat form.
const NEGATIVE_FROM: i64 = 1 << 31;

/// A telegram, the names of the fields that its lines came from, and parts that are no line.
#[derive(Debug, Clone)]
pub(super) struct Translation {
    identity: Identity,
    telegram: String,
    /// Code and name.
    names: Vec<(String, String)>,
    parts: Vec<Part<'static>>,
    has_copied_phases: bool,
    has_fields: bool,
}

impl Translation {
    /// Translates a document.
    pub(super) fn of_document(shape: &Shape<'_>, identity: Identity) -> Self {
        let mut translation = Self::new(identity);
        let is_field = |name: &str| match Field::of(name) {
            Field::Unknown => false,
            Field::Clock => shape.has_container,
            _ => true,
        };
        translation.has_fields = shape.fields.iter().any(|(name, _)| is_field(name));
        for (at, (name, value)) in shape.fields.iter().enumerate() {
            if shape.fields.iter().take(at).any(|(known, _)| known == name) {
                translation.text(name, value);
            } else {
                translation.field(name, value, shape);
            }
        }
        for other in &shape.others {
            translation.unreadable(other, "the element has no name");
        }
        translation.telegram += "!\r\n";
        translation
    }

    /// Translates readings at a local time `YYMMDDhhmmss`.
    pub(super) fn of_row(stamp: &str, values: &[(&str, &'static str, &Scalar<'_>)], identity: Identity) -> Self {
        let mut translation = Self::new(identity);
        translation.line("0-0:1.0.0", "timestamp", stamp);
        for (name, code, value) in values {
            match (*code, value.number(0)) {
                // Present without a device.
                ("gas" | "water", Some(0.0)) => {}
                ("gas", _) => translation.unplaced(name, value, GAS_KIND),
                ("water", _) => translation.unplaced(name, value, WATER_KIND),
                (code, _) => translation.number(code, name, value, "kWh"),
            }
        }
        translation.telegram += "!\r\n";
        translation
    }

    fn new(identity: Identity) -> Self {
        Self {
            telegram: identity.lines(),
            identity,
            names: Vec::new(),
            parts: Vec::new(),
            has_copied_phases: false,
            has_fields: false,
        }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether it has fields of a logger.
    pub(super) fn has_fields(&self) -> bool {
        self.has_fields
    }

    /// Whether powers of the phases were left out, because they are copies.
    pub(super) fn has_copied_phases(&self) -> bool {
        self.has_copied_phases
    }

    /// The meter's time.
    pub(super) fn at(&self) -> Option<At> {
        self.whole().map(|telegram| telegram.at())
    }

    /// The description of the meter and the devices behind it.
    pub(super) fn nameplate(&self) -> Nameplate {
        let mut nameplate = self.whole().map(|telegram| telegram.nameplate()).unwrap_or_default();
        for device in &mut nameplate.devices {
            device.channel = channel(Cow::Borrowed(&device.channel)).into_owned();
        }
        nameplate
    }

    fn whole(&self) -> Option<Telegram<'_>> {
        match next_frame(self.telegram.as_bytes(), true) {
            Some((_, Frame::Telegram(telegram), _)) => Some(telegram),
            _ => None,
        }
    }

    /// Calls `each` for every part, with the names of the fields in place of codes.
    pub(super) fn visit(&self, mut each: impl FnMut(Part<'_>)) {
        if let Some(telegram) = self.whole() {
            telegram.visit(|part| {
                each(match part {
                    Part::Value(value) => {
                        let (channel, raw_code) = (channel(value.channel), self.name(&value.raw_code));
                        Part::Value(Value { channel, raw_code, ..value })
                    }
                    Part::Text { raw_code, text } => Part::Text {
                        raw_code: self.name(&raw_code),
                        text: text.trim_matches(['(', ')']).split('*').next().unwrap_or_default().to_owned().into(),
                    },
                    Part::Unreadable { part, why } => {
                        let (code, rest) = part.split_at(part.find('(').unwrap_or(part.len()));
                        Part::Unreadable { part: format!("{}{rest}", self.name(code)).into(), why }
                    }
                });
            });
        }
        self.parts.iter().cloned().for_each(each);
    }

    /// The name of a code, or of several that make a sum.
    fn name(&self, codes: &str) -> Cow<'static, str> {
        let name = |code| match self.names.iter().find(|(known, _)| known == code) {
            Some((_, name)) => name.as_str(),
            None => code,
        };
        Cow::Owned(codes.split('+').map(name).collect::<Vec<_>>().join("+"))
    }

    fn field(&mut self, name: &str, value: &Scalar<'_>, shape: &Shape<'_>) {
        match Field::of(name) {
            Field::Description => {}
            Field::Clock => match value {
                Scalar::Text(stamp) if is_stamp(stamp) => self.line("0-0:1.0.0", name, stamp),
                // A number is a rounded one: the firmware's fault.
                other => self.text(name, other),
            },
            Field::Line(..) if is_copied_phase(name, shape) => {
                self.has_copied_phases = true;
                self.text(name, value);
            }
            Field::Line(code, Form::Number(unit)) => {
                let value = signed(value, shape.is_flat);
                self.number(code, name, value.as_ref(), unit);
            }
            Field::Line(code, Form::Groups) if is_log(&value.text()) => {
                let text = value.text();
                self.line(code, name, text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(&text));
            }
            Field::Line(..) | Field::Unknown => self.text(name, value),
            Field::Gas => match value.number(0) {
                Some(0.0) => {}
                _ if self.repeats(shape, value) => self.text(name, value),
                _ => self.unplaced(name, value, GAS_KIND),
            },
            Field::Channel(channel, ChannelField::Valve) => {
                self.number(&format!("0-{channel}:24.4.0"), name, value, "");
            }
            Field::Channel(channel, ChannelField::Counter(groups)) => self.counter(channel, groups, name, value, shape),
        }
    }

    /// The counter of a device, in the unit of its kind.
    fn counter(&mut self, channel: u8, groups: &str, name: &str, value: &Scalar<'_>, shape: &Shape<'_>) {
        let is_zero = value.number(0) == Some(0.0);
        let has_other =
            ["ntc", "dbl"].iter().any(|form| shape.get(&format!("mbus{channel}_delivered_{form}")).is_some());
        match self.identity.kind(channel).map(unit) {
            // Present without a device, or beside the other form of the counter.
            None if is_zero => {}
            Some(_) if is_zero && has_other && groups == "24.2.1" => {}
            Some(Some(unit)) => self.number(&format!("0-{channel}:{groups}"), name, value, unit),
            None | Some(None) => self.text(name, value),
        }
    }

    /// A counter of gas or water: on its channel if that is known.
    fn unplaced(&mut self, name: &str, value: &Scalar<'_>, kind: u8) {
        let spare = if kind == GAS_KIND { UNKNOWN_CHANNELS[0].0 } else { UNKNOWN_CHANNELS[1].0 };
        let channel = self.identity.channel_of(kind).unwrap_or(spare);
        self.number(&format!("0-{channel}:24.2.1"), name, value, "m3");
    }

    /// Whether the counter of a channel already has this value of the gas meter.
    fn repeats(&self, shape: &Shape<'_>, value: &Scalar<'_>) -> bool {
        let is_gas = |channel: &u8| self.identity.kind(*channel) == Some(GAS_KIND);
        let counter = |channel: u8| {
            ["", "_ntc", "_dbl"].iter().find_map(|form| {
                shape.get(&format!("mbus{channel}_delivered{form}"))?.number(0).filter(|known| *known != 0.0)
            })
        };
        (1..=super::identity::CHANNELS).filter(is_gas).any(|channel| {
            counter(channel).is_some_and(|known| {
                value.number(0) == Some(known) || self.identity.channel_of(GAS_KIND) == Some(channel)
            })
        })
    }

    fn number(&mut self, code: &str, name: &str, value: &Scalar<'_>, unit: &str) {
        let text = value.text();
        let text = text.trim();
        if text.len() <= NUMBER_BYTES_MAX && Decimal::parse(text.as_bytes()).is_some() {
            let star = if unit.is_empty() { "" } else { "*" };
            self.line(code, name, &format!("{text}{star}{unit}"));
        } else if text.bytes().any(|byte| byte.is_ascii_digit()) || !unit.is_empty() {
            self.unreadable(&format!("{name}: {text}"), "the value is not a number");
        } else {
            // A state in words.
            self.text(name, value);
        }
    }

    fn line(&mut self, code: &str, name: &str, content: &str) {
        self.names.push((code.to_owned(), name.to_owned()));
        // Writing to a text cannot fail.
        writeln!(self.telegram, "{code}({content})\r").unwrap_or_default();
    }

    fn text(&mut self, name: &str, value: &Scalar<'_>) {
        self.parts.push(Part::Text { raw_code: name.to_owned().into(), text: value.text().into_owned().into() });
    }

    fn unreadable(&mut self, part: &str, why: &'static str) {
        self.parts.push(Part::Unreadable { part: part.to_owned().into(), why: why.into() });
    }
}

/// The printed unit of a kind of device: REST's label is fixed in the firmware, whatever the device is.
fn unit(kind: u8) -> Option<&'static str> {
    match kind {
        2 => Some("kWh"),
        GAS_KIND | WATER_KIND => Some("m3"),
        4..=6 | 10..=13 => Some("GJ"),
        _ => None,
    }
}

/// A whole number that the flat form printed as unsigned.
fn signed<'v, 'a>(value: &'v Scalar<'a>, is_flat: bool) -> Cow<'v, Scalar<'a>> {
    let number = value.whole(0).filter(|number| is_flat && (NEGATIVE_FROM..2 * NEGATIVE_FROM).contains(number));
    match (number, value) {
        (Some(number), Scalar::Number(text)) if !text.contains('.') => {
            Cow::Owned(Scalar::Text((number - 2 * NEGATIVE_FROM).to_string().into()))
        }
        _ => Cow::Borrowed(value),
    }
}

/// Whether a field is the power of a phase that the logger made of the total: L1 has the total, L2 and L3 have 0. If
/// L2 and L3 are only idle, the meter also sends their voltages or currents.
fn is_copied_phase(name: &str, shape: &Shape<'_>) -> bool {
    let total = match name.rsplit_once('_') {
        Some((total @ ("power_delivered" | "power_returned"), "l1" | "l2" | "l3")) => total,
        _ => return false,
    };
    let has_phases =
        ["voltage_l2", "voltage_l3", "current_l2", "current_l3"].iter().any(|name| shape.get(name).is_some());
    let number = |name: &str| shape.get(name).and_then(|value| value.number(0));
    let [first, second, third] = ["l1", "l2", "l3"].map(|phase| number(&format!("{total}_{phase}")));
    !has_phases && first.is_some() && first == number(total) && [second, third] == [Some(0.0); 2]
}

fn is_stamp(text: &str) -> bool {
    (12..=13).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || b"SWsw".contains(&byte))
}

/// Groups in parentheses with codes, times and durations in them.
fn is_log(text: &str) -> bool {
    let can_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"()*:.-".contains(&byte);
    text.len() <= LOG_BYTES_MAX && text.starts_with('(') && text.ends_with(')') && text.bytes().all(can_stand)
}

/// The channel's name; one of its own for a counter whose channel is not given.
fn channel(channel: Cow<'_, str>) -> Cow<'_, str> {
    match UNKNOWN_CHANNELS.iter().find(|(place, _)| *channel == place.to_string()) {
        Some((_, name)) => Cow::Borrowed(name),
        None => channel,
    }
}
