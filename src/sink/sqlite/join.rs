//! Joins many sealed periods into one, so that the number of tables stays small.
//!
//! Samples are copied in steps of bounded size, each a transaction. Until the last step the copy is
//! not visible. A late sample whose place was copied already is written to both tables.

use super::keep::Keep;
use super::periods::{self, COLUMNS, Joining, Key, Period, Periods, table};
use super::seal;
use super::views;
use rusqlite::{Connection, OptionalExtension, params};

/// Neighbouring periods that are joined, usually of one size.
pub(super) const PERIODS: usize = if cfg!(test) { 3 } else { 8 };
/// With more tables, joined periods are joined again. Until then each sample is joined once, and the copy of a join
/// is small beside all samples.
pub(super) const TABLES_JOINED_ONCE: usize = if cfg!(test) { 5 } else { 96 };
/// With more tables, periods of any size and length are joined.
const TABLES: usize = if cfg!(test) { 12 } else { 150 };
/// Samples that one step copies or deletes at most.
pub(super) const STEP_ROWS: i64 = if cfg!(test) { 7 } else { 100_000 };

/// The periods to join next, if there are enough of one size. The result is so short and small that
/// retention can delete it as a whole. With many tables, the smallest neighbours are joined anyway.
pub(super) fn due(periods: &Periods, keep: &Keep) -> Option<Run> {
    let all = periods.staying();
    // The last of a window may be the fresh period.
    let runs = || all.windows(PERIODS + 1).map(|window| Run::of(&window[..PERIODS], window[PERIODS].start));
    let is_short = |run: &Run| keep.span_ns().is_none_or(|span| run.until.saturating_sub(run.first.start) <= span);
    let is_small = |run: &Run| keep.rows_max().is_none_or(|rows| run.rows() <= rows);
    let is_wanted = |run: &Run| run.joins == 0 || all.len() > TABLES_JOINED_ONCE;
    let regular = runs().find(|run| run.is_of_one_size && is_wanted(run) && is_short(run) && is_small(run));
    regular.or_else(|| runs().filter(|_| periods.all().len() > TABLES).min_by_key(|run| run.joins))
}

/// Neighbouring periods to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    first: Period,
    /// The start of the period after the last one.
    until: i64,
    /// The most joins of one of them.
    joins: i64,
    is_of_one_size: bool,
}

impl Run {
    fn of(periods: &[Period], until: i64) -> Self {
        let joins = || periods.iter().map(|period| period.joins);
        let most = joins().max().unwrap_or_default();
        Self { first: periods[0], until, joins: most, is_of_one_size: joins().all(|joins| joins == most) }
    }

    /// About the number of samples of the result.
    fn rows(&self) -> i64 {
        let joins = u32::try_from(self.joins + 1).unwrap_or(u32::MAX);
        i64::try_from(PERIODS).unwrap_or(i64::MAX).saturating_pow(joins).saturating_mul(seal::ROWS)
    }
}

/// Begins to join periods.
pub(super) fn begin(store: &Connection, run: Run) -> rusqlite::Result<()> {
    let id = Periods::unused_id(store)?;
    periods::create(store, id)?;
    let Key { meter, obis, ts } = Key::FIRST;
    let sql = "INSERT INTO joining (id, start, until, joins, meter, obis, ts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    store.execute(sql, params![id, run.first.start, run.until, run.joins + 1, meter, obis, ts]).map(drop)
}

/// Copies the next samples, or ends the join.
pub(super) fn step(store: &Connection, periods: &Periods, joining: Joining) -> rusqlite::Result<()> {
    let sources: Vec<Period> = periods.sealed().iter().copied().filter(|period| joining.has(*period)).collect();
    match step_end(store, &sources, joining.copied)? {
        Some(end) => copy(store, &sources, joining, end),
        None => finish(store, &sources, joining.target),
    }
}

/// Gives up a join. The copy is dropped later.
pub(super) fn give_up(store: &Connection, joining: Joining) -> rusqlite::Result<()> {
    store.execute("DELETE FROM joining", [])?;
    periods::abandon(store, joining.target.id, false)
}

/// The key up to which the next step copies: no source has more than its part of the samples before
/// it. `None` at the end.
fn step_end(store: &Connection, sources: &[Period], after: Key) -> rusqlite::Result<Option<Key>> {
    let part = (STEP_ROWS / i64::try_from(sources.len()).unwrap_or(1)).max(1);
    let mut end: Option<Key> = None;
    let mut has_rest = false;
    for source in sources {
        let key_at = |offset| key_after(store, source.id, after, offset);
        if key_at(0)?.is_none() {
            continue;
        }
        has_rest = true;
        if let Some(key) = key_at(part - 1)? {
            end = Some(end.map_or(key, |end| end.min(key)));
        }
    }
    let all = Key { meter: i64::MAX, obis: i64::MAX, ts: i64::MAX };
    Ok(has_rest.then(|| end.unwrap_or(all)))
}

/// The key of the sample `offset` places behind the first one after `after`.
pub(super) fn key_after(store: &Connection, id: i64, after: Key, offset: i64) -> rusqlite::Result<Option<Key>> {
    let sql = format!(
        "SELECT meter, obis, ts FROM {} WHERE (meter, obis, ts) > (?1, ?2, ?3)
         ORDER BY meter, obis, ts LIMIT 1 OFFSET ?4",
        table(id)
    );
    let key = |row: &rusqlite::Row<'_>| Ok(Key { meter: row.get(0)?, obis: row.get(1)?, ts: row.get(2)? });
    store.query_row(&sql, params![after.meter, after.obis, after.ts, offset], key).optional()
}

fn copy(store: &Connection, sources: &[Period], joining: Joining, end: Key) -> rusqlite::Result<()> {
    let part = |source: &Period| {
        let range = "(meter, obis, ts) > (?1, ?2, ?3) AND (meter, obis, ts) <= (?4, ?5, ?6)";
        format!("SELECT {COLUMNS} FROM {} WHERE {range}", table(source.id))
    };
    let parts = sources.iter().map(part).collect::<Vec<_>>().join(" UNION ALL ");
    let sql = format!("INSERT INTO {} ({COLUMNS}) {parts} ORDER BY meter, obis, ts", table(joining.target.id));
    let after = joining.copied;
    store.execute(&sql, params![after.meter, after.obis, after.ts, end.meter, end.obis, end.ts])?;
    let sql = "UPDATE joining SET meter = ?1, obis = ?2, ts = ?3";
    store.execute(sql, params![end.meter, end.obis, end.ts]).map(drop)
}

/// Puts the copy in the place of its sources.
fn finish(store: &Connection, sources: &[Period], target: Period) -> rusqlite::Result<()> {
    for source in sources {
        periods::remove(store, *source, false)?;
    }
    store.execute("DELETE FROM joining", [])?;
    periods::log_corrections(store, target.id)?;
    periods::insert(store, target)?;
    views::create(store, Periods::read(store)?.all())
}
