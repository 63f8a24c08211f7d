//! The parts of a vendor's message: values, texts, and what cannot be read.
//!
//! Every vendor's decoder returns these. Invariant: nothing of a message is left out in
//! silence. A part without a value is a text, or is reported as unreadable.

use super::Reading;
use crate::reading::registry::Unit;
use crate::reading::{Flags, MeterId, Obis, Sample, UnixNanos};
use std::borrow::Cow;

/// A part of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part<'a> {
    /// A value.
    Value(Value<'a>),
    /// A text or an unknown state. It is kept with the message, and not stored as a value.
    Text {
        /// Its name or code as sent.
        raw_code: Cow<'a, str>,
        /// As sent.
        text: Cow<'a, str>,
    },
    /// A part that cannot be read.
    Unreadable {
        /// As sent.
        part: Cow<'a, str>,
        /// Why, in one sentence.
        why: Cow<'static, str>,
    },
}

/// A value of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Value<'a> {
    /// The device or channel behind the meter; empty for the meter itself.
    pub channel: Cow<'a, str>,
    /// When it was measured.
    pub at: At,
    /// Its unusual properties.
    pub flags: Flags,
    /// Its register.
    pub obis: Obis,
    /// In the base unit.
    pub value: f64,
    /// The base unit: the registry's, or for an unknown register the one of the message.
    pub unit: Unit,
    /// Its name or code as sent. A derived value has the codes of its parts.
    pub raw_code: Cow<'a, str>,
}

impl Part<'_> {
    /// The same part with texts of its own.
    pub fn into_owned(self) -> Part<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Value(value) => {
                let Value { channel, at, flags, obis, value, unit, raw_code } = value;
                Part::Value(Value { channel: own(channel), at, flags, obis, value, unit, raw_code: own(raw_code) })
            }
            Self::Text { raw_code, text } => Part::Text { raw_code: own(raw_code), text: own(text) },
            Self::Unreadable { part, why } => Part::Unreadable { part: own(part), why },
        }
    }
}

/// When a value was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At this time.
    Time(UnixNanos),
    /// The meter sent no valid time: at receipt.
    Receipt,
}

impl At {
    /// The time, for a message received at `received`.
    pub fn or(self, received: UnixNanos) -> UnixNanos {
        match self {
            Self::Time(time) => time,
            Self::Receipt => received,
        }
    }
}

/// Collects values into readings: one for each meter, time and set of flags. A register that comes
/// again in a reading replaces the former value.
#[derive(Debug, Default)]
pub struct Readings(Vec<Reading>);

impl Readings {
    /// Adds a value of this meter, received at `received`.
    pub fn add(&mut self, meter: MeterId, value: &Value<'_>, received: UnixNanos) {
        let (at, flags) = (value.at.or(received), value.flags);
        let sample = Sample { obis: value.obis, value: value.value };
        // From the end: values of one reading come one after the other.
        let known = self.0.iter_mut().rev().find(|it| it.meter == meter && it.at == at && it.flags == flags);
        match known {
            None => self.0.push(Reading { meter, at, flags, samples: vec![sample] }),
            Some(reading) => match reading.samples.iter_mut().find(|known| known.obis == sample.obis) {
                Some(known) => *known = sample,
                None => reading.samples.push(sample),
            },
        }
    }

    /// The readings, in the order of their first values.
    pub fn into_vec(self) -> Vec<Reading> {
        self.0
    }
}
