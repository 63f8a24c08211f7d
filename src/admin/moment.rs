//! Times as pages show them: in UTC from the server, which the script turns into the browser's time. A meter's own view has
//! all times in the meter's zone, because its days are.

use crate::reading::UnixNanos;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A time for `<time datetime>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// RFC 3339 in UTC, to the second.
    pub(super) iso: String,
    /// The text without a script.
    pub(super) text: String,
}

const SECOND_NS: i64 = 1_000_000_000;
/// Younger times are shown as an age.
const AGE_SECONDS_MAX: i64 = 3_600;

impl Moment {
    /// A time of today to the second, or else a day and time, in this zone.
    pub(super) fn near(at: UnixNanos, now: UnixNanos, zone: &TimeZone) -> Self {
        let (local, today) = (zoned(at, zone), zoned(now, zone));
        let format = if local.date() == today.date() { "%H:%M:%S %Z" } else { "%Y-%m-%d %H:%M:%S %Z" };
        Self { iso: iso(at), text: local.strftime(format).to_string() }
    }

    /// An age under an hour, or else a time in this zone.
    pub(super) fn age(at: UnixNanos, now: UnixNanos, zone: &TimeZone) -> Self {
        let near = Self::near(at, now, zone);
        let text = match now.since(at).max(0) / SECOND_NS {
            seconds @ 0..60 => format!("{seconds} s ago"),
            seconds if seconds < AGE_SECONDS_MAX => format!("{} min ago", seconds / 60),
            _ => near.text,
        };
        Self { iso: near.iso, text }
    }
}

/// The local time of an instant.
pub(super) fn zoned(at: UnixNanos, zone: &TimeZone) -> Zoned {
    Timestamp::from_nanosecond(at.0.into()).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

/// RFC 3339 in UTC, to the second.
pub(super) fn iso(at: UnixNanos) -> String {
    let whole = UnixNanos(at.0.div_euclid(SECOND_NS).saturating_mul(SECOND_NS));
    whole.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_relative_under_an_hour_and_times_of_today_are_short() {
        let now = UnixNanos(1_795_867_200 * SECOND_NS + 7_200 * SECOND_NS);
        let text = |seconds: i64| Moment::age(now.saturating_add(-seconds * SECOND_NS), now, &TimeZone::UTC).text;
        assert_eq!([-5, 3, 59, 60, 3_599].map(text), ["0 s ago", "3 s ago", "59 s ago", "1 min ago", "59 min ago"]);
        let near = |seconds: i64| Moment::near(now.saturating_add(-seconds * SECOND_NS), now, &TimeZone::UTC).text;
        assert_eq!(near(3_600).len(), "12:00:00 UTC".len());
        assert_eq!(near(86_400).len(), "2026-11-28 12:00:00 UTC".len());
        let zone = TimeZone::get("Europe/Zurich").unwrap();
        let text = |at: UnixNanos| Moment::near(at, now, &zone).text;
        assert_eq!(text(now), "15:00:00 CET");
        assert_eq!(text(now.saturating_add(-15 * 3_600 * SECOND_NS - 1)), "2026-11-27 23:59:59 CET");
    }
}
