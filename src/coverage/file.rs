//! The coverage file: JSON, replaced as a whole and synced.
//!
//! It can be read while the service runs (`meterline gaps` does so). An unreadable file
//! is logged and replaced by an empty one: the gaps of the time before are then
//! unknown, but no data is lost.

use super::gap::{Extent, Gap, GapId, GapState};
use super::meter::Meter;
use super::slot::{Slot, SlotRange};
use super::tracker::GapTracker;
use crate::base::file::{Rights, read_at_most, replace};
use crate::journal::{JournalId, Position, Sequence};
use crate::reading::{MeterId, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The file's name in the data directory.
pub const FILE: &str = "coverage.json";
/// The largest file accepted: room for all meters and gaps.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Why the coverage file cannot be stored or read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be {doing}: {source}", file.display())]
pub struct CoverageError {
    file: PathBuf,
    doing: &'static str,
    source: io::Error,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    journal: Uuid,
    next: u64,
    next_gap: u64,
    meters: BTreeMap<Uuid, Meter>,
    gaps: Vec<StoredGap>,
}

/// A gap as it is stored; times are nanoseconds since 1970 UTC.
#[derive(Serialize, Deserialize)]
struct StoredGap {
    id: u64,
    meter: Uuid,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slots: Option<SlotRange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    silence: Option<(i64, i64)>,
    found: i64,
    state: String,
    changed: i64,
    late: u64,
    repaired: u64,
    asked: usize,
    ask_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_until: Option<Slot>,
    is_back: bool,
}

impl StoredGap {
    fn of(gap: &Gap) -> Self {
        let silence = match gap.extent {
            Extent::Slots(_) => None,
            Extent::Silence { from, until } => Some((from.0, until.0)),
        };
        Self {
            id: gap.id.0,
            meter: gap.meter.uuid(),
            source: gap.source.clone(),
            slots: gap.slots(),
            silence,
            found: gap.found.0,
            state: gap.state.label().to_owned(),
            changed: gap.changed.0,
            late: gap.late,
            repaired: gap.repaired,
            asked: gap.asked,
            ask_at: gap.ask_at.0,
            asked_until: gap.asked_until,
            is_back: gap.is_back,
        }
    }

    fn gap(self) -> Option<Gap> {
        let extent = match (self.slots, self.silence) {
            (Some(slots), _) => Extent::Slots(slots),
            (None, Some((from, until))) => Extent::Silence { from: UnixNanos(from), until: UnixNanos(until) },
            (None, None) => return None,
        };
        Some(Gap {
            id: GapId(self.id),
            meter: MeterId::from(self.meter),
            source: self.source,
            extent,
            found: UnixNanos(self.found),
            state: GapState::ALL.into_iter().find(|state| state.label() == self.state)?,
            changed: UnixNanos(self.changed),
            late: self.late,
            repaired: self.repaired,
            asked: self.asked,
            ask_at: UnixNanos(self.ask_at),
            asked_until: self.asked_until,
            is_back: self.is_back,
        })
    }
}

/// The file's content, with everything before `position` noted.
pub(super) fn to_bytes(known: &GapTracker, position: Position) -> Vec<u8> {
    let stored = Stored {
        journal: position.journal.0,
        next: position.next.0,
        next_gap: known.next_gap,
        meters: known.meters.iter().map(|(id, meter)| (id.uuid(), meter.clone())).collect(),
        gaps: known.gaps.values().map(StoredGap::of).collect(),
    };
    // Only maps with non-text keys could fail, and there are none.
    serde_json::to_vec(&stored).unwrap_or_default()
}

fn from_bytes(bytes: &[u8]) -> Result<GapTracker, String> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let gaps = stored.gaps.into_iter().map(|gap| gap.gap().map(|gap| (gap.id, gap)));
    let gaps: BTreeMap<GapId, Gap> =
        gaps.collect::<Option<_>>().ok_or("it has a gap without extent or with an unknown state")?;
    let mut open: HashMap<MeterId, Vec<GapId>> = HashMap::new();
    for gap in gaps.values().filter(|gap| gap.is_open()) {
        open.entry(gap.meter).or_default().push(gap.id);
    }
    Ok(GapTracker {
        position: Some(Position { journal: JournalId(stored.journal), next: Sequence(stored.next) }),
        meters: stored.meters.into_iter().map(|(id, meter)| (MeterId::from(id), meter)).collect(),
        gaps,
        open,
        next_gap: stored.next_gap,
        closed: Vec::new(),
        has_changed: false,
    })
}

/// The stored coverage, or an empty one if the file cannot be read.
pub(super) fn read_or_start_empty(file: &Path) -> GapTracker {
    match load(file) {
        Ok(known) => known.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "the coverage file cannot be used; gaps are found again from the oldest record kept");
            GapTracker::default()
        }
    }
}

/// The gaps stored in a data directory, oldest first, each with the number of
/// quarter-hours missing; empty if none was ever stored.
///
/// # Errors
/// A file that cannot be read.
pub fn read(data_directory: &Path) -> Result<Vec<(Gap, u64)>, CoverageError> {
    let known = load(&data_directory.join(FILE))?.unwrap_or_default();
    Ok(known.gaps.values().map(|gap| (gap.clone(), known.slots_missing(gap))).collect())
}

fn load(file: &Path) -> Result<Option<GapTracker>, CoverageError> {
    let failed = |source| CoverageError { file: file.to_owned(), doing: "read", source };
    let Some(bytes) = read_at_most(file, FILE_BYTES_MAX).map_err(failed)? else { return Ok(None) };
    from_bytes(&bytes).map(Some).map_err(|why| failed(io::Error::other(why)))
}

pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<(), CoverageError> {
    let failed = |source| CoverageError { file: file.to_owned(), doing: "written", source };
    replace(file, bytes, Rights::PRIVATE).map_err(failed)
}
