//! Rows of an interval: their time, and their members as values.

use crate::reading::registry::{Interval, Kind};
use crate::reading::{Flags, UnixNanos};
use crate::vendor::document::{Members, MessageError, Scalar, elements};
use crate::vendor::smappee::codes::Code;
use crate::vendor::{At, Part, Value};
use std::borrow::Cow;

const MILLISECOND_NS: i64 = 1_000_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The level of detail of a request for rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// Five minutes.
    FiveMinutes,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
    /// A quarter of a year.
    Quarter,
    /// Ten minutes.
    TenMinutes,
    /// Fifteen minutes.
    QuarterHour,
    /// Twenty minutes.
    TwentyMinutes,
    /// Thirty minutes.
    HalfHour,
}

impl Aggregation {
    /// Every aggregation, in the order of its numbers.
    pub const ALL: [Self; 9] = [
        Self::FiveMinutes,
        Self::Hour,
        Self::Day,
        Self::Month,
        Self::Quarter,
        Self::TenMinutes,
        Self::QuarterHour,
        Self::TwentyMinutes,
        Self::HalfHour,
    ];

    /// Its number in a request, from 1.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The aggregation of this number.
    pub(super) fn of_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| i64::from(known.number()) == number)
    }

    /// The interval of its rows.
    pub fn interval(self) -> Interval {
        match self {
            Self::FiveMinutes => Interval::Recording,
            Self::TenMinutes => Interval::TenMinutes,
            Self::QuarterHour => Interval::QuarterHour,
            Self::TwentyMinutes => Interval::TwentyMinutes,
            Self::HalfHour => Interval::HalfHour,
            Self::Hour => Interval::Hour,
            Self::Day => Interval::Day,
            Self::Month => Interval::Month,
            Self::Quarter => Interval::Quarter,
        }
    }

    /// The aggregation of rows that start at these times, in milliseconds: by the smallest distance of two rows,
    /// because an answer does not name it. `None` for fewer than two rows, or another distance.
    pub fn of_rows(starts: impl Iterator<Item = i64>) -> Option<Self> {
        let mut starts: Vec<_> = starts.collect();
        starts.sort_unstable();
        let smallest = starts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).filter(|it| *it > 0).min()?;
        Some(match smallest {
            _ if smallest == 5 * MINUTE_MS => Self::FiveMinutes,
            _ if smallest == 10 * MINUTE_MS => Self::TenMinutes,
            _ if smallest == 15 * MINUTE_MS => Self::QuarterHour,
            _ if smallest == 20 * MINUTE_MS => Self::TwentyMinutes,
            _ if smallest == 30 * MINUTE_MS => Self::HalfHour,
            HOUR_MS => Self::Hour,
            // Days of summer time have an hour more or less.
            _ if (DAY_MS - HOUR_MS..=DAY_MS + HOUR_MS).contains(&smallest) => Self::Day,
            _ if (28 * DAY_MS - HOUR_MS..=31 * DAY_MS + HOUR_MS).contains(&smallest) => Self::Month,
            _ if (90 * DAY_MS - HOUR_MS..=92 * DAY_MS + HOUR_MS).contains(&smallest) => Self::Quarter,
            _ => return None,
        })
    }
}

/// The rows of an answer: its member `name`, an array of objects.
///
/// # Errors
/// When there is no such member, or it is no array.
pub(super) fn rows_of<'a>(members: &Members<'a>, name: &'static str) -> Result<Vec<Row<'a>>, MessageError> {
    let Some(Scalar::Nested(array)) = members.get(name) else { return Err(MessageError::Shape("rows of an interval")) };
    let rows = elements(array)?;
    Ok(rows.into_iter().map(|row| Row::of(row.get())).collect())
}

/// A row as sent.
pub(super) struct Row<'a> {
    pub(super) raw: &'a str,
    /// Empty if it is no object.
    pub(super) members: Members<'a>,
    /// The start of its interval in milliseconds; `None` if it has no readable time.
    pub(super) start: Option<i64>,
}

impl<'a> Row<'a> {
    fn of(raw: &'a str) -> Self {
        let members = Members::read(raw).unwrap_or_else(|_| Members(Vec::new()));
        let start = members.get("timestamp").and_then(|time| time.whole(0)).filter(|start| *start > 0);
        Self { raw, members, start }
    }

    /// The time of its values; a row without one is reported.
    pub(super) fn at(&self, interval: Interval, each: &mut impl FnMut(Part<'_>)) -> Option<At> {
        let at = self.start.and_then(|start| time_of(start, interval));
        if at.is_none() {
            each(Part::Unreadable { part: self.raw.into(), why: "the row has no time".into() });
        }
        at.map(At::Time)
    }
}

/// The time of an interval's values.
fn time_of(start_ms: i64, interval: Interval) -> Option<UnixNanos> {
    let start = UnixNanos(start_ms.checked_mul(MILLISECOND_NS)?);
    match interval.kind() {
        Kind::IntervalEndingAt => Some(start.saturating_add(interval.length_ns()?)),
        _ => Some(start),
    }
}

/// Where values of a message belong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'c> {
    pub(super) channel: &'c str,
    pub(super) at: At,
}

impl Place<'_> {
    /// Gives a number × 10^`power` as a value; null is absent, anything else that is no number is reported.
    pub(super) fn number(
        self,
        name: &str,
        scalar: &Scalar<'_>,
        power: i8,
        code: Code,
        each: &mut impl FnMut(Part<'_>),
    ) {
        match scalar.number(power) {
            Some(value) => self.value(name, value, code, each),
            None if *scalar == Scalar::Absent => {}
            None => unreadable(name, scalar, each),
        }
    }

    /// Gives a value.
    pub(super) fn value(self, name: &str, value: f64, code: Code, each: &mut impl FnMut(Part<'_>)) {
        self.flagged(name, value, code, Flags::NONE, each);
    }

    /// Gives a value with flags.
    pub(super) fn flagged(self, name: &str, value: f64, code: Code, flags: Flags, each: &mut impl FnMut(Part<'_>)) {
        if !value.is_finite() {
            return each(Part::Unreadable { part: name.to_owned().into(), why: "the value is not finite".into() });
        }
        each(Part::Value(Value {
            channel: Cow::Borrowed(self.channel),
            at: self.at,
            flags,
            obis: code.obis,
            value,
            unit: code.unit,
            raw_code: Cow::Borrowed(name),
        }));
    }
}

/// Reports a member that is no number.
pub(super) fn unreadable(name: &str, scalar: &Scalar<'_>, each: &mut impl FnMut(Part<'_>)) {
    let part = format!("{name}: {}", scalar.text());
    each(Part::Unreadable { part: part.into(), why: "the value is not a number".into() });
}
