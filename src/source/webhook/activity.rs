//! The activity of a connection, and its header and idle timers.
//!
//! hyper's header timeout also runs while a connection is idle between two requests, and
//! arms a timer for every request. So it is off and replaced by this: the transport and
//! the requests set cheap flags here, and the connection's task checks them a few times
//! within each limit. A limit is therefore accurate to a quarter of itself.

use super::bounds::{Bounds, IDLE_WEIGHT_MAX};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Checks within the shortest limit.
const CHECKS_PER_LIMIT: u32 = 4;

/// The activity flags of one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    requests_begun: AtomicU64,
    requests_open: AtomicU32,
    /// Bytes arrived since the last request ended: a head has begun.
    head_begun: AtomicBool,
    /// There was a request with valid credentials.
    trusted: AtomicBool,
    /// Requests share the connection, so bytes need not belong to a head.
    multiplexed: AtomicBool,
    /// A request was answered before its body was read.
    body_left: AtomicBool,
    /// The peer does not take the bytes of an answer.
    write_blocked: AtomicBool,
    /// The weight of HTTP/2 frames that ask for nothing since the last check.
    frames: AtomicI64,
}

impl Activity {
    pub(super) fn bytes_came(&self) {
        self.head_begun.store(true, Ordering::Relaxed);
    }

    /// Adds the weight of HTTP/2 frames that ask for nothing.
    pub(super) fn frames_came(&self, weight: i64) {
        let before = self.frames.load(Ordering::Relaxed);
        self.frames.store(before.saturating_add(weight).max(0), Ordering::Relaxed);
    }

    /// Whether there were too many of them since the last check.
    pub(super) fn is_flooded(&self) -> bool {
        self.frames.load(Ordering::Relaxed) > IDLE_WEIGHT_MAX
    }

    /// Begins to count them again.
    pub(super) fn forget_frames(&self) {
        self.frames.store(0, Ordering::Relaxed);
    }

    pub(super) fn trust(&self) {
        self.trusted.store(true, Ordering::Relaxed);
    }

    pub(super) fn leave_body(&self) {
        self.body_left.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_body_left(&self) -> bool {
        self.body_left.load(Ordering::Relaxed)
    }

    pub(super) fn write_blocked(&self, is_blocked: bool) {
        self.write_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// Whether there was a request with valid credentials.
    pub(super) fn is_trusted(&self) -> bool {
        self.trusted.load(Ordering::Relaxed)
    }

    /// Whether a sender with valid credentials waits for an answer.
    fn owes_an_answer(&self) -> bool {
        let is_open = self.requests_open.load(Ordering::Relaxed) > 0 || self.write_blocked.load(Ordering::Relaxed);
        is_open && self.is_trusted()
    }

    /// Opens a request, until the guard is dropped.
    pub(super) fn begin(&self, multiplexed: bool) -> OpenRequest<'_> {
        self.multiplexed.store(multiplexed, Ordering::Relaxed);
        self.requests_begun.fetch_add(1, Ordering::Relaxed);
        self.requests_open.fetch_add(1, Ordering::Relaxed);
        OpenRequest(self)
    }
}

/// A request without an answer yet.
#[derive(Debug)]
pub(super) struct OpenRequest<'a>(&'a Activity);

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        self.0.head_begun.store(false, Ordering::Relaxed);
        self.0.requests_open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The expired timer of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimedOut {
    /// The request's head is not complete.
    Header,
    /// No request began.
    Idle,
}

/// The header and idle timer of a connection.
#[derive(Debug)]
pub(super) struct IdleTimer {
    header_timeout: Duration,
    idle_timeout: Duration,
    requests_seen: u64,
    quiet_since: Instant,
    head_since: Option<Instant>,
}

impl IdleTimer {
    pub(super) fn new(bounds: &Bounds, now: Instant) -> Self {
        Self {
            header_timeout: bounds.header_timeout,
            idle_timeout: bounds.idle_timeout,
            requests_seen: 0,
            quiet_since: now,
            head_since: None,
        }
    }

    /// The time between two checks.
    pub(super) fn period(bounds: &Bounds) -> Duration {
        bounds.header_timeout / CHECKS_PER_LIMIT
    }

