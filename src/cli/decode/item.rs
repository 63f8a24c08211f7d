//! The items of the output: values, texts and unreadable parts. The JSON field names and labels are
//! stable.

use crate::reading::{Flags, Limits, Obis, SetAside, UnixNanos, registry};
use crate::secret;
use crate::vendor::{At, Part, Value};
use serde::Serialize;

/// Decides which samples would be set aside.
pub(super) struct Judge {
    pub(super) limits: Limits,
    /// Times are judged only if this is given.
    pub(super) received: Option<UnixNanos>,
}

impl Judge {
    fn reason(&self, at: Option<UnixNanos>, value: f64) -> Option<SetAside> {
        let time = |received| self.limits.judge_time(at?, received).err();
        self.received.and_then(time).or_else(|| self.limits.judge_value(value).err())
    }
}

/// An item.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Item {
    Value(ValueItem),
    Text { meter: String, native_id: String, raw_code: String, text: String },
    Unreadable { error: String, kept: String },
}

impl Item {
    /// A part of a vendor's message. `ids` gives the meter and the native id of a channel; a text is of the
    /// channel `texts`.
    pub(super) fn of(part: Part<'_>, texts: &str, ids: impl Fn(&str) -> (String, String), judge: &Judge) -> Self {
        match part {
            Part::Value(value) => Self::Value(ValueItem::of(&value, ids(&value.channel), judge)),
            Part::Text { raw_code, text } => Self::text(ids(texts), raw_code, text),
            Part::Unreadable { part, why } => Self::Unreadable { error: why.into_owned(), kept: part.into_owned() },
        }
    }

    /// A text of a meter with this id and native id.
    pub(super) fn text(
        (meter, native_id): (String, String),
        raw_code: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self::Text { meter, native_id, raw_code: raw_code.into(), text: text.into() }
    }

    /// The item with stars in place of secrets. Errors have none.
    pub(super) fn without_secrets(mut self) -> Self {
        match &mut self {
            Self::Value(_) => {}
            Self::Text { raw_code, text, .. } if secret::is_secret(raw_code.as_bytes()) => *text = "***".to_owned(),
            Self::Text { text, .. } | Self::Unreadable { kept: text, .. } => *text = secret::hide_text(text).into(),
        }
        self
    }
}

/// A value with its meter and time.
#[derive(Debug, Serialize)]
pub(super) struct ValueItem {
    pub(super) meter: Option<String>,
    pub(super) native_id: Option<String>,
    pub(super) obis: Option<String>,
    pub(super) name: Option<String>,
    pub(super) value: Option<f64>,
    pub(super) unit: Option<&'static str>,
    pub(super) time: Option<String>,
    pub(super) flags: Vec<&'static str>,
    pub(super) raw_code: Option<String>,
    /// The reason if it would not be delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) set_aside: Option<&'static str>,
}

impl ValueItem {
    /// The value of a vendor's message.
    pub(super) fn of(value: &Value<'_>, (meter, native_id): (String, String), judge: &Judge) -> Self {
        let at = match value.at {
            At::Time(at) => Some(at),
            At::Receipt => judge.received,
        };
        Self {
            meter: Some(meter),
            native_id: Some(native_id),
            obis: Some(value.obis.to_string()),
            name: name(value.obis),
            value: Some(value.value),
            unit: Some(value.unit.symbol()),
            time: at.map(|at| at.to_string()),
            flags: names(value.flags),
            raw_code: Some(value.raw_code.clone().into_owned()),
            set_aside: judge.reason(at, value.value).map(SetAside::label),
        }
    }

    /// A value of a body that `wire` decodes. Missing parts are `null`.
    pub(super) fn of_wire(
        reading: &crate::wire::Reading<'_>,
        sample: Result<crate::reading::Sample, SetAside>,
        judge: &Judge,
    ) -> Self {
        let meter = reading.meter.ok().map(|meter| meter.to_string());
        let fault = reading.meter.err().or(reading.at.err());
        let obis = sample.ok().map(|sample| sample.obis);
        let judged = |sample: crate::reading::Sample| judge.reason(reading.at.ok(), sample.value);
        Self {
            native_id: meter.clone(),
            meter,
            obis: obis.map(|obis| obis.to_string()),
            name: obis.and_then(name),
            value: sample.ok().map(|sample| sample.value),
            unit: obis.and_then(registry::entry).map(|entry| entry.unit.symbol()),
            time: reading.at.ok().map(|at| at.to_string()),
            flags: names(reading.flags),
            raw_code: obis.map(|obis| obis.to_string()),
            set_aside: fault.or(sample.err()).or_else(|| sample.ok().and_then(judged)).map(SetAside::label),
        }
    }
}

fn name(obis: Obis) -> Option<String> {
    registry::entry(obis).map(|entry| entry.name.to_string())
}

fn names(flags: Flags) -> Vec<&'static str> {
    Flags::NAMED.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name).collect()
}
