//! The catalog: the existing segments, and the synced mark.
//!
//! The writer moves the synced mark only after a sync; readers see nothing beyond it.
//! Waits use one condition variable together with the mark, so no move is missed.

use super::block::BLOCK;
use super::disk::{DiskFile, SharedDisk};
use super::segment_header::{HeaderFault, SegmentHeader};
use super::{JournalId, ReadError, SegmentName, Sequence};
use crate::reading::UnixNanos;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// An existing segment file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: SegmentName,
    /// Its size on disk.
    bytes: AtomicU64,
    /// Read when first needed: an open reads only the last segment.
    header: OnceLock<Arc<SegmentHeader>>,
}

impl Segment {
    pub(super) fn new(name: SegmentName, bytes: u64) -> Self {
        Self { name, bytes: AtomicU64::new(bytes), header: OnceLock::new() }
    }

    pub(super) fn with_header(bytes: u64, header: Arc<SegmentHeader>) -> Self {
        Self { name: header.name, bytes: AtomicU64::new(bytes), header: OnceLock::from(header) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// The segments and the synced mark.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) disk: SharedDisk,
    state: Mutex<CatalogState>,
    moved: Condvar,
}

#[derive(Debug)]
struct CatalogState {
    /// By id, and so by first sequence.
    segments: Vec<Arc<Segment>>,
    /// The first sequence that is not synced.
    next: Sequence,
    /// The readable bytes of the last segment.
    readable_bytes: u64,
    /// The number of `wake` calls.
    wakes: u64,
}

/// The location of a record.
#[derive(Debug)]
pub(super) enum RecordLocation {
    /// Not synced yet.
    NotYet,
    /// Deleted.
    Retained { oldest: Sequence },
    /// In this segment, readable up to `readable_bytes`.
    In { segment: Arc<Segment>, readable_bytes: u64 },
}

impl Catalog {
    pub(super) fn new(disk: SharedDisk, segments: Vec<Arc<Segment>>, next: Sequence, readable_bytes: u64) -> Self {
        let state = CatalogState { segments, next, readable_bytes, wakes: 0 };
        Self { disk, state: Mutex::new(state), moved: Condvar::new() }
    }

    pub(super) fn next(&self) -> Sequence {
        self.state.lock().next
    }

    /// The oldest readable record; `next` if there is none.
    pub(super) fn oldest(&self) -> Sequence {
        let state = self.state.lock();
        state.segments.first().map_or(state.next, |segment| segment.name.first)
    }

    pub(super) fn segments(&self) -> Vec<Arc<Segment>> {
        self.state.lock().segments.clone()
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.state.lock().segments.iter().map(|segment| segment.bytes()).sum()
    }

    /// Bytes of the segments with records from `sequence` on, including the last segment.
    pub(super) fn bytes_from(&self, sequence: Sequence) -> u64 {
        let state = self.state.lock();
        let after = state.segments.partition_point(|segment| segment.name.first <= sequence);
        state.segments.iter().skip(after.saturating_sub(1)).map(|segment| segment.bytes()).sum()
    }

    /// The readable bytes from `sequence` on: whole segments, and of its own segment the share
    /// of its records.
    pub(super) fn readable_bytes_from(&self, sequence: Sequence) -> u64 {
        let state = self.state.lock();
        let last = state.segments.len().saturating_sub(1);
        let bytes = |(index, segment): (usize, &Arc<Segment>)| {
            let first = segment.name.first.0;
            let next = state.segments.get(index + 1).map_or(state.next, |after| after.name.first).0;
            let end = if index == last { state.readable_bytes } else { segment.bytes() };
            let records = next.saturating_sub(first);
            let wanted = next.saturating_sub(sequence.0).min(records);
            let share = u128::from(end.saturating_sub(BLOCK)) * u128::from(wanted) / u128::from(records.max(1));
            u64::try_from(share).unwrap_or(u64::MAX)
        };
        state.segments.iter().enumerate().map(bytes).sum()
    }

    /// The first record of the newest segments that together have at most `bytes_max`.
    pub(super) fn newest_within(&self, bytes_max: u64) -> Sequence {
        let state = self.state.lock();
        let mut bytes = 0_u64;
        let within = state.segments.iter().rev().take_while(|segment| {
            bytes = bytes.saturating_add(segment.bytes());
            bytes <= bytes_max
        });
        within.last().map_or(state.next, |segment| segment.name.first)
    }

    pub(super) fn locate(&self, sequence: Sequence) -> RecordLocation {
        let state = self.state.lock();
        if sequence >= state.next {
            return RecordLocation::NotYet;
        }
        let after = state.segments.partition_point(|segment| segment.name.first <= sequence);
        let Some(segment) = after.checked_sub(1).and_then(|index| state.segments.get(index)) else {
            return RecordLocation::Retained { oldest: state.segments.first().map_or(state.next, |it| it.name.first) };
        };
        let readable_bytes = if after == state.segments.len() { state.readable_bytes } else { u64::MAX };
        RecordLocation::In { segment: Arc::clone(segment), readable_bytes }
    }

    /// Adds an empty segment.
    pub(super) fn begin(&self, segment: Arc<Segment>) {
        let mut state = self.state.lock();
        state.segments.push(segment);
        state.readable_bytes = BLOCK;
    }

    /// Moves the synced mark to `next`, at `readable_bytes` of the last segment.
    pub(super) fn advance(&self, next: Sequence, readable_bytes: u64) {
        let mut state = self.state.lock();
        state.next = next;
        state.readable_bytes = readable_bytes;
        drop(state);
        self.moved.notify_all();
    }

    pub(super) fn forget(&self, name: SegmentName) {
        self.state.lock().segments.retain(|segment| segment.name != name);
    }

    pub(super) fn wait_beyond(&self, next: Sequence, timeout: Duration) -> bool {
        let mut state = self.state.lock();
        let wakes = state.wakes;
        self.moved.wait_while_for(&mut state, |state| state.next <= next && state.wakes == wakes, timeout);
        state.next > next
    }

    pub(super) fn wake(&self) {
        self.state.lock().wakes += 1;
        self.moved.notify_all();
    }

    /// Opens a segment for reading, with its header.
    pub(super) fn open(&self, segment: &Segment) -> Result<(Box<dyn DiskFile>, Arc<SegmentHeader>), ReadError> {
        let io = |source| self.io_error(segment.name, source);
        let file = self.disk.open(&segment.name.to_string()).map_err(io)?;
        if let Some(header) = segment.header.get() {
            return Ok((file, Arc::clone(header)));
        }
        match read_header(&*file, segment.name).map_err(io)? {
            Ok(header) => Ok((file, Arc::clone(segment.header.get_or_init(|| Arc::new(header))))),
            Err(HeaderFault::Damaged) => Err(self.damaged(segment.name, 0, segment.name.first)),
            Err(HeaderFault::TooNew { format_version }) => {
                let directory = self.disk.path().to_owned();
                Err(ReadError::TooNew { directory, segment: segment.name, format_version })
            }
        }
    }

    pub(super) fn header(&self, segment: &Segment) -> Result<Arc<SegmentHeader>, ReadError> {
        match segment.header.get() {
            Some(header) => Ok(Arc::clone(header)),
            None => self.open(segment).map(|(_, header)| header),
        }
    }

    /// The journal a segment belongs to.
    pub(super) fn journal_of(&self, segment: &Segment) -> Result<JournalId, ReadError> {
        self.header(segment).map(|header| header.journal)
    }

    /// The newest receive time in a segment other than the last, if the next segment's
    /// header records it.
    pub(super) fn newest_received(&self, segment: &Segment) -> Option<UnixNanos> {
        let segments = self.segments();
        let next = segments.iter().find(|other| other.name.id > segment.name.id)?;
        self.header(next).ok()?.end_of(segment.name.id).map(|end| end.newest_received)
    }

    pub(super) fn io_error(&self, name: SegmentName, source: io::Error) -> ReadError {
        ReadError::Io { directory: self.disk.path().to_owned(), file: name.to_string(), source }
    }

    pub(super) fn damaged(&self, segment: SegmentName, offset: u64, sequence: Sequence) -> ReadError {
        ReadError::Damaged { directory: self.disk.path().to_owned(), segment, offset, sequence }
    }
}

/// Reads block 0.
pub(super) fn read_header(file: &dyn DiskFile, name: SegmentName) -> io::Result<Result<SegmentHeader, HeaderFault>> {
    let mut block = [0; super::block::BLOCK_LEN];
    let read = file.read_at(&mut block, 0)?;
    Ok(SegmentHeader::from_block(&block[..read], name))
}
