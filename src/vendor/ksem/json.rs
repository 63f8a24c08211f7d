//! The official JSON interface: `GET /api/json/<device>/values/smart-meter`.
//!
//! `{"smart-meter": {"status": "STATUS_OK", "timestamp": {"seconds", "nanos"}, "values": {name: n}}}`.
//! Invariants: a channel with a status other than OK, also one of an unknown name, is read and flagged, and the
//! status is a text; a name that is not known is a text.

use super::registers::unit;
use super::{GRID_METER, registers, status};
use crate::reading::registry::Unit;
use crate::reading::{Flags, Obis, UnixNanos};
use crate::vendor::decimal::Decimal;
use crate::vendor::document::{Members, MessageError, Scalar, text_of};
use crate::vendor::{At, Part, Value};

/// Values are in thousandths.
const MILLI: i8 = -3;
/// The status of a channel whose values are good.
const STATUS_OK: &str = "STATUS_OK";

/// Calls `each` for every part of an answer.
///
/// # Errors
/// When the answer is not JSON or has no channel with values.
pub fn read(bytes: &[u8], mut each: impl FnMut(Part<'_>)) -> Result<(), MessageError> {
    let channels = Members::read(text_of(bytes)?)?;
    if let Some(error) = channels.get("error") {
        return Err(MessageError::device(&error.text()));
    }
    let mut found = false;
    for (name, content) in &channels.0 {
        match content {
            Scalar::Nested(text) if text.starts_with('{') => {
                found |= channel(name, &Members::read(text)?, &mut each);
            }
            other => each(Part::Text { raw_code: name.as_ref().into(), text: other.text() }),
        }
    }
    if found { Ok(()) } else { Err(MessageError::Shape("an object of channels with values")) }
}

/// Gives the parts of a channel; `false` if it has no values.
fn channel(name: &str, content: &Members<'_>, each: &mut impl FnMut(Part<'_>)) -> bool {
    let values = match content.get("values") {
        Some(Scalar::Nested(values)) => Members::read(values).ok(),
        _ => None,
    };
    let Some(values) = values else {
        each(Part::Unreadable { part: name.into(), why: "the channel has no values".into() });
        return false;
    };
    let at = content.get("timestamp").and_then(timestamp);
    let sent = content.get("status").map(Scalar::text);
    let is_ok = sent.as_deref() == Some(STATUS_OK);
    let none_or = |flag, is_set| if is_set { flag } else { Flags::NONE };
    let flags = none_or(Flags::TIME_IS_RECEIVE_TIME, at.is_none()) | none_or(Flags::STATUS_NOT_OK, !is_ok);
    let at = at.map_or(At::Receipt, At::Time);
    if let Some(sent) = sent.filter(|_| !is_ok) {
        each(status(name, sent));
    }
    for (member, value) in content.0.iter().filter(|(member, _)| !is_read(member)) {
        each(Part::Text { raw_code: member.as_ref().into(), text: value.text() });
    }
    for (raw_code, value) in &values.0 {
        let raw_code = raw_code.as_ref();
        let part = match (quantity(raw_code), value) {
            (_, Scalar::Absent) => continue,
            (None, value) => Part::Text { raw_code: raw_code.into(), text: value.text() },
            (Some((obis, unit)), value) => match number(value) {
                Some(number) => Part::Value(Value {
                    channel: if name == GRID_METER { "" } else { name }.into(),
                    at,
                    flags,
                    obis,
                    value: number,
                    unit,
                    raw_code: raw_code.into(),
                }),
                None => Part::Unreadable {
                    part: format!("{raw_code}: {}", value.text()).into(),
                    why: "the value is not a number".into(),
                },
            },
        };
        each(part);
    }
    true
}

/// A value in the base unit. Unsigned, from 2^63 on it is a negative number in two's complement.
fn number(value: &Scalar<'_>) -> Option<f64> {
    let unsigned = match value {
        Scalar::Number(digits) => digits.parse::<u64>().ok(),
        _ => None,
    };
    match unsigned {
        Some(raw) => Some(Decimal::new(raw.cast_signed(), MILLI).to_f64()),
        None => value.number(MILLI),
    }
}

/// Members of a channel that are not given as texts.
fn is_read(member: &str) -> bool {
    ["values", "timestamp", "status"].contains(&member)
}

fn timestamp(value: &Scalar<'_>) -> Option<UnixNanos> {
    let Scalar::Nested(text) = value else { return None };
    let members = Members::read(text).ok()?;
    let seconds = members.get("seconds")?.whole(9)?;
    let nanos = members.get("nanos").map_or(Some(0), |nanos| nanos.whole(0))?;
    let is_valid = seconds > 0 && (0..1_000_000_000).contains(&nanos);
    is_valid.then(|| UnixNanos(seconds.saturating_add(nanos)))
}

/// The register and unit of a name such as `active_power_+_L1`.
fn quantity(name: &str) -> Option<(Obis, Unit)> {
    let (rest, phase) = match name.rsplit_once("_L") {
        Some((rest, "1")) => (rest, 20),
        Some((rest, "2")) => (rest, 40),
        Some((rest, "3")) => (rest, 60),
        Some(_) => return None,
        None => (name, 0),
    };
    let (c, d) = match rest {
        "active_power_+" => (1, 7),
        "active_power_-" => (2, 7),
        "reactive_power_+" => (3, 7),
        "reactive_power_-" => (4, 7),
        "apparent_power_+" => (9, 7),
        "apparent_power_-" => (10, 7),
        "active_energy_+" => (1, 8),
        "active_energy_-" => (2, 8),
        "reactive_energy_+" => (3, 8),
        "reactive_energy_-" => (4, 8),
        "apparent_energy_+" => (9, 8),
        "apparent_energy_-" => (10, 8),
        "current" if phase > 0 => (11, 7),
        "voltage" if phase > 0 => (12, 7),
        "power_factor" => (13, 7),
        "supply_frequency" if phase == 0 => (14, 7),
        // A code as its name.
        _ if phase == 0 => return name.parse().ok().map(|code| registers::register(code, false)).and_then(with_unit),
        _ => return None,
    };
    with_unit(Obis([1, 0, c + phase, d, 0, 255]))
}

fn with_unit(obis: Obis) -> Option<(Obis, Unit)> {
    Some((obis, unit(obis)?))
}
