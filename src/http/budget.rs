//! A rate limit for requests to one server, shared by all its clients.
//!
//! A request counts from its start until one minute after its answer. So the server never
//! receives more than the limit in any minute, however slow the network is. Knows no clock.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The period of the limit.
const WINDOW: Duration = Duration::from_mins(1);
/// The wait while the requests in flight use the whole budget.
const RETRY_WAIT: Duration = Duration::from_millis(50);

/// A request budget. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Mutex<Requests>>);

/// The requests of the last minute. Invariant: at most `per_minute`.
#[derive(Debug)]
struct Requests {
    per_minute: NonZeroUsize,
    in_flight: usize,
    answered: VecDeque<Instant>,
    /// The server accepts no request before this time.
    not_before: Option<Instant>,
}

impl Budget {
    /// A budget of `per_minute` requests in any minute.
    pub fn new(per_minute: NonZeroUsize) -> Self {
        Self(Arc::new(Mutex::new(Requests { per_minute, in_flight: 0, answered: VecDeque::new(), not_before: None })))
    }

    /// A budget for a server without a rate limit.
    pub fn unlimited() -> Self {
        Self::new(NonZeroUsize::MAX)
    }

    /// Begins a request if the budget allows it.
    ///
    /// # Errors
    /// The time to wait before the next try.
    pub fn begin(&self, now: Instant) -> Result<(), Duration> {
        let mut requests = self.0.lock();
        match requests.wait(now) {
            Some(wait) => Err(wait),
            None => {
                requests.in_flight += 1;
                Ok(())
            }
        }
    }

    /// The wait before the next request may begin; `None` if it may begin now.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        self.0.lock().wait(now)
    }

    /// Allows no request before `until`: the server asked for a wait.
    pub fn hold(&self, until: Instant) {
        let mut requests = self.0.lock();
        requests.not_before = requests.not_before.max(Some(until));
    }

    /// Ends a request: it was answered or cancelled.
    pub fn end(&self, now: Instant) {
        let mut requests = self.0.lock();
        requests.in_flight = requests.in_flight.saturating_sub(1);
        requests.answered.push_back(now);
    }
}

impl Requests {
    fn wait(&mut self, now: Instant) -> Option<Duration> {
        while self.answered.front().is_some_and(|oldest| now.saturating_duration_since(*oldest) >= WINDOW) {
            self.answered.pop_front();
        }
        let asked = self.not_before.map(|then| then.saturating_duration_since(now)).filter(|wait| !wait.is_zero());
        if asked.is_some() || self.answered.len() + self.in_flight < self.per_minute.get() {
            return asked;
        }
        let wait = |oldest: &Instant| (*oldest + WINDOW).saturating_duration_since(now);
        Some(self.answered.front().map_or(RETRY_WAIT, wait))
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
            let budget = Budget::new(NonZeroUsize::new(per_minute).unwrap());
            let mut now = Clock::system().monotonic();
            let mut arrived = Vec::new();
            for (idle_ms, on_the_way_ms) in steps {
                now += Duration::from_millis(idle_ms);
                while let Err(wait) = budget.begin(now) {
                    now += wait;
                }
                // Anywhere between sent and answered.
                arrived.push(now + Duration::from_millis(on_the_way_ms / 2));
                now += Duration::from_millis(on_the_way_ms);
                budget.end(now);
            }
            for (at, first) in arrived.iter().enumerate() {
                let within = arrived[at..].iter().filter(|later| **later - *first < WINDOW).count();
                prop_assert!(within <= per_minute, "{within}");
            }
        }
    }

    #[test]
    fn a_wait_that_the_server_asked_for_holds_for_all_that_share_the_budget() {
        let budget = Budget::new(NonZeroUsize::new(9).unwrap());
        let now = Clock::system().monotonic();
        let (short, long) = (Duration::from_secs(5), Duration::from_secs(70));
        budget.hold(now + long);
        budget.hold(now + short);
        assert_eq!(budget.clone().begin(now), Err(long));
        assert_eq!(budget.begin(now + long), Ok(()));
    }

    #[test]
    fn requests_in_flight_count_for_all_that_share_the_budget() {
        let budget = Budget::new(NonZeroUsize::new(2).unwrap());
        let now = Clock::system().monotonic();
        assert_eq!((budget.begin(now), budget.clone().begin(now)), (Ok(()), Ok(())));
        assert!(budget.begin(now + WINDOW * 2).is_err() && budget.wait(now + WINDOW * 2).is_some());
        budget.end(now);
        assert_eq!(budget.begin(now), Err(WINDOW));
        // To look at the wait takes no request.
        let later = now + WINDOW;
        assert_eq!((budget.wait(now), budget.wait(later), budget.wait(later)), (Some(WINDOW), None, None));
        assert_eq!(budget.begin(later), Ok(()));
    }
}
