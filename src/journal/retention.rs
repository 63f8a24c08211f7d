//! What may be deleted, and when: whole oldest segments below what every cursor
//! needs.
//!
//! Kept for replay as long as the bounds allow; given up before an append is
//! refused, and then what only optional cursors need as well. The names are synced after every single removal: were two removals
//! reordered by a crash, the segments would have a hole. Removing needs no space,
//! so a full disk cannot prevent it.

use super::catalog::{Catalog, Segment};
use super::identity::{ResolvedCursor, resolve};
use super::share::FillLevel;
use super::{AppendError, Cursor, Cursors, Gaps, JournalId, Options, Sequence};
use crate::reading::UnixNanos;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// Deletes what is not needed any more.
#[derive(Debug)]
pub(super) struct SegmentRemover {
    pub(super) catalog: Arc<Catalog>,
    pub(super) cursors: Arc<Cursors>,
    pub(super) gaps: Gaps,
    pub(super) options: Options,
    pub(super) journal: JournalId,
    /// One deletion at a time; true while the last removal is not known to be durable.
    pub(super) unsynced: Mutex<bool>,
}

/// What the slowest cursor still needs.
struct Pin {
    next: Sequence,
    name: String,
}

impl SegmentRemover {
    /// Makes sure that `bytes` more stay under the cap.
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

    /// Removes the oldest segment where that is allowed, for a volume without room.
    pub(super) fn try_remove_oldest(&self) -> Result<bool, AppendError> {
        self.remove_oldest(&mut self.unsynced.lock()).map(|given| given.is_ok())
    }

    /// Removes the oldest segment unless a required cursor pins it: that one is the error.
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

    /// How full it is of what cannot give way.
    pub(super) fn fill(&self) -> FillLevel {
        let Pin { next: delivered, name: slowest } = self.pin(false);
        let undelivered_bytes = self.catalog.bytes_from(delivered);
        FillLevel { oldest: self.catalog.oldest(), delivered, undelivered_bytes, slowest }
    }

    /// Deletes what is beyond the bounds for replay.
    pub(super) fn expire(&self) {
        let mut unsynced = self.unsynced.lock();
        let pin = self.pin(true);
        let now = self.options.clock.now();
        while let Some(segment) = self.removable(&pin) {
            if self.replayable_bytes(&pin) <= self.options.retain.bytes && !self.is_aged(&segment, now) {
                return;
            }
            if let Err(error) = self.remove(&segment, &mut unsynced) {
                tracing::warn!(segment = %segment.name, %error, "cannot remove a segment that is not needed any more; it is tried again");
                return;
            }
        }
    }

    /// What the slowest cursor needs; of the optional ones, if they count, within their bounds.
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

    /// The oldest segment, if all of it lies below the pin. Never the last one.
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

    /// Whether even its newest record is too old. The segment after it says when that was received.
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
