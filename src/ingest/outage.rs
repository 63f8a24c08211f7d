//! What the journal said when it could last not take a body.
//!
//! `/readyz` must fail while the door would refuse, but nobody may have to send a
//! body to a node that is out of rotation for it to come back: so a refusal is
//! remembered only as long as the sender was told to stay away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Read for every body, so that no lock is taken while all is well.
    known: AtomicBool,
    why: Mutex<Option<(String, Instant)>>,
}

impl Outage {
    /// The journal refused for `reason`; the sender may come again at `until`.
    pub(super) fn begin(&self, reason: String, until: Instant) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some((reason, until));
        self.known.store(true, Ordering::Release);
    }

    /// The journal took a body.
    pub(super) fn end(&self) {
        if self.is_known() && self.known.swap(false, Ordering::AcqRel) {
            *self.why.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tracing::info!("the journal takes bodies again");
        }
    }

    /// Whether bodies go in, by the last that was tried.
    pub(super) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// The reason, while it holds.
    pub(super) fn why(&self, now: Instant) -> Option<String> {
        if !self.is_known() {
            return None;
        }
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        why.as_ref().filter(|(_, until)| now < *until).map(|(reason, _)| reason.clone())
    }
}
