//! `meterline journal repair`, which rebuilds a damaged segment, and `journal restore`.
//!
//! A repair rewrites the segment from the records that can be read, with the same position
//! and name; the damaged file is kept under another name. Each unreadable record is
//! replaced by a record of verdict [`Verdict::Lost`], so no sequence is skipped or reused.
//! Order: first the gap records are durable, then the new file, then it atomically
//! replaces the damaged one. A crash in between leaves the damage, to be repaired again.

use super::block::{BLOCK, on_disk};
use super::disk::{Disk, DiskFile, RealDisk, SharedDisk, TEMPORARY_SUFFIX};
use super::frame::frame_header;
use super::lock::Lock;
use super::pending::{GroupBuffer, GroupLocation};
use super::recover::segment_names;
use super::salvage::{SalvageScan, SalvagedRecord, records_max};
use super::scan::scan;
use super::segment_header::{HeaderFault, SegmentHeader};
use super::{
    Cursors, Gap, GapReason, Gaps, JournalId, OpenError, RecordHeader, RuleVersion, SegmentName, Sequence, SourceId,
    Verdict,
};
use crate::reading::UnixNanos;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// The approximate size of the new file's groups.
const GROUP_BYTES: u64 = 1 << 20;
/// The maximum number of damaged files kept of one segment.
const ASIDE_MAX: u32 = 100;

/// The report of a repair, or of a check for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The segment.
    pub segment: SegmentName,
    /// The number of readable records.
    pub kept: u64,
    /// The unreadable records, as ranges.
    pub lost: Vec<Range<u64>>,
    /// The new name of the damaged file; `None` if nothing was changed.
    pub aside: Option<String>,
}

