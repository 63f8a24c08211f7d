//! Retention: deletes whole segments, oldest first, that no cursor needs.
//!
//! Segments are kept for replay within the bounds, and deleted before an append is
//! refused; then segments that only optional cursors need are deleted as well. The names
//! are synced after every single removal: if a crash reordered two removals, a segment
//! would be missing in between. Removing needs no space, so it works on a full disk.

use super::catalog::{Catalog, Segment};
use super::identity::{ResolvedCursor, resolve};
use super::share::FillLevel;
use super::{AppendError, Cursor, Cursors, Gaps, JournalId, Options, Sequence};
use crate::reading::UnixNanos;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// Removes segments that are no longer needed.
#[derive(Debug)]
pub(super) struct SegmentRemover {
    pub(super) catalog: Arc<Catalog>,
    pub(super) cursors: Arc<Cursors>,
    pub(super) gaps: Gaps,
    pub(super) options: Options,
    pub(super) journal: JournalId,
    /// Held during a removal; true while the last removal may not be durable.
    pub(super) unsynced: Mutex<bool>,
}

/// The oldest record needed, and the cursor that needs it.
struct Pin {
    next: Sequence,
    name: String,
}

impl SegmentRemover {
    /// Removes segments until `bytes` more fit under the cap.
    pub(super) fn make_room(&self, bytes: u64) -> Result<(), AppendError> {
        let mut unsynced = self.unsynced.lock();
        let cap_bytes = self.options.cap_bytes;
        loop {
            let used_bytes = self.catalog.bytes();
            if used_bytes.saturating_add(bytes) <= cap_bytes {
                return Ok(());
            }
            if let Err(pin) = self.remove_oldest(&mut unsynced)? {
                return Err(AppendError::Full { used_bytes, cap_bytes, slowest: pin.name });
            }
        }
    }

    /// Removes the oldest segment if allowed, for a full volume. Returns whether it did.
    pub(super) fn try_remove_oldest(&self) -> Result<bool, AppendError> {
        self.remove_oldest(&mut self.unsynced.lock()).map(|removed| removed.is_ok())
    }

    /// Removes the oldest segment, or returns the required cursor that pins it.
    fn remove_oldest(&self, unsynced: &mut bool) -> Result<Result<(), Pin>, AppendError> {
        let required = self.pin(false);
        let Some(segment) = self.removable(&self.pin(true)).or_else(|| self.removable(&required)) else {
            return Ok(Err(required));
        };
        let failed = |error: io::Error| AppendError::Failed {
            directory: self.options.directory.clone(),
            detail: format!("{} cannot be removed: {error}", segment.name),
        };
        self.remove(&segment, unsynced).map_err(failed).map(Ok)
    }

    /// The fill level of records that cannot be removed.
    pub(super) fn fill(&self) -> FillLevel {
        let Pin { next: delivered, name: slowest } = self.pin(false);
        let undelivered_bytes = self.catalog.bytes_from(delivered);
        FillLevel { oldest: self.catalog.oldest(), delivered, undelivered_bytes, slowest }
    }

    /// Removes segments beyond the bounds for replay.
    pub(super) fn expire(&self) {
        let mut unsynced = self.unsynced.lock();
        let pin = self.pin(true);
        let now = self.options.clock.now();
        while let Some(segment) = self.removable(&pin) {
            if self.replayable_bytes(&pin) <= self.options.retain.bytes && !self.is_aged(&segment, now) {
                return;
            }
            if let Err(error) = self.remove(&segment, &mut unsynced) {
                tracing::warn!(segment = %segment.name, %error, "cannot remove an old segment; retrying");
                return;
            }
        }
    }

    /// The lowest record that a cursor still needs. An optional cursor, if included, keeps back
    /// at most its `lag_bytes_max`.
    fn pin(&self, with_optional: bool) -> Pin {
        let lowest = self.cursors.list().into_iter().filter_map(|(name, cursor)| {
            let optional = self.options.optional.iter().find(|optional| optional.cursor == name);
            let next = match optional {
                None => self.needs(cursor.as_ref()),
                Some(optional) if with_optional => {
                    self.needs(cursor.as_ref()).max(self.catalog.newest_within(optional.lag_bytes_max))
                }
                Some(_) => return None,
            };
            Some(Pin { next, name })
        });
        let lowest = lowest.min_by_key(|pin| pin.next);
        lowest.unwrap_or_else(|| Pin { next: self.catalog.next(), name: "no sink".to_owned() })
    }

    /// The lowest record that a cursor needs.
    fn needs(&self, cursor: Option<&Cursor>) -> Sequence {
        match cursor.map(|cursor| resolve(&self.catalog, self.journal, cursor.position)) {
            Some(ResolvedCursor::BeyondEnd { end, .. }) => end.next,
            Some(resolved) => resolved.position().map_or(Sequence(0), |position| position.next),
            // A damaged cursor file: its sink starts at the oldest record.
            None => Sequence(0),
        }
    }

    /// The oldest segment, if all of it is below the pin. Never the last one.
    fn removable(&self, pin: &Pin) -> Option<Arc<Segment>> {
        let segments = self.catalog.segments();
        let [oldest, second, ..] = segments.as_slice() else { return None };
        (second.name.first <= pin.next).then(|| Arc::clone(oldest))
    }

    /// Bytes of the segments below the pin.
    fn replayable_bytes(&self, pin: &Pin) -> u64 {
        let segments = self.catalog.segments();
        let below = segments.iter().zip(segments.iter().skip(1)).take_while(|(_, next)| next.name.first <= pin.next);
        below.map(|(segment, _)| segment.bytes()).sum()
    }

    /// Whether even its newest record is too old, by the receive time in the next segment's header.
    fn is_aged(&self, segment: &Segment, now: UnixNanos) -> bool {
        self.catalog.newest_received(segment).is_some_and(|newest| now.since(newest) > self.options.retain.age_ns)
    }

    fn remove(&self, segment: &Segment, unsynced: &mut bool) -> io::Result<()> {
        let disk = &self.catalog.disk;
        if *unsynced {
            disk.sync_names()?;
        }
        match disk.remove(&segment.name.to_string()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.catalog.forget(segment.name);
        *unsynced = true;
        disk.sync_names()?;
        *unsynced = false;
        Ok(())
    }
}
