//! A clock that stands still, so that a schedule can be repeated.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

static START: OnceLock<Instant> = OnceLock::new();

#[derive(Debug, Clone, Default)]
pub struct Clock;

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "some moment is needed")]
    pub fn monotonic(&self) -> Instant {
        *START.get_or_init(Instant::now)
    }

    pub fn elapsed(&self, start: Instant) -> Duration {
        self.monotonic().saturating_duration_since(start)
    }
}
