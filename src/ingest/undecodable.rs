//! The daily quota of undecodable bodies, and the dead letters about refused ones.
//!
//! An undecodable body takes room that others need. So each source may have a limited
//! number of such bytes kept per day: in the journal, or as dead letters if it refuses
//! undecodable bodies. The quota refills evenly over the day, and is full after a
//! restart. Beyond it such a body is refused and not kept; both are counted.

use crate::dead_letters::{DeadLetter, DeadLetters, Kind};
use crate::journal::{JournalId, Sequence};
use crate::metrics;
use crate::reading::UnixNanos;
use crate::wire::{DecodeError, PayloadFormat};
use ::metrics::Counter;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// The default quota of a source per day.
pub(super) const UNDECODABLE_BYTES_MAX: u64 = 256 << 20;
/// The quota of refused bodies: they use the room of all dead letters, so it is smaller.
const LETTERS_BYTES_MAX: u64 = if cfg!(test) { 64 << 10 } else { 16 << 20 };
/// The least that a refused body counts: at most 1024 letters of a source per day.
const LETTER_BYTES_MIN: u64 = 16 << 10;

const DAY: Duration = Duration::from_secs(86_400);

/// Why a body is undecodable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// Its framing is broken, or no field is known.
    #[error("{0}")]
    Framing(DecodeError),
    /// Its source cannot unpack it, for this reason.
    #[error("{0}")]
    Packed(&'static str),
}

/// A quota of bytes per day.
#[derive(Debug)]
pub(super) struct Quota {
    bytes_max: u64,
    /// When the quota will be full again.
    full_at: Mutex<Option<Instant>>,
}

impl Quota {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, full_at: Mutex::default() }
    }

    /// Spends `bytes` and returns true, or spends nothing if less is left.
    pub(super) fn spend(&self, bytes: u64, now: Instant) -> bool {
        if bytes > self.bytes_max {
            return false;
        }
        let cost = u128::from(bytes) * DAY.as_nanos() / u128::from(self.bytes_max.max(1));
        let cost = Duration::from_nanos(u64::try_from(cost).unwrap_or(u64::MAX));
        let mut full_at = self.full_at.lock();
        let then = full_at.filter(|full_at| *full_at > now).unwrap_or(now) + cost;
        if then.saturating_duration_since(now) > DAY {
            return false;
        }
        *full_at = Some(then);
        true
    }
}

/// Keeps the refused bodies of a source as dead letters.
#[derive(Debug)]
pub(super) struct RefusedBodies {
    letters: Option<DeadLetters>,
    quota: Quota,
    /// One write at a time, so that a flood of them occupies one thread.
    permit: Semaphore,
    kept: Counter,
    not_kept: Counter,
}

impl RefusedBodies {
    pub(super) fn new(source: &str, letters: Option<DeadLetters>, bytes_max: u64) -> Self {
        let counter = |kept: &str| {
            metrics::counter(
                "meterline_bodies_refused_total",
                &[("source", source.to_owned()), ("kept", kept.to_owned())],
            )
        };
        Self {
            letters,
            quota: Quota::new(bytes_max.min(LETTERS_BYTES_MAX)),
            permit: Semaphore::new(1),
            kept: counter("yes"),
            not_kept: counter("no"),
        }
    }

    /// Counts a body beyond the quota of bodies kept in the journal.
    pub(super) fn not_kept(&self) {
        self.not_kept.increment(1);
    }

    /// Keeps a refused body as a dead letter, within the quota.
    pub(super) async fn keep(&self, body: RefusedBody<'_>, now: Instant) {
        let is_kept = match &self.letters {
            Some(letters) if self.quota.spend((body.bytes.len() as u64).max(LETTER_BYTES_MIN), now) => {
                self.write(letters.clone(), body.letter()).await
            }
            _ => false,
        };
        if is_kept { self.kept.increment(1) } else { self.not_kept.increment(1) }
    }

    async fn write(&self, letters: DeadLetters, letter: DeadLetter) -> bool {
        let Ok(_permit) = self.permit.acquire().await else { return false };
        let source = letter.source.clone();
        // The write blocks on a sync.
        let written = tokio::task::spawn_blocking(move || letters.add(&letter)).await;
        match written {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => {
                tracing::warn!(source, %error, "cannot keep a refused body as a dead letter");
                false
            }
            Err(error) => {
                tracing::error!(source, %error, "cannot keep a refused body as a dead letter");
                false
            }
        }
    }
}

/// A refused body.
#[derive(Debug)]
pub(super) struct RefusedBody<'a> {
    pub(super) source: &'a Arc<str>,
    pub(super) format: PayloadFormat,
    pub(super) received: UnixNanos,
    pub(super) error: Undecodable,
    pub(super) bytes: &'a [u8],
}

impl RefusedBody<'_> {
    /// No record belongs to it, so its digest identifies it: the same body sent again
    /// is the same dead letter.
    fn letter(&self) -> DeadLetter {
        let digest: [u8; 32] = Sha256::digest(self.bytes).into();
        let (id, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
        DeadLetter {
            kind: Kind::RefusedBody,
            source: self.source.to_string(),
            received: self.received,
            journal: JournalId(Uuid::from_bytes(*id)),
            sequence: Sequence(0),
            format: self.format.number(),
            sink: None,
            row: None,
            reason: format!("the body is undecodable: {}", self.error),
            body: self.bytes.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_quota_refills_evenly_over_the_day() {
        let (quota, start) = (Quota::new(1_000), Clock::system().monotonic());
        assert!(quota.spend(600, start) && quota.spend(400, start));
        assert!(!quota.spend(1, start));
        assert!(!quota.spend(500, start + DAY / 2 - Duration::from_secs(1)));
        assert!(quota.spend(500, start + DAY / 2));
        assert!(!quota.spend(1, start + DAY / 2));
        assert!(quota.spend(1_000, start + DAY * 9));
    }

    #[test]
    fn a_body_beyond_the_whole_quota_is_refused_and_spends_nothing() {
        let (quota, start) = (Quota::new(1_000), Clock::system().monotonic());
        assert!(!quota.spend(1_001, start) && quota.spend(1_000, start));
        assert!(!Quota::new(0).spend(1, start));
    }
}
