//! The view of one meter: its newest values, curves and energy of a span, registers and descriptions; the same as CSV and
//! JSON.

mod csv;
mod data;
mod json;
mod table;

pub(super) use csv::csv;
pub(super) use json::json;

use super::Views;
use super::chart::{Canvas, Chart, Points};
use super::fleet;
use super::frame::{Frame, View};
use super::moment::Moment;
use super::parameters::Parameters;
use super::range::{NAMED, local};
use super::units::{Shown, counter, shown};
use crate::query::Step;
use crate::reading::registry::{self, Kind, Unit};
use crate::reading::{MeterId, UnixNanos};
use crate::wire::meters::Version;
use askama::Template;
use data::{Curve, Data};
use jiff::tz::TimeZone;
use table::Row;

/// The page, as its template reads it.
#[derive(Debug, Template)]
#[template(path = "meter.html")]
pub(super) struct MeterPage {
    frame: Frame,
    id: String,
    name: String,
    facts: Vec<(&'static str, String)>,
    value: Option<Shown>,
    newest: Option<Moment>,
    silent_since: Option<Moment>,
    ranges: Vec<RangeLink>,
    from: String,
    to: String,
    zone: String,
    fault: Option<String>,
    notice: Option<String>,
    /// Whether the range ends now, so that new values belong to it.
    is_live: bool,
    charts: Vec<Chart>,
    totals: Vec<(&'static str, Shown)>,
    others: Vec<Chart>,
    /// The page with the other registers' curves; `None` if it has them or there are none.
    more: Option<String>,
    rows: Vec<Row>,
    rows_unit: &'static str,
    registers: Vec<RegisterRow>,
    /// Whether a register has no known unit.
    lacks_unit: bool,
    versions: Vec<VersionRow>,
    csv: String,
}

#[derive(Debug)]
struct RangeLink {
    label: &'static str,
    link: String,
    is_current: bool,
}

#[derive(Debug)]
struct RegisterRow {
    code: String,
    name: String,
    value: Shown,
    at: Moment,
}

#[derive(Debug)]
struct VersionRow {
    from: Option<Moment>,
    until: Option<Moment>,
    name: String,
    serial: String,
    point: String,
    source: String,
    model: String,
}

/// Makes the page; `None` if nothing is known about the meter.
pub(super) fn page(views: &Views, id: MeterId, parameters: &Parameters) -> Option<MeterPage> {
    let (status, now) = ((views.status)(), views.clock.now());
    let with_others = !parameters.get("more").is_empty();
    let data = Data::of(views, id, parameters, with_others)?;
    let kinds = fleet::source_kinds(&status.sources);
    let path = format!("/meter/{id}");
    let meter = &data.meter;
    let source_kind = kinds.get(meter.source.as_str()).copied().unwrap_or_default();
    let range = |(name, label, _): (&'static str, &'static str, i64)| RangeLink {
        label,
        link: parameters.with("from", "").with("to", "").with("range", name).link(&path),
        is_current: data.range.name == name,
    };
    let has_others = data.registers.iter().any(|newest| registry::main_value(newest.obis).is_none());
    let (rows, rows_unit) = table::rows(&data);
    Some(MeterPage {
        frame: Frame::new(View::Meters, meter.name.clone(), &status, views.is_logged_in),
        id: id.to_string(),
        name: meter.name.clone(),
        facts: facts(&data, source_kind),
        value: meter.main_value().map(|main| shown(main.value, main.unit)),
        newest: meter.newest_at.map(|at| Moment::age(at, now, &data.zone)),
        silent_since: meter.silent_since.map(|at| Moment::near(at, now, &data.zone)),
        ranges: NAMED.into_iter().map(range).collect(),
        from: local(data.range.span.from, &data.zone),
        to: local(data.range.span.until, &data.zone),
        zone: data.zone.iana_name().unwrap_or("UTC").to_owned(),
        fault: data.range.fault.clone(),
        notice: data.notice.clone(),
        is_live: matches!(data.range.name, "1h" | "24h"),
        charts: charts(&data),
        totals: totals(&data),
        others: other_charts(&data),
        more: (!with_others && has_others && data.notice.is_none()).then(|| parameters.with("more", "1").link(&path)),
        rows,
        rows_unit,
        registers: data.registers.iter().map(|newest| register(newest, &data, now)).collect(),
        lacks_unit: data.registers.iter().any(|newest| meter.unit(newest.obis) == Unit::Unknown),
        versions: data.versions.iter().rev().map(|version| version_row(version, now, &data.zone)).collect(),
        csv: parameters.link(&format!("{path}.csv")),
    })
}

fn facts(data: &Data, source_kind: &str) -> Vec<(&'static str, String)> {
    let meter = &data.meter;
    let description = data.versions.last().map(|version| version.description.clone()).unwrap_or_default();
    let source = match source_kind {
        "" => meter.source.clone(),
        kind if kind == meter.source => meter.source.clone(),
        kind => format!("{} ({kind})", meter.source),
    };
    let model = [description.vendor, description.model].join(" ").trim().to_owned();
    let facts = [
        ("Metering point", meter.point.clone()),
        ("Serial number", meter.serial.clone()),
        ("Serial number of the meter", description.meter_serial),
        ("Model", model),
        ("Kind", meter.kind.to_owned()),
        ("Role", meter.role.label().to_owned()),
        ("Site", meter.site.clone()),
        ("Source", source),
        ("Id", meter.id.to_string()),
    ];
    facts.into_iter().filter(|(_, text)| !text.trim().is_empty()).collect()
}

fn canvas(data: &Data) -> Canvas<'_> {
    Canvas { span: data.range.span, zone: &data.zone, gaps: &data.gaps, marks: &data.marks }
}

/// The chart of power or flow, and the one of energy.
fn charts(data: &Data) -> Vec<Chart> {
    let canvas = canvas(data);
    let mut charts = Vec::new();
    if let Some(first) = data.rates.first() {
        let title = match first.unit {
            Unit::Watt => "Power",
            Unit::CubicMetrePerHour => "Flow",
            _ => &first.points.label,
        };
        let with_zero = matches!(first.unit, Unit::Watt | Unit::CubicMetrePerHour);
        let points: Vec<Points> = data.rates.iter().map(|curve| curve.points.clone()).collect();
        charts.push(canvas.lines("rate", title, first.unit, &points, with_zero));
    }
    if !data.bars.is_empty() {
        let each = match data.range.step() {
            Step::QuarterHour => "quarter-hour",
            Step::Hour => "hour",
            Step::Day => "day",
            Step::Month => "month",
        };
        let title = format!("{} of each {each}", amount_name(data.bars_unit));
        charts.push(canvas.bars("energy", &title, data.bars_unit, &data.bars));
    }
    charts
}

fn amount_name(unit: Unit) -> &'static str {
    match unit {
        Unit::WattHour | Unit::KilowattHour | Unit::MegawattHour | Unit::Megajoule | Unit::Gigajoule => "Energy",
        Unit::CubicMetre | Unit::Litre => "Volume",
        _ => "Amount",
    }
}

