//! The newest values of a meter as JSON: every register with all digits.

use super::data::Data;
use crate::admin::Views;
use crate::admin::parameters::Parameters;
use crate::reading::MeterId;
use crate::reading::registry;
use serde::Serialize;

/// A meter with its newest values. Field names are stable; times are RFC 3339 in UTC.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct MeterJson {
    meter: String,
    name: String,
    metering_point: String,
    serial: String,
    source: String,
    kind: &'static str,
    newest: Option<String>,
    silent_since: Option<String>,
    registers: Vec<RegisterJson>,
}

#[derive(Debug, Serialize)]
struct RegisterJson {
    obis: String,
    name: String,
    value: f64,
    unit: &'static str,
    at: String,
}

/// The newest values; `None` if nothing is known about the meter.
pub(in crate::admin) fn json(views: &Views, id: MeterId) -> Option<MeterJson> {
    let Data { meter, registers, .. } = Data::of(views, id, &Parameters::default().with("range", "1h"), false)?;
    let register = |newest: &crate::query::Newest| {
        let entry = registry::entry(newest.obis);
        RegisterJson {
            obis: newest.obis.to_string(),
            name: entry.map(|entry| entry.name.to_string()).unwrap_or_default(),
            value: newest.value,
            unit: meter.unit(newest.obis).symbol(),
            at: newest.at.to_string(),
        }
    };
    Some(MeterJson {
        registers: registers.iter().map(register).collect(),
        meter: meter.id.to_string(),
        newest: meter.newest_at.map(|at| at.to_string()),
        silent_since: meter.silent_since.map(|at| at.to_string()),
        name: meter.name,
        metering_point: meter.point,
        serial: meter.serial,
        source: meter.source,
        kind: meter.kind,
    })
}
