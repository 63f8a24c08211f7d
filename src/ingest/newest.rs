//! The newest time of measurement of a source, and its longest time without a newer one. The two together show
//! whether a source is silent for too long, or is read once a day, or sends when something happens.
//!
//! Invariants: readings of the past change nothing. The longest time is of one to two weeks, by times of measurement,
//! and unknown before a day of them: after a start, a burst of messages says nothing about the silence that follows.

use crate::reading::UnixNanos;
use std::time::Duration;

const DAY_NS: i64 = 86_400 * 1_000_000_000;
const WEEK_NS: i64 = 7 * DAY_NS;

/// The times of a source.
#[derive(Debug, Default)]
pub(super) struct Newest(Option<Known>);

#[derive(Debug)]
struct Known {
    first: UnixNanos,
    at: UnixNanos,
    week_from: UnixNanos,
    longest_ns: i64,
    longest_of_last_week_ns: i64,
}

impl Newest {
    /// Notes a time of measurement. Returns whether it is the newest one.
    pub(super) fn note(&mut self, at: UnixNanos) -> bool {
        let Some(known) = &mut self.0 else {
            self.0 = Some(Known { first: at, at, week_from: at, longest_ns: 0, longest_of_last_week_ns: 0 });
            return true;
        };
        if at <= known.at {
            return false;
        }
        if at.since(known.week_from) >= WEEK_NS {
            known.longest_of_last_week_ns = std::mem::take(&mut known.longest_ns);
            known.week_from = at;
        }
        known.longest_ns = known.longest_ns.max(at.since(known.at));
        known.at = at;
        true
    }

    /// The newest time.
    pub(super) fn at(&self) -> Option<UnixNanos> {
        self.0.as_ref().map(|known| known.at)
    }

    /// The longest time between two readings, or nothing before it is known.
    pub(super) fn longest_interval(&self) -> Option<Duration> {
        let known = self.0.as_ref().filter(|known| known.at.since(known.first) >= DAY_NS)?;
        let longest_ns = known.longest_ns.max(known.longest_of_last_week_ns);
        Some(Duration::from_nanos(longest_ns.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    /// The longest interval in seconds after readings at these seconds.
    fn longest(seconds: impl IntoIterator<Item = i64>) -> Option<u64> {
        let mut newest = Newest::default();
        seconds.into_iter().for_each(|second| {
            newest.note(UnixNanos(second * 1_000_000_000));
        });
        newest.longest_interval().map(|longest| longest.as_secs())
    }

    #[test]
    fn the_longest_interval_is_known_after_a_day_and_forgotten_after_two_weeks() {
        let hours = |range: std::ops::Range<i64>| range.map(|hour| hour * HOUR);
        assert_eq!(longest([0, 1, 23 * HOUR]), None, "a burst after the start");
        assert_eq!(longest(hours(0..25)), Some(3600));
        let day_off = || hours(0..24).chain(hours(48..24 * 10));
        assert_eq!(longest(day_off()), Some(25 * 3600));
        assert_eq!(longest(day_off().chain(hours(24 * 10..24 * 17))), Some(3600));
    }

    #[test]
    fn a_reading_of_the_past_changes_nothing() {
        let mut newest = Newest::default();
        let days = |days: i64| UnixNanos(days * DAY_NS);
        assert_eq!([5, 6, 6, 2, 7].map(|day| newest.note(days(day))), [true, true, false, false, true]);
        assert_eq!((newest.at(), newest.longest_interval()), (Some(days(7)), Some(Duration::from_hours(24))));
    }
}
