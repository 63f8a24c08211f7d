//! Prints the rows of an answer as a table, CSV or JSON. Times are local, with their offset.

use super::rows::{Question, Row, Value};
use crate::cli::Failure;
use crate::cli::csv::write_row;
use crate::cli::shown::amount;
use crate::cli::table::{self, one_line, print, print_bytes, print_json};
use crate::query::{MeterEntry, Place, name_of};
use crate::reading::registry::Unit;
use crate::reading::{MeterId, UnixNanos};
use jiff::Timestamp;
use serde_json::json;

impl Question {
    /// The local time with its offset.
    fn local(&self, at: UnixNanos) -> String {
        match Timestamp::from_nanosecond(at.0.into()) {
            Ok(time) => {
                let local = time.to_zoned(self.zone.clone());
                local.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
            }
            Err(_) => at.to_string(),
        }
    }

    /// The name of the meter or of the metering point.
    fn title(&self) -> String {
        match (&self.found.place, &self.found.meters[..]) {
            (Place::Meter(_), [meter, ..]) => meter.shown_name(),
            (Place::Point(point), _) => point.clone(),
            (Place::Meter(meter), []) => meter.to_string(),
        }
    }

    /// The unit of a row: unknown if the meters of a metering point differ in it.
    fn unit(&self, row: &Row) -> &'static str {
        let of = |meter| self.units.of(meter, row.obis);
        let unit = match row.value {
            Value::Sample { meter, .. } => of(meter),
            Value::Energy { .. } | Value::Mean { .. } => {
                let mut units = self.found.meters.iter().map(|entry| of(entry.meter));
                let first = units.next().unwrap_or(Unit::Unknown);
                if units.all(|unit| unit == first) { first } else { Unit::Unknown }
            }
        };
        unit.symbol()
    }

    fn meter_name(&self, id: MeterId) -> String {
        let meter = self.found.meters.iter().find(|entry| entry.meter == id);
        meter.map_or_else(|| id.to_string(), MeterEntry::shown_name)
    }
}

/// A table for people.
pub(super) fn table(question: &Question, rows: &[Row]) -> Result<(), Failure> {
    if rows.is_empty() {
        return print(format!(
            "{}: no values from {} to {}",
            one_line(&question.title()),
            question.local(question.span.from),
            question.local(question.span.until)
        ));
    }
    let mut shown = table::table(if question.step.is_none() {
        &["register", "time", "value", "flags", "meter"]
    } else {
        &["register", "start", "end", "value", "state"]
    });
    for row @ Row { obis, start, value } in rows {
        let (register, unit, start) = (name_of(*obis), question.unit(row), question.local(*start));
        shown.add_row(match value {
            Value::Sample { meter, value, flags } => {
                [register, start, amount(*value, unit), flags.clone(), one_line(&question.meter_name(*meter))]
            }
            Value::Energy { until, amount: energy, state } => {
                [register, start, question.local(*until), amount(*energy, unit), (*state).to_owned()]
            }
            Value::Mean { until, mean, min, max, count } => {
                let range = format!("{} to {} in {count} samples", amount(*min, unit), amount(*max, unit));
                [register, start, question.local(*until), amount(*mean, unit), range]
            }
        });
    }
    print(format!("{}\n{shown}", one_line(&question.title())))
}

/// CSV with full precision.
pub(super) fn csv(question: &Question, rows: &[Row]) -> Result<(), Failure> {
    let mut text = Vec::new();
    let head = if question.step.is_none() {
        ["meter", "register", "register_name", "time", "value", "unit", "flags"].as_slice()
    } else {
        &["register", "register_name", "start", "end", "value", "unit", "min", "max", "count", "state"]
    };
    write_row(&mut text, head.iter().copied())?;
    for row @ Row { obis, start, value } in rows {
        let (code, name, unit, start) = (obis.to_string(), name_of(*obis), question.unit(row), question.local(*start));
        match value {
            Value::Sample { meter, value, flags } => {
                let (meter, value) = (meter.to_string(), value.to_string());
                write_row(&mut text, [&meter[..], &code, &name, &start, &value, unit, flags])?;
            }
            Value::Energy { until, amount, state } => {
                let (until, amount) = (question.local(*until), amount.to_string());
                write_row(&mut text, [&code[..], &name, &start, &until, &amount, unit, "", "", "", state])?;
            }
            Value::Mean { until, mean, min, max, count } => {
                let [until, mean, min, max, count] =
                    [question.local(*until), mean.to_string(), min.to_string(), max.to_string(), count.to_string()];
                write_row(&mut text, [&code[..], &name, &start, &until, &mean, unit, &min, &max, &count, "mean"])?;
            }
        }
    }
    print_bytes(&text)
}

/// JSON with full precision.
pub(super) fn json(question: &Question, rows: &[Row]) -> Result<(), Failure> {
    let row = |row @ Row { obis, start, value }: &Row| {
        let mut object = json!({
            "register": obis.to_string(),
            "name": name_of(*obis),
            "unit": question.unit(row),
            "start": question.local(*start),
        });
        let more = match value {
            Value::Sample { meter, value, flags } => {
                json!({ "meter": meter.to_string(), "value": value, "flags": flags })
            }
            Value::Energy { until, amount, state } => {
                json!({ "end": question.local(*until), "value": amount, "state": state })
            }
            Value::Mean { until, mean, min, max, count } => {
                json!({ "end": question.local(*until), "value": mean, "min": min, "max": max, "count": count })
            }
        };
        if let (Some(object), serde_json::Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        object
    };
    print_json(&json!({
        "name": question.title(),
        "meters": question.found.meters.iter().map(|entry| entry.meter.to_string()).collect::<Vec<_>>(),
        "from": question.local(question.span.from),
        "until": question.local(question.span.until),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    }))
}
