//! Time stamps of telegrams.
//!
//! The letter S or W gives the offset, so no time-zone database is needed, and the repeated
//! hour of autumn is unambiguous. Stamps without a letter are local: the European Union's
//! summer time decides (Directive 2000/84/EC), and they are marked.

use crate::reading::{Flags, UnixNanos};
use jiff::SignedDuration;
use jiff::civil::{DateTime, Weekday, date};
use jiff::tz::Offset;

/// A parsed stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// A time, and [`Flags::LOCAL_TIME`] if its offset is a guess.
    Time(UnixNanos, Flags),
    /// The clock was never set (all zeros, or the year 2000).
    Unset,
    /// Not a time: an impossible date.
    Absurd,
}

/// Hours between UTC and the meter's time in winter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WinterOffset(pub(super) i8);

impl Stamp {
    /// Parses `YYMMDDhhmmss` with S or W or no letter, or a DLMS date-time in 24 hexadecimal digits.
    /// `None` if the text has another form.
    pub(super) fn parse(text: &[u8], winter: WinterOffset) -> Option<Self> {
        let (digits, letter) = match text {
            [digits @ .., letter] if digits.len() == 12 => (digits, Some(letter.to_ascii_uppercase())),
            digits if digits.len() == 12 => (digits, None),
            hex if hex.len() == 24 => return dlms(hex, winter),
            _ => return None,
        };
        if !digits.iter().all(u8::is_ascii_digit) || !matches!(letter, None | Some(b'S' | b'W')) {
            return None;
        }
        Some(Self::of(digits, letter, winter))
    }

    /// Parses a date `YYMMDD` and a time `hhmmss`, both local, also as `YY-MM-DD`, `20YY-MM-DD` and `hh:mm:ss`.
    pub(super) fn of_parts(date: &[u8], time: &[u8], winter: WinterOffset) -> Option<Self> {
        let mut digits = [0; 12];
        let is_long = date.iter().filter(|byte| byte.is_ascii_digit()).count() == 8;
        let date = date.strip_prefix(b"20").filter(|_| is_long).unwrap_or(date);
        let parts = date.iter().chain(time).filter(|byte| !matches!(**byte, b'-' | b':' | b'.'));
        let mut count = 0;
        for byte in parts {
            *digits.get_mut(count)? = *byte;
            count += 1;
        }
        let is_stamp = count == digits.len() && digits.iter().all(u8::is_ascii_digit);
        is_stamp.then(|| Self::of(&digits, None, winter))
    }

    fn of(digits: &[u8], letter: Option<u8>, winter: WinterOffset) -> Self {
        let pair =
            |at: usize| digits.get(at..at + 2).map_or(0, |pair| (pair[0] - b'0') * 10 + (pair[1] - b'0')).cast_signed();
        let [year, month, day, hour, minute, second] = [0, 2, 4, 6, 8, 10].map(pair);
        if year == 0 {
            // The year 2000 is a clock that was never set: no meter of these standards is older than it.
            return Self::Unset;
        }
        // No meter with this port existed before 2000; 70 is the start of Unix time.
        let year = i16::from(year) + if year >= 70 { 1900 } else { 2000 };
        let Ok(local) = DateTime::new(year, month, day, hour, minute, second, 0) else { return Self::Absurd };
        let (summer, flags) = match letter {
            Some(letter) => (letter == b'S', Flags::NONE),
            None => (winter.is_summer(local), Flags::LOCAL_TIME),
        };
        winter.utc(local, summer).map_or(Self::Absurd, |time| Self::Time(time, flags))
    }
}

impl WinterOffset {
    fn utc(self, local: DateTime, summer: bool) -> Option<UnixNanos> {
        let time = Offset::from_hours(self.0 + i8::from(summer)).ok()?.to_timestamp(local).ok()?;
        i64::try_from(time.as_nanosecond()).ok().map(UnixNanos)
    }

    /// Whether a local time is in the European Union's summer time, which begins and ends at 1 h UTC. The hour that
    /// comes twice counts as winter.
    fn is_summer(self, local: DateTime) -> bool {
        let change = |month| {
            let day = date(local.year(), month, 1).nth_weekday_of_month(-1, Weekday::Sunday).ok()?;
            Some(day.at(1 + self.0, 0, 0, 0))
        };
        let (Some(from), Some(until)) = (change(3), change(10)) else { return false };
        from <= local && local < until
    }
}

/// A DLMS date-time of twelve bytes: year (2), month, day, weekday, hour, minute, second,
/// hundredths, deviation (2), status. The deviation's sign differs between makers, so only
/// the summer bit of the status is used.
fn dlms(hex: &[u8], winter: WinterOffset) -> Option<Stamp> {
    let mut bytes = [0; 12];
    hex::decode_to_slice(hex, &mut bytes).ok()?;
    let [high, low, month, day, _, hour, minute, second, .., status] = bytes;
    let year = i16::from_be_bytes([high, low]);
    let part = |byte: u8| i8::try_from(byte).ok();
    let local = DateTime::new(year, part(month)?, part(day)?, part(hour)?, part(minute)?, part(second)?, 0);
    let time = local.ok().and_then(|local| winter.utc(local, status & 0x80 != 0));
    Some(time.map_or(Stamp::Absurd, |time| Stamp::Time(time, Flags::LOCAL_TIME)))
}

/// How far a value's own time may be ahead of the telegram's.
pub(super) const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// 2000-01-01T00:00:00 UTC. An earlier time is a clock that was never set.
pub(super) const YEAR_2000: UnixNanos = UnixNanos(946_684_800_000_000_000);
