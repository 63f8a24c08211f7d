//! The strip over the meters: import, export and production where configured metering points have these roles,
//! else counts and rates.

use crate::admin::history::{Day, Past};
use crate::admin::meter_state::Meter;
use crate::admin::moment::Moment;
use crate::admin::spark;
use crate::admin::status::Status;
use crate::admin::units::{digits, shown};
use crate::reading::registry::Unit;
use crate::reading::{MeterId, UnixNanos};
use crate::source::SourceState;
use crate::wire::meters::Role;
use jiff::tz::TimeZone;
use std::collections::HashMap;

/// A tile of the strip.
#[derive(Debug, Default)]
pub(super) struct Tile {
    pub(super) label: &'static str,
    pub(super) number: String,
    pub(super) unit: String,
    /// All digits.
    pub(super) full: String,
    pub(super) spark: String,
    pub(super) note: String,
    /// A time after the note.
    pub(super) at: Option<Moment>,
    /// Whether the note is about something that needs attention.
    pub(super) is_warning: bool,
}

/// Counts of the whole fleet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) total: usize,
    pub(super) silent: usize,
    pub(super) newest: Option<UnixNanos>,
}

/// Meters with a role at most: a fleet of sites has one grid connection for each, whose sum says little.
const MEMBERS_MAX: usize = 8;

/// The meters at metering points with the roles that the strip is about; none if there are too many. A role that only
/// the vendor names does not say which site it is the grid connection of.
pub(super) fn members(meters: &[Meter]) -> Vec<Meter> {
    let has_role = |meter: &Meter| matches!(meter.role, Role::Grid | Role::Production);
    let is_member = |meter: &&Meter| !meter.point.is_empty() && has_role(meter);
    let found: Vec<Meter> = meters.iter().filter(is_member).take(MEMBERS_MAX + 1).cloned().collect();
    if found.len() > MEMBERS_MAX { Vec::new() } else { found }
}

/// The tiles of the strip.
pub(super) fn tiles(
    site: &[Meter],
    past: &HashMap<MeterId, Past>,
    counts: &Counts,
    status: &Status,
    now: UnixNanos,
) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let of = |role: Role| site.iter().filter(move |meter| meter.role == role);
    if of(Role::Grid).next().is_some() {
        let power = |sign: f64| sum(of(Role::Grid), |value| (sign * value).max(0.0));
        let curve = |sign: f64| curve(of(Role::Grid), past, |value| (sign * value).max(0.0));
        tiles.push(power_tile("Import", power(1.0), curve(1.0)));
        tiles.push(power_tile("Export", power(-1.0), curve(-1.0)));
    }
    if of(Role::Production).next().is_some() {
        tiles.push(power_tile(
            "Solar",
            sum(of(Role::Production), f64::abs),
            curve(of(Role::Production), past, f64::abs),
        ));
    }
    if of(Role::Grid).next().is_some() {
        tiles.extend(energy_tile(of(Role::Grid), past));
    }
    if tiles.is_empty() {
        tiles.extend(rate_tiles(status));
    }
    tiles.push(meters_tile(counts, now));
    tiles
}

/// The sum of a part of each power; `None` if no meter has a power yet.
fn sum<'a>(meters: impl Iterator<Item = &'a Meter>, part: impl Fn(f64) -> f64) -> Option<f64> {
    meters.filter_map(Meter::rate).map(|rate| part(rate.value)).reduce(|sum, value| sum + value)
}

fn power_tile(label: &'static str, power: Option<f64>, spark: String) -> Tile {
    let Some(power) = power else {
        return Tile { label, number: "–".to_owned(), note: "no value yet".to_owned(), ..Tile::default() };
    };
    // The part of a zero may be -0.
    let value = shown(power + 0.0, Unit::Watt);
    Tile { label, number: value.number, unit: value.unit.to_owned(), full: value.full, spark, ..Tile::default() }
}

/// The curve of one meter; of several, each has its own card.
fn curve<'a>(
    mut meters: impl Iterator<Item = &'a Meter>,
    past: &HashMap<MeterId, Past>,
    part: impl Fn(f64) -> f64,
) -> String {
    let (Some(meter), None) = (meters.next(), meters.next()) else { return String::new() };
    let points: Option<Vec<_>> =
        past.get(&meter.id).map(|past| past.spark.iter().map(|(at, value)| (*at, part(*value))).collect());
    spark::path(&points.unwrap_or_default())
}

fn energy_tile<'a>(meters: impl Iterator<Item = &'a Meter>, past: &HashMap<MeterId, Past>) -> Option<Tile> {
    let (mut today, mut yesterday) = (Day::default(), Day::default());
    for past in meters.filter_map(|meter| past.get(&meter.id)) {
        today.add(past.today);
        yesterday.add(past.yesterday);
    }
    let (taken, unit) = today.taken?;
    let value = shown(taken, unit);
    let mut note = String::new();
    let short = |amount: (f64, Unit)| {
        let amount = shown(amount.0, amount.1);
        format!("{} {}", amount.number, amount.unit)
    };
    if let Some(given) = today.given {
        note.push_str(&format!("{} out", short(given)));
    }
    if let Some(taken) = yesterday.taken {
        let separator = if note.is_empty() { "" } else { "; " };
        note.push_str(&format!("{separator}yesterday {}", short(taken)));
        if let Some(given) = yesterday.given {
            note.push_str(&format!(", {}", short(given)));
        }
    }
    let unit = format!("{} in", value.unit);
    Some(Tile { label: "Today", number: value.number, unit, full: value.full, note, ..Tile::default() })
}

fn rate_tiles(status: &Status) -> Vec<Tile> {
    // A sum of nothing is -0.
    let rate = status.ingest.iter().map(|source| source.readings_per_minute).sum::<f64>() + 0.0;
    let running = status.sources.iter().filter(|source| source.state == SourceState::Running).count();
    let sinks = || status.sinks.iter().filter(|sink| !sink.internal);
    let parts = |label, running: usize, all: usize| Tile {
        label,
        number: running.to_string(),
        unit: format!("of {all}"),
        note: "running".to_owned(),
        is_warning: running < all,
        ..Tile::default()
    };
    let rate = Tile {
        label: "Readings",
        number: digits(rate),
        unit: "/min".to_owned(),
        full: format!("{rate:.1} a minute"),
        ..Tile::default()
    };
    let mut tiles = vec![rate];
    if !status.sources.is_empty() {
        tiles.push(parts("Sources", running, status.sources.len()));
    }
    tiles.push(parts("Sinks", sinks().filter(|sink| sink.state == "running").count(), sinks().count()));
    tiles
}

fn meters_tile(counts: &Counts, now: UnixNanos) -> Tile {
    Tile {
        label: "Meters",
        number: counts.total.to_string(),
        unit: match counts.silent {
            0 => "none silent".to_owned(),
            silent => format!("▲ {silent} silent"),
        },
        note: if counts.newest.is_some() { "newest".to_owned() } else { "no value yet".to_owned() },
        at: counts.newest.map(|at| Moment::age(at, now, &TimeZone::UTC)),
        is_warning: false,
        ..Tile::default()
    }
}
