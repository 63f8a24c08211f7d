//! Coverage: finds gaps in the meters' readings, keeps them until they close, and
//! lists them.
//!
//! smart-me documents no resend: a post during an outage of the receiver is lost unless
//! the receiver notices. So every meter on the quarter-hour grid is expected at each
//! quarter-hour, any other meter at its own cadence. A gap closes when the missing
//! readings arrive late, are fetched, or the source does not have them.
//!
//! It is fed by a pump of its own from the journal, so a restart neither misses nor
//! counts a reading twice. It knows neither the sources nor the gap repair. Bounds:
//! [`METERS_MAX`] meters, the one heard least recently is dropped first; [`GAPS_MAX`]
//! gaps, closed ones are dropped first.

mod file;
mod gap;
mod meter;
mod slot;
#[cfg(test)]
mod tests;
mod tracker;

pub use file::{CoverageError, FILE, read};
pub use gap::{Extent, Gap, GapId, GapState, RepairRequest};
pub use meter::{MissingValues, SeenReading};
pub use slot::{SLOT_NS, Slot, SlotRange};
pub use tracker::{GAPS_MAX, METERS_MAX};

use crate::journal::{Position, Sequence};
use crate::reading::{MeterId, UnixNanos};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracker::GapTracker;

/// The coverage of all meters. A clone is the same coverage.
#[derive(Debug, Clone)]
pub struct Coverage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    state: Mutex<GapTracker>,
    /// Every record below it has been noted.
    noted_below: AtomicU64,
}

/// The open gaps of a source, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Open gaps.
    pub open: u64,
    /// Quarter-hours missing in them.
    pub slots: u64,
}

impl Coverage {
    /// Opens the coverage stored in a directory; empty if there is no readable file.
    pub fn open(directory: &Path) -> Self {
        let file = directory.join(FILE);
        let state = file::read_or_start_empty(&file);
        Self(Arc::new(Inner { file, state: Mutex::new(state), noted_below: AtomicU64::new(0) }))
    }

    /// The position stored with the last [`Coverage::store`]: every record before it was noted.
    pub fn position(&self) -> Option<Position> {
        self.0.state.lock().position
    }

    /// Notes readings of one source that were received at `received`.
    pub fn note(&self, source: &str, received: UnixNanos, readings: impl Iterator<Item = SeenReading>) {
        let mut known = self.0.state.lock();
        readings.for_each(|seen| known.note(source, seen, received));
    }

    /// Records that every record below `next` has been noted or holds nothing to note. A
    /// lower position, as after a rewind, has no effect.
    pub fn noted_below(&self, next: Sequence) {
        self.0.noted_below.fetch_max(next.0, Ordering::Release);
    }

    /// Whether every record below `position` has been noted. False after a start until
    /// the pump has found its position.
    pub fn has_noted(&self, position: Sequence) -> bool {
        self.0.noted_below.load(Ordering::Acquire) >= position.0
    }

    /// Finds the readings missing at `now`. Call it only when everything received so far
    /// has been noted.
    pub fn judge(&self, now: UnixNanos) {
        self.0.state.lock().judge(now);
    }

    /// Stores the coverage with everything before `position` noted; synced on return.
    /// Does nothing if nothing changed.
    ///
    /// # Errors
    /// A failing disk; the previous file is then intact.
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

    /// The next repair request for a source's meters: the oldest gap that is due, at most
    /// `slots_max` quarter-hours of it.
    pub fn next_request(&self, source: &str, now: UnixNanos, slots_max: u32) -> Option<RepairRequest> {
        self.0.state.lock().next_request(source, now, slots_max)
    }

    /// The newest measurement time of a meter, received or fetched.
    pub fn newest_measurement(&self, meter: MeterId) -> Option<UnixNanos> {
        self.0.state.lock().meters.get(&meter).map(|meter| UnixNanos(meter.heard))
    }

    /// The values missing of a meter at an instant.
    pub fn missing_values(&self, request: &RepairRequest, at: UnixNanos) -> MissingValues {
        self.0.state.lock().missing_values(request, at)
    }

    /// Records that the source answered this request.
    pub fn requested(&self, request: &RepairRequest, now: UnixNanos) {
        self.0.state.lock().requested(request, now);
    }

    /// All gaps, lowest number first, with the number of quarter-hours still missing.
    pub fn gaps(&self) -> Vec<(Gap, u64)> {
        let known = self.0.state.lock();
        known.gaps.values().map(|gap| (gap.clone(), known.slots_missing(gap))).collect()
    }

    /// The open gaps in numbers, by source.
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

    /// The gaps closed since the last call, by source.
    pub fn take_closed(&self) -> Vec<(String, GapState)> {
        std::mem::take(&mut self.0.state.lock().closed)
    }
}
