//! The pump's stored cursor: follows what is safe, at most so often.

use super::shared::Shared;
use crate::journal::{Cursor, CursorError, Sequence};
use std::time::{Duration, Instant};

pub(super) struct StoredCursor {
    every: Duration,
    stored: Option<Sequence>,
    tried: Option<Instant>,
    is_failing: bool,
}

impl StoredCursor {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, stored: None, tried: None, is_failing: false }
    }

    /// Stores `safe` if that is due. A cursor that cannot be stored does not hold
    /// the sink up: it pins the journal and repeats records after a crash, no more.
    pub(super) fn follow(&mut self, shared: &Shared, safe: Sequence) {
        let now = shared.clock.monotonic();
        if self.stored == Some(safe) || self.tried.is_some_and(|tried| now < tried + self.every) {
            return;
        }
        self.finish(shared, safe);
    }

    /// Stores `safe` whether it is due or not.
    pub(super) fn finish(&mut self, shared: &Shared, safe: Sequence) {
        if self.stored == Some(safe) {
            return;
        }
        match self.store(shared, safe) {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !self.is_failing {
                    tracing::warn!(sink = shared.name, %error, "the cursor cannot be stored; it is tried again, the sink goes on");
                }
                self.is_failing = true;
            }
        }
    }

    /// Makes `next` durable now.
    pub(super) fn store(&mut self, shared: &Shared, next: Sequence) -> Result<(), CursorError> {
        self.tried = Some(shared.clock.monotonic());
        let cursor = Cursor::at(&shared.name, shared.journal.position(next), shared.clock.now());
        shared.journal.cursors().store(&cursor)?;
        self.stored = Some(next);
        Ok(())
    }
}
