//! Coverage: finds gaps in the meters' readings, keeps them until they close, and
//! lists them.
//!
//! smart-me documents no resend: a post during an outage of the receiver is lost unless
//! the receiver notices. So every meter on the quarter-hour grid is expected at each
//! quarter-hour, any other meter at its own cadence. A gap closes when the missing
//! readings arrive late, are fetched, or the source does not have them.
//!
//! It is fed by a pump of its own, so a restart neither misses nor counts a reading twice.
//! It knows neither the sources nor the gap repair. The work for a reading does not depend
//! on the number of meters. Bounds: the meters that fit into the configured memory
//! ([`meters_within`]), beyond which a new meter is not tracked; [`GAPS_MAX`] gaps, closed
//! ones are dropped first.

mod file;
mod forget;
mod gap;
mod gaps;
mod holes;
mod longest;
mod meter;
mod meter_bytes;
mod overview;
mod parts;
mod silence;
mod slot;
mod sources;
mod stored_gap;
#[cfg(test)]
mod tests;
mod tracker;

pub use file::{CoverageError, FILE, meters_stored, read};
pub use forget::forget;
pub use gap::{Extent, Gap, GapId, GapState, RepairRequest};
pub use gaps::GAPS_MAX;
pub use holes::MissingValues;
pub use overview::{GAPS_SHOWN_MAX, Overview};
pub use silence::{SILENT_SHOWN_MAX, Silent, SilentMeter};
pub use slot::{SLOT_NS, Slot, SlotRange};
pub use tracker::meters_within;

use crate::journal::{Position, Sequence};
use crate::reading::{MeterId, UnixNanos};
use crate::wire::SeenReading;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tracker::GapTracker;

/// The memory for meters by default, in bytes: room for 114,688.
pub const MEMORY_BYTES: u64 = 8 << 20;