/// The amounts of the whole span.
fn totals(data: &Data) -> Vec<(&'static str, Shown)> {
    let sum =
        |of: fn(&super::chart::Bar) -> Option<f64>| data.bars.iter().filter_map(of).reduce(|sum, amount| sum + amount);
    let taken = sum(|bar| bar.taken).map(|sum| ("in", shown(sum, data.bars_unit)));
    let given = sum(|bar| bar.given).map(|sum| ("out", shown(sum, data.bars_unit)));
    taken.into_iter().chain(given).collect()
}

/// One chart for each unit of the other registers.
fn other_charts(data: &Data) -> Vec<Chart> {
    let of_unit = |curves: &[Curve]| {
        let unit = curves[0].unit;
        let points: Vec<Points> = curves.iter().map(|curve| curve.points.clone()).collect();
        canvas(data).lines(unit_id(unit), unit_title(unit), unit, &points, false)
    };
    data.others.chunk_by(|one, other| one.unit == other.unit).map(of_unit).collect()
}

fn unit_title(unit: Unit) -> &'static str {
    match unit {
        Unit::Volt => "Voltage",
        Unit::Ampere => "Current",
        Unit::Hertz => "Frequency",
        Unit::DegreeCelsius => "Temperature",
        Unit::Watt => "Power of parts",
        Unit::Var => "Reactive power",
        Unit::VoltAmpere => "Apparent power",
        Unit::CubicMetrePerHour => "Flow",
        Unit::One => "Factors and states",
        Unit::Degree => "Angles",
        Unit::Pascal => "Pressure",
        _ => "Other values",
    }
}

fn unit_id(unit: Unit) -> &'static str {
    match unit {
        Unit::Volt => "voltage",
        Unit::Ampere => "current",
        Unit::Hertz => "frequency",
        Unit::DegreeCelsius => "temperature",
        Unit::Watt => "parts",
        Unit::Var => "reactive",
        Unit::VoltAmpere => "apparent",
        Unit::CubicMetrePerHour => "flow",
        Unit::One => "factors",
        Unit::Degree => "angles",
        Unit::Pascal => "pressure",
        _ => "others",
    }
}

fn register(newest: &crate::query::Newest, data: &Data, now: UnixNanos) -> RegisterRow {
    let entry = registry::entry(newest.obis);
    let unit = data.meter.unit(newest.obis);
    let is_counter = entry.is_some_and(|entry| matches!(entry.kind, Kind::Counter | Kind::VolatileCounter));
    let value = if is_counter { counter(newest.value, unit) } else { shown(newest.value, unit) };
    RegisterRow {
        code: newest.obis.to_string(),
        name: entry.map_or_else(|| "unknown register".to_owned(), |entry| entry.name.to_string()),
        value,
        at: Moment::near(newest.at, now, &data.zone),
    }
}

fn version_row(version: &Version, now: UnixNanos, zone: &TimeZone) -> VersionRow {
    let description = &version.description;
    VersionRow {
        from: (version.valid_from > UnixNanos(0)).then(|| Moment::near(version.valid_from, now, zone)),
        until: version.valid_to.map(|at| Moment::near(at, now, zone)),
        name: description.name.clone(),
        serial: [description.serial.as_str(), description.meter_serial.as_str()].join(" ").trim().to_owned(),
        point: version.metering_point.clone(),
        source: version.source.clone(),
        model: [description.vendor.as_str(), description.model.as_str()].join(" ").trim().to_owned(),
    }
}
