//! The pump's stored cursor. It follows the safe position at a limited rate. A running
//! replay is stored with it, or that the sink was not sent anything yet.

use super::replay::Replay;
use super::shared::Shared;
use crate::journal::{Cursor, CursorError, Sequence};
use std::time::{Duration, Instant};

/// The note of a cursor whose sink was not sent anything yet.
pub(super) const NOTHING_SENT: &str = "nothing sent";

pub(super) struct StoredCursor {
    every: Duration,
    stored: Option<(Sequence, Option<Replay>)>,
    tried: Option<Instant>,
    is_failing: bool,
}

impl StoredCursor {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, stored: None, tried: None, is_failing: false }
    }

    /// Whether the stored cursor is at `next` or beyond.
    pub(super) fn has_reached(&self, next: Sequence) -> bool {
        self.stored.is_some_and(|(stored, _)| stored >= next)
    }

    /// Stores `safe` if that is due. A failure does not stop the sink: the old cursor
    /// only holds back the journal and repeats records after a crash.
    pub(super) fn follow(&mut self, shared: &Shared, safe: Sequence, replay: Option<Replay>) {
        let now = shared.clock.monotonic();
        if self.stored == Some((safe, replay)) || self.tried.is_some_and(|tried| now < tried + self.every) {
            return;
        }
        self.finish(shared, safe, replay);
    }

    /// Stores `safe` now, due or not.
    pub(super) fn finish(&mut self, shared: &Shared, safe: Sequence, replay: Option<Replay>) {
        if self.stored == Some((safe, replay)) {
            return;
        }
        match self.store(shared, safe, replay) {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !self.is_failing {
                    tracing::warn!(sink = shared.name, %error, "the cursor cannot be stored; retrying");
                }
                self.is_failing = true;
            }
        }
    }

    /// Makes `next` and the replay durable now.
    pub(super) fn store(&mut self, shared: &Shared, next: Sequence, replay: Option<Replay>) -> Result<(), CursorError> {
        self.tried = Some(shared.clock.monotonic());
        store_with(shared, next, replay.map(Replay::to_note).unwrap_or_default())?;
        self.stored = Some((next, replay));
        Ok(())
    }

    /// Makes the first position of a sink durable that was not sent anything yet.
    pub(super) fn store_first(&mut self, shared: &Shared, next: Sequence) -> Result<(), CursorError> {
        store_with(shared, next, NOTHING_SENT.to_owned())?;
        self.stored = Some((next, None));
        Ok(())
    }
}

fn store_with(shared: &Shared, next: Sequence, note: String) -> Result<(), CursorError> {
    let mut cursor = Cursor::at(&shared.name, shared.log.position(next), shared.clock.now());
    cursor.note = note;
    shared.log.store_cursor(&cursor)
}
