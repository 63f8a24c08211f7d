//! What the door answers when it does not take a body.

use crate::journal::AppendError;
use crate::metrics;
use crate::wire::DecodeError;
use ::metrics::Counter;
use std::time::Duration;

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
