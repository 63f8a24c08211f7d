//! Wakes a pump that waits for its partition: the library when records come, and commands.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// A flag that ends one wait.
#[derive(Debug, Default)]
pub(in crate::deliver) struct Signal {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    pub(in crate::deliver) fn set(&self) {
        *self.is_set.lock() = true;
        self.changed.notify_all();
    }

    /// Waits until the flag is set, and takes it. Whether it was.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let mut is_set = self.is_set.lock();
        self.changed.wait_while_for(&mut is_set, |is_set| !*is_set, timeout);
        std::mem::take(&mut *is_set)
    }
}
