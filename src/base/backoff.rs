//! Exponential back-off: each failure doubles the longest wait. Jitter covers the whole
//! range, so that many clients of one server do not return at once. Knows no clock and
//! never sleeps.

use std::time::Duration;

/// An exponential back-off. Invariant: `0 < first <= max`, and every wait is between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    failures: u32,
}

/// Bounds that are not valid for a back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the first wait ({first:?}) must be greater than zero and at most the longest wait ({max:?})")]
pub struct BackoffError {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Backoff {
    /// A back-off from 100 ms to 30 s.
    pub const STANDARD: Self = Self { first: Duration::from_millis(100), max: Duration::from_secs(30), failures: 0 };

    /// A back-off with waits between `first` and `max`.
    ///
    /// # Errors
    /// When `first` is zero or above `max`.
    pub fn new(first: Duration, max: Duration) -> Result<Self, BackoffError> {
        if first.is_zero() || first > max {
            Err(BackoffError { first, max })
        } else {
            Ok(Self { first, max, failures: 0 })
        }
    }

    /// Counts a failure and returns the wait after it.
    pub fn next_wait(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let span = self.ceiling().saturating_sub(self.first);
        self.first + span.mul_f64(fastrand::f64())
    }

    /// Forgets the failures, so that the next wait is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The longest wait after the failures so far.
    fn ceiling(&self) -> Duration {
        let factor = 2_u32.checked_pow(self.failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_wait_lies_between_the_bounds_and_under_the_doubled_ceiling(
            first_ms in 1_u64..10_000, more_ms in 0_u64..100_000, failures in 1_u32..70
        ) {
            let (first, max) = (Duration::from_millis(first_ms), Duration::from_millis(first_ms + more_ms));
            let mut backoff = Backoff::new(first, max).unwrap();
            let mut wait = Duration::ZERO;
            for _ in 0..failures {
                wait = backoff.next_wait();
                prop_assert!(wait >= first && wait <= max, "{wait:?}");
            }
            prop_assert!(u128::from(failures) >= 31 || wait.as_nanos() <= first.as_nanos() << failures);
            backoff.reset();
            prop_assert!(backoff.next_wait() <= first * 2);
        }

        #[test]
        fn invalid_bounds_are_refused(first_ms in 0_u64..100, max_ms in 0_u64..100) {
            let made = Backoff::new(Duration::from_millis(first_ms), Duration::from_millis(max_ms));
            prop_assert_eq!(made.is_ok(), first_ms > 0 && first_ms <= max_ms);
        }
    }

    #[test]
    fn the_standard_bounds_are_valid() {
        let Backoff { first, max, .. } = Backoff::STANDARD;
        assert_eq!(Backoff::new(first, max), Ok(Backoff::STANDARD));
    }
}
