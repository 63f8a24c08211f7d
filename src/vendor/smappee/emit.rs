//! Gives the parts of one message.

use super::channel_map::Place;
use super::codes::Code;
use crate::reading::{Flags, UnixNanos};
use crate::vendor::document::Scalar;
use crate::vendor::{At, Part, Value};
use std::borrow::Cow;

/// 2000-01-01T00:00:00 UTC: an earlier time is a clock that was never set.
const EARLIEST: i64 = 946_684_800_000_000_000;

/// Gives the values of one time.
pub(super) struct Emit<'e, F> {
    each: &'e mut F,
    at: At,
    flags: Flags,
}

impl<'e, F: FnMut(Part<'_>)> Emit<'e, F> {
    /// Values of a time in milliseconds since 1970 UTC, as a number or a text; of the time of receipt if it
    /// is none.
    pub(super) fn at(time: &Scalar<'_>, each: &'e mut F) -> Self {
        match time.whole(6).filter(|time| *time >= EARLIEST) {
            Some(time) => Self { each, at: At::Time(UnixNanos(time)), flags: Flags::NONE },
            None => Self { each, at: At::Receipt, flags: Flags::TIME_IS_RECEIVE_TIME },
        }
    }

    /// Gives a number ÷ `divisor`. An absent one is no value.
    pub(super) fn number(&mut self, place: &Place<'_>, code: Code, value: &Scalar<'_>, divisor: u32, raw_code: &str) {
        match value.divided_by(divisor).filter(|number| number.is_finite()) {
            _ if *value == Scalar::Absent => {}
            Some(number) => self.value(place, code, number, raw_code),
            None => self.unreadable(raw_code, value, "the value is not a number"),
        }
    }

    /// Gives values with this flag, too.
    pub(super) fn with(&mut self, flag: Flags) -> Emit<'_, F> {
        Emit { each: self.each, at: self.at, flags: self.flags | flag }
    }

    /// Gives a value in its base unit.
    pub(super) fn value(&mut self, place: &Place<'_>, code: Code, value: f64, raw_code: &str) {
        (self.each)(Part::Value(Value {
            channel: Cow::Borrowed(&place.channel),
            at: self.at,
            flags: self.flags,
            obis: code.obis,
            value,
            unit: code.unit,
            raw_code: raw_code.into(),
        }));
    }

    /// Gives a value as it is.
    pub(super) fn text(&mut self, raw_code: &str, value: &Scalar<'_>) {
        text(raw_code, value, self.each);
    }

    /// Gives members as they are.
    pub(super) fn texts(&mut self, members: &[(Cow<'_, str>, Scalar<'_>)]) {
        for (name, value) in members {
            self.text(name, value);
        }
    }

    /// Gives a part that cannot be read.
    pub(super) fn unreadable(&mut self, raw_code: &str, value: &Scalar<'_>, why: &'static str) {
        (self.each)(Part::Unreadable { part: format!("{raw_code}: {}", value.text()).into(), why: why.into() });
    }
}

/// Gives a value as it is. An absent one is none.
pub(super) fn text(raw_code: &str, value: &Scalar<'_>, each: &mut impl FnMut(Part<'_>)) {
    if *value != Scalar::Absent {
        each(Part::Text { raw_code: raw_code.into(), text: value.text() });
    }
}
