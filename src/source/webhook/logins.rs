//! The failed-login budget: delays answers after repeated failed logins from an address.
//!
//! A wrong password costs one of [`FAILURES_MAX`]; one is regained every
//! [`REGAINED_EVERY`]. Beyond the budget the 401 is delayed by [`DELAY`]. Valid logins are
//! never checked against the budget, so guesses cannot lock out another client, not even
//! behind the same address. A request without credentials costs nothing. Bounds:
//! [`ADDRESSES_MAX`] addresses are remembered; a further one replaces the one whose last
//! failure is oldest. [`DELAYED_ANSWERS_MAX`] answers are delayed at the same time; further
//! ones are not delayed.

use crate::metrics;
use ::metrics::Counter;
use lru::LruCache;
use parking_lot::Mutex;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Wrong passwords that an address may present without a delay.
pub(super) const FAILURES_MAX: u32 = 10;
/// Time to regain one.
const REGAINED_EVERY: Duration = Duration::from_secs(6);
/// The delay of answers beyond the budget.
const DELAY: Duration = if cfg!(test) { Duration::from_secs(10) } else { Duration::from_secs(2) };
/// Remembered addresses, about 150 bytes each. IPv6 addresses count by their /64 network,
/// which one customer has.
const ADDRESSES_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(if cfg!(test) { 2 } else { 4095 });
/// Largest number of answers that are delayed at the same time.
const DELAYED_ANSWERS_MAX: usize = 512;

/// The recent failed logins, by address.
#[derive(Debug)]
pub(super) struct FailedLogins {
    table: Mutex<Table>,
    waiting: Semaphore,
    delayed_total: Counter,
}

/// The failures of each address; the one that failed longest ago is forgotten first.
#[derive(Debug)]
struct Table(LruCache<IpAddr, Failures>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    /// When the budget is full again.
    whole_at: Instant,
    is_delayed: bool,
}

impl FailedLogins {
    pub(super) fn new() -> Self {
        Self {
            table: Mutex::new(Table::new()),
            waiting: Semaphore::new(DELAYED_ANSWERS_MAX),
            delayed_total: metrics::counter("meterline_webhook_logins_delayed_total", &[]),
        }
    }

    /// Counts a wrong password, and returns after its delay.
    pub(super) async fn failed(&self, address: IpAddr, now: Instant) {
        let is_delayed = self.table.lock().note(address, now);
        if !is_delayed {
            return;
        }
        self.delayed_total.increment(1);
        if let Ok(_place) = self.waiting.try_acquire() {
            tokio::time::sleep(DELAY).await;
        }
    }
}

impl Table {
    fn new() -> Self {
        Self(LruCache::new(ADDRESSES_MAX))
    }

    /// Counts a failure; returns whether it is beyond the address's budget.
    fn note(&mut self, address: IpAddr, now: Instant) -> bool {
        let fresh = Failures { whole_at: now, is_delayed: false };
        let failures = self.0.get_or_insert_mut(network_of(address), || fresh);
        if failures.whole_at <= now {
            *failures = fresh;
        }
        let whole_at = failures.whole_at + REGAINED_EVERY;
        let is_delayed = whole_at.saturating_duration_since(now) > REGAINED_EVERY * FAILURES_MAX;
        if !is_delayed {
            failures.whole_at = whole_at;
        } else if !failures.is_delayed {
            failures.is_delayed = true;
            tracing::warn!(%address, "too many failed logins from this address: its answers are delayed");
        }
        is_delayed
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

    /// Failures from `address` until one is late.
    fn budget(table: &mut Table, address: IpAddr, now: Instant) -> u32 {
        (0..1000).find(|_| table.note(address, now)).unwrap()
    }

    #[test]
    fn a_budget_is_spent_and_comes_back_one_by_one() {
        let (mut table, start) = (Table::new(), Clock::system().monotonic());
        let guesser = address("203.0.113.9");
        assert_eq!(budget(&mut table, guesser, start), FAILURES_MAX);
        assert!(table.note(guesser, start + REGAINED_EVERY / 2));
        assert_eq!(budget(&mut table, guesser, start + REGAINED_EVERY), 1);
        assert_eq!(budget(&mut table, guesser, start + REGAINED_EVERY * 100), FAILURES_MAX);
    }

    #[test]
    fn each_address_has_its_own_and_a_network_of_64_bits_is_one() {
        let (mut table, now) = (Table::new(), Clock::system().monotonic());
        assert_eq!(budget(&mut table, address("203.0.113.9"), now), FAILURES_MAX);
        assert_eq!(budget(&mut table, address("203.0.113.10"), now), FAILURES_MAX);
        assert_eq!(budget(&mut table, address("2001:db8:1:2::1"), now), FAILURES_MAX);
        assert!(table.note(address("2001:db8:1:2:ffff::9"), now));
    }

    #[test]
    fn the_address_that_failed_longest_ago_is_forgotten() {
        let (mut table, now) = (Table::new(), Clock::system().monotonic());
        let addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(address);
        for one in &addresses[..ADDRESSES_MAX.get()] {
            budget(&mut table, *one, now);
        }
        assert!(table.note(addresses[0], now), "and so it is the second that failed longest ago");
        assert!(!table.note(addresses[3], now));
        assert_eq!(table.0.len(), ADDRESSES_MAX.get());
        assert!(table.note(addresses[0], now) && table.note(addresses[2], now));
        assert!(!table.note(addresses[1], now), "it was forgotten");
    }
}
