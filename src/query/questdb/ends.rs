//! The samples that energy needs: the first and the last of each quarter-hour, read in parts.
//!
//! If a counter falls within a quarter-hour, its highest value counts at about the time of the first, as in the embedded
//! store's quarter-hours of deleted samples.

use super::connections::{Connections, ROWS_MAX};
use super::sql::{self, codes, condition};
use crate::query::error::QueryError;
use crate::query::model::Span;
use crate::reading::{MeterId, Obis, QUARTER_HOUR_NS, UnixNanos, registry};
use crate::sink::questdb::Row;
use std::collections::{BTreeMap, BTreeSet};

const DAY_NS: i64 = 96 * QUARTER_HOUR_NS;
/// Quarter-hours of a day.
const QUARTERS: usize = 96;
/// Meters of one query.
const METERS_MAX: usize = 20;
/// A sample before or after the span is first searched so far from it, then everywhere.
const NEAR_NS: i64 = 2 * DAY_NS;

/// Time and value of the samples of a counter.
type Points = BTreeMap<i64, f64>;
/// The counters of each meter.
pub(super) type Chains = BTreeMap<MeterId, BTreeMap<Obis, Points>>;

/// The samples of the span, and one before and after it.
pub(super) fn chains(
    store: &Connections,
    of: &[MeterId],
    registers: &[Obis],
    span: Span,
) -> Result<Chains, QueryError> {
    let mut chains = Chains::new();
    for part in of.chunks(METERS_MAX) {
        let counters = counters(store, part, registers, span)?;
        if counters.is_empty() {
            continue;
        }
        let days = ROWS_MAX / QUARTERS / (part.len() * counters.len()).max(1);
        let length = i64::try_from(days).unwrap_or(1).clamp(1, 100) * DAY_NS;
        // Whole quarter-hours, so that none is in two parts.
        let mut from = UnixNanos(span.from.0 - span.from.0.rem_euclid(QUARTER_HOUR_NS));
        while from < span.until {
            let until = from.saturating_add(length).min(span.until);
            ends(store, part, &counters, Span { from, until }, &mut chains)?;
            from = until;
        }
        neighbours(store, part, &counters, span, &mut chains)?;
    }
    Ok(chains)
}

/// The counters that the meters have: of those asked for, or of samples near the span and of the view of days.
fn counters(store: &Connections, of: &[MeterId], registers: &[Obis], span: Span) -> Result<Vec<Obis>, QueryError> {
    let mut found: BTreeSet<Obis> = registers.iter().copied().collect();
    if registers.is_empty() {
        let wide = Span { from: span.from.saturating_add(-NEAR_NS), until: span.until.saturating_add(NEAR_NS) };
        let (near, days) = (condition(sql::clamped(wide)), store.day_view());
        let of_table = |listed: &str| {
            format!("SELECT DISTINCT obis FROM \"{}\" WHERE {near} AND meter IN ({listed})", store.table())
        };
        let of_days = |listed: &str| {
            format!("SELECT DISTINCT obis FROM \"{days}\" WHERE value_count > 0 AND meter IN ({listed})")
        };
        let mut add = |row: Row<'_>| found.extend(sql::obis(row));
        store.parts(of, METERS_MAX, &of_table, &mut add)?;
        // Without the view those with samples near the span are enough in all but long gaps.
        store.parts(of, METERS_MAX, &of_days, &mut add).ok();
    }
    found.retain(|obis| registry::is_counter(*obis));
    Ok(found.into_iter().collect())
}

/// The ends of the quarter-hours in a part of the span.
fn ends(
    store: &Connections,
    of: &[MeterId],
    counters: &[Obis],
    span: Span,
    chains: &mut Chains,
) -> Result<(), QueryError> {
    let sql = |listed: &str| {
        format!(
            "SELECT meter, obis, timestamp_floor('15m', ts) quarter, cast(min(ts) AS LONG) first_at, first(value) first_value, \
         cast(max(ts) AS LONG) last_at, last(value) last_value, max(value) high FROM \"{}\" WHERE {} AND meter IN ({listed}){} \
         GROUP BY meter, obis, quarter ORDER BY quarter",
            store.table(),
            condition(span),
            codes(counters)
        )
    };
    store.parts(of, METERS_MAX, &sql, &mut |row| {
        let Some(points) = points(row, chains) else { return };
        let first = row.integer("first_at").zip(row.number("first_value"));
        let last = row.integer("last_at").zip(row.number("last_value"));
        if let (Some((first_at, first)), Some((last_at, last)), Some(high)) = (first, last, row.number("high")) {
            points.insert(first_at, first);
            if first > last {
                points.insert(first_at + 1, high);
            }
            points.insert(last_at, last);
        }
    })
}

