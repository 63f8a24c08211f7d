//! The values of a line.

use super::facts::{Facts, Fault};
use super::line::Line;
use super::mbus::cold;
use super::registers::{
    CHANNEL_MAX, CURRENT_LIMIT, ChannelLine, FAILURE_DURATION, Meaning, PEAK, POWER_LIMIT, VALVE, meaning,
};
use super::tariffs::Tariffs;
use super::time::Stamp;
use super::unit::{Printed, Quantity};
use crate::reading::registry::{Unit, entry};
use crate::reading::{Flags, Obis};
use crate::vendor::{At, Part, Value};
use std::borrow::Cow;

const NO_UNIT: Fault = "the value has no unit";
const OTHER_QUANTITY: Fault = "the unit does not fit the register";
/// Durations of entries that fill an empty log.
const FILLERS: [f64; 2] = [0.0, 2_147_483_647.0];
const NOT_A_NUMBER: Fault = "the value is not a number with a known unit";

impl<'a> Facts<'a> {
    /// Calls `each` for every part of a line.
    pub(super) fn parts(&self, line: &Line<'a>, tariffs: &mut Tariffs, each: &mut impl FnMut(Part<'a>)) {
        let fault = match line.obis.map(meaning) {
            None => Some("the code is not an OBIS code"),
            Some(Meaning::Clock(_)) => match self.clock {
                Some((_, Stamp::Absurd)) => Some("the telegram's time is not a date"),
                None => Some("the telegram's time has an unknown form"),
                _ => None,
            },
            Some(Meaning::ClockTime | Meaning::ClockDate | Meaning::Id(_) | Meaning::Version) => None,
            Some(Meaning::Channel(number, what)) => self.channel_parts(number, what, line, each).err(),
            Some(Meaning::FailureLog) => self.failures(line, each).err(),
            Some(Meaning::Peaks) => self.peaks(line, each).err(),
            Some(Meaning::Text) => {
                text(line, each);
                None
            }
            Some(Meaning::Register(obis)) => self.register(obis, line, tariffs, each).err(),
        };
        if let Some(why) = fault {
            each(unreadable(line.bytes, why));
        }
    }

    /// A register of the meter itself: one value, or a time and a value, or two values.
    fn register(
        &self,
        obis: Obis,
        line: &Line<'a>,
        tariffs: &mut Tariffs,
        each: &mut impl FnMut(Part<'a>),
    ) -> Result<(), Fault> {
        tariffs.note_sent(obis);
        let mut groups = line.groups();
        let first = groups.next().unwrap_or(&[]);
        let (mut at, mut flags) = self.now();
        let (group, second) = match Stamp::parse(first, self.winter).and(groups.clone().next()) {
            Some(value) => {
                let is_zero = || Quantity::parse(value).is_some_and(|quantity| quantity.number.to_f64() == 0.0);
                match self.own_time(first) {
                    Ok(Some((time, own))) => (at, flags) = (At::Time(time), own),
                    // A peak that was never measured.
                    Ok(None) | Err(_) if is_zero() => return Ok(()),
                    Ok(None) => {
                        text(line, each);
                        return Ok(());
                    }
                    Err(why) => return Err(why),
                }
                (value, None)
            }
            None => (first, groups.next()),
        };
        if group.is_empty() {
            return Ok(());
        }
        let Some(quantity) = Quantity::parse(group) else {
            // A state in words is a text.
            let is_number = group.iter().any(u8::is_ascii_digit);
            if is_number {
                return Err(NOT_A_NUMBER);
            }
            text(line, each);
            return Ok(());
        };
        let raw_code = String::from_utf8_lossy(line.raw_code());
        let mut give = |obis: Obis, value, unit| {
            each(Part::Value(Value { channel: MAIN, at, flags, obis, value, unit, raw_code: raw_code.clone() }));
        };
        let (obis, value, unit) = in_base_unit(obis, group, quantity)?;
        tariffs.note(obis, quantity);
        give(obis, value, unit);
        // Luxembourg: the limits of import and export in one line.
        if obis.0[2..5] == CURRENT_LIMIT.0[2..5]
            && let Some(export) = second.and_then(Quantity::parse)
        {
            let [a, b, c, d, ..] = obis.0;
            let (_, value, unit) = in_base_unit(obis, group, export)?;
            give(Obis([a, b, c, d, 128, 255]), value, unit);
        }
        Ok(())
    }

    fn channel_parts(
        &self,
        number: u8,
        what: ChannelLine,
        line: &Line<'a>,
        each: &mut impl FnMut(Part<'a>),
    ) -> Result<(), Fault> {
        let Some(channel) = self.channel(number) else { return Ok(()) };
        let raw_code = String::from_utf8_lossy(line.raw_code());
        let (at, flags) = self.now();
        match what {
            ChannelLine::Kind | ChannelLine::Id => Ok(()),
            ChannelLine::Valve => match line.groups().next().map(Quantity::parse) {
                Some(Some(Quantity { number: position, unit: None })) => {
                    let (obis, value) = (VALVE, position.to_f64());
                    each(Part::Value(Value {
                        channel: channel_name(number),
                        at,
                        flags,
                        obis,
                        value,
                        unit: Unit::One,
                        raw_code,
                    }));
                    Ok(())
                }
                _ => {
                    text(line, each);
                    Ok(())
                }
            },
            // Another line has the same counter.
            ChannelLine::Counter(rank) if channel.counter.is_some_and(|preferred| preferred < rank) => {
                text(line, each);
                Ok(())
            }
            ChannelLine::Cold | ChannelLine::Counter(_) => {
                let Some((at, flags, value, unit)) = self.counter(line)? else { return Ok(()) };
                let register = if what == ChannelLine::Cold { cold(unit) } else { channel.register(unit) };
                let obis = register.or(line.obis).ok_or(OTHER_QUANTITY)?;
                each(Part::Value(Value { channel: channel_name(number), at, flags, obis, value, unit, raw_code }));
                Ok(())
            }
        }
    }

    /// The counter of an M-Bus device: `(time)(value*unit)`, or in DSMR 2.2 and 3
    /// `(time)(status)(60)(1)(0-1:24.2.1)(m3)(value)`. `None` if there is no device or it was never read.
    fn counter(&self, line: &Line<'a>) -> Result<Option<(At, Flags, f64, Unit)>, Fault> {
        let first = line.groups().next().unwrap_or(&[]);
        let last = line.groups().last().unwrap_or(&[]);
        let count = line.groups().count();
        let unit_group = || line.groups().nth(count.checked_sub(2)?);
        let Some(Quantity { number, unit }) = Quantity::parse(last) else {
            return if last.is_empty() { Ok(None) } else { Err(NOT_A_NUMBER) };
        };
        let printed = unit.or_else(|| if count > 2 { Printed::parse(unit_group()?) } else { None });
        let own = if count > 1 { Some(self.own_time(first)) } else { None };
        let is_zero = number.to_f64() == 0.0;
        let Some(printed) = printed else {
            // A device that was never read has no unit and a time that was never set.
            return if is_zero { Ok(None) } else { Err(NO_UNIT) };
        };
        let (now, now_flags) = self.now();
        let (at, flags) = match own {
            None => (now, now_flags),
            Some(Ok(Some((time, flags)))) => (At::Time(time), flags),
            // A place without a device has a time that is none, and nothing was counted.
            Some(Ok(None)) if is_zero => return Ok(None),
            Some(Err(_)) if is_zero && Stamp::parse(first, self.winter).is_some() => return Ok(None),
            Some(Ok(None)) => (now, now_flags | Flags::TIME_IS_RECEIVE_TIME),
            Some(Err(why)) => return Err(why),
        };
        Ok(Some((at, flags, printed.to_base(number), printed.base)))
    }

    /// `(count)(0-0:96.7.19)` and for each failure `(end)(seconds*s)`.
    fn failures(&self, line: &Line<'a>, each: &mut impl FnMut(Part<'a>)) -> Result<(), Fault> {
        let mut groups = line.groups().skip(2);
        let raw_code = String::from_utf8_lossy(line.raw_code());
        let (mut result, mut has_undated) = (Ok(()), false);
        while let (Some(end), Some(duration)) = (groups.next(), groups.next()) {
            let Some(Quantity { number, .. }) = Quantity::parse(duration) else {
                result = Err(NOT_A_NUMBER);
                continue;
            };
            match self.own_time(end) {
                Ok(Some((time, flags))) => each(Part::Value(Value {
                    channel: MAIN,
                    at: At::Time(time),
                    flags,
                    obis: FAILURE_DURATION,
                    value: number.to_f64(),
                    unit: Unit::Second,
                    raw_code: raw_code.clone(),
                })),
                Ok(None) => has_undated |= !FILLERS.contains(&number.to_f64()),
                Err(why) => result = Err(why),
            }
        }
        if has_undated {
            text(line, each);
        }
        result
    }

    /// `(count)(1-0:1.6.0)(1-0:1.6.0)` and for each month `(end)(time of the peak)(value*kW)`. Other
    /// lists under this code are kept as text.
    fn peaks(&self, line: &Line<'a>, each: &mut impl FnMut(Part<'a>)) -> Result<(), Fault> {
        let raw_code = String::from_utf8_lossy(line.raw_code());
        let count = line.groups().next().and_then(|count| std::str::from_utf8(count).ok()?.parse::<usize>().ok());
        let Some(count) = count.filter(|count| *count <= 100) else {
            text(line, each);
            return Ok(());
        };
        let mut groups = line.groups().skip(1).skip_while(|group| group.contains(&b':'));
        let (mut result, mut has_undated) = (Ok(()), false);
        for _ in 0..count {
            let (Some(_), Some(time), Some(value)) = (groups.next(), groups.next(), groups.next()) else {
                return Err("the list of peaks is shorter than it says");
            };
            let peak = Quantity::parse(value).ok_or(NOT_A_NUMBER).and_then(|it| in_base_unit(PEAK, value, it));
            match (peak, self.own_time(time)) {
                // Months before the meter's installation have no time and no power.
                (Ok((_, 0.0, _)), Ok(None) | Err(_)) => {}
                (Ok((_, value, unit)), Ok(Some((time, flags)))) => {
                    let (at, raw_code) = (At::Time(time), raw_code.clone());
                    each(Part::Value(Value { channel: MAIN, at, flags, obis: PEAK, value, unit, raw_code }));
                }
                (Ok(_), Ok(None)) => has_undated = true,
                (Err(why), _) | (Ok(_), Err(why)) => result = Err(why),
            }
        }
        if has_undated {
            text(line, each);
        }
        result
    }
}

