//! Who holds the connections: strangers give way, and no account takes them all.
//!
//! A connection is a stranger until a request with valid credentials was on it,
//! through its TLS handshake and its first head. When all connections are taken,
//! the stranger that has been here longest makes room for the next one, but has
//! [`GRACE`] before: time enough to show a password also while others come in a
//! flood. So silent connections, slow handshakes and slow guesses keep nobody out
//! for long who comes with the right password. An account has a share of the connections;
//! its first request on one beyond that is answered 503, and it stays a stranger.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A stranger has so long before it makes room for another.
const GRACE: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(1) };
/// Counts as no account.
const STRANGER: usize = usize::MAX;

/// The connections of a listener.
#[derive(Debug)]
pub(super) struct Seats {
    strangers: Mutex<Strangers>,
    /// Connections of each account.
    by_account: Vec<AtomicUsize>,
    account_max: usize,
}

#[derive(Debug, Default)]
struct Strangers {
    next: u64,
    /// In the order they came.
    by_age: BTreeMap<u64, Stranger>,
}

#[derive(Debug)]
struct Stranger {
    gives_way_at: Instant,
    leave: Arc<Notify>,
}

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    account: AtomicUsize,
    leave: Arc<Notify>,
}

impl Seats {
    pub(super) fn new(accounts: usize, account_max: usize) -> Self {
        let by_account = (0..accounts).map(|_| AtomicUsize::new(0)).collect();
        Self { strangers: Mutex::default(), by_account, account_max }
    }

    /// A place for a new connection, which is a stranger.
    pub(super) fn take(self: &Arc<Self>, now: Instant) -> Seat {
        let leave = Arc::new(Notify::new());
        let mut strangers = self.strangers();
        let number = strangers.next;
        strangers.next += 1;
        strangers.by_age.insert(number, Stranger { gives_way_at: now + GRACE, leave: Arc::clone(&leave) });
        drop(strangers);
        Seat { seats: Arc::clone(self), number, account: AtomicUsize::new(STRANGER), leave }
    }

    /// When the stranger that came first gives way.
    pub(super) fn room_at(&self) -> Option<Instant> {
        self.strangers().by_age.first_key_value().map(|(_, stranger)| stranger.gives_way_at)
    }

    /// Asks the stranger that came first to leave.
    pub(super) fn make_room(&self) {
        if let Some((_, stranger)) = self.strangers().by_age.pop_first() {
            stranger.leave.notify_one();
        }
    }

    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers.lock()
    }
}

impl Seat {
    /// A request with this account's credentials is here; false where the account
    /// has its share of connections already.
    pub(super) fn is_granted(&self, account: usize) -> bool {
        if self.account.load(Ordering::Relaxed) != STRANGER {
            return true;
        }
        // Under the lock, so that two requests of one connection count it once.
        let mut strangers = self.seats.strangers();
        if self.account.load(Ordering::Relaxed) != STRANGER {
            return true;
        }
        let Some(count) = self.seats.by_account.get(account) else { return false };
        if count.load(Ordering::Relaxed) >= self.seats.account_max {
            return false;
        }
        count.fetch_add(1, Ordering::Relaxed);
        self.account.store(account, Ordering::Relaxed);
        strangers.by_age.remove(&self.number);
        true
    }

    /// Resolves when it must make room for another.
    pub(super) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        match self.seats.by_account.get(*self.account.get_mut()) {
            Some(count) => drop(count.fetch_sub(1, Ordering::Relaxed)),
            None => drop(self.seats.strangers().by_age.remove(&self.number)),
        }
    }
}