/// The last sample before the span and the first one after it, of the counters that have none at its ends.
fn neighbours(
    store: &Connections,
    of: &[MeterId],
    counters: &[Obis],
    span: Span,
    chains: &mut Chains,
) -> Result<(), QueryError> {
    for (is_before, is_near) in [(true, true), (true, false), (false, true), (false, false)] {
        let lacking: Vec<_> =
            of.iter().copied().filter(|meter| lacks(chains.get(meter), counters, span, is_before)).collect();
        if lacking.is_empty() {
            continue;
        }
        let of_listed = |listed: &str| format!(" AND meter IN ({listed}){}", codes(counters));
        let mut add = |row: Row<'_>| {
            let found = row.integer("at").zip(row.number("value"));
            if let (Some((at, value)), Some(points)) = (found, points(row, chains)) {
                points.insert(at, value);
            }
        };
        let nearest = |listed: &str| neighbour(store, span, is_before, is_near, &of_listed(listed));
        let read = store.parts(&lacking, METERS_MAX, &nearest, &mut add);
        if read.is_err() && !is_near {
            // Without the view of days the table is searched.
            let sql = |listed: &str| of_table(store, far(span, is_before), is_before, &of_listed(listed));
            store.parts(&lacking, METERS_MAX, &sql, &mut add)?;
        } else {
            read?;
        }
    }
    Ok(())
}

/// Whether a counter of a meter has no sample at this end of the span or beyond it.
fn lacks(of_meter: Option<&BTreeMap<Obis, Points>>, counters: &[Obis], span: Span, is_before: bool) -> bool {
    counters.iter().any(|obis| {
        let points = of_meter.and_then(|of_meter| of_meter.get(obis));
        let end = points.and_then(|points| if is_before { points.keys().next() } else { points.keys().next_back() });
        end.is_none_or(|at| if is_before { *at > span.from.0 } else { *at < span.until.0 })
    })
}

fn far(span: Span, is_before: bool) -> Span {
    if is_before {
        Span { from: UnixNanos(0), until: span.from.saturating_add(-NEAR_NS) }
    } else {
        Span { from: span.until.saturating_add(NEAR_NS), until: UnixNanos(i64::MAX) }
    }
}

/// The query for the sample at one side: near the span in the table, far from it in the view of days.
fn neighbour(store: &Connections, span: Span, is_before: bool, is_near: bool, condition: &str) -> String {
    let (from, until) = (span.from, span.until);
    match (is_near, is_before) {
        (true, true) => of_table(store, Span { from: from.saturating_add(-NEAR_NS), until: from }, true, condition),
        (true, false) => of_table(store, Span { from: until, until: until.saturating_add(NEAR_NS) }, false, condition),
        (false, _) => {
            let Span { from, until } = sql::clamped(far(span, is_before));
            let (time, value) =
                if is_before { ("max(last_ts)", "last(value_last)") } else { ("min(first_ts)", "first(value_first)") };
            // The day that the nearer end is in has the rest of it, too.
            let from = UnixNanos(from.0 - from.0.rem_euclid(DAY_NS));
            format!(
                "SELECT meter, obis, cast({time} AS LONG) at, {value} value FROM \"{}\" \
                 WHERE ts >= '{from}' AND ts < '{until}'{condition}",
                store.day_view()
            )
        }
    }
}

fn of_table(store: &Connections, searched: Span, is_before: bool, of: &str) -> String {
    let (time, value) = if is_before { ("max(ts)", "last(value)") } else { ("min(ts)", "first(value)") };
    let within = condition(sql::clamped(searched));
    format!("SELECT meter, obis, cast({time} AS LONG) at, {value} value FROM \"{}\" WHERE {within}{of}", store.table())
}

fn points<'a>(row: Row<'_>, chains: &'a mut Chains) -> Option<&'a mut Points> {
    Some(chains.entry(sql::meter(row)?).or_default().entry(sql::obis(row)?).or_default())
}
