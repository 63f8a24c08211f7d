//! Reads QuestDB's tables over its SQL endpoint.
//!
//! Invariants: an answer is within the bound of the client, and a statement within the bound of the server, because a query
//! reads a part of the meters or of the span; everything in a statement is a UUID, a code, a number, a time or an escaped
//! text. UUIDs are compared by `=` and `IN`, and ordered: QuestDB 9.3 ends its process at `<`, and groups texts of them
//! wrongly.

mod canary;
mod connections;
mod ends;
mod sql;

use super::curve::{Bucket, Reducer};
use super::energy::{Chain, Counters};
use super::error::QueryError;
use super::interval::{Step, whole, zone};
use super::limit::Limit;
use super::model::{Filter, MeterEntry, Newest, Place, Register, Series, Span, StoredSample};
use crate::reading::{Flags, MeterId, Obis, UnixNanos};
use crate::sink::questdb::{Config, Row};
use connections::{Connections, LISTED_MAX, ROWS_MAX};
use jiff::tz::TimeZone;
use sql::{codes, condition, meters};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// A register without a sample in these days has no newest value: searching all rows for it would take minutes.
const NEWEST_DAYS: u32 = 40;
/// Meters of one query for their newest values.
const NEWEST_METERS: usize = 100;
/// Metering points of one query: their names may be long.
const POINTS_MAX: usize = 50;
/// The zone of meters whose description names none.
const ZONE_DEFAULT: &str = "UTC";

/// A QuestDB server.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    server: Connections,
    /// The table of meter descriptions.
    descriptions: String,
}

impl Reader {
    /// Connects with the first query.
    pub(super) fn new(config: &Config) -> Self {
        Self { server: Connections::new(config), descriptions: config.of_meters().table.to_string() }
    }

    /// The same server, whose queries end at a limit.
    pub(super) fn within(&self, limit: Limit) -> Self {
        Self { server: self.server.within(limit), descriptions: self.descriptions.clone() }
    }

    pub(super) fn meters(&self) -> Result<Vec<MeterEntry>, QueryError> {
        let mut found: BTreeMap<MeterId, MeterEntry> = BTreeMap::new();
        let descriptions = &self.descriptions;
        let described = self.server.ids(&format!("SELECT DISTINCT meter FROM \"{descriptions}\""))?;
        let columns = "meter, metering_point, name, serial, vendor, model, role, source";
        let newest = |listed: &str| {
            format!(
                "SELECT {columns} FROM \"{descriptions}\" WHERE meter IN ({listed}) LATEST ON valid_from PARTITION BY meter"
            )
        };
        self.server.parts(&described, LISTED_MAX, &newest, &mut |row| {
            let text = |column| row.text(column).to_owned();
            let Some(meter) = sql::meter(row) else { return };
            let entry = MeterEntry {
                meter,
                point: text("metering_point"),
                name: text("name"),
                serial: text("serial"),
                vendor: text("vendor"),
                model: text("model"),
                role: text("role"),
                source: text("source"),
                media: Vec::new(),
            };
            found.insert(meter, entry);
        })?;
        for meter in self.senders()? {
            found.entry(meter).or_insert_with(|| MeterEntry::without_description(meter));
        }
        match self.add_media(&mut found) {
            // Without the view of days no media are known.
            Ok(()) | Err(QueryError::Refused(_)) => Ok(found.into_values().collect()),
            Err(error) => Err(error),
        }
    }

    /// The meters with samples of the last days.
    fn senders(&self) -> Result<Vec<MeterId>, QueryError> {
        let recent = sql::recent(NEWEST_DAYS);
        self.server.ids(&format!("SELECT DISTINCT meter FROM \"{}\" WHERE {recent}", self.server.table()))
    }

    /// Adds what the meters measure: one query for each medium.
    fn add_media(&self, meters: &mut BTreeMap<MeterId, MeterEntry>) -> Result<(), QueryError> {
        let days = format!("\"{}\" WHERE ts > dateadd('d', -{NEWEST_DAYS}, now())", self.server.day_view());
        let answer = self.server.execute(&format!("SELECT DISTINCT obis FROM {days} LIMIT {ROWS_MAX}"))?;
        let mut by_medium: BTreeMap<u8, Vec<Obis>> = BTreeMap::new();
        for obis in answer.rows().filter_map(sql::obis) {
            by_medium.entry(obis.0[0]).or_default().push(obis);
        }
        for (medium, registers) in by_medium {
            for meter in self.server.ids(&format!("SELECT DISTINCT meter FROM {days}{}", codes(&registers)))? {
                if let Some(entry) = meters.get_mut(&meter) {
                    entry.media.push(medium);
                }
            }
        }
        Ok(())
    }

