//! The state of a pump's thread, and its publication as status and metrics. The steps of
//! the pump are in `run`, `feed`, `rewind` and `skip`.

use super::catch_up_rate::CatchUpRate;
use super::cursor::StoredCursor;
use super::logged_reasons::LoggedReasons;
use super::metrics::Metrics;
use super::poison::PanicLog;
use super::position::PumpPosition;
use super::records::{CurrentRules, LookupCache};
use super::redecode::{Redecode, Redecoded};
use super::replay::Replay;
use super::shared::Shared;
use super::sink::Sink;
use super::status::SinkState;
use crate::base::Backoff;
use crate::dead_letters::DeadLetters;
use crate::journal::Sequence;
use crate::reading::UnixNanos;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The settings of a pump.
#[derive(Debug, Clone)]
pub struct PumpOptions {
    /// How long records may gather before the next read, once the pump has caught up.
    pub linger: Duration,
    /// The shortest time between two stores of the cursor.
    pub cursor_every: Duration,
    /// The waits between retries.
    pub backoff: Backoff,
    /// The dead letters for records at which the sink's code panics three times; without
    /// them, such a record blocks the sink.
    pub dead_letters: Option<DeadLetters>,
    /// The current limits, for replays that ask for them.
    pub rules: CurrentRules,
    /// Decodes original messages again, for replays that ask for it.
    pub redecode: Redecode,
}

impl Default for PumpOptions {
    /// Linger 20 ms, cursor every second, backoff 100 ms to 30 s, no dead letters, standard
    /// limits, no decoders.
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(20),
            cursor_every: Duration::from_secs(1),
            backoff: Backoff::STANDARD,
            dead_letters: None,
            rules: CurrentRules::default(),
            redecode: Redecode::default(),
        }
    }
}

/// The retries after a failure, until the sink has recovered.
pub(super) struct RetryState {
    pub(super) waiting: Sequence,
    pub(super) tried: Instant,
}

pub(super) struct Pump {
    pub(super) shared: Arc<Shared>,
    pub(super) sink: Box<dyn Sink>,
    pub(super) options: PumpOptions,
    pub(super) metrics: Metrics,
    pub(super) position: Option<PumpPosition>,
    /// The running replay.
    pub(super) replay: Option<Replay>,
    /// The records of that replay that were decoded again.
    pub(super) redecoded: Redecoded,
    pub(super) lookups: LookupCache,
    /// Readings handed over since the start.
    pub(super) readings: u64,
    pub(super) catch_up_rate: CatchUpRate,
    pub(super) panics: PanicLog,
    /// The record whose handover failed. Everything before it is made safe first, so that
    /// it holds back nothing else.
    pub(super) failed_at: Option<Sequence>,
    /// The record that the sink was last expected to know soon.
    pub(super) awaited: Option<Sequence>,
    pub(super) cursor: StoredCursor,
    pub(super) retry: Option<RetryState>,
    pub(super) logged: LoggedReasons,
    pub(super) refreshed: Option<Instant>,
    /// A record that was read only for its receive time, and that time.
    looked_up: Option<(Sequence, UnixNanos)>,
    pub(super) commands_seen: u64,
}

impl Pump {
    pub(super) fn new(shared: Arc<Shared>, sink: Box<dyn Sink>, options: PumpOptions) -> Self {
        Self {
            metrics: Metrics::new(&shared.name),
            redecoded: Redecoded::new(&shared.name, options.redecode.clone()),
            cursor: StoredCursor::new(options.cursor_every),
            shared,
            sink,
            options,
            position: None,
            replay: None,
            lookups: LookupCache::default(),
            readings: 0,
            catch_up_rate: CatchUpRate::default(),
            panics: PanicLog::default(),
            failed_at: None,
            awaited: None,
            retry: None,
            logged: LoggedReasons::default(),
            refreshed: None,
            looked_up: None,
            commands_seen: 0,
        }
    }

    /// Sets the state. Logs a recovery, and each new reason for not running once; retries
    /// are logged at debug level.
    pub(super) fn set_state(&mut self, state: SinkState, why: Option<String>) {
        let mut view = self.shared.view();
        let has_changed = view.state != state;
        if has_changed {
            view.since = self.shared.clock.now();
        }
        view.state = state;
        view.why.clone_from(&why);
        drop(view);
        let why = why.unwrap_or_default();
        let is_new = match state {
            SinkState::Running => {
                self.logged.clear();
                has_changed
            }
            SinkState::Waiting | SinkState::Blocked => self.logged.is_new(&why),
        };
        let sink = self.shared.name.as_str();
        match state {
            _ if !is_new => tracing::debug!(sink, state = state.label(), why, "the sink was retried"),
            SinkState::Running => tracing::info!(sink, "the sink is running"),
            SinkState::Waiting => tracing::warn!(sink, why, "the sink is waiting"),
            SinkState::Blocked => tracing::error!(sink, why, "the sink is blocked"),
        }
    }

    /// The receive time of the oldest waiting record. It is looked up in the log at most
    /// once, because that may walk over a whole segment.
    fn oldest_received(&mut self) -> Option<UnixNanos> {
        let waiting = self.shared.view().waiting;
        if waiting >= self.shared.log.next() {
            return None;
        }
        let known = self.position.as_ref().filter(|position| position.waiting == waiting);
        if let Some(received) = known.and_then(PumpPosition::oldest_received) {
            return Some(received);
        }
        if self.looked_up.is_none_or(|(sequence, _)| sequence != waiting) {
            self.looked_up = self.shared.log.received(waiting).map(|received| (waiting, received));
        }
        self.looked_up.map(|(_, received)| received)
    }

    /// Publishes the sink's warnings, and logs new ones.
    fn show_warnings(&self) {
        let warnings = self.sink.warnings();
        let mut view = self.shared.view();
        let new: Vec<String> = warnings.iter().filter(|one| !view.warnings.contains(one)).cloned().collect();
        if view.warnings != warnings {
            view.warnings = warnings.to_vec();
        }
        drop(view);
        for warning in new {
            tracing::warn!(sink = self.shared.name, warning, "the sink runs, but its store needs attention");
        }
    }

    /// Updates lag and gauges.
    pub(super) fn refresh(&mut self) {
        self.refreshed = Some(self.shared.clock.monotonic());
        let received = self.oldest_received();
        let facts = self.sink.facts();
        {
            let mut view = self.shared.view();
            view.facts = facts;
            view.oldest_unsafe_received = received;
            view.catch_up_rate = self.catch_up_rate.readings_per_second();
            view.restarts = self.panics.restarts();
        }
        self.show_warnings();
        self.metrics.show(&self.shared.status());
        if let Some(at) = self.shared.log.gaps().newest_at(&self.shared.name) {
            self.metrics.show_gap(at);
        }
    }
}
