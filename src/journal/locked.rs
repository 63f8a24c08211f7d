//! How every lock of the journal is taken.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock's contents, also after a panic elsewhere: nothing is left half-done under these locks.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
