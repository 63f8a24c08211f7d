//! What a pump's thread holds, and how it shows itself. What it does with it is in
//! `run`, `feed`, `rewind` and `skip`.

use super::cursor::StoredCursor;
use super::metrics::Metrics;
use super::catch_up_rate::CatchUpRate;
use super::position::PumpPosition;
use super::poison::PanicLog;
use super::records::{CurrentRules, LookupCache};
use super::replay::Replay;
use super::shared::Shared;
use super::sink::Sink;
use super::status::SinkState;
use crate::base::Backoff;
use crate::dead_letters::DeadLetters;
use crate::journal::Sequence;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a pump paces itself.
#[derive(Debug, Clone)]
pub struct PumpOptions {
    /// After catching up, how long it lets records gather before it reads again.
    pub linger: Duration,
    /// How often the cursor is stored at most.
    pub cursor_every: Duration,
    /// The waits after failures.
    pub backoff: Backoff,
    /// Where a record goes that kills the sink's code three times; without it, such
    /// a record blocks the sink.
    pub dead_letters: Option<DeadLetters>,
    /// The limits that are configured now, for replays that ask for them.
    pub rules: CurrentRules,
}

impl Default for PumpOptions {
    /// 20 ms, one second, 100 ms to 30 s, nowhere, the standard limits.
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(20),
            cursor_every: Duration::from_secs(1),
            backoff: Backoff::STANDARD,
            dead_letters: None,
            rules: CurrentRules::default(),
        }
    }
}

/// The last failure, until the sink has recovered from it.
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
    /// The replay that is under way.
    pub(super) replay: Option<Replay>,
    pub(super) lookups: LookupCache,
    /// Readings handed over since the start.
    pub(super) readings: u64,
    pub(super) catch_up_rate: CatchUpRate,
    pub(super) panics: PanicLog,
    /// The record that could not be handed over: everything before it is made safe
    /// first, so that what is wrong with it holds nothing else up.
    pub(super) failed_at: Option<Sequence>,
    pub(super) cursor: StoredCursor,
    pub(super) retry: Option<RetryState>,
    pub(super) refreshed: Option<Instant>,
    pub(super) commands_seen: u64,
}

impl Pump {
    pub(super) fn new(shared: Arc<Shared>, sink: Box<dyn Sink>, options: PumpOptions) -> Self {
        Self {
            metrics: Metrics::new(&shared.name),
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
            retry: None,
            refreshed: None,
            commands_seen: 0,
        }
    }

    /// One log line where the state changes; retries say nothing.
    pub(super) fn set_state(&self, state: SinkState, why: Option<String>) {
        let mut view = self.shared.view();
        let has_changed = view.state != state;
        if has_changed {
            view.since = self.shared.clock.now();
        }
        view.state = state;
        view.why.clone_from(&why);
        drop(view);
        let (sink, why) = (self.shared.name.as_str(), why.unwrap_or_default());
        match state {
            _ if !has_changed => tracing::debug!(sink, state = state.label(), why, "the sink was tried again"),
            SinkState::Running => tracing::info!(sink, "the sink is running"),
            SinkState::Waiting => tracing::warn!(sink, why, "the sink is waiting"),
            SinkState::Blocked => tracing::error!(sink, why, "the sink is blocked"),
        }
    }

    /// Brings lag and gauges up to date.
    pub(super) fn refresh(&mut self) {
        self.refreshed = Some(self.shared.clock.monotonic());
        let received = self.position.as_ref().and_then(|position| {
            let mut reader = self.shared.journal.reader(position.waiting).ok()?;
            reader.read().ok()?.map(|record| record.header.received)
        });
        {
            let mut view = self.shared.view();
            view.oldest_unsafe_received = received;
            view.record_bytes_mean = self.lookups.record_bytes_mean();
            view.catch_up_rate = self.catch_up_rate.readings_per_second();
            view.restarts = self.panics.restarts();
        }
        self.metrics.show(&self.shared.status());
        if let Some(at) = self.shared.journal.gaps().newest_at(&self.shared.name) {
            self.metrics.show_gap(at);
        }
    }
}
