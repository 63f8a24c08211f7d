//! The only source of time: a wall clock for stored times, a monotonic clock for
//! waits and rates. Tests can shift the wall clock, and unit tests can set the monotonic one forward.

use crate::reading::UnixNanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall and monotonic time. Clones share the shifts.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ns: Arc<AtomicI64>,
    #[cfg(test)]
    ahead_ns: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Self {
        let clock = Self::default();
        #[cfg(feature = "test-faults")]
        if let Some(seconds) = crate::faults::number("clock-ahead-s") {
            clock.set_offset(seconds.saturating_mul(1_000_000_000));
        }
        clock
    }

    /// Wall time now, in UTC.
    #[allow(clippy::disallowed_methods, reason = "the only place that reads it")]
    pub fn now(&self) -> UnixNanos {
        let nanos = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
        };
        #[cfg(feature = "test-faults")]
        let nanos = nanos.saturating_add(
            crate::faults::number_in_file("clock-ahead-file").unwrap_or(0).saturating_mul(1_000_000_000),
        );
        UnixNanos(nanos).saturating_add(self.offset_ns.load(Ordering::Relaxed))
    }

    /// Monotonic time now.
    #[allow(clippy::disallowed_methods, reason = "the only place that reads it")]
    pub fn monotonic(&self) -> Instant {
        let now = Instant::now();
        #[cfg(test)]
        let now = now + Duration::from_nanos(self.ahead_ns.load(Ordering::Relaxed).unsigned_abs());
        now
    }

    /// Time since the machine was started. It runs while this process is stopped and while the machine sleeps.
    pub fn since_boot(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let nanos = u32::try_from(now.tv_nsec).unwrap_or_default();
        Duration::new(now.tv_sec.max(0).unsigned_abs(), nanos)
    }

    /// Time passed since `start`.
    pub fn elapsed(&self, start: Instant) -> Duration {
        self.monotonic().saturating_duration_since(start)
    }

    /// Sets the monotonic clock forward by whole seconds. Timers do not notice it.
    #[cfg(test)]
    pub(crate) fn pass(&self, seconds: u32) {
        self.ahead_ns.fetch_add(i64::from(seconds) * 1_000_000_000, Ordering::Relaxed);
    }

    /// Shifts the wall clock by `nanos` against the machine's; for tests.
    pub fn set_offset(&self, nanos: i64) {
        self.offset_ns.store(nanos, Ordering::Relaxed);
    }
}
