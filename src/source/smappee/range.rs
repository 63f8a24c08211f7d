//! Ranges of time in milliseconds, and the part of one that rows do not cover. Pure.

use crate::reading::UnixNanos;
use crate::vendor::smappee::rest::Aggregation;

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
/// Fine rows are asked for up to this age. The vendor's document says 31 days; clients saw 14.
pub(super) const FINE_ROWS_MS: i64 = 31 * DAY_MS;
/// Times of rows of five minutes.
const STEP_MS: i64 = 5 * MINUTE_MS;
const MILLISECOND_NS: i64 = 1_000_000;

/// `[from, to)` in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A time in milliseconds.
pub(super) fn millis(at: UnixNanos) -> i64 {
    at.0.div_euclid(MILLISECOND_NS)
}

/// The start of the five minutes that this time is in.
pub(super) fn floor(millis: i64) -> i64 {
    millis - millis.rem_euclid(STEP_MS)
}

impl Range {
    /// The whole five minutes that hold all of both instants.
    pub(super) fn around(from: UnixNanos, until: UnixNanos) -> Self {
        Self { from: floor(millis(from)), to: floor(millis(until)) + STEP_MS }
    }

    pub(super) fn is_empty(self) -> bool {
        self.from >= self.to
    }

    pub(super) fn length(self) -> i64 {
        self.to.saturating_sub(self.from)
    }

    pub(super) fn contains(self, at: i64) -> bool {
        (self.from..self.to).contains(&at)
    }

    pub(super) fn holds(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// The next part to fetch: a day of fine rows, or a month of rows that are kept longer.
    pub(super) fn first_part(self, now: i64) -> Self {
        let fine_from = now - FINE_ROWS_MS;
        let to = if self.from < fine_from { (self.from + FINE_ROWS_MS).min(fine_from) } else { self.from + DAY_MS };
        Self { from: self.from, to: to.min(self.to) }
    }
}

/// The shortest hole that rows of this aggregation fill.
pub(super) fn step(aggregation: Aggregation) -> i64 {
    let length = aggregation.interval().length_ns().map(|length| length / MILLISECOND_NS);
    // A day of summer time has 23 hours.
    length.unwrap_or(DAY_MS - HOUR_MS)
}

/// The parts of these holes that no row covers.
pub(super) fn uncovered(holes: &[Range], mut starts: Vec<i64>, aggregation: Aggregation) -> Vec<Range> {
    starts.sort_unstable();
    let covers = aggregation.interval().length_ns().map_or(DAY_MS, |length| length / MILLISECOND_NS);
    let mut rest = Vec::new();
    for hole in holes {
        let mut from = hole.from;
        for start in &starts {
            let end = start.saturating_add(covers);
            if end <= from || *start >= hole.to {
                continue;
            }
            rest.push(Range { from, to: *start });
            from = end;
        }
        rest.push(Range { from, to: hole.to });
    }
    rest.retain(|part| !part.is_empty());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_part_is_a_day_of_fine_rows_or_a_month_of_older_ones() {
        let now = 400 * DAY_MS;
        let part = |from| Range { from, to: now }.first_part(now);
        assert_eq!(part(now - 2 * DAY_MS).to, now - DAY_MS);
        assert_eq!(part(now - HOUR_MS).to, now);
        assert_eq!(part(now - 100 * DAY_MS).to, now - 69 * DAY_MS);
        // It ends where fine rows begin.
        assert_eq!(part(now - 40 * DAY_MS).to, now - 31 * DAY_MS);
    }

    #[test]
    fn the_range_of_a_gap_holds_whole_rows() {
        let range = Range::around(UnixNanos(301_000_000_000), UnixNanos(601_000_000_000));
        assert_eq!(range, Range { from: 300_000, to: 900_000 });
        assert!(range.holds(Range { from: 300_000, to: 600_000 }) && !range.holds(Range { from: 0, to: 600_000 }));
    }

    proptest! {
        /// Compares with single minutes.
        #[test]
        fn what_is_uncovered_is_every_minute_without_a_row(
            holes in prop::collection::vec((0_i64..50, 1_i64..40), 0..4),
            starts in prop::collection::vec(0_i64..60, 0..12),
        ) {
            let five = |it: i64| it * STEP_MS;
            let mut at = 0;
            let mut ranges = Vec::new();
            for (skip, length) in holes {
                ranges.push(Range { from: five(at + skip), to: five(at + skip + length) });
                at += skip + length;
            }
            let starts: Vec<_> = starts.into_iter().map(five).collect();
            let rest = uncovered(&ranges, starts.clone(), Aggregation::FiveMinutes);
            for minute in 0..five(at) / MINUTE_MS {
                let time = minute * MINUTE_MS;
                let expected = ranges.iter().any(|it| it.contains(time)) && !starts.contains(&floor(time));
                prop_assert_eq!(rest.iter().any(|it| it.contains(time)), expected);
            }
        }

        #[test]
        fn no_times_overflow(from in any::<i64>(), start in any::<i64>()) {
            uncovered(&[Range { from, to: i64::MAX }], vec![start], Aggregation::Day);
        }
    }
}