    pub(super) fn newest(&self, of: &[MeterId]) -> Result<BTreeMap<MeterId, Vec<Newest>>, QueryError> {
        let mut found: BTreeMap<MeterId, Vec<Newest>> = BTreeMap::new();
        self.newest_rows(of, |meter, register| found.entry(meter).or_default().push(register.newest))?;
        found.values_mut().for_each(|newest| newest.sort_by_key(|newest| newest.obis));
        Ok(found)
    }

    pub(super) fn registers(&self, meter: MeterId) -> Result<Vec<Register>, QueryError> {
        let mut found = Vec::new();
        self.newest_rows(&[meter], |_, register| found.push(register))?;
        found.sort_by_key(|register| register.newest.obis);
        Ok(found)
    }

    fn newest_rows(&self, of: &[MeterId], mut each: impl FnMut(MeterId, Register)) -> Result<(), QueryError> {
        let all = if of.is_empty() { self.senders()? } else { Vec::new() };
        let of = if of.is_empty() { &all } else { of };
        let sql = |listed: &str| {
            format!(
                "SELECT meter, obis, cast(ts AS LONG) at, value, source, flags FROM \"{}\" WHERE {} AND meter IN ({listed}) \
                 LATEST ON ts PARTITION BY meter, obis",
                self.server.table(),
                sql::recent(NEWEST_DAYS)
            )
        };
        self.server.parts(of, NEWEST_METERS, &sql, &mut |row| {
            let (Some(meter), Some(obis), Some(at)) = (sql::meter(row), sql::obis(row), row.integer("at")) else {
                return;
            };
            let Some(value) = row.number("value") else { return };
            let newest = Newest { obis, value, at: UnixNanos(at) };
            each(meter, Register { newest, source: row.text("source").to_owned(), flags: sql::flags(row) });
        })
    }

    pub(super) fn curves(
        &self,
        series: &[Series],
        span: Span,
        buckets_max: usize,
    ) -> Result<Vec<Vec<Bucket>>, QueryError> {
        let span = sql::clamped(span);
        let reducer = Reducer::new(span, buckets_max);
        let mut found: BTreeMap<(MeterId, Obis), Vec<Bucket>> = BTreeMap::new();
        let registers: BTreeSet<Obis> = series.iter().map(|series| series.obis).collect();
        let registers: Vec<Obis> = registers.into_iter().collect();
        // The curves of one answer.
        let curves_max = (ROWS_MAX / reducer.buckets_max()).max(1);
        for registers in registers.chunks(curves_max) {
            let of: BTreeSet<_> = series.iter().filter(|series| registers.contains(&series.obis)).collect();
            self.buckets(&of, registers, curves_max, span, reducer.width(), &mut found)?;
        }
        let mut curve = |series: &Series| {
            let parts = found.remove(&(series.meter, series.obis)).unwrap_or_default();
            let count: u64 = parts.iter().map(|part| part.count).sum();
            let are_few = usize::try_from(count).is_ok_and(|count| count <= reducer.buckets_max());
            // Several of few samples may share a part.
            if are_few && parts.iter().any(|part| part.count > 1) { self.few(*series, span) } else { Ok(parts) }
        };
        series.iter().map(&mut curve).collect()
    }

    fn buckets(
        &self,
        series: &BTreeSet<&Series>,
        registers: &[Obis],
        curves_max: usize,
        span: Span,
        width: i64,
        found: &mut BTreeMap<(MeterId, Obis), Vec<Bucket>>,
    ) -> Result<(), QueryError> {
        let wanted: BTreeSet<_> = series.iter().map(|series| (series.meter, series.obis)).collect();
        let of: BTreeSet<MeterId> = series.iter().map(|series| series.meter).collect();
        let of: Vec<MeterId> = of.into_iter().collect();
        let of_registers = codes(registers);
        let from = span.from.0;
        let sql = |listed: &str| {
            format!(
                "SELECT meter, obis, (cast(ts AS LONG) - {from}) / {width} part, cast(min(ts) AS LONG) first_at, \
             cast(max(ts) AS LONG) last_at, min(value) low, max(value) high, avg(value) mean, last(value) last, \
             count() number, max(flags & {}) estimated FROM \"{}\" WHERE {} AND meter IN ({listed}){of_registers} \
             GROUP BY meter, obis, part ORDER BY part",
                Flags::ESTIMATED.bits(),
                self.server.table(),
                condition(span)
            )
        };
        self.server.parts(&of, curves_max / registers.len(), &sql, &mut |row| {
            let Some(bucket) = bucket(row, span, width) else { return };
            let Some(key) = sql::meter(row).zip(sql::obis(row)).filter(|key| wanted.contains(key)) else { return };
            found.entry(key).or_default().push(bucket);
        })
    }

