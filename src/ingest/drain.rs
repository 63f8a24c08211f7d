//! The speed at which the journal drains, and the `Retry-After` computed from it.
//!
//! The slowest cursor keeps the journal full. Its speed is measured continuously;
//! space is free again when it has left the oldest segment.

use crate::journal::{Journal, Sequence, Usage};
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// The shortest and longest `Retry-After`.
pub(super) const RETRY_AFTER_MIN: Duration = Duration::from_secs(5);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// The `Retry-After` while nothing drains, so no speed is known.
const RETRY_AFTER_STANDSTILL: Duration = Duration::from_secs(60);
/// Time between two measurements.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// The newest measurement's weight in the running mean.
const NEWEST_WEIGHT: f64 = 0.2;

#[derive(Debug, Default)]
pub(super) struct Drain {
    progress: Mutex<Option<Progress>>,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    at: Instant,
    slowest: Sequence,
    records_per_second: f64,
}

impl Drain {
    /// Measures the progress of the slowest cursor; does nothing within a second of
    /// the last measurement.
    pub(super) fn measure(&self, journal: &Journal, now: Instant) {
        let mut progress = self.progress.lock();
        if progress.is_some_and(|progress| now.saturating_duration_since(progress.at) < CHECK_EVERY) {
            return;
        }
        *progress = slowest_cursor(journal).map(|slowest| measured(*progress, slowest, now));
    }

    /// The time a refused sender should wait.
    pub(super) fn retry_after(&self, journal: &Journal, now: Instant) -> Duration {
        self.measure(journal, now);
        let progress = *self.progress.lock();
        progress.map_or(RETRY_AFTER_STANDSTILL, |progress| wait(progress, &journal.usage()))
    }
}

fn slowest_cursor(journal: &Journal) -> Option<Sequence> {
    let cursors = journal.cursors().list();
    cursors.iter().filter_map(|(_, cursor)| Some(cursor.as_ref()?.position.next)).min()
}

fn measured(before: Option<Progress>, slowest: Sequence, now: Instant) -> Progress {
    let Some(before) = before else { return Progress { at: now, slowest, records_per_second: 0.0 } };
    let seconds = now.saturating_duration_since(before.at).as_secs_f64();
    // A cursor that went back (a replay) counts as no progress.
    let newest = records(before.slowest, slowest) / seconds.max(f64::MIN_POSITIVE);
    let mean = before.records_per_second.mul_add(1.0 - NEWEST_WEIGHT, newest * NEWEST_WEIGHT);
    Progress { at: now, slowest, records_per_second: mean }
}

/// Time until the slowest cursor has left the oldest segment, assuming segments of
/// equal size.
fn wait(progress: Progress, usage: &Usage) -> Duration {
    let segment_records =
        records(usage.oldest, usage.next) / f64::from(u32::try_from(usage.segments.max(1)).unwrap_or(u32::MAX));
    let missing = (segment_records - records(usage.oldest, progress.slowest)).max(0.0);
    // Less than one record a minute counts as a standstill.
    if progress.records_per_second * 60.0 < 1.0 {
        return RETRY_AFTER_STANDSTILL;
    }
    Duration::try_from_secs_f64((missing / progress.records_per_second).ceil())
        .unwrap_or(RETRY_AFTER_MAX)
        .clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn records(from: Sequence, to: Sequence) -> f64 {
    to.0.saturating_sub(from.0) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const USAGE: Usage = Usage { bytes: 400, cap_bytes: 400, segments: 4, oldest: Sequence(1), next: Sequence(4_001) };

    fn progress(slowest: u64, records_per_second: f64) -> Progress {
        Progress { at: crate::clock::Clock::system().monotonic(), slowest: Sequence(slowest), records_per_second }
    }

    #[test]
    fn a_standstill_waits_a_minute() {
        assert_eq!(wait(progress(500, 0.0), &USAGE), Duration::from_secs(60));
    }

    #[test]
    fn the_wait_is_the_time_until_the_slowest_cursor_leaves_the_oldest_segment() {
        assert_eq!(wait(progress(501, 10.0), &USAGE), Duration::from_secs(50));
    }

    #[test]
    fn the_wait_has_a_floor_and_a_ceiling() {
        assert_eq!(wait(progress(900, 1_000.0), &USAGE), Duration::from_secs(5));
        assert_eq!(wait(progress(1, 1.0), &USAGE), Duration::from_secs(300));
    }

    #[test]
    fn a_cursor_that_goes_back_counts_as_no_progress() {
        let before = progress(1_000, 8.0);
        let after = measured(Some(before), Sequence(10), before.at + Duration::from_secs(1));
        assert!((after.records_per_second - 6.4).abs() < 1e-9);
    }
}
