//! The state that all entrances of an ingest share, and the refusals it decides.

use super::clock_watch::{self, ClockWatch};
use super::drain::{Drain, RETRY_AFTER_MIN};
use super::followers::Followers;
use super::meter_senders::MeterSenders;
use super::recent_readings::RecentReadings;
use super::refusal::{JournalOutage, Refusal, RefusalCounters};
use super::source_counters::KnownSources;
use crate::clock::Clock;
use crate::dead_letters::DeadLetters;
use crate::journal::{AppendError, Journal};
use metrics::Histogram;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// The `Retry-After` while the clock is not set: setting it takes about a minute.
const RETRY_AFTER_CLOCK: Duration = Duration::from_secs(60);

/// The state that all entrances share.
pub(super) struct IngestState {
    pub(super) journal: Journal,
    /// The dead letters, for refused bodies.
    pub(super) letters: Option<DeadLetters>,
    pub(super) clock: Clock,
    pub(super) opened: Instant,
    pub(super) sources: Mutex<KnownSources>,
    pub(super) clock_watch: ClockWatch,
    pub(super) drain: Drain,
    pub(super) outage: JournalOutage,
    pub(super) meters: RecentReadings,
    pub(super) senders: MeterSenders,
    pub(super) decode_seconds: Histogram,
    pub(super) refused: RefusalCounters,
    pub(super) followers: Followers,
}

impl IngestState {
    pub(super) fn new(journal: Journal, letters: Option<DeadLetters>, clock: Clock, followers: Followers) -> Self {
        let opened = clock.monotonic();
        Self {
            clock_watch: ClockWatch::new(&clock),
            journal,
            letters,
            clock,
            opened,
            sources: Mutex::default(),
            drain: Drain::default(),
            outage: JournalOutage::default(),
            meters: RecentReadings::default(),
            senders: MeterSenders::default(),
            decode_seconds: crate::metrics::histogram("meterline_decode_duration_seconds", &[]),
            refused: RefusalCounters::new(),
            followers,
        }
    }

    /// The reason why a body would be refused now.
    pub(super) fn closed_reason(&self) -> Option<String> {
        if !self.clock_watch.can_judge(self.clock.now()) {
            return Some(clock_watch::UNSET.to_owned());
        }
        self.journal.moved().or_else(|| self.outage.reason(self.clock.monotonic()))
    }

    #[cold]
    pub(super) fn clock_unset(&self) -> Refusal {
        self.refused.clock();
        let reason = "this service's clock is not set, so measurement times cannot be judged; send again later";
        Refusal::Unavailable { reason, retry_after: RETRY_AFTER_CLOCK }
    }

    #[cold]
    pub(super) fn refusal(&self, error: &AppendError) -> Refusal {
        self.refused.journal(error);
        let now = self.clock.monotonic();
        let (reason, retry_after) = match *error {
            AppendError::TooLarge { bytes, bytes_max } => return Refusal::TooLarge { bytes, bytes_max },
            AppendError::Full { .. } => {
                ("the journal is full; send again later", self.drain.retry_after(&self.journal, now))
            }
            // Other sources are still accepted, so this is no outage.
            AppendError::ShareFull { .. } => {
                let reason =
                    "this account's share of the journal is full until the sinks have received it; send again later";
                return Refusal::Unavailable { reason, retry_after: self.drain.retry_after(&self.journal, now) };
            }
            AppendError::DiskFull { .. } => {
                ("the journal's disk is full; send again later", self.drain.retry_after(&self.journal, now))
            }
            // The next record tries again.
            AppendError::Failed { .. } => ("the journal cannot be written; send again later", RETRY_AFTER_MIN),
            AppendError::Moved { .. } => ("the journal's directory is gone; send again later", RETRY_AFTER_MIN),
            AppendError::Closed => ("the service is stopping; send again later", RETRY_AFTER_MIN),
        };
        if !self.outage.is_active() {
            tracing::error!(%error, "the journal refuses bodies; they are answered 503 until it accepts them again");
        }
        self.outage.begin(error.to_string(), now + retry_after);
        Refusal::Unavailable { reason, retry_after }
    }
}
