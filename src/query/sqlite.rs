//! Reads the embedded store, by its views where they have what is asked for.
//!
//! Each statement has a condition on the meter or the metering point, which reaches the keys of the tables (see
//! `docs/embedded-store.md`, "Speed"). Quarter-hours of deleted samples continue curves and energies to the past.

use super::curve::{Bucket, Reducer};
use super::energy::{Chain, Counters};
use super::error::QueryError;
use super::interval::{Step, day_of, whole, zone};
use super::limit::Limit;
use super::model::{Filter, MeterEntry, Newest, Place, Register, Series, Span, StoredSample};
use super::pool::Pool;
use crate::reading::{Flags, MeterId, Obis, UnixNanos};
use crate::sink::sqlite::Config;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use uuid::Uuid;

const METERS: &str = "
    SELECT meter_ids.uuid, meter_ids.metering_point, meter_ids.name, meter_ids.serial, coalesce(newest.vendor, ''),
      coalesce(newest.model, ''), coalesce(newest.role, ''), coalesce(newest.source, ''), meter_ids.id
    FROM meter_ids LEFT JOIN meters AS newest ON newest.meter = meter_ids.uuid AND newest.valid_from =
      (SELECT max(valid_from) FROM meters WHERE meters.meter = meter_ids.uuid)";
/// The media of each meter, by its number.
const MEDIA: &str = "
    SELECT DISTINCT series.meter, CAST(substr(codes.obis, 1, instr(codes.obis, '-') - 1) AS INTEGER)
    FROM series CROSS JOIN codes ON codes.id = series.obis";
const NEWEST: &str = "SELECT register, value, ts, meter FROM newest";
const CANARY: &str = "SELECT value FROM canary WHERE ts = ?1";
const SAMPLE: &str = "SELECT source, flags FROM samples WHERE meter = ?1 AND obis = ?2 AND ts = ?3";
const VALUES: &str = "SELECT ts, value, flags FROM samples WHERE meter = ?1 AND obis = ?2 AND ts >= ?3 AND ts < ?4";
/// Quarter-hours of deleted samples.
const QUARTER_HOURS: &str = "
    SELECT data.ts, data.value_min, data.value_max, data.value_sum / data.value_count, data.last, data.last_ts,
      data.value_count
    FROM meter_ids CROSS JOIN codes CROSS JOIN rollups AS data ON data.meter = meter_ids.id AND data.obis = codes.id
    WHERE meter_ids.uuid = ?1 AND codes.obis = ?2 AND data.ts >= ?3 AND data.ts < ?4";
const METER: &str = "SELECT metering_point, zone, id FROM meter_ids WHERE uuid = ?1";
const POINT: &str = "SELECT metering_point, zone, NULL FROM meter_ids WHERE metering_point = ?1 LIMIT 1";
const STEPS: &str = "
    SELECT meter, register, t0, v0, t1, v1 FROM counter_steps WHERE metering_point = ?1 AND day >= ?2 AND day <= ?3";
const DEFAULT_ZONE: &str = "SELECT name FROM time_zones WHERE is_default";
const SERIES: &str = "
    SELECT meter_ids.uuid, codes.obis FROM meter_ids CROSS JOIN series ON series.meter = meter_ids.id
    CROSS JOIN codes ON codes.id = series.obis";
const SAMPLES: &str = "
    SELECT ts, value, source, received, flags FROM samples
    WHERE meter = ?1 AND obis = ?2 AND ts >= ?3 AND ts < ?4 ORDER BY ts";

/// An embedded store.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pool: Pool,
}

impl Reader {
    pub(super) fn new(config: &Config) -> Self {
        Self { pool: Pool::new(&config.file) }
    }

    /// The same store, whose queries end at a limit.
    pub(super) fn within(&self, limit: Limit) -> Self {
        Self { pool: self.pool.within(limit) }
    }

