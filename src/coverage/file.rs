//! The coverage file, replaced as a whole and synced: a first line, then parts with their
//! lengths, then the checksum of everything before it. The first part is the position and
//! the sources as JSON, the last one the gaps as JSON. Between them are the meters, in
//! binary form because there may be a million, in parts that are written one by one.
//!
//! It can be read while the service runs (`meterline gaps` does so). An unreadable file
//! is logged and replaced by an empty one: the gaps of the time before are then
//! unknown, but no data is lost.

use super::gap::Gap;
use super::gaps::Gaps;
use super::holes::MeterHoles;
use super::meter_bytes::{METER_BYTES, from_bytes, to_bytes};
use super::parts::{Parts, PartsWriter};
use super::stored_gap::StoredGap;
use super::tracker::GapTracker;
use crate::base::file::{Rights, replace_with};
use crate::journal::{JournalId, Position, Sequence};
use crate::reading::MeterId;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// The file's name in the data directory.
pub const FILE: &str = "coverage";
/// Meters of one part.
const PART_METERS: usize = if cfg!(test) { 2 } else { 65_536 };

/// Why the coverage file cannot be stored or read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be {doing}: {source}", file.display())]
pub struct CoverageError {
    file: PathBuf,
    doing: &'static str,
    source: io::Error,
}

#[derive(Serialize, Deserialize)]
struct First<'a> {
    journal: Uuid,
    next: u64,
    next_gap: u64,
    meters: usize,
    sources: Cow<'a, [Arc<str>]>,
}

#[derive(Serialize, Deserialize)]
struct Last {
    gaps: Vec<StoredGap>,
    holes: Vec<(Uuid, MeterHoles)>,
}

/// The first part, with everything before `position` noted.
pub(super) fn first_part(known: &GapTracker, position: Position) -> io::Result<Vec<u8>> {
    let first = First {
        journal: position.journal.0,
        next: position.next.0,
        next_gap: known.gaps.next,
        meters: known.meters.len(),
        sources: Cow::Borrowed(known.sources.names()),
    };
    Ok(serde_json::to_vec(&first)?)
}

/// The `number`th part of the meters; empty beyond the last one.
pub(super) fn meters_part(known: &GapTracker, number: usize) -> Vec<u8> {
    let part = known.meters.iter().skip(number * PART_METERS).take(PART_METERS);
    part.flat_map(|(id, meter)| to_bytes(*id, meter)).collect()
}

/// The last part.
pub(super) fn last_part(known: &GapTracker) -> io::Result<Vec<u8>> {
    let gaps = known.gaps.iter().map(StoredGap::of).collect();
    let holes = known.holes.iter().map(|(id, holes)| (id.uuid(), holes.clone())).collect();
    Ok(serde_json::to_vec(&Last { gaps, holes })?)
}

/// Replaces the file with these parts: the first one, the parts of the meters up to an empty one, and the last one.
/// Returns its size in bytes.
pub(super) fn write_parts(
    file: &Path,
    first: io::Result<Vec<u8>>,
    meters: impl Fn(usize) -> Vec<u8>,
    last: impl Fn() -> io::Result<Vec<u8>>,
) -> Result<u64, CoverageError> {
    write(file, |parts| {
        parts.part(&first?)?;
        for number in 0.. {
            let part = meters(number);
            if part.is_empty() {
                break;
            }
            parts.part(&part)?;
        }
        parts.part(&last()?)
    })
}

/// Replaces the file with the parts that `write` writes. Returns its size in bytes.
fn write(file: &Path, write: impl FnOnce(&mut PartsWriter<'_>) -> io::Result<()>) -> Result<u64, CoverageError> {
    let mut bytes = 0;
    let replaced = replace_with(file, Rights::PRIVATE, |file| {
        let mut parts = PartsWriter::begin(file)?;
        write(&mut parts)?;
        bytes = parts.end()?;
        Ok(())
    });
    replaced.map(|()| bytes).map_err(|source| CoverageError { file: file.to_owned(), doing: "written", source })
}

/// The stored coverage of at most `meters_max` meters, or an empty one if the file cannot be read.
pub(super) fn read_or_start_empty(file: &Path, meters_max: usize) -> GapTracker {
    let known = load(file, meters_max).unwrap_or_else(|error| {
        tracing::warn!(%error, "the coverage file cannot be used; gaps are found again from the oldest record kept");
        None
    });
    known.unwrap_or_else(|| GapTracker { meters_max, ..GapTracker::default() })
}

/// The gaps stored in a data directory, oldest first, each with the number of
/// quarter-hours missing; empty if none was ever stored.
///
/// # Errors
/// A file that cannot be read.
pub fn read(data_directory: &Path) -> Result<Vec<(Gap, u64)>, CoverageError> {
    let known = load(&data_directory.join(FILE), 0)?.unwrap_or_default();
    Ok(known.gaps.iter().map(|gap| (gap.clone(), known.slots_missing(gap))).collect())
}

/// The number of followed meters that is stored in a data directory; 0 if none was ever stored.
///
/// # Errors
/// A file that cannot be read.
pub fn meters_stored(data_directory: &Path) -> Result<usize, CoverageError> {
    let file = data_directory.join(FILE);
    let read = |opened| {
        let first: First<'static> = serde_json::from_slice(&Parts::begin(opened)?.next()?)?;
        Ok(first.meters)
    };
    match File::open(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        opened => opened.and_then(read).map_err(|source| CoverageError { file, doing: "read", source }),
    }
}

pub(super) fn load(file: &Path, meters_max: usize) -> Result<Option<GapTracker>, CoverageError> {
    let failed = |source| CoverageError { file: file.to_owned(), doing: "read", source };
    match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.and_then(|file| from_file(file, meters_max)).map(Some).map_err(failed),
    }
}

