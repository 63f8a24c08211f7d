//! Retention of the store: periods whose samples are all older than `keep` are deleted as a whole, and
//! the oldest ones while the database is larger than `keep_size`. Quarter-hours take at most half of that size.
//! Without `keep_rollups` there are none.
//!
//! Invariant: the age counts from the newest sample stored since the start, or from the clock if
//! that is earlier. So a clock that is ahead deletes no sample that is young by the meters'
//! time, and nothing is deleted because of its age before a sample was stored.

use super::file::used_bytes;
use super::generation::with_log;
use crate::reading::UnixNanos;
use std::path::Path;
use std::time::Duration;

/// Periods are at most this part of the age long, so samples are at most so much older.
const AGE_PARTS: i64 = 8;
/// Periods are at most this part of the size large. A full store has at least the size less two of them: one that was
/// deleted, and the copy of a join.
const SIZE_PARTS: u64 = 32;
/// About the size of a sample in a sealed table.
const SAMPLE_BYTES: u64 = 50;
/// About the size of a quarter-hour.
const ROLLUP_BYTES: u64 = 120;

/// The settings of retention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// The age beyond which samples are deleted; `None` for any.
    pub age: Option<Duration>,
    /// The size of the database, in bytes, beyond which the oldest samples are deleted; `None` for any.
    pub size: Option<u64>,
    /// The age up to which the quarter-hours of deleted samples are kept; `None` keeps no quarter-hours.
    pub rollups: Option<Duration>,
}

impl Retention {
    /// The time before which the store in `file` deletes samples as soon as they are stored, and the setting
    /// that wants it. A store that cannot be read has no such time because of its size.
    pub fn deletes_before(&self, file: &Path, now: UnixNanos) -> Option<(UnixNanos, &'static str)> {
        let by_age = self.age.map(|age| (UnixNanos(now.0.saturating_sub(nanos(age))), "keep"));
        let by_size = self.size.and_then(|size| Some((oldest_of_full(file, size)?, "keep_size")));
        by_age.into_iter().chain(by_size).max()
    }

    /// The time before which the store in `file` has quarter-hours in place of the samples, so that it does not store
    /// these again; `None` also where it cannot be read.
    pub fn rolled_up_before(&self, file: &Path) -> Option<UnixNanos> {
        self.rollups?;
        let until: i64 = with_log(file).ok()?.query_row("SELECT until FROM rolled_up", [], |row| row.get(0)).ok()?;
        (until > i64::MIN).then_some(UnixNanos(until))
    }
}

/// The start of a store's oldest period, if the store has more than seven eighths of its size: after a deletion it has
/// at least 15 sixteenths, of samples or of quarter-hours.
fn oldest_of_full(file: &Path, size: u64) -> Option<UnixNanos> {
    let store = with_log(file).ok()?;
    let is_full = used_bytes(&store).ok()? > size - size / 8;
    let start = "SELECT min(start) FROM periods";
    let start: i64 = store.query_row(start, [], |row| row.get(0)).ok().filter(|_| is_full)?;
    (start > i64::MIN).then_some(UnixNanos(start))
}

/// Retention, and the time from which ages count.
#[derive(Debug, Default)]
pub(super) struct Keep {
    retention: Retention,
    /// The time of the newest sample stored since the start.
    newest: Option<UnixNanos>,
    /// Whether the samples stored last are of the newest record that ever was stored.
    is_at_end: bool,
}

impl Keep {
    pub(super) fn new(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }

    /// Notes the time of the newest of the samples that were stored, and whether later records were stored
    /// before.
    pub(super) fn stored(&mut self, newest: Option<UnixNanos>, is_replay: bool) {
        self.is_at_end = !is_replay;
        self.newest = self.newest.max(newest);
    }

    /// Whether quarter-hours may be calculated: each sample has its last value. In a replay it may have an earlier one
    /// for a time.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// The oldest time to keep; `None` without a limit, and before a sample was stored.
    pub(super) fn oldest(&self, wall: UnixNanos) -> Option<UnixNanos> {
        self.before(wall, self.retention.age?)
    }

    /// The oldest quarter-hour to keep; `None` as in [`Self::oldest`].
    pub(super) fn oldest_rollup(&self, wall: UnixNanos) -> Option<UnixNanos> {
        self.before(wall, self.retention.rollups?)
    }

    fn before(&self, wall: UnixNanos, age: Duration) -> Option<UnixNanos> {
        self.newest.map(|newest| UnixNanos(newest.min(wall).0.saturating_sub(nanos(age))))
    }

    /// Whether quarter-hours of deleted samples are kept.
    pub(super) fn has_rollups(&self) -> bool {
        self.retention.rollups.is_some()
    }

    /// The size beyond which the oldest samples are deleted; `None` for any.
    pub(super) fn size(&self) -> Option<u64> {
        self.retention.size
    }

    /// Whether this number of quarter-hours takes more than half of the size.
    pub(super) fn has_too_many_rollups(&self, number: i64) -> bool {
        self.retention.size.is_some_and(|size| number.unsigned_abs() > size / 2 / ROLLUP_BYTES)
    }

    /// The longest period; `None` for any.
    pub(super) fn span_ns(&self) -> Option<i64> {
        self.retention.age.map(|age| nanos(age) / AGE_PARTS)
    }

    /// The most samples of a period; `None` for any.
    pub(super) fn rows_max(&self) -> Option<i64> {
        let rows = self.retention.size? / SAMPLE_BYTES / SIZE_PARTS;
        Some(i64::try_from(rows).unwrap_or(i64::MAX))
    }
}

fn nanos(age: Duration) -> i64 {
    i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)
}
