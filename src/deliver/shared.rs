//! The state shared by a pump's thread and its handle: commands one way, status the
//! other. Locks are held only briefly, never across I/O.

use super::log::Log;
use super::metrics::NANOS_PER_SECOND;
use super::replay::{Rewind, RewindError, Rewound};
use super::status::{PumpStatus, SinkState};
use crate::clock::Clock;
use crate::journal::Sequence;
use crate::reading::UnixNanos;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

pub(super) type RewindAnswer = Result<Rewound, RewindError>;

pub(super) struct Shared {
    pub(super) name: String,
    pub(super) log: Log,
    pub(super) clock: Clock,
    inbox: Mutex<Inbox>,
    changed: Condvar,
    view: Mutex<SharedStatus>,
}

#[derive(Default)]
struct Inbox {
    /// Counts commands, so that a waiting thread misses none.
    commands: u64,
    rewind: Option<(Rewind, SyncSender<RewindAnswer>)>,
    stop: Option<StopRequest>,
    has_ended: bool,
}

#[derive(Clone, Copy)]
struct StopRequest {
    /// The pump sends until then.
    deadline: Instant,
    /// Joins wait until then. Pumps that are stopped together are joined one after another:
    /// an instant, not a duration, makes them share this wait.
    join_by: Instant,
}

/// The pump's part of its status; the rest follows from the log's end.
pub(super) struct SharedStatus {
    pub(super) state: SinkState,
    pub(super) why: Option<String>,
    pub(super) since: UnixNanos,
    pub(super) next_try: Option<Instant>,
    pub(super) safe: Sequence,
    /// The record at which the lag begins.
    pub(super) waiting: Sequence,
    pub(super) oldest_unsafe_received: Option<UnixNanos>,
    pub(super) readings: u64,
    pub(super) catch_up_rate: Option<f64>,
    pub(super) replaying_until: Option<Sequence>,
    pub(super) restarts: u64,
    pub(super) warnings: Vec<String>,
    pub(super) last_error: Option<(UnixNanos, String)>,
    pub(super) facts: Vec<(&'static str, String)>,
}

/// The position of a sink until its pump has found it.
fn stored_position(name: &str, log: &Log) -> Sequence {
    let cursor = log.load_cursor(name).ok().flatten();
    let resolved = cursor.and_then(|cursor| log.resolve(cursor.position).position());
    resolved.unwrap_or_else(|| log.oldest()).next
}

impl Shared {
    pub(super) fn new(name: String, log: Log, clock: Clock) -> Self {
        let next = stored_position(&name, &log);
        let view = SharedStatus {
            state: SinkState::Running,
            why: None,
            since: clock.now(),
            next_try: None,
            safe: next,
            waiting: next,
            oldest_unsafe_received: None,
            readings: 0,
            catch_up_rate: None,
            replaying_until: None,
            restarts: 0,
            warnings: Vec::new(),
            last_error: None,
            facts: Vec::new(),
        };
        Self { name, log, clock, inbox: Mutex::default(), changed: Condvar::new(), view: Mutex::new(view) }
    }

    pub(super) fn view(&self) -> MutexGuard<'_, SharedStatus> {
        self.view.lock()
    }

    pub(super) fn status(&self) -> PumpStatus {
        let (end, now) = (self.log.next(), self.clock.monotonic());
        let view = self.view();
        let lag_records = end.0.saturating_sub(view.waiting.0);
        let received = view.oldest_unsafe_received.filter(|_| lag_records > 0);
        let kept = self.log.kept_from(view.safe);
        let age_ns = received.map_or(0, |received| self.clock.now().since(received).max(0));
        PumpStatus {
            name: self.name.clone(),
            state: view.state,
            why: view.why.clone(),
            since: view.since,
            next_try_in: view.next_try.map(|at| at.saturating_duration_since(now)),
            next: view.safe,
            lag_records,
            kept,
            lag_seconds: age_ns as f64 / NANOS_PER_SECOND,
            readings: view.readings,
            catch_up_rate: view.catch_up_rate,
            replaying_until: view.replaying_until,
            restarts: view.restarts,
            warnings: view.warnings.clone(),
            last_error: view.last_error.clone(),
            facts: view.facts.clone(),
        }
    }

    /// Requests a rewind; the answer comes when it is durable. An earlier unanswered request
    /// is replaced and answered with [`RewindError::Busy`].
    pub(super) fn ask(&self, rewind: Rewind) -> Receiver<RewindAnswer> {
        let (sender, receiver) = sync_channel(1);
        self.command(|inbox| {
            if inbox.has_ended || inbox.stop.is_some() {
                sender.try_send(Err(RewindError::Stopped)).ok();
            } else if let Some((_, replaced)) = inbox.rewind.replace((rewind, sender)) {
                replaced.try_send(Err(RewindError::Busy)).ok();
            }
        });
        receiver
    }

    pub(super) fn take_rewind(&self) -> Option<(Rewind, SyncSender<RewindAnswer>)> {
        self.inbox.lock().rewind.take()
    }

    /// Requests the end at `deadline`; joins wait for it until `grace` after it, or after now
    /// if it has passed.
    pub(super) fn stop_by(&self, deadline: Instant, grace: Duration) {
        let join_by = deadline.max(self.clock.monotonic()) + grace;
        self.command(|inbox| inbox.stop = Some(StopRequest { deadline, join_by }));
    }

    pub(super) fn stop_deadline(&self) -> Option<Instant> {
        self.inbox.lock().stop.map(|stop| stop.deadline)
    }

    /// Whether a stop was asked for and its deadline has passed.
    pub(super) fn must_end(&self) -> bool {
        self.stop_deadline().is_some_and(|deadline| deadline <= self.clock.monotonic())
    }

    /// Whether the thread has ended.
    #[cfg(feature = "kafka")]
    pub(super) fn has_ended(&self) -> bool {
        self.inbox.lock().has_ended
    }

    pub(super) fn ended(&self) {
        self.command(|inbox| {
            inbox.has_ended = true;
            if let Some((_, asked)) = inbox.rewind.take() {
                asked.try_send(Err(RewindError::Stopped)).ok();
            }
        });
    }

    /// Waits for the thread's end as long as the stop's request allows; without one not at
    /// all. Whether it has ended.
    pub(super) fn wait_for_end(&self) -> bool {
        let now = self.clock.monotonic();
        let mut inbox = self.inbox.lock();
        let limit = inbox.stop.map_or(Duration::ZERO, |stop| stop.join_by.saturating_duration_since(now));
        self.changed.wait_while_for(&mut inbox, |inbox| !inbox.has_ended, limit);
        inbox.has_ended
    }

    pub(super) fn commands(&self) -> u64 {
        self.inbox.lock().commands
    }

    /// Waits for `duration`, or until a command arrives after the `seen`th.
    pub(super) fn pause(&self, seen: u64, duration: Duration) {
        self.changed.wait_while_for(&mut self.inbox.lock(), |inbox| inbox.commands == seen, duration);
    }

    fn command(&self, change: impl FnOnce(&mut Inbox)) {
        let mut inbox = self.inbox.lock();
        change(&mut inbox);
        inbox.commands += 1;
        drop(inbox);
        self.changed.notify_all();
        self.log.wake();
    }
}
