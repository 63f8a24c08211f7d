//! Quarter-hours of deleted samples: first, last, lowest and highest value, sum and count.
//!
//! Invariant: the samples that a step deletes are added by the same transaction, so each is in one of
//! both. Samples of one quarter-hour may come in several parts, and late ones afterwards; those that come again are not
//! stored (`Periods::is_moved`).
//!
//! A late sample may have the time of one that was deleted, with another value. It takes its place if that was the
//! first or the last one. Otherwise it counts as one more, because the times of the others are not kept. Where a
//! quarter-hour comes as a whole, with its first and its last sample and as many as before, it takes the place of the
//! one before.

use super::periods::{Key, table};
use crate::reading::{QUARTER_HOUR_NS, UnixNanos};
use rusqlite::{Connection, OptionalExtension, params};

/// Quarter-hours that one step deletes at most.
const STEP_ROWS: i64 = if cfg!(test) { 5 } else { 100_000 };
/// Series that one step looks through. Each has its quarter-hours in pages of its own.
const STEP_SERIES: i64 = if cfg!(test) { 2 } else { 2_000 };
/// Where quarter-hours take too much of the store's size, the oldest of this number of parts of their time is deleted.
const PARTS: i64 = 8;
/// Quarter-hours that are read to find about where their time begins: the first by meter and register.
const ROWS_ASKED: i64 = 10_000;
/// Time between two searches for quarter-hours that are too old.
const TRIM_EVERY_NS: i64 = 24 * 3600 * 1_000_000_000;

/// The last begin of a quarter-hour up to `end`, if there are samples before it: parts of a quarter-hour that were
/// cut elsewhere would not add up when the samples come again.
pub(super) fn whole(store: &Connection, id: i64, end: Key) -> rusqlite::Result<Key> {
    let begin = Key { ts: end.ts - end.ts.rem_euclid(QUARTER_HOUR_NS), ..end };
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE (meter, obis, ts) < (?1, ?2, ?3))", table(id));
    let has_any: bool = store.query_row(&sql, params![begin.meter, begin.obis, begin.ts], |row| row.get(0))?;
    Ok(if has_any { begin } else { end })
}

/// Adds the samples of a table before `end`, or all of them.
pub(super) fn add(store: &Connection, id: i64, end: Option<Key>) -> rusqlite::Result<()> {
    let end = end.unwrap_or(Key { meter: i64::MAX, obis: i64::MAX, ts: i64::MAX });
    let table = table(id);
    let added = "(meter, obis, ts) < (?1, ?2, ?3)";
    let has = |ts| {
        format!(
            "EXISTS (SELECT 1 FROM {table} AS one WHERE one.meter = rollups.meter AND one.obis = rollups.obis
                       AND one.ts = rollups.{ts} AND (one.meter, one.obis, one.ts) < (?1, ?2, ?3))"
        )
    };
    let (has_first, has_last) = (has("first_ts"), format!("(last_ts <> first_ts AND {})", has("last_ts")));
    let is_whole = format!(
        "({has_first} + {has_last} = value_count
          OR {has_first} AND {has_last} AND excluded.value_count >= value_count)"
    );
    let sql = format!(
        "INSERT INTO rollups
         SELECT meter, obis, quarter, first_ts, (SELECT value FROM {table} AS one
                  WHERE one.meter = part.meter AND one.obis = part.obis AND one.ts = first_ts),
                last_ts, (SELECT value FROM {table} AS one
                  WHERE one.meter = part.meter AND one.obis = part.obis AND one.ts = last_ts),
                lowest, highest, total, number
         FROM (
           SELECT meter, obis, ts - (ts % ?4 + ?4) % ?4 AS quarter, min(ts) AS first_ts, max(ts) AS last_ts,
                  min(value) AS lowest, max(value) AS highest, sum(value) AS total, count(*) AS number
           FROM {table} WHERE {added} GROUP BY meter, obis, quarter
         ) AS part
         WHERE true
         ON CONFLICT (meter, obis, ts) DO UPDATE SET
           first = iif(excluded.first_ts <= first_ts, excluded.first, first),
           last = iif(excluded.last_ts >= last_ts, excluded.last, last),
           value_min = iif({is_whole}, excluded.value_min, min(value_min, excluded.value_min)),
           value_max = iif({is_whole}, excluded.value_max, max(value_max, excluded.value_max)),
           value_sum = iif({is_whole}, excluded.value_sum,
             value_sum + excluded.value_sum - iif({has_first}, first, 0) - iif({has_last}, last, 0)),
           value_count = iif({is_whole}, excluded.value_count,
             value_count + excluded.value_count - {has_first} - {has_last}),
           first_ts = min(first_ts, excluded.first_ts),
           last_ts = max(last_ts, excluded.last_ts)",
    );
    store.execute(&sql, params![end.meter, end.obis, end.ts, QUARTER_HOUR_NS]).map(drop)
}

