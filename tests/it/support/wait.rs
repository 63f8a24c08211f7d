//! Waiting for a condition, with a bound.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(50);

/// Waits until `condition` holds; panics with `what` when it does not within `limit`.
pub(crate) fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    until_some(what, limit, || condition().then_some(()));
}

/// Waits until `find` finds something; panics with `what` when it does not within `limit`.
pub(crate) fn until_some<T>(what: &str, limit: Duration, mut find: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} without success: {what}");
        std::thread::sleep(PAUSE);
    }
}
