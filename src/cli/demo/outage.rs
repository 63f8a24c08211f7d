//! An outage of the embedded store: another program holds its write lock for some seconds, as a backup program may.
//!
//! The demo is this other program: it opens the file with a connection of its own and begins a write
//! transaction, which it rolls back. Nothing is stored meanwhile; the journal keeps what arrives.

use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// From the start of the demo.
pub(super) const BEGINS_AFTER: Duration = Duration::from_secs(20);
/// Long enough to be seen on the page.
pub(super) const LASTS: Duration = Duration::from_secs(12);

/// The outage, which happens once.
#[derive(Debug)]
pub(super) struct Outage {
    store: PathBuf,
    began: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Before,
    During { _lock: Box<Connection>, since: Instant },
    After,
}

impl Outage {
    pub(super) fn of(store: &Path, now: Instant) -> Self {
        Self { store: store.to_owned(), began: now, state: State::Before }
    }

    /// Begins or ends the outage when it is due.
    pub(super) fn update(&mut self, now: Instant) {
        match &self.state {
            State::Before if now.saturating_duration_since(self.began) >= BEGINS_AFTER => {
                // While the sink writes, the lock is not free; the next call tries again.
                if let Ok(lock) = lock(&self.store) {
                    self.state = State::During { _lock: Box::new(lock), since: now };
                }
            }
            State::During { since, .. } if now.saturating_duration_since(*since) >= LASTS => self.state = State::After,
            State::Before | State::During { .. } | State::After => {}
        }
    }

    pub(super) fn is_going_on(&self) -> bool {
        matches!(self.state, State::During { .. })
    }

    /// Ends it, so that the service can store everything at its stop.
    pub(super) fn end(&mut self) {
        self.state = State::After;
    }
}

/// Takes the write lock of a store. The end of the connection rolls back and releases it.
fn lock(store: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(store)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    Ok(connection)
}
