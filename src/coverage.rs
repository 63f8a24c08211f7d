//! What is missing of the meters' readings: gaps are found, kept until something
//! becomes of them, and shown.
//!
//! smart-me documents no repeat: what it posts while nobody listens is gone unless
//! somebody notices. Here it is noticed: every meter on the grid of quarter-hours is
//! expected at each of them, any other in its own cadence. A gap closes when what is
//! missing came by itself, was fetched, or is not to be had.
//!
//! It reads what is in the journal (a pump of its own feeds it, so nothing is
//! missed or counted twice over a restart) and knows neither who brings readings
//! nor who fetches what is missing. Bounds: [`METERS_MAX`] meters, the one heard
//! least recently goes first; [`GAPS_MAX`] gaps, closed ones go first.

mod file;
mod gap;
mod tracker;
mod meter;
mod slot;
#[cfg(test)]
mod tests;

pub use file::{CoverageError, FILE, read};
pub use gap::{Extent, Gap, GapId, GapState, RepairRequest};
pub use tracker::{GAPS_MAX, METERS_MAX};
pub use meter::{MissingValues, SeenReading};
pub use slot::{SLOT_NS, Slot, SlotRange};

use crate::journal::{Position, Sequence};
use crate::reading::{MeterId, UnixNanos};
use tracker::GapTracker;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is missing; a clone is the same.
#[derive(Debug, Clone)]
pub struct Coverage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    state: Mutex<GapTracker>,
    /// Every record below it has been noted since the start, or before.
    noted_below: AtomicU64,
}

/// How much is missing of a source's readings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Open gaps.
    pub open: u64,
    /// Quarter-hours missing in them.
    pub slots: u64,
}

impl Coverage {
    /// What was stored in that directory; nothing where there is nothing that can be read.
    #[must_use]
    pub fn open(directory: &Path) -> Self {
        let file = directory.join(FILE);
        let state = file::read_or_start_empty(&file);
        Self(Arc::new(Inner { file, state: Mutex::new(state), noted_below: AtomicU64::new(0) }))
    }

    /// Everything before it has been noted, as of the last [`Coverage::store`].
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.0.state.lock().position
    }

    /// Notes readings of one source that were received then.
    pub fn note(&self, source: &str, received: UnixNanos, readings: impl Iterator<Item = SeenReading>) {
        let mut known = self.0.state.lock();
        readings.for_each(|seen| known.note(source, seen, received));
    }

    /// Every record below `next` has been noted or holds nothing to be noted. To be said
    /// also of a lower one after a rewind: that takes nothing back.
    pub fn reached(&self, next: Sequence) {
        self.0.noted_below.fetch_max(next.0, Ordering::Release);
    }

    /// Whether every record below `position` has been noted. False after a start until
    /// the pump has found its place.
    #[must_use]
    pub fn has_noted(&self, position: Sequence) -> bool {
        self.0.noted_below.load(Ordering::Acquire) >= position.0
    }

    /// Looks what is missing by now. Only to be called when everything that came
    /// until now has been noted.
    pub fn judge(&self, now: UnixNanos) {
        self.0.state.lock().judge(now);
    }

    /// Stores all, with everything before `position` noted; synced on return. Does
    /// nothing where nothing changed.
    ///
    /// # Errors
    /// A failing disk; what was stored before is whole.
    pub fn store(&self, position: Position) -> Result<(), CoverageError> {
        let bytes = {
            let mut known = self.0.state.lock();
            if !known.has_changed && known.position == Some(position) {
                return Ok(());
            }
            known.has_changed = false;
            file::to_bytes(&known, position)
        };
        let stored = file::write(&self.0.file, &bytes);
        let mut known = self.0.state.lock();
        match stored {
            Ok(()) => known.position = Some(position),
            Err(_) => known.has_changed = true,
        }
        stored
    }

    /// What is to be asked for next of a source's meters: the oldest gap whose time
    /// has come, at most `slots_max` quarter-hours of it.
    #[must_use]
    pub fn next_request(&self, source: &str, now: UnixNanos, slots_max: u32) -> Option<RepairRequest> {
        self.0.state.lock().next_request(source, now, slots_max)
    }

    /// The newest time that something of a meter was measured at and came, by whatever way.
    #[must_use]
    pub fn newest_measurement(&self, meter: MeterId) -> Option<UnixNanos> {
        self.0.state.lock().meters.get(&meter).map(|meter| UnixNanos(meter.heard))
    }

    /// What is missing of a meter at an instant.
    #[must_use]
    pub fn missing_values(&self, request: &RepairRequest, at: UnixNanos) -> MissingValues {
        self.0.state.lock().missing_values(request, at)
    }

    /// The source was asked for it and gave what it had.
    pub fn requested(&self, request: &RepairRequest, now: UnixNanos) {
        self.0.state.lock().requested(request, now);
    }

    /// All gaps, oldest number first, with how many quarter-hours are missing still.
    #[must_use]
    pub fn gaps(&self) -> Vec<(Gap, u64)> {
        let known = self.0.state.lock();
        known.gaps.values().map(|gap| (gap.clone(), known.slots_missing(gap))).collect()
    }

    /// How much is missing, by source.
    #[must_use]
    pub fn summaries(&self) -> BTreeMap<String, Summary> {
        let known = self.0.state.lock();
        let mut summaries: BTreeMap<String, Summary> = BTreeMap::new();
        for meter in known.meters.values() {
            if !summaries.contains_key(&meter.source) {
                summaries.insert(meter.source.clone(), Summary::default());
            }
        }
        for gap in known.gaps.values().filter(|gap| gap.is_open()) {
            let summary = summaries.entry(gap.source.clone()).or_default();
            summary.open += 1;
            summary.slots += known.slots_missing(gap);
        }
        summaries
    }

    /// The gaps that closed since this was asked last, by source.
    #[must_use]
    pub fn take_closed(&self) -> Vec<(String, GapState)> {
        std::mem::take(&mut self.0.state.lock().closed)
    }
}
