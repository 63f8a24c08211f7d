//! The longest silence of a meter in its last weeks, in one byte.
//!
//! A meter is silent by the rule of the alert `MeterlineReadingsOld`: more than [`SILENT_NS_MIN`], and more than
//! [`TIMES_LONGEST`] its longest silence. So a meter that is read once an hour, or sends when something happens, is
//! not silent between two of its readings. Long ago fades: the longest silence loses
//! [`FADED_STEPS`] steps a week.

use crate::reading::UnixNanos;

/// No meter is silent before that.
pub(super) const SILENT_NS_MIN: i64 = 3600 * SECOND_NS;
/// A meter is silent after this many times its longest silence.
const TIMES_LONGEST: i64 = 2;
/// Steps by which the longest silence fades in a week: a weekend without a reading stays known until the next one.
const FADED_STEPS: u8 = 3;
/// Steps in which a length of time doubles.
const STEPS: u8 = 4;
/// The longest time: a meter that is silent longer is forgotten.
const STEP_MAX: u8 = 22 * STEPS;
const SECOND_NS: i64 = 1_000_000_000;
const WEEK_NS: i64 = 7 * 86_400 * SECOND_NS;

/// A length of time that doubles every [`STEPS`] steps from a second on, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Longest(pub(super) u8);

impl Longest {
    /// Notes that nothing was measured between these two instants.
    pub(super) fn note(&mut self, before: UnixNanos, at: UnixNanos) {
        let weeks = at.0.div_euclid(WEEK_NS).saturating_sub(before.0.div_euclid(WEEK_NS));
        let faded = u8::try_from(weeks).unwrap_or(u8::MAX).saturating_mul(FADED_STEPS);
        self.0 = self.0.min(STEP_MAX).saturating_sub(faded);
        while self.0 < STEP_MAX && self.ns() < at.since(before) {
            self.0 += 1;
        }
    }

    fn ns(self) -> i64 {
        let (doublings, part) = (self.0.min(STEP_MAX) / STEPS, self.0 % STEPS);
        (i64::from(STEPS + part) * SECOND_NS / i64::from(STEPS)) << doublings
    }

    /// The silence that is longer than the usual ones.
    pub(super) fn unusual_ns(self) -> i64 {
        SILENT_NS_MIN.max(TIMES_LONGEST * self.ns())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR_NS: i64 = 3600 * SECOND_NS;

    /// The longest silence after one of these hours each, from the start of a week.
    fn after(hours: &[i64]) -> Longest {
        let (mut longest, mut at) = (Longest::default(), UnixNanos(0));
        for hours in hours {
            let next = at.saturating_add(hours * HOUR_NS);
            longest.note(at, next);
            at = next;
        }
        longest
    }

    #[test]
    fn a_silence_is_unusual_from_an_hour_and_twice_the_longest_one_on() {
        assert_eq!(Longest::default().unusual_ns(), HOUR_NS);
        let hourly = after(&[1; 100]).unusual_ns();
        assert!((2 * HOUR_NS..HOUR_NS * 5 / 2).contains(&hourly), "{hourly}");
        let weekend = after(&[1, 61, 1]).unusual_ns();
        assert!((122 * HOUR_NS..153 * HOUR_NS).contains(&weekend), "{weekend}");
    }

    #[test]
    fn a_silence_of_every_weekend_stays_usual_and_a_single_one_fades() {
        let mut hours = vec![61];
        hours.extend([1; 7 * 24]);
        assert!(after(&hours).unusual_ns() > 61 * HOUR_NS);
        hours.extend([1; 10 * 7 * 24]);
        assert_eq!(after(&hours).unusual_ns(), after(&[1]).unusual_ns());
    }

    proptest! {
        #[test]
        fn no_time_makes_it_panic_and_it_is_never_below_the_newest_silence(step: u8, before: i64, at: i64) {
            let mut longest = Longest(step);
            let (before, at) = (UnixNanos(before.min(at)), UnixNanos(before.max(at)));
            longest.note(before, at);
            prop_assert!(longest.ns() >= at.since(before).min(Longest(STEP_MAX).ns()));
        }
    }
}
