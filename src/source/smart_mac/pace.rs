//! The interval of the requests to a device that refuses those that come too early.
//!
//! Pure. Which interval a device allows depends on its version and licence, which it does not say. So the
//! interval doubles after each refusal, up to a bound, and gets shorter again after a number of answers,
//! but never shorter than configured.

use std::time::Duration;

/// The longest interval, unless a longer one is configured.
pub(super) const LONGEST: Duration = Duration::from_mins(15);
/// The interval gets shorter after this number of answers in a row.
const SHORTER_AFTER: u32 = 20;
/// Then it is this part of what it was.
const SHORTER_BY: f64 = 0.75;

/// The interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    configured: Duration,
    present: Duration,
    /// Answers in a row since it changed.
    answers: u32,
}

impl Pace {
    /// Begins with the configured interval.
    pub(super) fn new(configured: Duration) -> Self {
        Self { configured, present: configured, answers: 0 }
    }

    /// The present interval.
    pub(super) fn interval(&self) -> Duration {
        self.present
    }

    /// Notes that the device answered.
    pub(super) fn answered(&mut self) {
        self.answers += 1;
        if self.answers >= SHORTER_AFTER {
            self.answers = 0;
            self.present = self.present.mul_f64(SHORTER_BY).max(self.configured);
        }
    }

    /// Notes that a request came too early for the device.
    pub(super) fn refused(&mut self) {
        self.answers = 0;
        self.present = self.present.saturating_mul(2).min(LONGEST.max(self.configured));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Answers `count` requests.
    fn answered(pace: &mut Pace, count: u32) -> Duration {
        (0..count).for_each(|_| pace.answered());
        pace.interval()
    }

    #[test]
    fn each_refusal_doubles_the_interval_up_to_its_bound() {
        let mut pace = Pace::new(6 * SECOND);
        let intervals = [12, 24, 48, 96, 192, 384, 768, 900, 900].map(|seconds| {
            pace.refused();
            (pace.interval(), seconds * SECOND)
        });
        assert!(intervals.iter().all(|(interval, expected)| interval == expected), "{intervals:?}");
        let mut slow = Pace::new(2 * LONGEST);
        slow.refused();
        assert_eq!(slow.interval(), 2 * LONGEST, "a longer configured interval stays");
    }

    #[test]
    fn answers_in_a_row_shorten_the_interval_slowly_to_the_configured_one() {
        let mut pace = Pace::new(60 * SECOND);
        pace.refused();
        assert_eq!(answered(&mut pace, SHORTER_AFTER - 1), 120 * SECOND);
        assert_eq!(answered(&mut pace, 1), 90 * SECOND);
        answered(&mut pace, SHORTER_AFTER - 1);
        pace.refused();
        assert_eq!(answered(&mut pace, SHORTER_AFTER - 1), 180 * SECOND, "a refusal begins the count again");
        assert_eq!(answered(&mut pace, 10 * SHORTER_AFTER), 60 * SECOND);
    }

    proptest! {
        #[test]
        fn no_sequence_leaves_the_bounds(seconds in 6_u32..2000, steps in prop::collection::vec(any::<bool>(), 0..500)) {
            let configured = seconds * SECOND;
            let mut pace = Pace::new(configured);
            for is_refused in steps {
                if is_refused { pace.refused() } else { pace.answered() }
                prop_assert!((configured..=LONGEST.max(configured)).contains(&pace.interval()));
            }
        }
    }
}
