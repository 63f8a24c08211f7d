//! Quarter-hours, hours, days and months of a time zone. Pure.
//!
//! Quarter-hours and hours are counted from local midnight; a day has 23 or 25 hours when the clocks change
//! (docs/energy.md).

use super::error::QueryError;
use super::model::{INTERVALS_MAX, Span};
use crate::reading::{QUARTER_HOUR_NS, UnixNanos};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The length of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// 15 minutes.
    QuarterHour,
    /// An hour.
    Hour,
    /// A local day.
    Day,
    /// A local month.
    Month,
}

impl Step {
    /// Every length with its name, the shortest first.
    pub const NAMED: [(&'static str, Self); 4] =
        [("15m", Self::QuarterHour), ("hour", Self::Hour), ("day", Self::Day), ("month", Self::Month)];

    /// The longest interval.
    fn longest(self) -> i64 {
        // The clocks may change by an hour.
        match self {
            Self::QuarterHour | Self::Hour => self.part_of_day().unwrap_or(i64::MAX),
            Self::Day => 100 * QUARTER_HOUR_NS,
            Self::Month => (31 * 96 + 4) * QUARTER_HOUR_NS,
        }
    }

    /// The fixed part of a day that it is; `None` for days and months.
    fn part_of_day(self) -> Option<i64> {
        match self {
            Self::QuarterHour => Some(QUARTER_HOUR_NS),
            Self::Hour => Some(4 * QUARTER_HOUR_NS),
            Self::Day | Self::Month => None,
        }
    }
}

/// The time zone of a name; UTC if this system does not know it.
pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// The local day of a time.
pub(super) fn day_of(at: UnixNanos, zone: &TimeZone) -> Date {
    Timestamp::from_nanosecond(at.0.into()).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone()).date()
}

/// The start of a local day, within the range of [`UnixNanos`].
pub(super) fn start_of(day: Date, zone: &TimeZone) -> UnixNanos {
    let at = day.to_zoned(zone.clone()).map_or(Timestamp::MAX, |at| at.timestamp());
    UnixNanos(i64::try_from(at.as_nanosecond()).unwrap_or(if at < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX }))
}

/// The span from the start of the first interval that a span touches to the end of the last one.
pub(super) fn whole(span: Span, step: Step, zone: &TimeZone) -> Span {
    let of = |at: UnixNanos| intervals(Span { from: at, until: at.saturating_add(1) }, step, zone).unwrap_or_default();
    let (first, last) = (of(span.from), of(span.until.saturating_add(-1)));
    Span {
        from: first.first().map_or(span.from, |interval| interval.from),
        until: last.last().map_or(span.until, |interval| interval.until),
    }
}

/// Refuses a span that has more than [`INTERVALS_MAX`] intervals in every time zone, before anything is read for it.
///
/// # Errors
/// More than [`INTERVALS_MAX`] intervals.
pub(super) fn check(span: Span, step: Step) -> Result<(), QueryError> {
    let fewest = usize::try_from(span.length() / step.longest()).unwrap_or(usize::MAX);
    if fewest > INTERVALS_MAX { Err(QueryError::TooManyIntervals) } else { Ok(()) }
}

/// The intervals that a span touches, in the order of time.
///
/// # Errors
/// More than [`INTERVALS_MAX`] intervals.
pub fn intervals(span: Span, step: Step, zone: &TimeZone) -> Result<Vec<Span>, QueryError> {
    let mut found = Vec::new();
    if span.length() == 0 {
        return Ok(found);
    }
    let last = day_of(span.until.saturating_add(-1), zone);
    let mut day = day_of(span.from, zone);
    if step == Step::Month {
        day = day.first_of_month();
    }
    while day <= last {
        let next = if step == Step::Month { day.last_of_month() } else { day }.tomorrow();
        let next = next.unwrap_or(Date::MAX);
        let whole = Span { from: start_of(day, zone), until: start_of(next, zone) };
        let length = step.part_of_day().unwrap_or(i64::MAX);
        let mut from = whole.from;
        while from < whole.until {
            let until = from.saturating_add(length).min(whole.until);
            if from < span.until && until > span.from {
                found.push(Span { from, until });
            }
            from = until;
        }
        if found.len() > INTERVALS_MAX {
            return Err(QueryError::TooManyIntervals);
        }
        if next <= day {
            break;
        }
        day = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixNanos {
        UnixNanos(i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap())
    }

    fn count(from: &str, until: &str, step: Step, zone_name: &str) -> usize {
        let span = Span { from: at(from), until: at(until) };
        let found = intervals(span, step, &zone(zone_name)).unwrap();
        assert!(found.windows(2).all(|pair| pair[0].until <= pair[1].from), "{found:?}");
        found.len()
    }

    #[test]
    fn a_day_has_its_local_hours() {
        for (from, until, hours) in [
            ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
            ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
            ("2026-11-22T23:00:00Z", "2026-11-23T23:00:00Z", 24),
        ] {
            assert_eq!(count(from, until, Step::Hour, "Europe/Zurich"), hours);
            assert_eq!(count(from, until, Step::QuarterHour, "Europe/Zurich"), hours * 4);
            assert_eq!(count(from, until, Step::Day, "Europe/Zurich"), 1);
            assert_eq!(count(from, until, Step::Month, "Europe/Zurich"), 1);
        }
        // The clocks of Lord Howe Island change by half an hour.
        assert_eq!(count("2026-04-03T13:00:00Z", "2026-04-05T13:30:00Z", Step::Hour, "Australia/Lord_Howe"), 24 + 25);
    }

    #[test]
    fn an_interval_that_the_span_touches_is_whole() {
        let span = Span { from: at("2026-11-22T10:20:00Z"), until: at("2026-11-22T11:00:00Z") };
        let found = intervals(span, Step::Hour, &TimeZone::UTC).unwrap();
        assert_eq!(found, [Span { from: at("2026-11-22T10:00:00Z"), until: at("2026-11-22T11:00:00Z") }]);
        assert_eq!(count("2026-01-31T10:00:00Z", "2026-03-01T00:00:01Z", Step::Month, "UTC"), 3);
        assert_eq!(intervals(Span { until: span.from, ..span }, Step::Day, &TimeZone::UTC).unwrap(), []);
    }

    #[test]
    fn the_bound_of_intervals_holds_and_all_times_have_an_end() {
        let error = intervals(Span::ALL, Step::QuarterHour, &TimeZone::UTC).unwrap_err();
        assert!(error.to_string().contains("shorter span"), "{error}");
        assert_eq!(intervals(Span::ALL, Step::Month, &TimeZone::UTC).unwrap().len(), 584 * 12 + 8);
    }
}
