//! Times on the command line: an instant, or a day alone, which stands for its beginning.
//!
//! A day begins at midnight in the time zone of the embedded store (`sink.sqlite.time_zone`), or
//! in UTC without one.

use crate::reading::UnixNanos;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::str::FromStr;

/// The length of `2026-11-22`.
const DAY_CHARS: usize = 10;
/// The years that lie within the range of [`UnixNanos`] in every time zone.
const YEARS: std::ops::RangeInclusive<i16> = 1678..=2261;

/// A time that an operator gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenTime {
    /// An instant.
    At(UnixNanos),
    /// A day of the calendar.
    Day(Date),
}

impl GivenTime {
    /// Returns the instant, or the beginning of the day in this time zone.
    ///
    /// # Errors
    /// A sentence, if the day does not exist in the zone.
    pub fn in_zone(self, zone: &TimeZone) -> Result<UnixNanos, String> {
        match self {
            Self::At(at) => Ok(at),
            Self::Day(day) => {
                let begin = day.to_zoned(zone.clone()).map_err(|error| format!("{day}: {error}"))?;
                nanos(begin.timestamp()).ok_or_else(|| out_of_range(&day.to_string()))
            }
        }
    }

    /// Returns the same, but the end of a day: the beginning of the next one.
    ///
    /// # Errors
    /// A sentence, if the day does not exist in the zone.
    pub fn end_in_zone(self, zone: &TimeZone) -> Result<UnixNanos, String> {
        match self {
            Self::At(at) => Ok(at),
            Self::Day(day) => {
                let next = day.tomorrow().map_err(|error| format!("{day}: {error}"))?;
                Self::Day(next).in_zone(zone)
            }
        }
    }
}

impl FromStr for GivenTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() == DAY_CHARS
            && let Ok(day) = text.parse::<Date>()
        {
            return if YEARS.contains(&day.year()) { Ok(Self::Day(day)) } else { Err(out_of_range(text)) };
        }
        let at: jiff::Timestamp = text.parse().map_err(|_| {
            format!(
                "'{text}' is not a time; write it like 2026-11-22 (the beginning of that day), 2026-11-22T14:00:00Z \
                 or 2026-11-22T15:00:00+01:00"
            )
        })?;
        nanos(at).map(Self::At).ok_or_else(|| out_of_range(text))
    }
}

fn nanos(at: jiff::Timestamp) -> Option<UnixNanos> {
    i64::try_from(at.as_nanosecond()).ok().map(UnixNanos)
}

fn out_of_range(text: &str) -> String {
    format!("'{text}' is out of range; give a time between the years 1678 and 2261")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn begin(text: &str, zone_name: &str) -> String {
        text.parse::<GivenTime>()
            .and_then(|time| time.in_zone(&zone(zone_name)))
            .map_or_else(|why| why, |at| at.to_string())
    }

    fn end(text: &str, zone_name: &str) -> String {
        text.parse::<GivenTime>().and_then(|time| time.end_in_zone(&zone(zone_name))).unwrap().to_string()
    }

    #[test]
    fn a_day_begins_at_midnight_of_its_time_zone_and_an_instant_is_the_same_everywhere() {
        assert_eq!(begin("2026-11-22", "UTC"), "2026-11-22T00:00:00Z");
        assert_eq!(begin("2026-11-22", "Europe/Zurich"), "2026-11-21T23:00:00Z");
        assert_eq!(begin("2026-07-01", "Europe/Zurich"), "2026-06-30T22:00:00Z");
        // The day on which the clock goes forward has 23 hours.
        assert_eq!(begin("2026-03-29", "Europe/Zurich"), "2026-03-28T23:00:00Z");
        assert_eq!(end("2026-03-29", "Europe/Zurich"), "2026-03-29T22:00:00Z");
        // No midnight exists on this day.
        assert_eq!(begin("2018-11-04", "America/Sao_Paulo"), "2018-11-04T03:00:00Z");
        for zone in ["UTC", "Europe/Zurich"] {
            assert_eq!(begin("2026-11-22T15:00:00+01:00", zone), "2026-11-22T14:00:00Z");
            assert_eq!(end("2026-11-22T14:00:00Z", zone), "2026-11-22T14:00:00Z");
        }
    }

    #[test]
    fn a_text_that_is_no_time_is_refused_with_examples() {
        for text in ["", "yesterday", "2026-11-31", "2026-11-22T14:00:00", "2026-11", "22.11.2026", "1795266910"] {
            let why = text.parse::<GivenTime>().unwrap_err();
            assert!(why.contains("2026-11-22 (") && why.contains("+01:00"), "{text}: {why}");
        }
        for text in ["1600-01-01", "2262-01-01", "1600-01-01T00:00:00Z", "2300-01-01T00:00:00Z"] {
            let why = text.parse::<GivenTime>().unwrap_err();
            assert!(why.contains("out of range"), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,40}") {
            if let Ok(time) = text.parse::<GivenTime>() {
                time.in_zone(&TimeZone::UTC).unwrap();
            }
        }

        #[test]
        fn every_day_is_read_back_and_ends_where_the_next_one_begins(days in -100_000_i64..100_000) {
            let day = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(days));
            let given: GivenTime = day.to_string().parse().unwrap();
            prop_assert_eq!(given, GivenTime::Day(day));
            for zone in [TimeZone::UTC, zone("Europe/Zurich")] {
                let next = GivenTime::Day(day.tomorrow().unwrap()).in_zone(&zone).unwrap();
                prop_assert_eq!(given.end_in_zone(&zone).unwrap(), next);
                prop_assert!(given.in_zone(&zone).unwrap() < next);
            }
        }
    }
}
