//! Reads records in order, through all segments, up to the synced mark.
//!
//! All returned bytes were checked against their CRC. After an error the next read tries
//! the same record again.

use super::block::{BLOCK, in_memory, on_disk};
use super::catalog::{Catalog, RecordLocation, Segment};
use super::disk::DiskFile;
use super::frame::{FRAME_HEADER_LEN, parse_frame, payload_len};
use super::group::{GROUP_HEADER_BYTES, GROUP_HEADER_LEN, GroupHeader};
use super::segment_header::SegmentHeader;
use super::{ReadError, Record, RecordHeader, Sequence};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// The size of a read, if that much is readable. The buffer is larger only for a larger
/// record.
const CHUNK_BYTES: usize = 256 * 1024;

/// Reads records, oldest first; only synced ones.
#[derive(Debug)]
pub struct Reader {
    catalog: Arc<Catalog>,
    next: Sequence,
    place: Option<ReadPosition>,
    window: Window,
}

/// The reader's position in a segment.
#[derive(Debug)]
struct ReadPosition {
    segment: Arc<Segment>,
    header: Arc<SegmentHeader>,
    file: Box<dyn DiskFile>,
    /// The offset of the next group, or of the next frame inside a group.
    offset: u64,
    /// The record at that offset.
    sequence: Sequence,
    /// The current group, while frames are left.
    group: Option<GroupHeader>,
}

/// A checked frame in the window.
#[derive(Debug)]
struct FoundFrame {
    sequence: Sequence,
    header: RecordHeader,
    payload: Range<usize>,
}

impl Reader {
    /// A reader that starts at `from`, which must exist or be the next record.
    pub(super) fn within(catalog: &Arc<Catalog>, from: Sequence) -> Result<Self, ReadError> {
        let (oldest, next) = (catalog.oldest(), catalog.next());
        if from < oldest {
            Err(ReadError::Retained { wanted: from, oldest })
        } else if from > next {
            Err(ReadError::Beyond { wanted: from, next })
        } else {
            Ok(Self { catalog: Arc::clone(catalog), next: from, place: None, window: Window::default() })
        }
    }

    /// The record that the next [`Reader::read`] returns.
    pub fn next_sequence(&self) -> Sequence {
        self.next
    }

    /// Continues at a later record, which must exist or be the next one.
    pub fn skip_to(&mut self, next: Sequence) {
        self.next = self.next.max(next);
        // An open file would keep the space of a segment that retention has deleted.
        if self.place.as_ref().is_some_and(|place| place.sequence < self.catalog.oldest()) {
            self.place = None;
            self.window.forget();
        }
    }

    /// The next record; `None` if no more are synced yet.
    ///
    /// # Errors
    /// Damage, a record deleted by retention, or a failing disk.
    pub fn read(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        match self.find_next() {
            Ok(None) => Ok(None),
            Ok(Some((place_journal, found))) => Ok(Some(Record {
                journal: place_journal,
                sequence: found.sequence,
                header: found.header,
                payload: &self.window.bytes[found.payload],
            })),
            Err(error) => {
                self.place = None;
                self.window.forget();
                Err(error)
            }
        }
    }

    fn find_next(&mut self) -> Result<Option<(super::JournalId, FoundFrame)>, ReadError> {
        loop {
            if self.place.as_ref().is_none_or(|place| place.group.is_none()) && !self.step_to_group()? {
                return Ok(None);
            }
            if let Some(place) = self.place.as_mut().filter(|place| place.group.is_some()) {
                let found = place.read_frame(&mut self.window, &self.catalog)?;
                if found.sequence == self.next {
                    self.next = self.next.next();
                    return Ok(Some((place.header.journal, found)));
                }
            }
        }
    }

    /// Enters the next group, or skips one before the wanted record. False if none is synced.
    fn step_to_group(&mut self) -> Result<bool, ReadError> {
        let (segment, readable_bytes) = match self.catalog.locate(self.next) {
            RecordLocation::NotYet => return Ok(false),
            RecordLocation::Retained { oldest } => return Err(ReadError::Retained { wanted: self.next, oldest }),
            RecordLocation::In { segment, readable_bytes } => (segment, readable_bytes),
        };
        if self.place.as_ref().is_none_or(|place| place.segment.name != segment.name) {
            self.window.forget();
            self.place = Some(self.open(segment)?);
        }
        if let Some(place) = &mut self.place {
            place.read_group_header(&mut self.window, &self.catalog, readable_bytes, self.next)?;
        }
        Ok(true)
    }