    pub(super) fn meters(&self) -> Result<Vec<MeterEntry>, QueryError> {
        self.pool.with(|store| {
            let mut media = media(store)?;
            let mut statement = store.prepare_cached(METERS)?;
            let meter = |row: &Row<'_>| {
                Ok(MeterEntry {
                    meter: meter(row, 0)?,
                    point: row.get(1)?,
                    name: row.get(2)?,
                    serial: row.get(3)?,
                    vendor: row.get(4)?,
                    model: row.get(5)?,
                    role: row.get(6)?,
                    source: row.get(7)?,
                    media: media.remove(&row.get(8)?).unwrap_or_default(),
                })
            };
            statement.query_map([], meter)?.collect()
        })
    }

    pub(super) fn newest(&self, meters: &[MeterId]) -> Result<BTreeMap<MeterId, Vec<Newest>>, QueryError> {
        self.pool.with(|store| {
            let mut found: BTreeMap<MeterId, Vec<Newest>> = BTreeMap::new();
            if meters.is_empty() {
                let mut rows = store.prepare_cached(NEWEST)?;
                let mut rows = rows.query([])?;
                while let Some(row) = rows.next()? {
                    found.entry(meter(row, 3)?).or_default().push(newest(row)?);
                }
            }
            for meter in meters {
                let newest = newest_of(store, *meter)?;
                if !newest.is_empty() {
                    found.insert(*meter, newest);
                }
            }
            found.values_mut().for_each(|newest| newest.sort_by_key(|newest| newest.obis));
            Ok(found)
        })
    }

    pub(super) fn registers(&self, meter: MeterId) -> Result<Vec<Register>, QueryError> {
        self.pool.with(|store| {
            let mut sample = store.prepare_cached(SAMPLE)?;
            let mut found = Vec::new();
            for newest in newest_of(store, meter)? {
                let key = params![meter.to_string(), newest.obis.to_string(), newest.at.0];
                let details = sample.query_row(key, |row| Ok((row.get(0)?, flags(row, 1)?))).optional()?;
                let (source, flags) = details.unwrap_or_default();
                found.push(Register { newest, source, flags });
            }
            found.retain(|register| !register.flags.contains(Flags::TEST));
            found.sort_by_key(|register| register.newest.obis);
            Ok(found)
        })
    }

    pub(super) fn canary(&self, at: UnixNanos) -> Result<Option<f64>, QueryError> {
        self.pool.with(|store| store.prepare_cached(CANARY)?.query_row([at.0], |row| row.get(0)).optional())
    }

    pub(super) fn curves(
        &self,
        series: &[Series],
        span: Span,
        buckets_max: usize,
    ) -> Result<Vec<Vec<Bucket>>, QueryError> {
        self.pool.with(|store| series.iter().map(|series| curve(store, *series, span, buckets_max)).collect())
    }

    pub(super) fn time_zone(&self, place: &Place) -> Result<String, QueryError> {
        self.pool.with(|store| Ok(home(store, place)?.map_or(default_zone(store)?, |home| home.zone)))
    }

    pub(super) fn counters(
        &self,
        places: &[Place],
        registers: &[Obis],
        span: Span,
        step: Option<Step>,
    ) -> Result<Vec<Counters>, QueryError> {
        self.pool.with(|store| places.iter().map(|place| counters(store, place, registers, span, step)).collect())
    }

    pub(super) fn samples(
        &self,
        filter: &Filter,
        each: &mut dyn FnMut(&StoredSample) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        self.pool.with(|store| {
            for series in series(store, filter)? {
                if samples(store, series, filter.span, each)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

fn media(store: &Connection) -> rusqlite::Result<BTreeMap<i64, Vec<u8>>> {
    let mut media: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    let mut statement = store.prepare_cached(MEDIA)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        media.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(media)
}

fn newest_of(store: &Connection, meter: MeterId) -> rusqlite::Result<Vec<Newest>> {
    let mut rows = store.prepare_cached(&format!("{NEWEST} WHERE meter = ?1"))?;
    rows.query_map([meter.to_string()], newest)?.collect()
}

fn newest(row: &Row<'_>) -> rusqlite::Result<Newest> {
    Ok(Newest { obis: obis(row, 0)?, value: row.get(1)?, at: UnixNanos(row.get(2)?) })
}

fn curve(store: &Connection, series: Series, span: Span, buckets_max: usize) -> rusqlite::Result<Vec<Bucket>> {
    let mut reducer = Reducer::new(span, buckets_max);
    let keys = params![series.meter.to_string(), series.obis.to_string(), span.from.0, span.until.0];
    let mut quarter_hours = store.prepare_cached(QUARTER_HOURS)?;
    let mut rows = quarter_hours.query(keys)?;
    while let Some(row) = rows.next()? {
        let count: i64 = row.get(6)?;
        reducer.add(Bucket {
            start: UnixNanos(row.get(0)?),
            min: row.get(1)?,
            max: row.get(2)?,
            mean: row.get(3)?,
            last: row.get(4)?,
            last_at: UnixNanos(row.get(5)?),
            count: count.unsigned_abs(),
            is_estimated: false,
        });
    }
    let mut values = store.prepare_cached(VALUES)?;
    let mut rows = values.query(keys)?;
    while let Some(row) = rows.next()? {
        let flags = flags(row, 2)?;
        if !flags.contains(Flags::TEST) {
            reducer.add(Bucket::of(UnixNanos(row.get(0)?), row.get(1)?, flags.contains(Flags::ESTIMATED)));
        }
    }
    Ok(reducer.finish())
}

/// Where a place is in the store.
struct Home {
    point: String,
    zone: String,
    /// The meter's number, if it is asked for alone.
    meter: Option<i64>,
}

fn home(store: &Connection, place: &Place) -> rusqlite::Result<Option<Home>> {
    let (sql, key) = match place {
        Place::Meter(meter) => (METER, meter.to_string()),
        Place::Point(point) => (POINT, point.clone()),
    };
    let home = |row: &Row<'_>| Ok(Home { point: row.get(0)?, zone: row.get(1)?, meter: row.get(2)? });
    store.prepare_cached(sql)?.query_row([key], home).optional()
}

fn default_zone(store: &Connection) -> rusqlite::Result<String> {
    let name = store.prepare_cached(DEFAULT_ZONE)?.query_row([], |row| row.get(0)).optional()?;
    Ok(name.unwrap_or_else(|| "UTC".to_owned()))
}

/// The samples that the energy of the local days of a span needs.
fn counters(
    store: &Connection,
    place: &Place,
    registers: &[Obis],
    span: Span,
    step: Option<Step>,
) -> rusqlite::Result<Counters> {
    let Some(home) = home(store, place)? else {
        return Ok(Counters { zone: zone(&default_zone(store)?), chains: Vec::new() });
    };
    let zone = zone(&home.zone);
    let span = step.map_or(span, |step| whole(span, step, &zone));
    let days = [day_of(span.from, &zone), day_of(span.until.saturating_add(-1), &zone)].map(|day| day.to_string());
    let mut chains: BTreeMap<(i64, String), BTreeMap<i64, f64>> = BTreeMap::new();
    let mut add = |row: &Row<'_>| -> rusqlite::Result<()> {
        let points = chains.entry((row.get(0)?, row.get(1)?)).or_default();
        for column in [2, 4] {
            if let (Some(at), Some(value)) = (row.get(column)?, row.get(column + 1)?) {
                points.insert(at, value);
            }
        }
        Ok(())
    };
    let condition = if home.meter.is_some() { " AND meter = ?4" } else { " AND ?4 IS NULL" };
    if registers.is_empty() {
        let mut steps = store.prepare_cached(&format!("{STEPS}{condition}"))?;
        let mut rows = steps.query(params![home.point, days[0], days[1], home.meter])?;
        while let Some(row) = rows.next()? {
            add(row)?;
        }
    }
    for register in registers {
        let mut steps = store.prepare_cached(&format!("{STEPS}{condition} AND register = ?5"))?;
        let mut rows = steps.query(params![home.point, days[0], days[1], home.meter, register.to_string()])?;
        while let Some(row) = rows.next()? {
            add(row)?;
        }
    }
    let chain = |((_, code), points): ((i64, String), _)| Some(Chain { obis: code.parse().ok()?, points });
    Ok(Counters { zone, chains: chains.into_iter().filter_map(chain).collect() })
}

/// The series that a filter selects, in the order of meters and registers.
fn series(store: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Series>> {
    let mut found = Vec::new();
    let series = |row: &Row<'_>| Ok(Series { meter: meter(row, 0)?, obis: obis(row, 1)? });
    if filter.meters.is_empty() {
        found.extend(store.prepare_cached(SERIES)?.query_map([], series)?.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    for meter in &filter.meters {
        let mut of_meter = store.prepare_cached(&format!("{SERIES} WHERE meter_ids.uuid = ?1"))?;
        found.extend(of_meter.query_map([meter.to_string()], series)?.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    found.retain(|series| filter.registers.is_empty() || filter.registers.contains(&series.obis));
    found.sort_by_key(|series| (series.meter, series.obis));
    found.dedup();
    Ok(found)
}

fn samples(
    store: &Connection,
    series: Series,
    span: Span,
    each: &mut dyn FnMut(&StoredSample) -> ControlFlow<()>,
) -> rusqlite::Result<ControlFlow<()>> {
    let Series { meter, obis } = series;
    let mut statement = store.prepare_cached(SAMPLES)?;
    let mut rows = statement.query(params![meter.to_string(), obis.to_string(), span.from.0, span.until.0])?;
    while let Some(row) = rows.next()? {
        let flags = flags(row, 4)?;
        if flags.contains(Flags::TEST) {
            continue;
        }
        let sample = StoredSample {
            meter,
            obis,
            at: UnixNanos(row.get(0)?),
            value: row.get(1)?,
            source: row.get(2)?,
            received: UnixNanos(row.get(3)?),
            flags,
        };
        if each(&sample).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn meter(row: &Row<'_>, column: usize) -> rusqlite::Result<MeterId> {
    let text = row.get_ref(column)?.as_str()?;
    let id: Uuid = text.parse().map_err(|error| wrong(column, Box::new(error)))?;
    Ok(MeterId::from(id))
}

fn obis(row: &Row<'_>, column: usize) -> rusqlite::Result<Obis> {
    row.get_ref(column)?.as_str()?.parse().map_err(|error| wrong(column, Box::new(error)))
}

fn flags(row: &Row<'_>, column: usize) -> rusqlite::Result<Flags> {
    let bits: i64 = row.get(column)?;
    Ok(Flags::of_bits(bits.unsigned_abs()))
}

fn wrong(column: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
}
