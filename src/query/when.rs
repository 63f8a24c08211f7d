//! Times as people write them: `2026-11-22`, `2026-11`, `today`, `2026-11-22T10:15`, RFC 3339. Pure.

use super::interval::start_of;
use crate::reading::UnixNanos;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::str::FromStr;

/// A time, or a local day or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A time with its offset.
    At(UnixNanos),
    /// A local time.
    Local(DateTime),
    /// A local day.
    Day(Date),
    /// A local month, by its first day.
    Month(Date),
    /// The local day this number of days ago.
    DaysAgo(u8),
    /// This moment.
    Now,
}

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no time: write a day (2026-11-22), a month (2026-11), a local time (2026-11-22T10:15), a time with its offset \
     (2026-11-22T10:15:00Z), today, yesterday or now"
)]
pub struct WhenError(String);

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let when = match trimmed.to_lowercase().as_str() {
            "now" => Some(Self::Now),
            "today" => Some(Self::DaysAgo(0)),
            "yesterday" => Some(Self::DaysAgo(1)),
            _ => time(trimmed),
        };
        when.ok_or_else(|| WhenError(text.to_owned()))
    }
}

fn time(text: &str) -> Option<When> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return i64::try_from(at.as_nanosecond()).ok().map(|nanos| When::At(UnixNanos(nanos)));
    }
    let is_digits =
        |length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_digits(7) {
        return format!("{text}-01").parse().ok().map(When::Month);
    }
    if is_digits(10) {
        return text.parse().ok().map(When::Day);
    }
    // A time with another offset than this zone's would be misread as local.
    let has_zone = text.contains(['+', 'Z', 'z', '[']) || text.matches('-').count() > 2;
    if has_zone { None } else { text.parse().ok().map(When::Local) }
}

impl When {
    /// The time, or the start of the day or month, in this zone.
    pub fn start(self, zone: &TimeZone, now: UnixNanos) -> UnixNanos {
        match self {
            Self::At(at) => at,
            Self::Now => now,
            Self::Local(time) => nanos(zone.to_ambiguous_timestamp(time).compatible().unwrap_or(Timestamp::MAX)),
            Self::Day(day) | Self::Month(day) => start_of(day, zone),
            Self::DaysAgo(days) => start_of(days_ago(days, zone, now), zone),
        }
    }

    /// The time, or the end of the day or month: `--to 2026-11-22` includes that day.
    pub fn end(self, zone: &TimeZone, now: UnixNanos) -> UnixNanos {
        let after = |day: Date| start_of(day.tomorrow().unwrap_or(Date::MAX), zone);
        match self {
            Self::Day(day) => after(day),
            Self::Month(day) => after(day.last_of_month()),
            Self::DaysAgo(days) => after(days_ago(days, zone, now)),
            Self::At(_) | Self::Now | Self::Local(_) => self.start(zone, now),
        }
    }
}

fn days_ago(days: u8, zone: &TimeZone, now: UnixNanos) -> Date {
    let today = super::interval::day_of(now, zone);
    today.checked_sub(i64::from(days).days()).unwrap_or(today)
}

fn nanos(at: Timestamp) -> UnixNanos {
    UnixNanos(i64::try_from(at.as_nanosecond()).unwrap_or(if at < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(text: &str) -> [String; 2] {
        let zone = TimeZone::get("Europe/Zurich").unwrap();
        let now = UnixNanos(1_795_373_707_000_000_000);
        let when: When = text.parse().unwrap();
        [when.start(&zone, now), when.end(&zone, now)].map(|at| at.to_string())
    }

    #[test]
    fn a_day_is_local_and_ends_with_its_last_moment() {
        for (text, start, end) in [
            ("2026-11-22", "2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z"),
            ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("2018-11-04", "2018-11-03T23:00:00Z", "2018-11-04T23:00:00Z"),
            ("2026-10", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
            ("today", "2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z"),
            ("Yesterday", "2026-11-20T23:00:00Z", "2026-11-21T23:00:00Z"),
            ("now", "2026-11-22T18:55:07Z", "2026-11-22T18:55:07Z"),
            ("2026-11-22T10:15", "2026-11-22T09:15:00Z", "2026-11-22T09:15:00Z"),
            ("2026-11-22 10:15:30", "2026-11-22T09:15:30Z", "2026-11-22T09:15:30Z"),
            ("2026-11-22T10:15:00.000000001Z", "2026-11-22T10:15:00.000000001Z", "2026-11-22T10:15:00.000000001Z"),
            (" 2026-11-22T10:15:00+05:45 ", "2026-11-22T04:30:00Z", "2026-11-22T04:30:00Z"),
            // It does not exist: the clocks go from 2 to 3.
            ("2026-03-29T02:30", "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z"),
        ] {
            assert_eq!(span(text), [start, end], "{text}");
        }
    }

    #[test]
    fn a_day_without_a_midnight_begins_with_its_first_moment() {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let start = "2018-11-04".parse::<When>().unwrap().start(&zone, UnixNanos(0));
        assert_eq!(start.to_string(), "2018-11-04T03:00:00Z");
    }

    #[test]
    fn other_texts_are_refused_with_examples() {
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-11-31",
            "22.11.2026",
            "tomorrow",
            "2026-11-22T10:15+99",
            "9999-12-31T00:00:00Z",
        ] {
            let error = text.parse::<When>().unwrap_err().to_string();
            assert!(error.contains("2026-11-22T10:15:00Z"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            if let Ok(when) = text.parse::<When>() {
                prop_assert!(when.start(&TimeZone::UTC, UnixNanos(0)) <= when.end(&TimeZone::UTC, UnixNanos(0)));
            }
        }

        #[test]
        fn every_printed_day_and_time_is_read(year in 1971_i16..2261, month in 1_i8..=12, day in 1_i8..=28, nanos: i64) {
            let date = Date::new(year, month, day).unwrap();
            prop_assert_eq!(date.to_string().parse(), Ok(When::Day(date)));
            prop_assert_eq!(date.strftime("%Y-%m").to_string().parse(), Ok(When::Month(date.first_of_month())));
            prop_assert_eq!(UnixNanos(nanos).to_string().parse(), Ok(When::At(UnixNanos(nanos))));
        }
    }
}
