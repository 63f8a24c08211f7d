//! The budget of failed logins of each address: how late the answer to a password guesser is.
//!
//! A wrong password costs its address one of [`FAILURES_MAX`]; one is regained every
//! [`REGAINED_EVERY`]. Beyond the budget, each answer comes a [`DELAY_STEP`] later than the one
//! before, up to [`DELAY_STEPS_MAX`] of them.
//!
//! Nothing switches a delay off. The budgets are a table of fixed size, chosen by a secret
//! hash of the address: there is no entry that a guesser could displace, and two addresses
//! that share a budget delay only each other's wrong passwords.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

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

/// The budgets of all addresses.
#[derive(Debug)]
pub struct LoginBudgets {
    budgets: Box<[Budget]>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy, Default)]
struct Budget {
    /// When it is full again; `None` if it always was.
    full_at: Option<Instant>,
    is_delayed: bool,
}

impl Default for LoginBudgets {
    fn default() -> Self {
        Self::new()
    }
}

impl LoginBudgets {
    /// The budgets before the first failure.
    #[must_use]
    pub fn new() -> Self {
        Self { budgets: vec![Budget::default(); BUDGETS].into(), hasher: RandomState::new() }
    }

    /// Spends one failure of the address; returns the delay of its answer.
    pub fn spend(&mut self, address: IpAddr, now: Instant) -> Duration {
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

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Failures of `address` until one is delayed.
    fn undelayed(budgets: &mut LoginBudgets, address: IpAddr, now: Instant) -> u32 {
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
        let (mut budgets, now) = (LoginBudgets::new(), Clock::system().monotonic());
        assert_eq!(undelayed(&mut budgets, address("2001:db8:1:2::1"), now), FAILURES_MAX);
        assert!(!budgets.spend(address("2001:db8:1:2:ffff::9"), now).is_zero());
    }

    #[test]
    fn no_number_of_other_addresses_gives_a_guesser_its_budget_back() {
        let (mut budgets, now) = (LoginBudgets::new(), Clock::system().monotonic());
        let guesser = address("203.0.113.9");
        assert_eq!(undelayed(&mut budgets, guesser, now), FAILURES_MAX);
        for number in 0..100_000_u32 {
            budgets.spend(IpAddr::V4(number.into()), now);
        }
        assert!(!budgets.spend(guesser, now).is_zero());
        assert_eq!(budgets.budgets.len(), BUDGETS);
    }
}
