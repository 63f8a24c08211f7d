//! Whether the listener can accept connections: for readiness.

use crate::clock::Clock;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A failure counts this long: the listener tries again every second while a connection waits.
const FAILURE_COUNTS: Duration = Duration::from_secs(5);

/// The outcome of the last accepts. Clones share it.
#[derive(Debug, Clone)]
pub struct Accepts {
    failure: Arc<Mutex<Option<(Instant, String)>>>,
    clock: Clock,
}

impl Accepts {
    pub(super) fn new(clock: Clock) -> Self {
        Self { failure: Arc::default(), clock }
    }

    pub(super) fn succeeded(&self) {
        *self.failure.lock() = None;
    }

    pub(super) fn failed(&self, error: &io::Error) {
        *self.failure.lock() = Some((self.clock.monotonic(), error.to_string()));
    }

    /// Checks that the listener accepts connections.
    ///
    /// # Errors
    /// A sentence with the reason.
    pub fn check(&self) -> Result<(), String> {
        match self.failure.lock().as_ref() {
            Some((at, why)) if self.clock.elapsed(*at) < FAILURE_COUNTS => {
                Err(format!("the webhook cannot accept connections: {why}; check the limit of open files"))
            }
            _ => Ok(()),
        }
    }
}