    /// The samples of a series that has few.
    fn few(&self, series: Series, span: Span) -> Result<Vec<Bucket>, QueryError> {
        let mut found = Vec::new();
        let filter = Filter { meters: vec![series.meter], registers: vec![series.obis], span };
        self.samples(&filter, &mut |sample| {
            let is_estimated = sample.flags.contains(Flags::ESTIMATED);
            found.push(Bucket::of(sample.at, sample.value, is_estimated));
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    pub(super) fn time_zone(&self, place: &Place) -> Result<String, QueryError> {
        let homes = self.homes(std::slice::from_ref(place))?;
        Ok(homes.into_iter().next().map_or_else(|| ZONE_DEFAULT.to_owned(), |home| home.zone))
    }

    pub(super) fn counters(
        &self,
        places: &[Place],
        registers: &[Obis],
        span: Span,
        step: Option<Step>,
    ) -> Result<Vec<Counters>, QueryError> {
        let homes = self.homes(places)?;
        let zones: BTreeSet<&str> = homes.iter().map(|home| home.zone.as_str()).collect();
        let spans = step.map(|step| zones.into_iter().map(move |name| whole(span, step, &zone(name))));
        let union = |one: Span, other: Span| Span { from: one.from.min(other.from), until: one.until.max(other.until) };
        let span = sql::clamped(spans.into_iter().flatten().fold(span, union));
        let all: BTreeSet<MeterId> = homes.iter().flat_map(|home| home.meters.iter().copied()).collect();
        let chains = ends::chains(&self.server, &all.into_iter().collect::<Vec<_>>(), registers, span)?;
        let counters = homes.into_iter().map(|home| {
            let of_home: Vec<_> = home.meters.iter().filter_map(|meter| chains.get(meter)).collect();
            let chains = of_home.into_iter().flat_map(|of_meter| {
                of_meter.iter().map(|(obis, points)| Chain { obis: *obis, points: points.clone() }).collect::<Vec<_>>()
            });
            Counters { zone: zone(&home.zone), chains: chains.collect() }
        });
        Ok(counters.collect())
    }

    /// The meters and the zone of each place.
    fn homes(&self, places: &[Place]) -> Result<Vec<Home>, QueryError> {
        let of: Vec<_> = places
            .iter()
            .filter_map(|place| if let Place::Meter(meter) = place { Some(*meter) } else { None })
            .collect();
        let mut points: BTreeMap<MeterId, String> = BTreeMap::new();
        if !of.is_empty() {
            let sql = |listed: &str| {
                format!("SELECT meter, metering_point FROM \"{}\" WHERE meter IN ({listed})", self.descriptions)
            };
            self.server.parts(&of, LISTED_MAX, &sql, &mut |row| {
                points.extend(sql::meter(row).map(|meter| (meter, row.text("metering_point").to_owned())));
            })?;
        }
        let named =
            places.iter().filter_map(|place| if let Place::Point(point) = place { Some(point.clone()) } else { None });
        let names: BTreeSet<String> = named.chain(points.values().cloned()).map(|name| sql::escaped(&name)).collect();
        // Its meters, and its newest time zone with the time from which it counts.
        type Point = (BTreeSet<MeterId>, Option<(i64, String)>);
        let mut known: BTreeMap<String, Point> = BTreeMap::new();
        if !names.is_empty() {
            let sql = |listed: &str| {
                format!(
                    "SELECT meter, metering_point, time_zone, cast(valid_from AS LONG) since FROM \"{}\" \
                     WHERE metering_point IN ({listed})",
                    self.descriptions
                )
            };
            let names: Vec<String> = names.into_iter().collect();
            self.server.parts(&names, POINTS_MAX, &sql, &mut |row| {
                let (of_point, newest) = known.entry(row.text("metering_point").to_owned()).or_default();
                of_point.extend(sql::meter(row));
                let (since, name) = (row.integer("since").unwrap_or_default(), row.text("time_zone"));
                if TimeZone::get(name).is_ok() && newest.as_ref().is_none_or(|(before, _)| *before <= since) {
                    *newest = Some((since, name.to_owned()));
                }
            })?;
        }
        let home = |place: &Place| {
            let (point, alone) = match place {
                Place::Meter(meter) => (points.get(meter), Some(*meter)),
                Place::Point(point) => (Some(point), None),
            };
            let (of_point, newest) = point.and_then(|point| known.get(point)).cloned().unwrap_or_default();
            Home {
                meters: alone.map_or_else(|| of_point.into_iter().collect(), |meter| vec![meter]),
                zone: newest.map_or_else(|| ZONE_DEFAULT.to_owned(), |(_, name)| name),
            }
        };
        Ok(places.iter().map(home).collect())
    }

    /// The rows in the order of time. An answer that is full may lack rows of its last time. So the rows of this time are
    /// left out, and the next answer begins with it. A row that is inserted meanwhile shifts no other.
    pub(super) fn samples(
        &self,
        filter: &Filter,
        each: &mut dyn FnMut(&StoredSample) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        let wanted: BTreeSet<MeterId> = filter.meters.iter().copied().collect();
        // Of more meters than a statement has, they are chosen here.
        let of = if wanted.len() > LISTED_MAX { String::new() } else { meters(&filter.meters) };
        let of = format!("{of}{}", codes(&filter.registers));
        let mut each = |sample: &StoredSample| {
            if wanted.is_empty() || wanted.contains(&sample.meter) { each(sample) } else { ControlFlow::Continue(()) }
        };
        let mut span = sql::clamped(filter.span);
        loop {
            let answer = self.server.execute(&format!("{}{of} ORDER BY ts LIMIT {ROWS_MAX}", self.samples_of(span)))?;
            let last = answer.rows().nth(ROWS_MAX - 1).and_then(|row| row.integer("at")).map(UnixNanos);
            let until = last.unwrap_or(span.until);
            for sample in answer.rows().filter_map(sql::sample).filter(|sample| sample.at < until) {
                if each(&sample).is_break() {
                    return Ok(());
                }
            }
            if last.is_none() {
                return Ok(());
            }
            if until == span.from {
                let instant = Span { from: until, until: until.saturating_add(1) };
                if self.samples_at(instant, &of, &mut each)?.is_break() {
                    return Ok(());
                }
                span.from = instant.until;
            } else {
                span.from = until;
            }
        }
    }

    /// The rows of one time, which are more than an answer has.
    fn samples_at(
        &self,
        instant: Span,
        of: &str,
        each: &mut impl FnMut(&StoredSample) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, QueryError> {
        let table = self.server.table();
        let at = condition(instant);
        let meters = self.server.ids(&format!("SELECT DISTINCT meter FROM \"{table}\" WHERE {at}{of}"))?;
        let sql = |listed: &str| format!("{}{of} AND meter IN ({listed})", self.samples_of(instant));
        let mut flow = ControlFlow::Continue(());
        self.server.parts(&meters, LISTED_MAX, &sql, &mut |row| {
            if let Some(sample) = sql::sample(row).filter(|_| flow.is_continue()) {
                flow = each(&sample);
            }
        })?;
        Ok(flow)
    }

    fn samples_of(&self, span: Span) -> String {
        format!(
            "SELECT meter, obis, cast(ts AS LONG) at, value, source, cast(received AS LONG) received, flags FROM \"{}\" \
             WHERE {}",
            self.server.table(),
            condition(span)
        )
    }
}

/// The meters of a place, and the zone of its days.
struct Home {
    meters: Vec<MeterId>,
    zone: String,
}

fn bucket(row: Row<'_>, span: Span, width: i64) -> Option<Bucket> {
    let count = row.integer("number")?.unsigned_abs();
    let start = span.from.saturating_add(row.integer("part")?.saturating_mul(width));
    Some(Bucket {
        start: if count == 1 { UnixNanos(row.integer("first_at")?) } else { start },
        min: row.number("low")?,
        max: row.number("high")?,
        mean: row.number("mean")?,
        last: row.number("last")?,
        last_at: UnixNanos(row.integer("last_at")?),
        count,
        is_estimated: row.integer("estimated")? != 0,
    })
}