/// Whether there are quarter-hours, or samples that are not stored because they were moved there.
pub(super) fn has_any(store: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT number > 0 OR until > ?1 FROM rollup_search, rolled_up";
    store.prepare_cached(sql)?.query_row([i64::MIN], |row| row.get(0))
}

/// Deletes some quarter-hours, of any time.
pub(super) fn clear(store: &Connection) -> rusqlite::Result<()> {
    let sql = "DELETE FROM rollups WHERE (meter, obis, ts) IN (SELECT meter, obis, ts FROM rollups LIMIT ?1)";
    let rows = i64::try_from(store.execute(sql, [STEP_ROWS])?).unwrap_or(i64::MAX);
    if rows == STEP_ROWS {
        return store.execute("UPDATE rollup_search SET number = number - ?1", [rows]).map(drop);
    }
    store.execute("UPDATE rollup_search SET oldest = 0, meter = NULL, obis = NULL, number = 0", [])?;
    store.execute("UPDATE rolled_up SET until = ?1, next = 1", [i64::MIN])?;
    tracing::info!("the quarter-hours of deleted samples were deleted, because sink.sqlite.keep_rollups is not set");
    Ok(())
}

/// Whether a step of [`trim`] is due: the search of this day is not complete.
pub(super) fn is_trim_due(store: &Connection, oldest: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT meter IS NOT NULL OR ?1 - oldest >= ?2 FROM rollup_search";
    store.prepare_cached(sql)?.query_row([oldest, TRIM_EVERY_NS], |row| row.get(0))
}

/// Deletes quarter-hours before `oldest`, of the next series.
pub(super) fn trim(store: &Connection, oldest: i64) -> rusqlite::Result<()> {
    let sql = "SELECT oldest, coalesce(meter, 0), coalesce(obis, 0), meter IS NULL FROM rollup_search";
    let (searched, meter, obis, is_complete): (i64, i64, i64, bool) =
        store.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let oldest = if is_complete { oldest } else { searched };
    if is_complete {
        let before = UnixNanos(oldest);
        tracing::info!(%before, "quarter-hours before this time are deleted, as sink.sqlite.keep_rollups and keep_size want");
    }
    let sql = "SELECT meter, obis FROM series WHERE (meter, obis) > (?1, ?2) ORDER BY meter, obis LIMIT 1 OFFSET ?3";
    let end: Option<(i64, i64)> =
        store.query_row(sql, [meter, obis, STEP_SERIES - 1], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (end_meter, end_obis) = end.unwrap_or((i64::MAX, i64::MAX));
    let sql = "DELETE FROM rollups WHERE (meter, obis, ts) IN (
                 SELECT rollups.meter, rollups.obis, rollups.ts FROM series
                 CROSS JOIN rollups ON rollups.meter = series.meter AND rollups.obis = series.obis AND rollups.ts < ?1
                 WHERE (series.meter, series.obis) > (?2, ?3) AND (series.meter, series.obis) <= (?4, ?5) LIMIT ?6)";
    let rows = store.execute(sql, params![oldest, meter, obis, end_meter, end_obis, STEP_ROWS])?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let next = if rows == STEP_ROWS { Some((meter, obis)) } else { end };
    let (meter, obis) = (next.map(|next| next.0), next.map(|next| next.1));
    let sql = "UPDATE rollup_search SET oldest = ?1, meter = ?2, obis = ?3, number = number - ?4";
    store.execute(sql, params![oldest, meter, obis, rows]).map(drop)
}

/// The number of quarter-hours.
pub(super) fn number(store: &Connection) -> rusqlite::Result<i64> {
    store.prepare_cached("SELECT number FROM rollup_search")?.query_row([], |row| row.get(0))
}

/// The end of the oldest eighth of the quarter-hours before the time `end`. It is later with every search.
pub(super) fn oldest_part(store: &Connection, end: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT max(oldest, coalesce((SELECT min(ts) FROM (SELECT ts FROM rollups LIMIT ?1)), oldest)) FROM rollup_search";
    let begin: i64 = store.query_row(sql, [ROWS_ASKED], |row| row.get(0))?;
    Ok(begin.saturating_add((end.saturating_sub(begin) / PARTS).max(QUARTER_HOUR_NS)))
}