fn from_file(file: File, meters_max: usize) -> io::Result<GapTracker> {
    let mut parts = Parts::begin(file)?;
    let first: First<'static> = serde_json::from_slice(&parts.next()?)?;
    let mut known = GapTracker {
        position: Some(Position { journal: JournalId(first.journal), next: Sequence(first.next) }),
        meters_max,
        ..GapTracker::default()
    };
    known.meters.reserve(first.meters.min(meters_max));
    let mut left = first.meters;
    while left > 0 {
        let part = parts.next()?;
        let (meters, rest) = part.as_chunks::<METER_BYTES>();
        if meters.is_empty() || !rest.is_empty() || meters.len() > left {
            return Err(io::Error::other("a part of its meters has a wrong length"));
        }
        left -= meters.len();
        for (id, mut meter) in meters.iter().map(from_bytes) {
            let source = first.sources.get(usize::from(meter.source.0));
            let source = source.ok_or_else(|| io::Error::other("it has a meter of an unknown source"))?;
            // A smaller budget than before: the meters beyond it are not tracked any more. A
            // source without meters is not kept either.
            if known.meters.len() < meters_max
                && let Some(source) = known.sources.index_of(source)
            {
                meter.source = source;
                known.meters.insert(id, meter);
            }
        }
    }
    let last: Last = serde_json::from_slice(&parts.next()?)?;
    parts.end()?;
    let gaps = last.gaps.into_iter().map(|gap| gap.gap().map(|gap| (gap.id, gap))).collect::<Option<_>>();
    let gaps = gaps.ok_or_else(|| io::Error::other("it has a gap without extent or with an unknown state"))?;
    known.gaps = Gaps::new(gaps, first.next_gap);
    known.holes = last.holes.into_iter().map(|(id, holes)| (MeterId::from(id), holes)).collect();
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::super::{Coverage, MEMORY_BYTES, Slot};
    use super::*;
    use crate::base::checked::every_flip;
    use crate::wire::SeenReading;
    use proptest::prelude::*;

    #[test]
    fn a_changed_bit_of_the_file_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let coverage = Coverage::open(directory.path(), MEMORY_BYTES);
        for (number, slots) in [(1, [0, 1, 2, 3, 7]), (2, [0, 1, 2, 3, 4]), (3, [0, 1, 2, 3, 5])] {
            for slot in slots {
                let at = Slot(2_000_000 + slot).time();
                let meter = MeterId::from(Uuid::from_u128(number));
                let seen = SeenReading { meter, at, has_counter: true, is_repair: false, is_row: false };
                coverage.note("home", at.saturating_add(60_000_000_000), [seen].into_iter());
            }
        }
        coverage.store(Position { journal: JournalId(Uuid::nil()), next: Sequence(7) }).unwrap();
        let file = directory.path().join(FILE);
        assert!(!read(directory.path()).unwrap().is_empty(), "it has gaps");
        let stored = std::fs::read(&file).unwrap();
        for damaged in every_flip(&stored) {
            std::fs::write(&file, &damaged).unwrap();
            let error = load(&file, 100).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(FILE), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes: Vec<u8>, has_first_line: bool) {
            let directory = tempfile::tempdir().unwrap();
            let bytes = if has_first_line { [super::super::parts::FIRST_LINE, &bytes].concat() } else { bytes };
            std::fs::write(directory.path().join(FILE), bytes).unwrap();
            prop_assert!(read(directory.path()).is_err());
        }
    }
}
