//! A wait that a stop ends.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Shared between who waits and who may end it, once and for all.
#[derive(Debug, Default)]
pub struct Pause {
    is_ended: Mutex<bool>,
    changed: Condvar,
}

/// The wait was ended: nothing more is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended;

impl Pause {
    /// Waits for so long.
    ///
    /// # Errors
    /// When it was ended, before or meanwhile.
    pub fn wait(&self, duration: Duration) -> Result<(), Ended> {
        let guard = self.is_ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(guard, duration, |is_ended| !*is_ended);
        let is_ended = *waited.unwrap_or_else(PoisonError::into_inner).0;
        if is_ended { Err(Ended) } else { Ok(()) }
    }

    /// Ends all waits, now and later.
    pub fn end(&self) {
        *self.is_ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}