    fn open(&self, segment: Arc<Segment>) -> Result<ReadPosition, ReadError> {
        match self.catalog.open(&segment) {
            Ok((file, header)) => {
                let sequence = segment.name.first;
                Ok(ReadPosition { segment, header, file, offset: BLOCK, sequence, group: None })
            }
            Err(error) => match self.catalog.locate(self.next) {
                // Retention deleted the file between the look-up and the open.
                RecordLocation::Retained { oldest } => Err(ReadError::Retained { wanted: self.next, oldest }),
                _ => Err(error),
            },
        }
    }
}

impl ReadPosition {
    fn read_group_header(
        &mut self,
        window: &mut Window,
        catalog: &Catalog,
        readable_bytes: u64,
        wanted: Sequence,
    ) -> Result<(), ReadError> {
        let bytes = window
            .read(&*self.file, self.offset, GROUP_HEADER_LEN, readable_bytes)
            .map_err(|source| catalog.io_error(self.segment.name, source))?;
        let group = bytes
            .and_then(|range| {
                let (salt, id) = (self.header.salt, self.header.name.id);
                GroupHeader::parse_at(&window.bytes[range], salt, id, self.offset)
            })
            .filter(|group| group.first == self.sequence && group.end() <= readable_bytes)
            .ok_or_else(|| catalog.damaged(self.segment.name, self.offset, wanted))?;
        if group.next() <= wanted {
            self.offset = group.end();
            self.sequence = group.next();
        } else {
            self.offset += GROUP_HEADER_BYTES;
            self.group = Some(group);
        }
        Ok(())
    }

    /// Reads the current frame and moves past it.
    fn read_frame(&mut self, window: &mut Window, catalog: &Catalog) -> Result<FoundFrame, ReadError> {
        let damaged = || catalog.damaged(self.segment.name, self.offset, self.sequence);
        let io = |source| catalog.io_error(self.segment.name, source);
        let group = self.group.ok_or_else(damaged)?;
        let frames_end = group.frames_end();
        let range = window.read(&*self.file, self.offset, FRAME_HEADER_LEN, frames_end).map_err(io)?;
        let frame_header = range.and_then(|range| window.bytes[range].first_chunk().copied()).ok_or_else(damaged)?;
        let frame_len = payload_len(&frame_header).saturating_add(FRAME_HEADER_LEN);
        let range = window.read(&*self.file, self.offset, frame_len, frames_end).map_err(io)?.ok_or_else(damaged)?;
        let frame = parse_frame(&window.bytes[range.clone()], self.sequence).ok_or_else(damaged)?;
        let found = FoundFrame {
            sequence: self.sequence,
            header: frame.header,
            payload: range.start + FRAME_HEADER_LEN..range.end,
        };
        self.offset += on_disk(frame_len);
        self.sequence = self.sequence.next();
        if self.sequence >= group.next() {
            self.offset = group.end();
            self.group = None;
        }
        Ok(found)
    }
}

/// The part of the file that is in memory.
#[derive(Debug, Default)]
struct Window {
    bytes: Vec<u8>,
    /// The number of bytes read.
    filled: usize,
    /// Their offset in the file.
    offset: u64,
}

impl Window {
    fn forget(&mut self) {
        self.filled = 0;
    }

    /// The range in `bytes` of the requested part; `None` if the file, or its readable part, ends before.
    fn read(
        &mut self,
        file: &dyn DiskFile,
        offset: u64,
        len: usize,
        readable_bytes: u64,
    ) -> io::Result<Option<Range<usize>>> {
        let readable = in_memory(readable_bytes.saturating_sub(offset));
        if len > readable {
            return Ok(None);
        }
        if let Some(range) = self.range_of(offset, len) {
            return Ok(Some(range));
        }
        // Beyond the current frame, only bytes known to be synced are read ahead.
        let wanted = len.max(CHUNK_BYTES.min(readable));
        if self.bytes.len() < wanted || self.bytes.len() > CHUNK_BYTES.max(wanted) {
            self.bytes = vec![0; wanted.max(CHUNK_BYTES)];
        }
        self.offset = offset;
        self.filled = 0;
        self.filled = file.read_at(&mut self.bytes[..wanted], offset)?;
        Ok(self.range_of(offset, len))
    }

    fn range_of(&self, offset: u64, len: usize) -> Option<Range<usize>> {
        let start = in_memory(offset.checked_sub(self.offset)?);
        let end = start.checked_add(len)?;
        (end <= self.filled).then_some(start..end)
    }
}
