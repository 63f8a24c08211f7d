//! The work on the tables beside the commits: seal, join, delete what is old or not used any more.
//!
//! Done in steps of bounded size, each a transaction, so that commits never wait long.

use super::expire;
use super::file::used_bytes;
use super::join::{self, STEP_ROWS};
use super::keep::Keep;
use super::periods::{Expiring, FRESH, Joining, Key, Period, Periods, table};
use super::rollup;
use super::seal::{self, Age};
use crate::reading::UnixNanos;
use rusqlite::{Connection, OptionalExtension, params};

/// Tables of samples at most; then nothing is sealed before some are joined.
const TABLES_MAX: usize = if cfg!(test) { 16 } else { 200 };
/// A table with up to this number of samples is dropped in one step.
const DROPPED_ROWS: i64 = if cfg!(test) { 9 } else { 2_000_000 };

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Move the fresh samples before a time to a period of their own. `rows` is about their number.
    Seal { boundary: i64, rows: i64 },
    /// Delete some samples of a table, and the table with the last.
    Empty { id: i64, is_expired: bool },
    /// Delete some quarter-hours before this time.
    TrimRollups(i64),
    /// Delete some of all quarter-hours.
    ClearRollups,
    /// Begin to delete the periods before this one, which is later than the periods of [`Step::RollUp`].
    Expire { first_kept: Period, keeps_rollups: bool },
    /// Move some samples to quarter-hours.
    RollUp(Expiring),
    /// Begin to join periods.
    BeginJoin(join::Run),
    /// Copy some samples.
    Join(Joining),
    /// End a join without a result: its room is for commits.
    GiveUp(Joining),
}

/// The next step besides sealing, if there is one. A join needs room for a copy.
pub(super) fn due(
    store: &Connection,
    periods: &Periods,
    keep: &Keep,
    wall: UnixNanos,
    has_room: bool,
) -> rusqlite::Result<Option<Step>> {
    let keeps_rollups = keep.has_rollups();
    if let Some(first_kept) = keep.oldest(wall).and_then(|oldest| first_kept(periods, oldest)) {
        return Ok(Some(Step::Expire { first_kept, keeps_rollups }));
    }
    let sql = "SELECT id, is_expired FROM unused ORDER BY id LIMIT 1";
    let unused = store.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((id, is_expired)) = unused {
        return Ok(Some(Step::Empty { id, is_expired }));
    }
    if let Some(expiring) = periods.expiring.filter(|_| !keeps_rollups || keep.is_at_end()) {
        let all = periods.staying().first().map(|first| Step::Expire { first_kept: *first, keeps_rollups });
        return Ok(if keeps_rollups { Some(Step::RollUp(expiring)) } else { all });
    }
    if !keeps_rollups && rollup::has_any(store)? {
        return Ok(Some(Step::ClearRollups));
    }
    // Only now, because the tables above take part of the size.
    if let Some(size) = keep.size().filter(|_| periods.expiring.is_none())
        && used_bytes(store)? > size
        && let Some(step) = shrink(store, periods, keep)?
    {
        return Ok(Some(step));
    }
    if let Some(oldest) = keep.oldest_rollup(wall)
        && rollup::is_trim_due(store, oldest.0)?
    {
        return Ok(Some(Step::TrimRollups(oldest.0)));
    }
    Ok(match periods.joining {
        Some(joining) if !has_room => Some(Step::GiveUp(joining)),
        Some(joining) => Some(Step::Join(joining)),
        None if !has_room => None,
        None => join::due(periods, keep).map(Step::BeginJoin),
    })
}

/// The step that makes a database smaller that is too large; `None` if only fresh samples are left.
fn shrink(store: &Connection, periods: &Periods, keep: &Keep) -> rusqlite::Result<Option<Step>> {
    // All quarter-hours are from before the periods.
    if let Some(first) = periods.all().first()
        && keep.has_too_many_rollups(rollup::number(store)?)
    {
        return rollup::oldest_part(store, first.start).map(|oldest| Some(Step::TrimRollups(oldest)));
    }
    let second = periods.all().get(1);
    Ok(second.map(|second| Step::Expire { first_kept: *second, keeps_rollups: keep.has_rollups() }))
}

/// Sealing, if there are many fresh samples or old ones. `rows` is about their number.
pub(super) fn seal_due(
    store: &Connection,
    periods: &Periods,
    rows: i64,
    keep: &Keep,
    wall: UnixNanos,
) -> rusqlite::Result<Option<Step>> {
    let start = periods.all().last().map_or(i64::MIN, |fresh| fresh.start);
    let age = keep.span_ns().zip(keep.oldest(wall)).map(|(span, oldest)| Age { span, oldest: oldest.0 });
    let boundary = seal::boundary(store, rows, start, age)?;
    Ok(boundary.map(|boundary| Step::Seal { boundary, rows }))
}

/// Whether there are too many tables for another one: SQLite unites at most 500 in a view.
pub(super) fn is_crowded(periods: &Periods) -> bool {
    periods.all().len() >= TABLES_MAX
}

/// The first period with samples that are not too old, if there are others before it that are not being moved to
/// quarter-hours.
fn first_kept(periods: &Periods, oldest: UnixNanos) -> Option<Period> {
    let kept = periods.staying().iter().rev().find(|period| period.start <= oldest.0)?;
    (periods.staying().first() != Some(kept)).then_some(*kept)
}

/// Does a step. Returns the number of samples that retention deleted.
pub(super) fn apply(store: &Connection, periods: &Periods, step: Step) -> rusqlite::Result<usize> {
    match step {
        Step::Seal { boundary, rows } => seal::seal(store, periods, boundary, rows).map(|()| 0),
        Step::Empty { id, is_expired } => empty(store, id).map(|rows| if is_expired { rows } else { 0 }),
        Step::TrimRollups(oldest) => rollup::trim(store, oldest).map(|()| 0),
        Step::ClearRollups => rollup::clear(store).map(|()| 0),
        Step::Expire { first_kept, keeps_rollups } => {
            expire::begin(store, periods, first_kept, keeps_rollups).map(|()| 0)
        }
        Step::RollUp(expiring) => expire::step(store, periods, expiring),
        Step::BeginJoin(run) => join::begin(store, run).map(|()| 0),
        Step::Join(joining) => join::step(store, periods, joining).map(|()| 0),
        Step::GiveUp(joining) => join::give_up(store, joining).map(|()| 0),
    }
}

fn empty(store: &Connection, id: i64) -> rusqlite::Result<usize> {
    let table = table(id);
    let after = |rows| join::key_after(store, id, Key::FIRST, rows);
    let end = if after(DROPPED_ROWS)?.is_some() { after(STEP_ROWS)? } else { None };
    if let Some(end) = end {
        let sql = format!("DELETE FROM {table} WHERE (meter, obis, ts) < (?1, ?2, ?3)");
        return store.execute(&sql, params![end.meter, end.obis, end.ts]);
    }
    let rows = store.execute(&format!("DELETE FROM {table}"), [])?;
    store.execute_batch(&format!("DROP TABLE {table}"))?;
    store.execute("DELETE FROM unused WHERE id = ?1", [id])?;
    Ok(rows)
}

/// The number of fresh samples.
pub(super) fn fresh_rows(store: &Connection) -> rusqlite::Result<i64> {
    store.query_row(&format!("SELECT count(*) FROM {}", table(FRESH)), [], |row| row.get(0))
}
