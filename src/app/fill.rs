//! How fast the journal fills: the bytes that wait for the slowest sink, over about the last half hour.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time between two measurements that are kept.
const EVERY: Duration = Duration::from_secs(30);
/// The number of measurements: half an hour of them, as in the alert `MeterlineJournalFullSoon`.
const KEPT_MAX: usize = 61;
/// A shorter time says little about the next hours.
const MEASURED_MIN: Duration = Duration::from_mins(2);

/// The measurements. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Fill(Arc<Mutex<VecDeque<(Instant, u64)>>>);

impl Fill {
    /// Notes the bytes that wait now; does nothing if the last measurement is too new.
    pub(super) fn note(&self, now: Instant, waiting_bytes: impl FnOnce() -> u64) {
        if self.0.lock().back().is_some_and(|(at, _)| now.saturating_duration_since(*at) < EVERY) {
            return;
        }
        let waiting_bytes = waiting_bytes();
        let mut measured = self.0.lock();
        if measured.len() == KEPT_MAX {
            measured.pop_front();
        }
        measured.push_back((now, waiting_bytes));
    }

    /// The seconds until the journal is full at the measured rate; `None` while it does not fill, or the rate is
    /// not known yet.
    #[expect(clippy::cast_precision_loss, reason = "a forecast needs no more than 52 bits")]
    pub(super) fn full_in_seconds(&self, waiting_bytes: u64, cap_bytes: u64, now: Instant) -> Option<f64> {
        let measured = self.0.lock();
        let (first_at, first_bytes) = *measured.front()?;
        let span = now.saturating_duration_since(first_at);
        let grown = waiting_bytes.checked_sub(first_bytes).filter(|grown| *grown > 0)?;
        let left = cap_bytes.saturating_sub(waiting_bytes);
        (span >= MEASURED_MIN).then(|| left as f64 * span.as_secs_f64() / grown as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn the_time_until_the_journal_is_full_follows_the_last_half_hour() {
        let (fill, start) = (Fill::default(), Clock::system().monotonic());
        let at = |seconds| start + Duration::from_secs(seconds);
        let full_in = |waiting, seconds| fill.full_in_seconds(waiting, 1_000_000, at(seconds));
        assert_eq!(full_in(100, 600), None, "nothing is measured");
        fill.note(at(0), || 0);
        fill.note(at(1), || unreachable!("too early"));
        assert_eq!(full_in(6_000, 60), None, "too short");
        assert_eq!(full_in(12_000, 120), Some(9_880.0), "100 bytes a second");
        assert_eq!(full_in(0, 120), None, "it does not fill");
        assert_eq!(full_in(1_000_000, 120), Some(0.0), "it is full");
        (1..=240).for_each(|number| fill.note(at(30 * number), || 500_000));
        assert_eq!(full_in(500_000, 7_200), None, "what was two hours ago does not count");
    }
}