    /// The expired timer, if any.
    pub(super) fn check(&mut self, activity: &Activity, now: Instant) -> Option<TimedOut> {
        let begun = activity.requests_begun.load(Ordering::Relaxed);
        if begun != self.requests_seen || activity.requests_open.load(Ordering::Relaxed) > 0 {
            self.requests_seen = begun;
            self.quiet_since = now;
            self.head_since = None;
            return None;
        }
        if !activity.is_trusted() {
            return (now.saturating_duration_since(self.quiet_since) >= self.header_timeout)
                .then_some(TimedOut::Header);
        }
        let in_head = activity.head_begun.load(Ordering::Relaxed) && !activity.multiplexed.load(Ordering::Relaxed);
        self.head_since = in_head.then(|| self.head_since.unwrap_or(now));
        if self.head_since.is_some_and(|since| now.saturating_duration_since(since) >= self.header_timeout) {
            return Some(TimedOut::Header);
        }
        (now.saturating_duration_since(self.quiet_since) >= self.idle_timeout).then_some(TimedOut::Idle)
    }
}

/// Finds out, during a stop, when a connection owes no more answers.
#[derive(Debug, Default)]
pub(super) struct StopCheck {
    /// The requests begun at the check before, if it owed none then.
    quiet_since: Option<u64>,
}

impl StopCheck {
    /// The time between two checks: an answer has left in it, and a head that is on its way
    /// has arrived.
    pub(super) const PERIOD: Duration = Duration::from_millis(50);

    /// Whether nothing was owed at two checks, and no request began between them.
    pub(super) fn is_over(&mut self, activity: &Activity) -> bool {
        let now = (!activity.owes_an_answer()).then(|| activity.requests_begun.load(Ordering::Relaxed));
        let before = std::mem::replace(&mut self.quiet_since, now);
        now.is_some() && now == before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Watched {
        activity: Activity,
        idle_timer: IdleTimer,
        start: Instant,
    }

    impl Watched {
        fn new() -> Self {
            let start = crate::clock::Clock::system().monotonic();
            Self { activity: Activity::default(), idle_timer: IdleTimer::new(&Bounds::default(), start), start }
        }

        fn at(&mut self, second: u64) -> Option<TimedOut> {
            self.idle_timer.check(&self.activity, self.start + Duration::from_secs(second))
        }
    }

    #[test]
    fn a_connection_without_a_trusted_request_has_the_header_limit() {
        let mut silent = Watched::new();
        assert_eq!(silent.at(9), None);
        assert_eq!(silent.at(10), Some(TimedOut::Header));
        let mut stranger = Watched::new();
        drop(stranger.activity.begin(false));
        assert_eq!(stranger.at(5), None);
        assert_eq!(stranger.at(15), Some(TimedOut::Header));
    }

    #[test]
    fn a_trusted_connection_may_idle_longer_but_not_stall_in_a_head() {
        let mut trusted = Watched::new();
        trusted.activity.trust();
        drop(trusted.activity.begin(false));
        assert_eq!(trusted.at(1), None);
        assert_eq!(trusted.at(290), None);
        trusted.activity.bytes_came();
        assert_eq!(trusted.at(292), None);
        assert_eq!(trusted.at(302), Some(TimedOut::Header));
    }

    #[test]
    fn a_trusted_connection_is_closed_after_the_idle_limit() {
        let mut trusted = Watched::new();
        trusted.activity.trust();
        drop(trusted.activity.begin(false));
        assert_eq!(trusted.at(1), None);
        assert_eq!(trusted.at(301), Some(TimedOut::Idle));
    }

    #[test]
    fn an_open_request_never_times_out_here() {
        let mut busy = Watched::new();
        let activity = std::mem::take(&mut busy.activity);
        let open = activity.begin(false);
        for second in [1, 1_000, 2_000] {
            assert_eq!(busy.idle_timer.check(&activity, busy.start + Duration::from_secs(second)), None);
        }
        drop(open);
    }

    #[test]
    fn a_stop_waits_for_answers_to_valid_credentials_alone() {
        let (activity, mut stop) = (Activity::default(), StopCheck::default());
        let stranger = activity.begin(false);
        assert!(!stop.is_over(&activity));
        assert!(stop.is_over(&activity));
        activity.trust();
        assert!(!stop.is_over(&activity));
        drop(stranger);
        activity.write_blocked(true);
        assert!(!stop.is_over(&activity) && !stop.is_over(&activity), "the answer has not left");
        activity.write_blocked(false);
        assert!(!stop.is_over(&activity));
        drop(activity.begin(false));
        assert!(!stop.is_over(&activity), "one more came");
        assert!(stop.is_over(&activity));
    }

    #[test]
    fn bytes_on_a_multiplexed_connection_are_not_a_head() {
        let mut shared = Watched::new();
        shared.activity.trust();
        drop(shared.activity.begin(true));
        assert_eq!(shared.at(1), None);
        shared.activity.bytes_came();
        assert_eq!(shared.at(2), None);
        assert_eq!(shared.at(100), None);
    }
}
