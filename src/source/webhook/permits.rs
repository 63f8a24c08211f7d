//! Who holds the connections: unauthenticated give way, and no account takes them all.
//!
//! A connection is a unauthenticated until a request with valid credentials was on it,
//! through its TLS handshake and its first head. When all connections are taken,
//! the unauthenticated that has been here longest makes room for the next one, but has
//! [`GRACE`] before: time enough to show a password also while others come in a
//! flood. So silent connections, slow handshakes and slow guesses keep nobody out
//! for long who comes with the right password. An account has a share of the connections;
//! its first request on one beyond that is answered 503, and it stays a unauthenticated.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A unauthenticated has so long before it makes room for another.
const GRACE: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(1) };
/// Counts as no account.
const NO_ACCOUNT: usize = usize::MAX;

/// The connections of a listener.
#[derive(Debug)]
pub(super) struct ConnectionPermits {
    unauthenticated: Mutex<Unauthenticated>,
    /// Connections of each account.
    by_account: Vec<AtomicUsize>,
    account_max: usize,
}

#[derive(Debug, Default)]
struct Unauthenticated {
    next: u64,
    /// In the order they came.
    by_age: BTreeMap<u64, Displaceable>,
}

#[derive(Debug)]
struct Displaceable {
    displaceable_at: Instant,
    displace: Arc<Notify>,
}

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    permits: Arc<ConnectionPermits>,
    number: u64,
    account: AtomicUsize,
    displace: Arc<Notify>,
}

impl ConnectionPermits {
    pub(super) fn new(accounts: usize, account_max: usize) -> Self {
        let by_account = (0..accounts).map(|_| AtomicUsize::new(0)).collect();
        Self { unauthenticated: Mutex::default(), by_account, account_max }
    }

    /// A place for a new connection, which is a unauthenticated.
    pub(super) fn acquire(self: &Arc<Self>, now: Instant) -> ConnectionPermit {
        let displace = Arc::new(Notify::new());
        let mut unauthenticated = self.unauthenticated();
        let number = unauthenticated.next;
        unauthenticated.next += 1;
        unauthenticated
            .by_age
            .insert(number, Displaceable { displaceable_at: now + GRACE, displace: Arc::clone(&displace) });
        drop(unauthenticated);
        ConnectionPermit { permits: Arc::clone(self), number, account: AtomicUsize::new(NO_ACCOUNT), displace }
    }

    /// When the unauthenticated that came first gives way.
    pub(super) fn room_at(&self) -> Option<Instant> {
        self.unauthenticated().by_age.first_key_value().map(|(_, unauthenticated)| unauthenticated.displaceable_at)
    }

    /// Asks the unauthenticated that came first to displace.
    pub(super) fn make_room(&self) {
        if let Some((_, unauthenticated)) = self.unauthenticated().by_age.pop_first() {
            unauthenticated.displace.notify_one();
        }
    }

    fn unauthenticated(&self) -> MutexGuard<'_, Unauthenticated> {
        self.unauthenticated.lock()
    }
}

impl ConnectionPermit {
    /// A request with this account's credentials is here; false where the account
    /// has its share of connections already.
    pub(super) fn assign(&self, account: usize) -> bool {
        if self.account.load(Ordering::Relaxed) != NO_ACCOUNT {
            return true;
        }
        // Under the lock, so that two requests of one connection count it once.
        let mut unauthenticated = self.permits.unauthenticated();
        if self.account.load(Ordering::Relaxed) != NO_ACCOUNT {
            return true;
        }
        let Some(count) = self.permits.by_account.get(account) else { return false };
        if count.load(Ordering::Relaxed) >= self.permits.account_max {
            return false;
        }
        count.fetch_add(1, Ordering::Relaxed);
        self.account.store(account, Ordering::Relaxed);
        unauthenticated.by_age.remove(&self.number);
        true
    }

    /// Resolves when it must make room for another.
    pub(super) async fn displaced(&self) {
        self.displace.notified().await;
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        match self.permits.by_account.get(*self.account.get_mut()) {
            Some(count) => drop(count.fetch_sub(1, Ordering::Relaxed)),
            None => drop(self.permits.unauthenticated().by_age.remove(&self.number)),
        }
    }
}