fn text<'a>(line: &Line<'a>, each: &mut impl FnMut(Part<'a>)) {
    let raw_code = line.raw_code();
    let text = line.bytes.get(raw_code.len()..).unwrap_or(&[]);
    if line.groups().any(|group| !group.is_empty()) {
        each(Part::Text { raw_code: String::from_utf8_lossy(raw_code), text: String::from_utf8_lossy(text) });
    }
}

/// A line that cannot be read.
pub(super) fn unreadable<'a>(line: &'a [u8], why: Fault) -> Part<'a> {
    Part::Unreadable { part: String::from_utf8_lossy(line), why: why.into() }
}

/// The meter itself.
pub(super) const MAIN: Cow<'static, str> = Cow::Borrowed("");

/// The name of an M-Bus channel, as its codes have it.
fn channel_name(number: u8) -> Cow<'static, str> {
    const NAMES: [&str; CHANNEL_MAX as usize] = ["1", "2", "3", "4", "5", "6", "7", "8"];
    Cow::Borrowed(NAMES.get(usize::from(number).wrapping_sub(1)).copied().unwrap_or(""))
}

/// A value in the base unit of its register. A register that is not in the registry has the unit
/// as printed.
fn in_base_unit(obis: Obis, group: &[u8], quantity: Quantity) -> Result<(Obis, f64, Unit), Fault> {
    let Quantity { number, unit } = quantity;
    // DSMR 3 has the limit in ampere under the code of the one in kilowatt.
    let is_current_limit = obis == POWER_LIMIT && unit.is_some_and(|unit| unit.base == Unit::Ampere);
    let obis = if is_current_limit { CURRENT_LIMIT } else { obis };
    match (entry(obis).map(|entry| entry.unit), unit) {
        (None | Some(Unit::Unknown), None) => Ok((obis, number.to_f64(), Unit::Unknown)),
        (None | Some(Unit::Unknown), Some(printed)) => Ok((obis, printed.to_base(number), printed.base)),
        (Some(Unit::One), None) if is_power_factor(obis) && number.is_whole() && group.len() >= 4 => {
            Ok((obis, number.shifted(-3).to_f64(), Unit::One))
        }
        (Some(Unit::One), None) => Ok((obis, number.to_f64(), Unit::One)),
        (Some(_), None) => Err(NO_UNIT),
        (Some(unit), Some(printed)) if printed.base == unit => Ok((obis, printed.to_base(number), unit)),
        (Some(_), Some(_)) => Err(OTHER_QUANTITY),
    }
}

/// Lithuania sends power factors in thousandths, as whole numbers of five digits.
fn is_power_factor(obis: Obis) -> bool {
    matches!(obis.0, [1, _, 13 | 33 | 53 | 73 | 84..=87, ..])
}
