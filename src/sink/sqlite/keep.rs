//! Retention of the store: samples older than `keep` are deleted.
//!
//! A sweep visits all series (one register of one meter each) in the order of the file, in
//! steps: a step visits at most [`SERIES_MAX`] series and deletes at most [`ROWS_MAX`] samples
//! in one transaction. SQLite uses the pages of deleted samples for new ones; the file does
//! not shrink. Meters' names and numbers stay.
//!
//! Invariant: the age counts from the newest sample stored since the start, or from the clock if
//! that is earlier. So a clock that is ahead deletes no sample that is young by the meters'
//! time, and nothing is deleted before a sample was stored.

use super::write::set_generation;
use crate::reading::UnixNanos;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::time::{Duration, Instant};

/// Series that one step visits at most.
const SERIES_MAX: usize = if cfg!(test) { 3 } else { 1_000 };
/// Samples that one step deletes at most.
pub(super) const ROWS_MAX: usize = if cfg!(test) { 10 } else { 10_000 };
/// Time between two steps of a sweep.
const STEP_EVERY: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(1) };
/// Time between two sweeps.
const SWEEP_EVERY: Duration = if cfg!(test) { Duration::from_millis(5) } else { Duration::from_hours(1) };

const NEXT_SERIES: &str =
    "SELECT meter, obis FROM samples_data WHERE (meter, obis) > (?1, ?2) ORDER BY meter, obis LIMIT 1";
/// The first sample that this step leaves in place.
const FIRST_LEFT: &str =
    "SELECT ts FROM samples_data WHERE meter = ?1 AND obis = ?2 AND ts < ?3 ORDER BY ts LIMIT 1 OFFSET ?4";
const DELETE: &str = "DELETE FROM samples_data WHERE meter = ?1 AND obis = ?2 AND ts < ?3";

/// A place in the order of the series: after the one with these numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Series {
    meter: i64,
    obis: i64,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expired {
    pub(super) rows: usize,
    /// Where the next step begins; `None` at the end of the sweep.
    pub(super) next: Option<Series>,
    /// The generation, if something was deleted.
    pub(super) generation: Option<i64>,
}

/// One step of a sweep, from the series after `after`.
pub(super) fn expire(
    store: &mut Connection,
    before: UnixNanos,
    after: Series,
    checkpointed: i64,
) -> rusqlite::Result<Expired> {
    let transaction = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut rows, mut next, mut at) = (0, None, after);
    for _ in 0..SERIES_MAX {
        let series: Option<Series> = transaction
            .prepare_cached(NEXT_SERIES)?
            .query_row([at.meter, at.obis], |row| Ok(Series { meter: row.get(0)?, obis: row.get(1)? }))
            .optional()?;
        next = None;
        let Some(series) = series else { break };
        let left = i64::try_from(ROWS_MAX - rows).unwrap_or(0);
        let first_left: Option<i64> = transaction
            .prepare_cached(FIRST_LEFT)?
            .query_row(params![series.meter, series.obis, before.0, left], |row| row.get(0))
            .optional()?;
        let until = first_left.unwrap_or(before.0);
        rows += transaction.prepare_cached(DELETE)?.execute(params![series.meter, series.obis, until])?;
        if first_left.is_some() {
            // The same series again.
            next = Some(at);
            break;
        }
        at = series;
        next = Some(at);
    }
    if rows == 0 {
        return Ok(Expired { rows, next, generation: None });
    }
    let generation = set_next_generation(&transaction, checkpointed)?;
    transaction.commit()?;
    Ok(Expired { rows, next, generation: Some(generation) })
}

fn set_next_generation(store: &Connection, checkpointed: i64) -> rusqlite::Result<i64> {
    let next: i64 = store.query_row("SELECT generation + 1 FROM cursor", [], |row| row.get(0))?;
    set_generation(store, next, checkpointed)?;
    Ok(next)
}

/// The schedule of the sweeps.
#[derive(Debug)]
pub(super) struct Keep {
    age_ns: i64,
    /// The time of the newest sample stored since the start.
    newest: Option<UnixNanos>,
    at: Series,
    next_step: Instant,
}

impl Keep {
    pub(super) fn new(age: Duration, now: Instant) -> Self {
        let age_ns = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        Self { age_ns, newest: None, at: Series::default(), next_step: now }
    }

    /// Notes the time of the newest of the samples that were stored.
    pub(super) fn stored(&mut self, newest: Option<UnixNanos>) {
        self.newest = self.newest.max(newest);
    }

    /// The place and the oldest time to keep, if a step is due.
    pub(super) fn due(&self, now: Instant, wall: UnixNanos) -> Option<(Series, UnixNanos)> {
        let newest = self.newest?.min(wall);
        (now >= self.next_step).then(|| (self.at, UnixNanos(newest.0.saturating_sub(self.age_ns))))
    }

    /// Notes a step's end.
    pub(super) fn stepped(&mut self, expired: Expired, now: Instant) {
        self.next_step = now + if expired.next.is_some() { STEP_EVERY } else { SWEEP_EVERY };
        self.at = expired.next.unwrap_or_default();
    }

    /// When the next step is due; `None` before a sample was stored.
    pub(super) fn next_step(&self) -> Option<Instant> {
        self.newest.map(|_| self.next_step)
    }
}
