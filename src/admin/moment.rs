//! Times as pages show them: in UTC from the server, which the script turns into the browser's time.

use crate::reading::UnixNanos;

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
    /// A time to the second.
    pub(super) fn exactly(at: UnixNanos) -> Self {
        let iso = iso(at);
        let text = format!("{} {} UTC", iso.get(..10).unwrap_or_default(), iso.get(11..19).unwrap_or_default());
        Self { iso, text }
    }

    /// A time of today to the second, or else a day and time.
    pub(super) fn near(at: UnixNanos, now: UnixNanos) -> Self {
        let (exact, today) = (Self::exactly(at), iso(now));
        let is_today = exact.iso.get(..10) == today.get(..10);
        let text = if is_today { exact.text.get(11..).unwrap_or_default().to_owned() } else { exact.text };
        Self { iso: exact.iso, text }
    }

    /// An age under an hour, or else a time.
    pub(super) fn age(at: UnixNanos, now: UnixNanos) -> Self {
        let near = Self::near(at, now);
        let text = match now.since(at).max(0) / SECOND_NS {
            seconds @ 0..60 => format!("{seconds} s ago"),
            seconds if seconds < AGE_SECONDS_MAX => format!("{} min ago", seconds / 60),
            _ => near.text,
        };
        Self { iso: near.iso, text }
    }
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
        let text = |seconds: i64| Moment::age(now.saturating_add(-seconds * SECOND_NS), now).text;
        assert_eq!([-5, 3, 59, 60, 3_599].map(text), ["0 s ago", "3 s ago", "59 s ago", "1 min ago", "59 min ago"]);
        let near = |seconds: i64| Moment::near(now.saturating_add(-seconds * SECOND_NS), now).text;
        assert_eq!(near(3_600).len(), "12:00:00 UTC".len());
        assert_eq!(near(86_400).len(), "2026-11-28 12:00:00 UTC".len());
    }
}
