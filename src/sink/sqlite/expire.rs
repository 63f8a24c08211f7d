//! Deletes the periods that retention does not want, the oldest first.
//!
//! Without `keep_rollups` they are removed at once, and their tables are emptied later. With it the samples of the
//! first period are moved to quarter-hours in steps. When none is left, it is removed, and the next one is the first.
//!
//! Invariant: with `keep_rollups` each sample is always in one of the view `samples` and its quarter-hour, never in both.

use super::join;
use super::periods::{self, Expiring, Key, Period, Periods, table};
use super::rollup;
use super::views;
use crate::reading::UnixNanos;
use rusqlite::{Connection, params};

/// Samples that one step moves to the quarter-hours at most. `STEPS_BEYOND_SIZE` steps move more than a commit has.
/// Each may be in a page of its own there: with ten times as many, a step takes more than a second and beyond twice
/// the bound of the log.
pub(super) const STEP_ROWS: i64 = if cfg!(test) { 5 } else { 10_000 };

/// Begins to delete the periods before `first_kept`.
pub(super) fn begin(
    store: &Connection,
    periods: &Periods,
    first_kept: Period,
    keeps_rollups: bool,
) -> rusqlite::Result<()> {
    let expired = || periods.sealed().iter().filter(|period| period.start < first_kept.start);
    if let Some(joining) = periods.joining.filter(|joining| expired().any(|period| joining.has(*period))) {
        join::give_up(store, joining)?;
    }
    let before = UnixNanos(first_kept.start);
    if keeps_rollups {
        tracing::info!(%before, "samples before this time are moved to quarter-hours, as sink.sqlite.keep and keep_size want");
        let Key { meter, obis, ts } = Key::FIRST;
        let sql = "INSERT INTO expiring (id, until, meter, obis, ts, next) VALUES (1, ?1, ?2, ?3, ?4, 1)
                   ON CONFLICT DO UPDATE SET until = excluded.until";
        return store.execute(sql, params![first_kept.start, meter, obis, ts]).map(drop);
    }
    tracing::info!(%before, "samples before this time are deleted, as sink.sqlite.keep and keep_size want");
    // Perhaps of a time when the quarter-hours were kept.
    store.execute("DELETE FROM expiring", [])?;
    for period in expired() {
        periods::remove(store, *period, true)?;
    }
    views::create(store, Periods::read(store)?.all())
}

/// Moves the next samples of the first period to quarter-hours. Returns their number.
pub(super) fn step(store: &Connection, periods: &Periods, expiring: Expiring) -> rusqlite::Result<usize> {
    let [first, second, ..] = *periods.all() else { return Ok(0) };
    let end = join::key_after(store, first.id, Key::FIRST, STEP_ROWS)?;
    let end = end.map(|end| rollup::whole(store, first.id, end)).transpose()?;
    rollup::add(store, first.id, end)?;
    let table = table(first.id);
    let Some(end) = end else {
        let rows = store.execute(&format!("DELETE FROM {table}"), [])?;
        finish(store, first, second, expiring)?;
        return Ok(rows);
    };
    let sql = format!("DELETE FROM {table} WHERE (meter, obis, ts) < (?1, ?2, ?3)");
    let rows = store.execute(&sql, params![end.meter, end.obis, end.ts])?;
    // Late samples were stored before the key.
    note_moved(store, expiring.moved.max(end))?;
    Ok(rows)
}

fn note_moved(store: &Connection, Key { meter, obis, ts }: Key) -> rusqlite::Result<()> {
    let sql = "UPDATE expiring SET meter = ?1, obis = ?2, ts = ?3, next = (SELECT newest FROM cursor)";
    store.execute(sql, params![meter, obis, ts]).map(drop)
}

/// Removes the first period, which has no sample left.
fn finish(store: &Connection, first: Period, second: Period, expiring: Expiring) -> rusqlite::Result<()> {
    periods::remove(store, first, true)?;
    let sql = "UPDATE rolled_up SET until = ?1, next = (SELECT newest FROM cursor)";
    store.execute(sql, [second.start])?;
    if second.start < expiring.until {
        note_moved(store, Key::FIRST)?;
    } else {
        store.execute("DELETE FROM expiring", [])?;
    }
    views::create(store, Periods::read(store)?.all())
}
