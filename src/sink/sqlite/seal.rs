//! Moves the older of the fresh samples to a sealed period, sorted, when there are many.

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
/// their way. A period is at most `span` long, so that retention can delete whole periods.
pub(super) fn boundary(store: &Connection, rows: i64, span: Option<i64>) -> rusqlite::Result<Option<i64>> {
    let time_at = |row: i64| -> rusqlite::Result<Option<i64>> {
        let sql = format!("SELECT ts FROM {} ORDER BY ts LIMIT 1 OFFSET ?1", table(FRESH));
        store.query_row(&sql, [row], |row| row.get(0)).optional()
    };
    let (Some(first), Some(new)) = (time_at(0)?, time_at(rows * 4 / 5)?) else { return Ok(None) };
    if let Some(end) = span.map(|span| first.saturating_add(span)).filter(|end| *end < new) {
        return Ok(Some(end));
    }
    Ok(match rows {
        ROWS.. if new > first => Some(new),
        rows if rows >= ROWS * ROWS_OF_ONE_TIME => Some(first.saturating_add(1)),
        _ => None,
    })
}

/// Moves the fresh samples before `boundary` to a period of their own. `rows` is about their number.
pub(super) fn seal(store: &Connection, periods: &Periods, boundary: i64, rows: i64) -> rusqlite::Result<()> {
    let Some(fresh) = periods.all().last() else { return Ok(()) };
    let period = Period { id: Periods::unused_id(store)?, start: fresh.start, joins: 0 };
    periods::create(store, period.id)?;
    copy(store, period.id, boundary, rows)?;
    periods::log_corrections(store, period.id)?;
    let (fresh, sealed) = (table(FRESH), table(period.id));
    store.execute(&format!("INSERT OR IGNORE INTO series SELECT DISTINCT meter, obis FROM {sealed}"), [])?;
    store.execute(&format!("DELETE FROM {fresh} WHERE ts < ?1"), [boundary])?;
    store.execute("UPDATE periods SET start = ?1 WHERE id = ?2", params![boundary, FRESH])?;
    periods::insert(store, period)?;
    views::create(store, Periods::read(store)?.all())
}

/// Copies the samples sorted, in parts that fit in memory: a range of meters each.
fn copy(store: &Connection, id: i64, boundary: i64, rows: i64) -> rusqlite::Result<()> {
    let meters: i64 = store.query_row("SELECT coalesce(max(id), 0) FROM meter_ids", [], |row| row.get(0))?;
    let parts = (rows / ROWS).clamp(1, meters.max(1));
    let sql = format!(
        "INSERT INTO {} ({COLUMNS}) SELECT {COLUMNS} FROM {}
         WHERE ts < ?1 AND meter > ?2 AND meter <= ?3 ORDER BY meter, obis, ts",
        table(id),
        table(FRESH)
    );
    let mut insert = store.prepare(&sql)?;
    for part in 0..parts {
        insert.execute(params![boundary, meters * part / parts, meters * (part + 1) / parts])?;
    }
    Ok(())
}