/// Why a segment was not repaired. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// There is no such segment.
    #[error("there is no segment {0} in {directory}; `meterline journal` lists the existing ones", directory = .1.display())]
    Missing(u64, PathBuf),
    /// The segment is not damaged.
    #[error("segment {0} is not damaged: there is nothing to repair")]
    Whole(SegmentName),
    /// More is missing than a segment can hold.
    #[error(
        "{missing} records are missing after segment {segment}, more than it can have contained: a segment file was removed; restore it"
    )]
    TooMany {
        /// The segment before the missing records.
        segment: SegmentName,
        /// Records from its first to the next segment's.
        missing: u64,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A system call failed.
    #[error("the journal in {directory} cannot be repaired: {source}", directory = .directory.display())]
    Io {
        /// The journal's directory.
        directory: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Checks a segment of a journal that no service has open, and with `is_meant` replaces it
/// by its readable records.
///
/// # Errors
/// See [`RepairError`].
pub fn repair(directory: &Path, segment_id: u64, now: UnixNanos, is_meant: bool) -> Result<Repair, RepairError> {
    let disk = RealDisk::create(directory).map_err(|source| io_error(directory, source))?;
    repair_on(&(Arc::new(disk) as SharedDisk), segment_id, now, is_meant)
}

/// Sets a new journal id for a directory that no service has open and that was restored
/// from a copy: new records must not be taken for the records that followed the copy.
///
/// # Errors
/// See [`RepairError`].
pub fn restore(directory: &Path) -> Result<JournalId, RepairError> {
    let disk = RealDisk::create(directory).map_err(|source| io_error(directory, source))?;
    restore_on(&disk)
}

pub(super) fn restore_on(disk: &dyn Disk) -> Result<JournalId, RepairError> {
    let io = |source| io_error(disk.path(), source);
    let lock = Lock::take(disk).map_err(io)?;
    let mut lock = lock.ok_or_else(|| OpenError::Locked { directory: disk.path().to_owned() })?;
    lock.renew().map_err(io)
}

pub(super) fn repair_on(
    disk: &SharedDisk,
    segment_id: u64,
    now: UnixNanos,
    is_meant: bool,
) -> Result<Repair, RepairError> {
    let directory = disk.path().to_owned();
    let io = |source| io_error(&directory, source);
    let lock = Lock::take(&**disk).map_err(io)?;
    let lock = lock.ok_or_else(|| OpenError::Locked { directory: directory.clone() })?;
    let names = segment_names(&**disk)?;
    let place = names.iter().position(|name| name.id == segment_id);
    let place = place.ok_or_else(|| RepairError::Missing(segment_id, directory.clone()))?;
    let name = names[place];
    let file = disk.open(&name.to_string()).map_err(io)?;
    let salvage = SalvageScan::of(&*file, name).map_err(io)?;
    if let Err(HeaderFault::TooNew { format_version }) = salvage.header {
        return Err(OpenError::TooNew { directory, segment: name, format_version }.into());
    }
    let until = names.get(place + 1).map_or_else(|| salvage.next(), |next| next.first);
    let missing = until.0.saturating_sub(name.first.0);
    if missing > records_max(file.bytes_len().map_err(io)?).max(salvage.next().0 - name.first.0) {
        return Err(RepairError::TooMany { segment: name, missing });
    }
    let mut found = Repair { segment: name, kept: 0, lost: Vec::new(), aside: None };
    salvage
        .walk(until, |sequence, piece| {
            found.note(sequence, piece);
            Ok(())
        })
        .map_err(io)?;
    let is_whole = salvage.header.as_ref().is_ok_and(|header| scan(&*file, header).is_ok());
    if is_whole && found.lost.is_empty() {
        return Err(RepairError::Whole(name));
    }
    if is_meant {
        note_gaps(disk, &found.lost, now)?;
        let header = new_header(&**disk, &salvage, &names, place, lock.journal);
        found.aside = Some(rebuild(&**disk, &salvage, &header, until).map_err(io)?);
    }
    Ok(found)
}

impl Repair {
    fn note(&mut self, sequence: Sequence, piece: SalvagedRecord<'_>) {
        match (piece, self.lost.last_mut()) {
            (SalvagedRecord::Whole(_), _) => self.kept += 1,
            (SalvagedRecord::Lost, Some(last)) if last.end == sequence.0 => last.end += 1,
            (SalvagedRecord::Lost, _) => self.lost.push(sequence.0..sequence.0 + 1),
        }
    }
}

/// Adds a gap record for the journal, and one for every sink that had not received the records.
fn note_gaps(disk: &SharedDisk, lost: &[Range<u64>], now: UnixNanos) -> Result<(), RepairError> {
    let io = |source| io_error(disk.path(), source);
    let cursors = Cursors::read(Arc::clone(disk)).map_err(io)?;
    let gaps = Gaps::read(Arc::clone(disk)).map_err(io)?;
    let needs = |(name, cursor): (String, Option<super::Cursor>)| {
        (name, cursor.map_or(Sequence::FIRST, |cursor| cursor.position.next))
    };
    let sinks: Vec<_> = cursors.list().into_iter().map(needs).collect();
    for range in lost {
        let all = std::iter::once((Gap::JOURNAL.to_owned(), Sequence(range.start))).chain(sinks.iter().cloned());
        for (sink, next) in all.filter(|(_, next)| next.0 < range.end) {
            let (from, until) = (next.max(Sequence(range.start)), Sequence(range.end));
            let gap = Gap { sink, from, until, at: now, reason: GapReason::Repair };
            gaps.add(gap).map_err(|error| io(io::Error::other(error)))?;
        }
    }
    Ok(())
}

/// A header from the damaged one or from the neighbours, with a new salt.
fn new_header(
    disk: &dyn Disk,
    salvage: &SalvageScan<'_>,
    names: &[SegmentName],
    place: usize,
    current: JournalId,
) -> SegmentHeader {
    let salt = Uuid::new_v4().as_u64_pair().0;
    if let Ok(header) = &salvage.header {
        return SegmentHeader { salt, ..header.clone() };
    }
    let neighbour = |name: Option<&SegmentName>| {
        let file = disk.open(&name?.to_string()).ok()?;
        super::catalog::read_header(&*file, *name?).ok()?.ok()
    };
    let before = place.checked_sub(1).and_then(|place| neighbour(names.get(place))).map(|header| header.journal);
    let after = neighbour(names.get(place + 1)).map(|header| header.previous_journal);
    let journal = after.or(before).unwrap_or(current);
    SegmentHeader { name: names[place], journal, previous_journal: before.unwrap_or(journal), salt, ends: Vec::new() }
}

/// Writes the new segment, replaces the old one, and returns the damaged file's name.
fn rebuild(disk: &dyn Disk, salvage: &SalvageScan<'_>, header: &SegmentHeader, until: Sequence) -> io::Result<String> {
    let name = header.name.to_string();
    let temporary = format!("{name}{TEMPORARY_SUFFIX}");
    let file = disk.open_or_create(&temporary)?;
    file.set_len(0)?;
    file.write_at(&header.to_block(), 0)?;
    let mut rebuilt = Rebuilt::new(&*file, header);
    salvage.walk(until, |_, piece| rebuilt.push(piece))?;
    rebuilt.finish()?;
    let aside = set_aside(disk, &name)?;
    disk.rename(&temporary, &name)?;
    disk.sync_names()?;
    Ok(aside)
}

/// Links the damaged file to a second name, durably.
fn set_aside(disk: &dyn Disk, name: &str) -> io::Result<String> {
    for number in 1..=ASIDE_MAX {
        let aside = format!("{name}.damaged-{number}");
        match disk.link(name, &aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return disk.sync_names().map(|()| aside),
        }
    }
    Err(io::Error::other(format!("{ASIDE_MAX} damaged files of {name} already exist; move them elsewhere")))
}

/// The new file while it is written.
struct Rebuilt<'a> {
    file: &'a dyn DiskFile,
    place: GroupLocation,
    group: GroupBuffer,
    newest: UnixNanos,
}

impl<'a> Rebuilt<'a> {
    fn new(file: &'a dyn DiskFile, header: &SegmentHeader) -> Self {
        let place =
            GroupLocation { salt: header.salt, segment_id: header.name.id, offset: BLOCK, first: header.name.first };
        Self { file, place, group: GroupBuffer::empty(Vec::new()), newest: UnixNanos(i64::MIN) }
    }

    fn push(&mut self, piece: SalvagedRecord<'_>) -> io::Result<()> {
        let (header, payload) = match piece {
            SalvagedRecord::Whole(frame) => (frame.header, frame.payload),
            SalvagedRecord::Lost => (lost_header(self.newest), [].as_slice()),
        };
        self.newest = self.newest.max(header.received);
        if self.group.count() > 0 && self.group.bytes_on_disk() + on_disk(payload.len()) > GROUP_BYTES {
            self.write()?;
        }
        // No caller waits for it.
        drop(self.group.push(&frame_header(&header, payload), payload, &header));
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_at(self.group.seal(&self.place), self.place.offset)?;
        self.place.offset += self.group.bytes_on_disk();
        self.place.first = Sequence(self.place.first.0 + u64::from(self.group.count()));
        self.group = GroupBuffer::empty(Vec::new());
        Ok(())
    }

    /// Writes the closing group, which proves all groups before it.
    fn finish(mut self) -> io::Result<()> {
        if self.group.count() > 0 {
            self.write()?;
        }
        self.file.sync()?;
        self.write()?;
        self.file.sync()
    }
}

fn lost_header(received: UnixNanos) -> RecordHeader {
    RecordHeader { source: SourceId(0), format: 0, verdict: Verdict::Lost, rule: RuleVersion(0), received }
}

fn io_error(directory: &Path, source: io::Error) -> RepairError {
    RepairError::Io { directory: directory.to_owned(), source }
}
