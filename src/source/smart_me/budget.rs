//! How many requests an account may send.
//!
//! A request counts from when its answer came, so that however long it was on the
//! way, the server never sees more than the number in any minute. Knows no clock.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// What the number is for.
const WINDOW: Duration = Duration::from_mins(1);

/// The last requests. Invariant: at most as many as may be sent in a minute.
#[derive(Debug)]
pub(super) struct Budget {
    per_minute: NonZeroUsize,
    answered: VecDeque<Instant>,
}

impl Budget {
    pub(super) fn new(per_minute: NonZeroUsize) -> Self {
        Self { per_minute, answered: VecDeque::new() }
    }

    /// How long until one more may be sent.
    pub(super) fn free_in(&self, now: Instant) -> Duration {
        if self.answered.len() < self.per_minute.get() {
            return Duration::ZERO;
        }
        self.answered.front().map_or(Duration::ZERO, |oldest| (*oldest + WINDOW).saturating_duration_since(now))
    }

    /// Counts one whose answer came now, or that was given up.
    pub(super) fn note(&mut self, now: Instant) {
        if self.answered.len() == self.per_minute.get() {
            self.answered.pop_front();
        }
        self.answered.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_minute_sees_more_than_the_number(
            per_minute in 1_usize..40, steps in prop::collection::vec((0_u64..20_000, 0_u64..5_000), 1..200)
        ) {
            let mut budget = Budget::new(NonZeroUsize::new(per_minute).unwrap());
            let mut now = Clock::system().monotonic();
            let mut arrived = Vec::new();
            for (idle_ms, on_the_way_ms) in steps {
                now += Duration::from_millis(idle_ms);
                now += budget.free_in(now);
                // Anywhere between sent and answered.
                arrived.push(now + Duration::from_millis(on_the_way_ms / 2));
                now += Duration::from_millis(on_the_way_ms);
                budget.note(now);
            }
            for (at, first) in arrived.iter().enumerate() {
                let within = arrived[at..].iter().filter(|later| **later - *first < WINDOW).count();
                prop_assert!(within <= per_minute, "{within}");
            }
        }
    }
}