/// The coverage of all meters. A clone is the same coverage.
#[derive(Debug, Clone)]
pub struct Coverage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    state: Mutex<GapTracker>,
    /// Every record below it has been noted.
    noted_below: AtomicU64,
    /// For pages, which wait for no lock.
    overview: ArcSwap<Overview>,
    has_reported_full: AtomicBool,
    /// When gaps were first searched for since the start.
    listens_from: OnceLock<UnixNanos>,
    silent: Mutex<Arc<[Silent]>>,
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
    /// Opens the coverage stored in a directory; empty if there is no readable file. Tracks
    /// the meters that fit into `memory_bytes`.
    pub fn open(directory: &Path, memory_bytes: u64) -> Self {
        let file = directory.join(FILE);
        let state = file::read_or_start_empty(&file, meters_within(memory_bytes));
        let overview = ArcSwap::from_pointee(Overview::of(&state));
        Self(Arc::new(Inner {
            file,
            state: Mutex::new(state),
            noted_below: AtomicU64::new(0),
            overview,
            has_reported_full: AtomicBool::new(false),
            listens_from: OnceLock::new(),
            silent: Mutex::default(),
        }))
    }

    /// The position stored with the last [`Coverage::store`]: every record before it was noted.
    pub fn position(&self) -> Option<Position> {
        self.0.state.lock().position
    }

    /// Notes readings of one source that were received at `received`.
    pub fn note(&self, source: &str, received: UnixNanos, readings: impl Iterator<Item = SeenReading>) {
        let mut known = self.0.state.lock();
        let source = known.sources.index_of(source);
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

    /// Records that readings received before `now` were not seen, so none of them counts as
    /// missing.
    pub fn skip_to(&self, now: UnixNanos) {
        self.0.state.lock().skip_to(now);
    }

    /// Finds the readings missing and the meters silent at `now`. Call it only when everything received so far
    /// has been noted.
    pub fn judge(&self, now: UnixNanos) {
        let from = *self.0.listens_from.get_or_init(|| now);
        let mut known = self.0.state.lock();
        known.judge(now);
        let silent = Silent::at(&known, now, from);
        drop(known);
        *self.0.silent.lock() = silent.into();
    }

    /// Stores the coverage with everything before `position` noted; synced on return. Returns
    /// the size of the new file in bytes, or `None` if nothing changed. Nothing may be noted
    /// or judged meanwhile.
    ///
    /// # Errors
    /// A failing disk; the previous file is then intact.
    pub fn store(&self, position: Position) -> Result<Option<u64>, CoverageError> {
        let state = &self.0.state;
        let first = {
            let mut known = state.lock();
            if !known.has_changed && known.position == Some(position) {
                return Ok(None);
            }
            known.has_changed = false;
            file::first_part(&known, position)
        };
        // The lock is held for one part, and never while something is written.
        let written = file::write_parts(
            &self.0.file,
            first,
            |number| file::meters_part(&state.lock(), number),
            || file::last_part(&state.lock()),
        );
        let mut known = state.lock();
        match written {
            Ok(_) => known.position = Some(position),
            Err(_) => known.has_changed = true,
        }
        written.map(Some)
    }

    /// The next repair request for a source's meters: the oldest gap that is due, at most
    /// `slots_max` quarter-hours of it.
    pub fn next_request(&self, source: &str, now: UnixNanos, slots_max: u32) -> Option<RepairRequest> {
        self.0.state.lock().next_request(|gap| gap.source == source, now, slots_max)
    }

    /// The same for the meters that `is_wanted` names, whichever source brings their readings.
    pub fn next_request_of(
        &self,
        is_wanted: impl Fn(MeterId) -> bool,
        now: UnixNanos,
        slots_max: u32,
    ) -> Option<RepairRequest> {
        self.0.state.lock().next_request(|gap| is_wanted(gap.meter), now, slots_max)
    }

    /// The newest measurement time of a meter, received or fetched. `None` if it is not tracked.
    pub fn newest_measurement(&self, meter: MeterId) -> Option<UnixNanos> {
        self.0.state.lock().meters.get(&meter).map(|meter| meter.heard)
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
        known.gaps.iter().map(|gap| (gap.clone(), known.slots_missing(gap))).collect()
    }

    /// The newest time of measurement of each of these meters that is silent at `now`.
    pub fn silent_among(&self, meters: &[MeterId], now: UnixNanos) -> HashMap<MeterId, UnixNanos> {
        let Some(from) = self.0.listens_from.get() else { return HashMap::new() };
        let known = self.0.state.lock();
        let found = meters.iter().filter_map(|id| Some((*id, known.meters.get(id)?)));
        found.filter(|(_, meter)| silence::is_silent(meter, now, *from)).map(|(id, meter)| (id, meter.heard)).collect()
    }

    /// The meters that were silent when the gaps were last searched for, by source.
    pub fn silent(&self) -> Arc<[Silent]> {
        Arc::clone(&self.0.silent.lock())
    }

    /// The overview of the last [`Coverage::publish`]. Waits for no lock.
    pub fn overview(&self) -> Arc<Overview> {
        self.0.overview.load_full()
    }

    /// Publishes the current overview, and logs once that meters are not tracked.
    pub fn publish(&self) {
        let overview = Overview::of(&self.0.state.lock());
        if overview.untracked > 0 && !self.0.has_reported_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                meters = overview.meters,
                "gap detection follows as many meters as its memory allows; missing readings of further meters are \
                 not noticed; raise gap_detection.memory"
            );
        }
        self.0.overview.store(Arc::new(overview));
    }

    /// The open gaps in numbers, by source.
    pub fn summaries(&self) -> BTreeMap<String, Summary> {
        let known = self.0.state.lock();
        let sources = known.sources.names().iter();
        let mut summaries: BTreeMap<String, Summary> =
            sources.map(|source| (source.to_string(), Summary::default())).collect();
        for gap in known.gaps.iter().filter(|gap| gap.is_open()) {
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
