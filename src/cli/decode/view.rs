//! A decoded body as text for a person or as JSON for a script. The JSON field names
//! and labels are stable.

use crate::reading::{Flags, Limits, Sample, SetAside, UnixNanos, registry};
use crate::wire;
use serde::Serialize;
use std::fmt;

/// A decoded body.
#[derive(Debug, Serialize)]
pub(super) struct Body {
    readings: Vec<Reading>,
    samples: usize,
    set_aside: usize,
}

#[derive(Debug, Serialize)]
struct Reading {
    index: u32,
    meter: Option<String>,
    time: Option<String>,
    time_ns: Option<i64>,
    flags: Vec<&'static str>,
    /// The reason if the whole reading would be set aside.
    set_aside: Option<&'static str>,
    values: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct Value {
    obis: Option<String>,
    name: Option<String>,
    unit: Option<&'static str>,
    value: Option<f64>,
    /// The reason if the value would be set aside.
    set_aside: Option<&'static str>,
}

impl Body {
    /// Builds the view of these readings. Times are judged only if `received` is given.
    pub(super) fn new(readings: wire::Readings<'_>, limits: &Limits, received: Option<UnixNanos>) -> Self {
        let readings: Vec<_> = readings.map(|reading| Reading::new(reading, limits, received)).collect();
        let values = || readings.iter().flat_map(|reading| reading.values.iter().map(move |value| (reading, value)));
        let delivered =
            |(reading, value): &(&Reading, &Value)| reading.set_aside.is_none() && value.set_aside.is_none();
        let samples = values().filter(delivered).count();
        let set_aside = values().count() - samples;
        Self { readings, samples, set_aside }
    }
}

impl Reading {
    fn new(reading: wire::Reading<'_>, limits: &Limits, received: Option<UnixNanos>) -> Self {
        let at = reading.at.and_then(|at| received.map_or(Ok(()), |received| limits.judge_time(at, received)));
        Self {
            index: reading.index,
            meter: reading.meter.ok().map(|meter| meter.to_string()),
            time: reading.at.ok().map(|at| at.to_string()),
            time_ns: reading.at.ok().map(|at| at.0),
            flags: Flags::NAMED
                .iter()
                .filter(|(flag, _)| reading.flags.contains(*flag))
                .map(|(_, name)| *name)
                .collect(),
            set_aside: reading.meter.err().or(at.err()).map(SetAside::label),
            values: reading.values.map(|value| Value::new(value, limits)).collect(),
        }
    }
}

impl Value {
    fn new(value: Result<Sample, SetAside>, limits: &Limits) -> Self {
        match value {
            Ok(sample) => {
                let entry = registry::entry(sample.obis);
                Self {
                    obis: Some(sample.obis.to_string()),
                    name: entry.map(|entry| entry.name.to_string()),
                    unit: entry.map(|entry| entry.unit.symbol()),
                    value: Some(sample.value),
                    set_aside: limits.judge_value(sample.value).err().map(SetAside::label),
                }
            }
            Err(reason) => Self { obis: None, name: None, unit: None, value: None, set_aside: Some(reason.label()) },
        }
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for reading in &self.readings {
            writeln!(f, "{reading}")?;
        }
        write!(f, "readings {}, samples {}, set aside {}", self.readings.len(), self.samples, self.set_aside)
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meter = self.meter.as_deref().unwrap_or("no meter");
        let time = self.time.as_deref().unwrap_or("no time");
        write!(f, "meter {meter}  {time}")?;
        for flag in &self.flags {
            write!(f, "  {flag}")?;
        }
        if let Some(reason) = self.set_aside {
            write!(f, "  SET ASIDE: {reason}")?;
        }
        writeln!(f)?;
        self.values.iter().try_for_each(|value| writeln!(f, "{value}"))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let obis = self.obis.as_deref().unwrap_or("no code");
        write!(f, "  {obis:<17}")?;
        if let Some(value) = self.value {
            // Name last: it has no fixed width.
            let amount = format!("{value} {}", self.unit.unwrap_or("?"));
            write!(f, " {:>20}  {}", amount.trim_end(), self.name.as_deref().unwrap_or("unknown code"))?;
        }
        match self.set_aside {
            Some(reason) => write!(f, "  SET ASIDE: {reason}"),
            None => Ok(()),
        }
    }
}
