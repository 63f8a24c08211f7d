//! Refusals: the answers when ingest does not accept a body, and the last outage of
//! the journal.
//!
//! `/readyz` must fail while ingest would refuse. But a node that is out of rotation
//! gets no body that could prove it ready again. So a refusal by the journal counts
//! only until its `Retry-After` has passed.

use super::undecodable::Undecodable;
use crate::journal::AppendError;
use crate::metrics;
use ::metrics::Counter;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Why a body was not accepted. Nothing of it is in the journal.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is undecodable, and its source is configured to refuse such bodies.
    #[error("the body is undecodable: {0}")]
    Undecodable(Undecodable),
    /// It is undecodable, and its source has used up its daily quota of such bodies.
    #[error(
        "the body is undecodable: {0}; this account's daily quota of undecodable bodies is used up, so it was not kept"
    )]
    QuotaSpent(Undecodable),
    /// It is larger than the largest record.
    #[error("the body has {bytes} bytes, the limit is {bytes_max}")]
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// It cannot be stored now; the sender may send it again later.
    #[error("{reason}")]
    Unavailable {
        /// A sentence for the sender, without details of this machine.
        reason: &'static str,
        /// The time the sender should wait.
        retry_after: Duration,
    },
}

/// Counters of refusals by the journal and the clock, by reason.
#[derive(Debug)]
pub(super) struct RefusalCounters {
    clock: Counter,
    full: Counter,
    share: Counter,
    disk_full: Counter,
    failed: Counter,
    moved: Counter,
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
            moved: counter("moved"),
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
            AppendError::Moved { .. } => self.moved.increment(1),
        }
    }
}

/// The journal's last refusal, until it accepts a body again.
#[derive(Debug, Default)]
pub(super) struct JournalOutage {
    /// Read for every body, so that no lock is taken without an outage.
    active: AtomicBool,
    refusal: Mutex<Option<(String, Instant)>>,
}

impl JournalOutage {
    /// Records that the journal refused for `reason`; the sender may retry at `until`.
    pub(super) fn begin(&self, reason: String, until: Instant) {
        *self.refusal.lock() = Some((reason, until));
        self.active.store(true, Ordering::Release);
    }

    /// Records that the journal accepted a body.
    pub(super) fn end(&self) {
        if self.is_active() && self.active.swap(false, Ordering::AcqRel) {
            *self.refusal.lock() = None;
            tracing::info!("the journal accepts bodies again");
        }
    }

    /// Whether the journal refused the last body.
    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// The reason, until the `Retry-After` has passed.
    pub(super) fn reason(&self, now: Instant) -> Option<String> {
        if !self.is_active() {
            return None;
        }
        let refusal = self.refusal.lock();
        refusal.as_ref().filter(|(_, until)| now < *until).map(|(reason, _)| reason.clone())
    }
}
