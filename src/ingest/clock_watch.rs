//! Detects a wall clock that is not set, and jumps of the wall clock.
//!
//! The rule compares measurement times with the receive time. A clock that was never
//! set (a board without a battery starts in 1970) would set every sample aside, so
//! ingest is closed until it is set. A jump is counted and logged; nothing is refused
//! for it.

use crate::clock::Clock;
use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::{Counter, Gauge};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The reason given while the clock is not set.
pub(super) const UNSET: &str = "this machine's clock is before the build date of this program, so measurement times \
     cannot be judged; set the clock (NTP), then bodies are accepted again at once";

/// A smaller difference between the two clocks is not a jump.
const JUMP_NS_MIN: u64 = 1_000_000_000;
/// NTP may slew the wall clock by one part in this many, which is not a jump either.
const SLEW_PARTS: u64 = 1_000;
/// Time between two checks.
const CHECK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct ClockWatch {
    start: Instant,
    next_check_ns: AtomicU64,
    last: Mutex<(Instant, UnixNanos)>,
    jumps: AtomicU64,
    /// The wall time after the last jump.
    last_jump: AtomicI64,
    jumps_total: Counter,
    ok: Gauge,
}

impl ClockWatch {
    pub(super) fn new(clock: &Clock) -> Self {
        let start = clock.monotonic();
        let watch = Self {
            start,
            next_check_ns: AtomicU64::new(0),
            last: Mutex::new((start, clock.now())),
            jumps: AtomicU64::new(0),
            last_jump: AtomicI64::new(0),
            jumps_total: metrics::counter("meterline_clock_jumps_total", &[]),
            ok: metrics::gauge("meterline_clock_ok", &[]),
        };
        watch.check(start, clock.now());
        watch
    }

    /// Whether a wall time can be correct: it is not before the build date.
    pub(super) fn can_judge(&self, wall: UnixNanos) -> bool {
        wall.0 / 1_000_000_000 >= BUILD_UNIX_SECONDS
    }

    /// Compares both clocks with the previous check; does nothing within a second of it.
    pub(super) fn check(&self, monotonic: Instant, wall: UnixNanos) {
        let since_start = nanos(monotonic.saturating_duration_since(self.start));
        if since_start < self.next_check_ns.load(Ordering::Relaxed) {
            return;
        }
        self.next_check_ns.store(since_start + nanos(CHECK_EVERY), Ordering::Relaxed);
        self.ok.set(if self.can_judge(wall) { 1.0 } else { 0.0 });
        let mut last = self.last.lock();
        let moved = jump(*last, (monotonic, wall));
        // Two bodies may race for this check; the later pair is kept.
        if monotonic >= last.0 {
            *last = (monotonic, wall);
        }
        drop(last);
        if let Some(moved_ns) = moved {
            self.report(moved_ns, wall);
        }
    }

    pub(super) fn jumps(&self) -> u64 {
        self.jumps.load(Ordering::Relaxed)
    }

    /// The wall time after the last jump.
    pub(super) fn last_jump(&self) -> Option<UnixNanos> {
        (self.jumps() > 0).then(|| UnixNanos(self.last_jump.load(Ordering::Relaxed)))
    }

    fn report(&self, moved_ns: i64, wall: UnixNanos) {
        self.last_jump.store(wall.0, Ordering::Relaxed);
        self.jumps.fetch_add(1, Ordering::Relaxed);
        self.jumps_total.increment(1);
        tracing::warn!(
            moved_ms = moved_ns / 1_000_000,
            now = %wall,
            "the wall clock jumped; stored records keep their receive times"
        );
    }
}

/// The nanoseconds that the wall clock moved more than the monotonic one, if
/// slewing does not explain them.
fn jump(last: (Instant, UnixNanos), now: (Instant, UnixNanos)) -> Option<i64> {
    let passed = nanos(now.0.checked_duration_since(last.0)?);
    let moved = now.1.since(last.1).saturating_sub(i64::try_from(passed).unwrap_or(i64::MAX));
    (moved.unsigned_abs() > JUMP_NS_MIN + passed / SLEW_PARTS).then_some(moved)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The date of this build, stamped by the build script.
const BUILD_UNIX_SECONDS: i64 = parse_decimal(env!("METERLINE_BUILD_UNIX_SECONDS"));

const fn parse_decimal(text: &str) -> i64 {
    match i64::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => panic!("METERLINE_BUILD_UNIX_SECONDS is not a number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(passed: Duration, wall_ns: i64) -> Option<i64> {
        let start = Clock::system().monotonic();
        jump((start, UnixNanos(0)), (start + passed, UnixNanos(wall_ns)))
    }

    #[test]
    fn clocks_at_the_same_speed_have_not_jumped() {
        assert_eq!(after(Duration::from_secs(5), 5_000_000_000), None);
        assert_eq!(after(Duration::from_secs(5), 5_900_000_000), None);
    }

    #[test]
    fn a_step_of_two_seconds_either_way_is_a_jump() {
        assert_eq!(after(Duration::from_secs(5), 7_000_000_000 + 1), Some(2_000_000_001));
        assert_eq!(after(Duration::from_secs(5), 3_000_000_000), Some(-2_000_000_000));
    }

    #[test]
    fn a_day_of_slewing_is_no_jump() {
        let day = Duration::from_secs(86_400);
        assert_eq!(after(day, 86_400_000_000_000 + 43_000_000_000), None, "500 ppm over a day");
        assert!(after(day, 86_400_000_000_000 + 3_600_000_000_000).is_some(), "an hour");
    }
}
