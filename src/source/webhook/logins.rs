//! The failed-login budget: an address that keeps guessing waits for its answers.
//!
//! A wrong password costs one of [`FAILURES_MAX`], and one comes back every
//! [`REGAINED_EVERY`]. Beyond that the 401 comes late, by [`LATE`]. Nothing here is
//! asked for a right password, so nobody can be locked out by somebody else's
//! guesses, also not behind the same address. A request without credentials is no
//! guess and costs nothing. Bounds: [`ADDRESSES_MAX`] addresses, of which the one
//! that failed longest ago gives way; [`LATE_ANSWERS_MAX`] late answers at once,
//! beyond which they are not late: memory is dearer than a guess.

use crate::metrics;
use ::metrics::Counter;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Wrong passwords that an address may present at once.
pub(super) const FAILURES_MAX: u32 = 10;
/// Time in which an address gets one back.
const REGAINED_EVERY: Duration = Duration::from_secs(6);
/// How late the answers beyond that are.
const LATE: Duration = if cfg!(test) { Duration::from_secs(10) } else { Duration::from_secs(2) };
/// Addresses that are remembered, each about 150 bytes. An IPv6 address counts with
/// its network of 64 bits, which is what one customer has.
const ADDRESSES_MAX: usize = if cfg!(test) { 3 } else { 4096 };
/// Answers that wait at once.
const LATE_ANSWERS_MAX: usize = 512;

/// The wrong passwords of late, by address.
#[derive(Debug)]
pub(super) struct FailedLogins {
    table: Mutex<Table>,
    waiting: Semaphore,
    late_total: Counter,
}

#[derive(Debug, Default)]
struct Table {
    by_address: HashMap<IpAddr, Failures>,
    /// Addresses by their last failure.
    by_age: BTreeMap<u64, IpAddr>,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    /// When its budget is whole again.
    whole_at: Instant,
    age: u64,
    is_late: bool,
}

impl FailedLogins {
    pub(super) fn new() -> Self {
        Self {
            table: Mutex::default(),
            waiting: Semaphore::new(LATE_ANSWERS_MAX),
            late_total: metrics::counter("meterline_webhook_logins_late_total", &[]),
        }
    }

    /// Notes a wrong password, and returns when it may be answered.
    pub(super) async fn failed(&self, address: IpAddr, now: Instant) {
        let is_late = self.table.lock().unwrap_or_else(PoisonError::into_inner).note(address, now);
        if !is_late {
            return;
        }
        self.late_total.increment(1);
        if let Ok(_place) = self.waiting.try_acquire() {
            tokio::time::sleep(LATE).await;
        }
    }
}

impl Table {
    /// Whether this failure is beyond the address's budget.
    fn note(&mut self, address: IpAddr, now: Instant) -> bool {
        let key = network_of(address);
        let known = self.by_address.remove(&key);
        if let Some(known) = known {
            self.by_age.remove(&known.age);
        }
        let fresh = Failures { whole_at: now, age: 0, is_late: false };
        let before = known.filter(|known| known.whole_at > now).unwrap_or(fresh);
        let whole_at = before.whole_at + REGAINED_EVERY;
        let is_late = whole_at.saturating_duration_since(now) > REGAINED_EVERY * FAILURES_MAX;
        if is_late && !before.is_late {
            tracing::warn!(%address, "too many wrong passwords from this address: its wrong ones are answered late now");
        }
        let whole_at = if is_late { before.whole_at } else { whole_at };
        self.remember(key, Failures { whole_at, age: self.next, is_late: is_late || before.is_late });
        is_late
    }

    fn remember(&mut self, key: IpAddr, failures: Failures) {
        if self.by_address.len() >= ADDRESSES_MAX
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.by_address.remove(&oldest);
        }
        self.next += 1;
        self.by_age.insert(failures.age, key);
        self.by_address.insert(key, failures);
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
        let (mut table, start) = (Table::default(), Clock::system().monotonic());
        let guesser = address("203.0.113.9");
        assert_eq!(budget(&mut table, guesser, start), FAILURES_MAX);
        assert!(table.note(guesser, start + REGAINED_EVERY / 2));
        assert_eq!(budget(&mut table, guesser, start + REGAINED_EVERY), 1);
        assert_eq!(budget(&mut table, guesser, start + REGAINED_EVERY * 100), FAILURES_MAX);
    }

    #[test]
    fn each_address_has_its_own_and_a_network_of_64_bits_is_one() {
        let (mut table, now) = (Table::default(), Clock::system().monotonic());
        assert_eq!(budget(&mut table, address("203.0.113.9"), now), FAILURES_MAX);
        assert_eq!(budget(&mut table, address("203.0.113.10"), now), FAILURES_MAX);
        assert_eq!(budget(&mut table, address("2001:db8:1:2::1"), now), FAILURES_MAX);
        assert!(table.note(address("2001:db8:1:2:ffff::9"), now));
    }

    #[test]
    fn the_address_that_failed_longest_ago_gives_way() {
        let (mut table, now) = (Table::default(), Clock::system().monotonic());
        let addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(address);
        for one in &addresses[..ADDRESSES_MAX] {
            budget(&mut table, *one, now);
        }
        assert!(table.note(addresses[0], now), "and so it is the second that failed longest ago");
        assert!(!table.note(addresses[3], now));
        assert_eq!((table.by_address.len(), table.by_age.len()), (ADDRESSES_MAX, ADDRESSES_MAX));
        assert!(table.note(addresses[0], now) && table.note(addresses[2], now));
        assert!(!table.note(addresses[1], now), "it was forgotten");
    }
}
