//! Moves the older of the fresh samples to a sealed period, sorted, when there are many.

use super::fresh;
use super::periods::{self, COLUMNS, FRESH, Period, Periods, table};
use super::views;
use rusqlite::{Connection, OptionalExtension, params};

/// With this number of fresh samples the older are sealed. At most as many are sorted in memory, 20 MB.
pub(super) const ROWS: i64 = if cfg!(test) { 10 } else { 250_000 };
/// After this number of further samples it is checked again whether to seal.
pub(super) const CHECK_EVERY: i64 = if cfg!(test) { 1 } else { 10_000 };
/// The same by time, in nanoseconds, where retention wants short periods.
pub(super) const CHECK_EVERY_NS: i64 = if cfg!(test) { 0 } else { 600_000_000_000 };
/// This many times [`ROWS`] are sealed even if all have one time.
const ROWS_OF_ONE_TIME: i64 = 4;

/// The start of the fresh samples after sealing; `None` if nothing should be sealed.
///
/// The newest fifth stays fresh, because samples of other meters with about the same time are still on
/// their way. Where retention wants it, also few samples are sealed, so that a period is about
/// `Age::span` long at most, or too old to be kept. The result is after `start`, the present start of the fresh samples: earlier
/// ones, which have no other period, are sealed with those after it.
pub(super) fn boundary(store: &Connection, rows: i64, start: i64, age: Option<Age>) -> rusqlite::Result<Option<i64>> {
    let time_at = |row: i64| -> rusqlite::Result<Option<i64>> {
        let sql = format!("SELECT ts FROM {} ORDER BY ts LIMIT 1 OFFSET ?1", table(FRESH));
        store.query_row(&sql, [row], |row| row.get(0)).optional()
    };
    let Some(first) = time_at(0)?.map(|first| first.max(start)) else { return Ok(None) };
    let full = if rows >= ROWS { time_at((rows * 4 / 5).min(ROWS))? } else { None };
    let old = match age {
        Some(Age { span, oldest }) => {
            let newest: i64 =
                store.query_row(&format!("SELECT max(ts) FROM {}", table(FRESH)), [], |row| row.get(0))?;
            let end = first.saturating_add(span).max(oldest);
            (end.saturating_add(span / 8) < newest).then_some(end)
        }
        None => None,
    };
    let of_one_time = (rows >= ROWS * ROWS_OF_ONE_TIME).then_some(first.saturating_add(1));
    Ok(full.into_iter().chain(old).filter(|end| *end > first).min().or(of_one_time))
}

/// The bounds that retention by age sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    /// The longest period.
    pub(super) span: i64,
    /// The oldest time to keep.
    pub(super) oldest: i64,
}

/// Moves the fresh samples before `boundary` to a period of their own. `rows` is about their number.
pub(super) fn seal(store: &Connection, periods: &Periods, boundary: i64, rows: i64) -> rusqlite::Result<()> {
    let Some(fresh) = periods.all().last() else { return Ok(()) };
    let period = Period { id: Periods::unused_id(store)?, start: fresh.start, joins: 0 };
    periods::create(store, period.id)?;
    let sealed = copy(store, period.id, boundary, rows)?;
    periods::log_corrections(store, period.id)?;
    delete_before(store, boundary, rows - sealed < sealed)?;
    fresh::rebuild(store)?;
    store.execute("UPDATE periods SET start = ?1 WHERE id = ?2", params![boundary, FRESH])?;
    periods::insert(store, period)?;
    views::create(store, Periods::read(store)?.all())
}

/// Deletes the fresh samples before `boundary`. `are_most`: these are most of the fresh samples.
///
/// SQLite writes each page from which it deletes rows, also if none is left in it, but only the root of a table that
/// is emptied as a whole. So where few samples stay, these are inserted again.
fn delete_before(store: &Connection, boundary: i64, are_most: bool) -> rusqlite::Result<()> {
    let fresh = table(FRESH);
    if !are_most {
        return store.execute(&format!("DELETE FROM {fresh} WHERE ts < ?1"), [boundary]).map(drop);
    }
    let staying =
        format!("CREATE TEMP TABLE staying AS SELECT {COLUMNS} FROM {fresh} WHERE ts >= ?1 ORDER BY ts, meter, obis");
    store.execute(&staying, [boundary])?;
    store.execute_batch(&format!(
        "DELETE FROM {fresh};
         INSERT INTO {fresh} ({COLUMNS}) SELECT {COLUMNS} FROM temp.staying ORDER BY rowid;
         DROP TABLE temp.staying"
    ))
}

/// Copies the samples sorted, in parts that fit in memory: a range of meters each. Returns their number.
fn copy(store: &Connection, id: i64, boundary: i64, rows: i64) -> rusqlite::Result<i64> {
    let meters: i64 = store.query_row("SELECT coalesce(max(id), 0) FROM meter_ids", [], |row| row.get(0))?;
    let parts = (rows / ROWS).clamp(1, meters.max(1));
    let sql = format!(
        "INSERT INTO {} ({COLUMNS}) SELECT {COLUMNS} FROM {}
         WHERE ts < ?1 AND meter > ?2 AND meter <= ?3 ORDER BY meter, obis, ts",
        table(id),
        table(FRESH)
    );
    let mut insert = store.prepare(&sql)?;
    let mut copied = 0;
    for part in 0..parts {
        copied += insert.execute(params![boundary, meters * part / parts, meters * (part + 1) / parts])?;
    }
    Ok(i64::try_from(copied).unwrap_or(i64::MAX))
}
