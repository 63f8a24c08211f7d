//! The failed-login budget: delays the answers to a password guesser.
//!
//! A wrong password costs its address one of [`FAILURES_MAX`]; one is regained every
//! [`REGAINED_EVERY`]. Beyond the budget, each 401 comes a [`DELAY_STEP`] later than the one
//! before, up to [`DELAY_STEPS_MAX`] of them. Valid logins are never checked against the
//! budget, so guesses cannot lock out another client, not even behind the same address. A
//! request without credentials costs nothing.
//!
//! Nothing switches a delay off. The budgets are a table of fixed size, chosen by a secret
//! hash of the address: there is no entry that a guesser could displace, and two addresses
//! that share a budget delay only each other's wrong passwords. A connection that never had
//! valid credentials gets one delayed answer; at its next wrong password it is closed. Other
//! clients use a proxy's connection or an account's as well, so delays must leave room on
//! it: it has [`DELAYED_ANSWERS_MAX`] delayed answers at a time, and a quarter of all
//! connections may have such. A further wrong password gets no answer there.
//!
//! A guesser that does not wait for its 401 pays with a connection for each guess, no more:
//! the right password is answered at once. So the path and the password must be long.

use crate::metrics;
use ::metrics::Counter;
use parking_lot::Mutex;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Wrong passwords that an address may present without a delay.
pub(super) const FAILURES_MAX: u32 = 10;
/// Time to regain one.
const REGAINED_EVERY: Duration = Duration::from_secs(6);
/// The delay of the first answer beyond the budget; each further one is later by the same.
const DELAY_STEP: Duration = if cfg!(test) { Duration::from_secs(10) } else { Duration::from_secs(1) };
/// Steps of the longest delay.
const DELAY_STEPS_MAX: u32 = 10;
/// Budgets in the table. IPv6 addresses count by their /64 network, which one customer has.
const BUDGETS: usize = 4096;
/// Delayed answers at a time of a connection that others use as well.
const DELAYED_ANSWERS_MAX: usize = 8;

/// The failed logins by address.
#[derive(Debug)]
pub(super) struct FailedLogins {
    budgets: Mutex<Budgets>,
    /// Delayed answers on connections that others use as well.
    shared: Semaphore,
    delayed_total: Counter,
    unanswered_total: Counter,
}

/// The failed logins of one connection.
#[derive(Debug)]
pub(super) struct ConnectionGuesses {
    /// It has used its only delayed answer.
    is_spent: AtomicBool,
    delayed: Semaphore,
}

/// The consequence of a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consequence {
    /// The answer; its delay has passed.
    Answer,
    /// No answer to this request.
    NoAnswer,
    /// No answer, and the end of the connection.
    Close,
}

impl Default for ConnectionGuesses {
    fn default() -> Self {
        Self { is_spent: AtomicBool::new(false), delayed: Semaphore::new(DELAYED_ANSWERS_MAX) }
    }
}

impl FailedLogins {
    pub(super) fn new(connections_max: usize) -> Self {
        Self {
            budgets: Mutex::new(Budgets::new()),
            shared: Semaphore::new((connections_max / 4).clamp(1, Semaphore::MAX_PERMITS)),
            delayed_total: metrics::counter("meterline_webhook_logins_delayed_total", &[]),
            unanswered_total: metrics::counter("meterline_webhook_logins_unanswered_total", &[]),
        }
    }

    /// Counts a wrong password and waits out its delay. `is_shared`: others use the
    /// connection as well, so it must stay open.
    pub(super) async fn failed(
        &self,
        address: IpAddr,
        connection: &ConnectionGuesses,
        is_shared: bool,
        now: Instant,
    ) -> Consequence {
        let delay = self.budgets.lock().spend(address, now);
        if delay.is_zero() {
            return Consequence::Answer;
        }
        let place = if is_shared {
            let place = connection.delayed.try_acquire().ok();
            place.and_then(|place| Some((place, self.shared.try_acquire().ok()?)))
        } else {
            None
        };
        let has_place = place.is_some() || (!is_shared && !connection.is_spent.swap(true, Ordering::Relaxed));
        if !has_place {
            self.unanswered_total.increment(1);
            return if is_shared { Consequence::NoAnswer } else { Consequence::Close };
        }
        self.delayed_total.increment(1);
        tokio::time::sleep(delay).await;
        Consequence::Answer
    }
}

/// The budgets of all addresses.
#[derive(Debug)]
struct Budgets {
    budgets: Box<[Budget]>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy, Default)]
struct Budget {
    /// When it is full again; `None` if it always was.
    full_at: Option<Instant>,
    is_delayed: bool,
}

impl Budgets {
    fn new() -> Self {
        Self { budgets: vec![Budget::default(); BUDGETS].into(), hasher: RandomState::new() }
    }

    /// Spends one failure of the address; returns the delay of its answer.
    fn spend(&mut self, address: IpAddr, now: Instant) -> Duration {
        let number = self.hasher.hash_one(network_of(address)) % BUDGETS as u64;
        let Some(budget) = usize::try_from(number).ok().and_then(|index| self.budgets.get_mut(index)) else {
            return DELAY_STEP;
        };
        let steps = budget.spend(now);
        if steps > 0 && !std::mem::replace(&mut budget.is_delayed, true) {
            tracing::warn!(%address, "too many failed logins from this address: its answers are delayed");
        }
        DELAY_STEP * steps
    }
}

