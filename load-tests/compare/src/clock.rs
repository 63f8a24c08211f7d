//! The generator's clock. It measures like a meter, so it has no clock of the service.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The monotonic clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the service's Clock does not exist in the vendor's cloud")]
pub fn now() -> Instant {
    Instant::now()
}

/// Time since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the service's Clock does not exist in the vendor's cloud")]
pub fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
