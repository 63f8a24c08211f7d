//! The span of time that a meter's view shows: one of the named ranges, or from and to.

use super::moment::zoned;
use super::parameters::Parameters;
use crate::query::{Span, Step, When};
use crate::reading::UnixNanos;
use jiff::Unit;
use jiff::tz::TimeZone;

const SECOND_NS: i64 = 1_000_000_000;
const HOUR_NS: i64 = 3_600 * SECOND_NS;
const DAY_NS: i64 = 24 * HOUR_NS;
/// The longest span: with months, its bars still fit.
const SPAN_NS_MAX: i64 = 10 * 366 * DAY_NS;

/// The named ranges: parameter, label, length.
pub(super) const NAMED: [(&str, &str, i64); 5] = [
    ("1h", "1 h", HOUR_NS),
    ("24h", "24 h", DAY_NS),
    ("7d", "7 d", 7 * DAY_NS),
    ("30d", "30 d", 30 * DAY_NS),
    ("12m", "12 months", 365 * DAY_NS),
];
/// The range at first.
const FIRST: usize = 1;

/// A span with its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) span: Span,
    /// The parameter of a named range; empty for from and to.
    pub(super) name: &'static str,
    /// Why from and to could not be used.
    pub(super) fault: Option<String>,
}

impl Range {
    /// The range of a request; times without an offset are in this zone.
    pub(super) fn of(parameters: &Parameters, now: UnixNanos, zone: &TimeZone) -> Self {
        let (from, to) = (parameters.get("from"), parameters.get("to"));
        if from.is_empty() && to.is_empty() {
            return Self::named(parameters.get("range"), now);
        }
        match between(from, to, now, zone) {
            Ok(span) => Self { span, name: "", fault: None },
            Err(fault) => Self { fault: Some(fault), ..Self::named("", now) },
        }
    }

    /// Whether the request chose it.
    pub(super) fn is_chosen(parameters: &Parameters) -> bool {
        ["range", "from", "to"].iter().any(|name| !parameters.get(name).is_empty())
    }

    /// The last hour.
    pub(super) fn last_hour(now: UnixNanos) -> Self {
        Self::named("1h", now)
    }

    fn named(name: &str, now: UnixNanos) -> Self {
        let (name, _, length) = NAMED.iter().find(|(known, _, _)| *known == name).unwrap_or(&NAMED[FIRST]);
        Self { span: Span { from: now.saturating_add(-length), until: now }, name, fault: None }
    }

    /// The length of a bar: about 4 to 170 of them fit.
    pub(super) fn step(&self) -> Step {
        match self.span.length() {
            length if length <= 26 * HOUR_NS => Step::QuarterHour,
            length if length <= 8 * DAY_NS => Step::Hour,
            length if length <= 100 * DAY_NS => Step::Day,
            _ => Step::Month,
        }
    }
}

fn between(from: &str, to: &str, now: UnixNanos, zone: &TimeZone) -> Result<Span, String> {
    let when = |text: &str| text.parse::<When>().map_err(|error| format!("{error}."));
    let until = if to.is_empty() { now } else { when(to)?.end(zone, now) };
    let from = if from.is_empty() { until.saturating_add(-DAY_NS) } else { when(from)?.start(zone, now) };
    let length = until.since(from);
    match length {
        length if length <= 0 => Err("The end must be after the start.".to_owned()),
        length if length > SPAN_NS_MAX => Err("At most ten years can be shown.".to_owned()),
        _ => Ok(Span { from, until }),
    }
}

/// The value of a form's `datetime-local`.
pub(super) fn local(at: UnixNanos, zone: &TimeZone) -> String {
    let at = zoned(at, zone);
    let minute = at.round(Unit::Minute).unwrap_or(at);
    minute.strftime("%Y-%m-%dT%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(query: &str) -> Range {
        let now = UnixNanos(1_795_953_600 * SECOND_NS);
        Range::of(&Parameters::of(Some(query)), now, &TimeZone::get("Europe/Zurich").unwrap())
    }

    fn times(query: &str) -> [String; 2] {
        let Range { span, fault, .. } = range(query);
        assert_eq!(fault, None, "{query}");
        [span.from.to_string(), span.until.to_string()]
    }

    #[test]
    fn ranges_are_named_and_a_day_is_shown() {
        assert_eq!((range("").name, range("range=nonsense").name, range("range=7d").name), ("24h", "24h", "7d"));
        assert_eq!(range("range=12m").span.length(), 365 * DAY_NS);
    }

    #[test]
    fn from_and_to_are_local_days_local_times_or_instants() {
        let day = ["2026-11-27T23:00:00Z", "2026-11-28T23:00:00Z"];
        assert_eq!(times("from=2026-11-28&to=2026-11-28"), day);
        assert_eq!(times("from=2026-11-28T00:00&to=2026-11-29T00:00"), day);
        assert_eq!(times("from=2026-11-27T23:00:00Z&to=2026-11-28T23:00:00Z"), day);
        assert_eq!(times("to=2026-11-28"), day);
        assert_eq!(times("from=2026-11&to=2026-11"), ["2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"]);
        assert_eq!(times("from=yesterday&to=yesterday"), ["2026-11-27T23:00:00Z", "2026-11-28T23:00:00Z"]);
        for wrong in ["from=tomorrow", "from=2026-11-28&to=2026-11-27", "from=1990-01-01&to=2026-01-01"] {
            assert!(range(wrong).fault.is_some(), "{wrong}");
        }
    }

    #[test]
    fn bars_get_longer_with_the_span() {
        let steps = ["1h", "24h", "7d", "30d", "12m"].map(|name| range(&format!("range={name}")).step());
        assert_eq!(steps, [Step::QuarterHour, Step::QuarterHour, Step::Hour, Step::Day, Step::Month]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_range_or_a_fault(from in ".{0,30}", to in ".{0,30}") {
            let parameters = Parameters::default().with("from", &from).with("to", &to);
            let found = Range::of(&parameters, UnixNanos(0), &TimeZone::UTC);
            prop_assert!(found.span.length() > 0);
        }
    }
}
