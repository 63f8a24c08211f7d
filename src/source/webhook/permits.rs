//! Connection permits: unauthenticated connections can be displaced, and no account can
//! use all connections.
//!
//! A connection is unauthenticated until its first request with valid credentials. When all
//! connections are in use, the oldest unauthenticated one is displaced by the next, but not
//! before [`GRACE`]: enough time to present a password, also during a flood. So silent
//! connections, slow handshakes and slow guesses never block valid clients for long. An
//! account has a limit of connections; its first request on a further one is answered 503,
//! and that connection stays unauthenticated.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Time before an unauthenticated connection can be displaced.
const GRACE: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(1) };
/// The connection permits of a listener.
#[derive(Debug)]
pub(super) struct ConnectionPermits {
    unauthenticated: Mutex<Unauthenticated>,
    account_max: usize,
}

#[derive(Debug, Default)]
struct Unauthenticated {
    next: u64,
    /// In the order of their accept.
    by_age: BTreeMap<u64, Displaceable>,
}

#[derive(Debug)]
struct Displaceable {
    displaceable_at: Instant,
    displace: Arc<Notify>,
}

/// The permit of one connection; released on drop.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    permits: Arc<ConnectionPermits>,
    number: u64,
    /// The number of connections of its account; unset for an unauthenticated connection.
    account: OnceLock<Arc<AtomicUsize>>,
    displace: Arc<Notify>,
}

impl ConnectionPermits {
    pub(super) fn new(account_max: usize) -> Self {
        Self { unauthenticated: Mutex::default(), account_max }
    }

    /// Acquires a permit for a new, unauthenticated connection.
    pub(super) fn acquire(self: &Arc<Self>, now: Instant) -> ConnectionPermit {
        let displace = Arc::new(Notify::new());
        let mut unauthenticated = self.unauthenticated();
        let number = unauthenticated.next;
        unauthenticated.next += 1;
        unauthenticated
            .by_age
            .insert(number, Displaceable { displaceable_at: now + GRACE, displace: Arc::clone(&displace) });
        drop(unauthenticated);
        ConnectionPermit { permits: Arc::clone(self), number, account: OnceLock::new(), displace }
    }

    /// When the oldest unauthenticated connection can be displaced.
    pub(super) fn room_at(&self) -> Option<Instant> {
        self.unauthenticated().by_age.first_key_value().map(|(_, oldest)| oldest.displaceable_at)
    }

    /// Displaces the oldest unauthenticated connection.
    pub(super) fn make_room(&self) {
        if let Some((_, oldest)) = self.unauthenticated().by_age.pop_first() {
            oldest.displace.notify_one();
        }
    }

    fn unauthenticated(&self) -> MutexGuard<'_, Unauthenticated> {
        self.unauthenticated.lock()
    }
}

impl ConnectionPermit {
    /// Assigns the connection to an account with this number of connections; false if the account has
    /// reached its limit.
    pub(super) fn assign(&self, connections: &Arc<AtomicUsize>) -> bool {
        if self.account.get().is_some() {
            return true;
        }
        // Under the lock, so that two requests of one connection count it once.
        let mut unauthenticated = self.permits.unauthenticated();
        if self.account.get().is_some() {
            return true;
        }
        if connections.load(Ordering::Relaxed) >= self.permits.account_max {
            return false;
        }
        let counted = self.account.get_or_init(|| Arc::clone(connections));
        counted.fetch_add(1, Ordering::Relaxed);
        unauthenticated.by_age.remove(&self.number);
        true
    }

    /// Resolves when the connection is displaced.
    pub(super) async fn displaced(&self) {
        self.displace.notified().await;
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        match self.account.get() {
            Some(count) => drop(count.fetch_sub(1, Ordering::Relaxed)),
            None => drop(self.permits.unauthenticated().by_age.remove(&self.number)),
        }
    }
}
