//! What ingest answers when it does not take a body, and what it remembers of it.
//!
//! `/readyz` must fail while ingest would refuse, but nobody may have to send a body
//! to a node that is out of rotation for it to come back: so a refusal of the journal
//! is remembered only as long as the sender was told to stay away.

use crate::journal::AppendError;
use crate::metrics;
use crate::wire::DecodeError;
use ::metrics::Counter;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Why a body was not taken. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read, and its source asked for such bodies to be refused.
    #[error("the body cannot be read: {0}")]
    Undecodable(DecodeError),
    /// It cannot be read, and its source has had its share of such bodies kept.
    #[error("the body cannot be read: {0}; and so many of this account could not that no more are kept today")]
    QuotaSpent(DecodeError),
    /// It is larger than a record of the journal may be.
    #[error("the body has {bytes} bytes, more than the {bytes_max} of a record")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// It cannot be kept just now; the same body may be sent again later.
    #[error("{reason}")]
    Unavailable {
        /// A sentence for the sender, without anything of this machine.
        reason: &'static str,
        /// How long the sender is asked to wait.
        retry_after: Duration,
    },
}

/// Refusals of the journal and the clock, by reason.
#[derive(Debug)]
pub(super) struct RefusalCounters {
    clock: Counter,
    full: Counter,
    share: Counter,
    disk_full: Counter,
    failed: Counter,
    closed: Counter,
    too_large: Counter,
}

impl RefusalCounters {
    pub(super) fn new() -> Self {
        let counter =
            |reason: &str| metrics::counter("meterline_journal_refused_total", &[("reason", reason.to_owned())]);
        Self {
            clock: counter("clock"),
            full: counter("full"),
            share: counter("share"),
            disk_full: counter("disk_full"),
            failed: counter("failed"),
            closed: counter("closed"),
            too_large: counter("too_large"),
        }
    }

    pub(super) fn clock(&self) {
        self.clock.increment(1);
    }

    pub(super) fn journal(&self, error: &AppendError) {
        match error {
            AppendError::Full { .. } => self.full.increment(1),
            AppendError::ShareFull { .. } => self.share.increment(1),
            AppendError::Closed => self.closed.increment(1),
            AppendError::TooLarge { .. } => self.too_large.increment(1),
            AppendError::DiskFull { .. } => self.disk_full.increment(1),
            AppendError::Failed { .. } => self.failed.increment(1),
        }
    }
}

/// What the journal said when it could last not take a body.
#[derive(Debug, Default)]
pub(super) struct JournalOutage {
    /// Read for every body, so that no lock is taken while all is well.
    known: AtomicBool,
    why: Mutex<Option<(String, Instant)>>,
}

impl JournalOutage {
    /// The journal refused for `reason`; the sender may come again at `until`.
    pub(super) fn begin(&self, reason: String, until: Instant) {
        *self.why.lock() = Some((reason, until));
        self.known.store(true, Ordering::Release);
    }

    /// The journal took a body.
    pub(super) fn end(&self) {
        if self.is_active() && self.known.swap(false, Ordering::AcqRel) {
            *self.why.lock() = None;
            tracing::info!("the journal takes bodies again");
        }
    }

    /// Whether bodies go in, by the last that was tried.
    pub(super) fn is_active(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// The reason, while it holds.
    pub(super) fn reason(&self, now: Instant) -> Option<String> {
        if !self.is_active() {
            return None;
        }
        let why = self.why.lock();
        why.as_ref().filter(|(_, until)| now < *until).map(|(reason, _)| reason.clone())
    }
}