impl Budget {
    /// Spends one failure; returns by how many the budget is overdrawn.
    fn spend(&mut self, now: Instant) -> u32 {
        let full_at = self.full_at.filter(|full_at| *full_at > now).unwrap_or_else(|| {
            self.is_delayed = false;
            now
        });
        let spent = (full_at + REGAINED_EVERY).saturating_duration_since(now);
        self.full_at = Some(now + spent.min(REGAINED_EVERY * (FAILURES_MAX + DELAY_STEPS_MAX)));
        let overdrawn = spent.saturating_sub(REGAINED_EVERY * FAILURES_MAX);
        let steps = overdrawn.as_nanos().div_ceil(REGAINED_EVERY.as_nanos());
        u32::try_from(steps).unwrap_or(DELAY_STEPS_MAX).min(DELAY_STEPS_MAX)
    }
}

fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use std::task::{Context, Waker};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Failures of `address` until one is delayed.
    fn undelayed(budgets: &mut Budgets, address: IpAddr, now: Instant) -> u32 {
        (0..1000).find(|_| !budgets.spend(address, now).is_zero()).unwrap()
    }

    #[test]
    fn a_budget_is_spent_and_comes_back_one_by_one() {
        let (mut budget, start) = (Budget::default(), Clock::system().monotonic());
        let undelayed = |budget: &mut Budget, now| (0..1000).find(|_| budget.spend(now) > 0).unwrap();
        assert_eq!(undelayed(&mut budget, start), FAILURES_MAX);
        assert_eq!(undelayed(&mut budget, start + REGAINED_EVERY), 0, "that one has paid for the failure before");
        assert_eq!(undelayed(&mut budget, start + REGAINED_EVERY * 4), 2);
        assert_eq!(undelayed(&mut budget, start + REGAINED_EVERY * 1000), FAILURES_MAX);
    }

    #[test]
    fn the_delay_grows_with_each_failure_up_to_its_bound_and_a_guesser_is_soon_forgiven() {
        let (mut budget, start) = (Budget::default(), Clock::system().monotonic());
        let steps: Vec<u32> = (0..1_000).map(|_| budget.spend(start)).collect();
        let expected = (0..1_000).map(|number: u32| (number + 1).saturating_sub(FAILURES_MAX).min(DELAY_STEPS_MAX));
        assert_eq!(steps, expected.collect::<Vec<_>>());
        assert_eq!(budget.spend(start + REGAINED_EVERY * (DELAY_STEPS_MAX + 1)), 0);
    }

    #[test]
    fn a_network_of_64_bits_has_one_budget() {
        let (mut budgets, now) = (Budgets::new(), Clock::system().monotonic());
        assert_eq!(undelayed(&mut budgets, address("2001:db8:1:2::1"), now), FAILURES_MAX);
        assert!(!budgets.spend(address("2001:db8:1:2:ffff::9"), now).is_zero());
    }

    #[test]
    fn no_number_of_other_addresses_gives_a_guesser_its_budget_back() {
        let (mut budgets, now) = (Budgets::new(), Clock::system().monotonic());
        let guesser = address("203.0.113.9");
        assert_eq!(undelayed(&mut budgets, guesser, now), FAILURES_MAX);
        for number in 0..100_000_u32 {
            budgets.spend(IpAddr::V4(number.into()), now);
        }
        assert!(!budgets.spend(guesser, now).is_zero());
        assert_eq!(budgets.budgets.len(), BUDGETS);
    }

    #[tokio::test]
    async fn a_connection_gets_one_delayed_answer_and_a_shared_one_a_few_at_a_time() {
        let (logins, now) = (FailedLogins::new(4 * (DELAYED_ANSWERS_MAX + 1)), Clock::system().monotonic());
        let failed =
            |connection, is_shared| Box::pin(logins.failed(address("203.0.113.9"), connection, is_shared, now));
        let [own, shared, other] = std::array::from_fn(|_| ConnectionGuesses::default());
        for _ in 0..FAILURES_MAX {
            assert_eq!(failed(&own, false).await, Consequence::Answer);
        }
        let waker = &mut Context::from_waker(Waker::noop());
        assert!(failed(&own, false).as_mut().poll(waker).is_pending(), "late; then its sender disconnects");
        assert_eq!(failed(&own, false).await, Consequence::Close);
        for _ in 0..2 {
            let mut late: Vec<_> = (0..DELAYED_ANSWERS_MAX).map(|_| failed(&shared, true)).collect();
            assert!(late.iter_mut().all(|guess| guess.as_mut().poll(waker).is_pending()));
            assert_eq!(failed(&shared, true).await, Consequence::NoAnswer);
            let mut last = failed(&other, true);
            assert!(last.as_mut().poll(waker).is_pending());
            assert_eq!(failed(&other, true).await, Consequence::NoAnswer, "a quarter of all connections have one");
        }
    }
}
