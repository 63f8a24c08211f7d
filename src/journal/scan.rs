//! Walks a segment's groups, and distinguishes a torn tail from damage.
//!
//! An offset without a valid group is a torn tail, unless a valid group header further on
//! records that this offset had been synced. Knows nothing of other segments and changes
//! nothing.
//!
//! Known limit: damage inside the last group cannot be distinguished from a torn tail,
//! because nothing after it records its sync. The closing group, written when the journal
//! idles or stops, keeps that window small.

use super::block::{BLOCK, BLOCK_LEN, in_memory, on_disk};
use super::disk::DiskFile;
use super::frame::{FRAME_HEADER_LEN, parse_frame, payload_len};
use super::group::{GROUP_HEADER_LEN, GroupHeader};
use super::segment_header::SegmentHeader;
use crate::reading::UnixNanos;
use std::io;

/// The size of a read while searching.
const SEARCH_BYTES: usize = 1024 * 1024;

/// The result of a scan.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// The end of the valid groups.
    pub(super) end: u64,
    /// The last valid group.
    pub(super) last: Option<ScannedGroup>,
    /// The newest receive time before the last group.
    pub(super) newest_before_last: UnixNanos,
    /// The offset up to which the segment was synced, according to its group headers.
    pub(super) synced_through: u64,
    /// Whether an interrupted write is at `end`.
    pub(super) is_torn: bool,
}

/// A valid group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScannedGroup {
    pub(super) header: GroupHeader,
    pub(super) newest_received: UnixNanos,
}

/// Why a segment cannot be trusted.
#[derive(Debug)]
pub(super) enum ScanFault {
    /// A synced offset has no valid group.
    Damaged {
        offset: u64,
    },
    Io(io::Error),
}

impl From<io::Error> for ScanFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Scan {
    /// The last group, if nothing proves that it was synced.
    pub(super) fn unproven(&self) -> Option<ScannedGroup> {
        self.last.filter(|last| last.header.count > 0 && last.header.end() > self.synced_through)
    }
}

/// Walks all groups of a segment.
pub(super) fn scan(file: &dyn DiskFile, segment: &SegmentHeader) -> Result<Scan, ScanFault> {
    let file_len = file.bytes_len()?;
    let nothing = UnixNanos(i64::MIN);
    let mut scan = Scan { end: BLOCK, last: None, newest_before_last: nothing, synced_through: BLOCK, is_torn: false };
    let mut next = segment.name.first;
    let mut bytes = Vec::new();
    while let Some(header) = group_header(file, segment, scan.end)?.filter(|header| header.first == next) {
        scan.synced_through = scan.synced_through.max(header.synced_through);
        let Some(newest_received) = read_group(file, &header, file_len, &mut bytes)? else { break };
        if let Some(before) = scan.last.replace(ScannedGroup { header, newest_received }) {
            scan.newest_before_last = scan.newest_before_last.max(before.newest_received);
        }
        scan.end = header.end();
        next = header.next();
    }
    if proof_beyond(file, segment, scan.end, file_len)? {
        return Err(ScanFault::Damaged { offset: scan.end });
    }
    scan.is_torn = !is_zero_block(file, scan.end)?;
    Ok(scan)
}

/// The bytes of a group, header and frames, if they are valid.
pub(super) fn read_group(
    file: &dyn DiskFile,
    header: &GroupHeader,
    file_len: u64,
    bytes: &mut Vec<u8>,
) -> io::Result<Option<UnixNanos>> {
    if header.end() > file_len {
        return Ok(None);
    }
    bytes.resize(in_memory(header.frames_end() - header.offset), 0);
    let read = file.read_at(bytes, header.offset)?;
    Ok(bytes.get(GROUP_HEADER_LEN..read).and_then(|frames| newest_of_frames(frames, header)))
}

/// Whether a segment with an unreadable header contains a group of its own.
pub(super) fn holds_own_group(file: &dyn DiskFile, segment_id: u64) -> io::Result<bool> {
    let file_len = file.bytes_len()?;
    any_header(file, BLOCK, file_len, |header, offset| header.segment_id == segment_id && header.offset == offset)
}

fn group_header(file: &dyn DiskFile, segment: &SegmentHeader, offset: u64) -> io::Result<Option<GroupHeader>> {
    let mut bytes = [0; GROUP_HEADER_LEN];
    let read = file.read_at(&mut bytes, offset)?;
    Ok(GroupHeader::parse_at(&bytes[..read], segment.salt, segment.name.id, offset))
}

/// The newest receive time of the frames; `None` if one is damaged.
fn newest_of_frames(mut frames: &[u8], header: &GroupHeader) -> Option<UnixNanos> {
    let mut newest = UnixNanos(i64::MIN);
    let mut sequence = header.first;
    for _ in 0..header.count {
        let len = FRAME_HEADER_LEN.checked_add(payload_len(frames.first_chunk()?))?;
        let (frame, rest) = frames.split_at_checked(len)?;
        newest = newest.max(parse_frame(frame, sequence)?.header.received);
        sequence = sequence.next();
        frames = rest;
    }
    frames.is_empty().then_some(newest)
}

/// Whether a valid group header behind `place` records that `place` was synced.
fn proof_beyond(file: &dyn DiskFile, segment: &SegmentHeader, place: u64, file_len: u64) -> io::Result<bool> {
    any_header(file, place + BLOCK, file_len, |header, offset| {
        let is_own = header.salt == segment.salt && header.segment_id == segment.name.id && header.offset == offset;
        is_own && header.synced_through > place
    })
}

/// Whether any block from `from` on begins with a valid group header that meets the condition.
fn any_header(
    file: &dyn DiskFile,
    from: u64,
    file_len: u64,
    condition: impl Fn(&GroupHeader, u64) -> bool,
) -> io::Result<bool> {
    let mut bytes = vec![0; SEARCH_BYTES];
    let mut offset = from;
    while offset < file_len {
        let read = file.read_at(&mut bytes, offset)?;
        if read == 0 {
            break;
        }
        for (block, at) in bytes[..read].chunks(BLOCK_LEN).zip((offset..).step_by(BLOCK_LEN)) {
            if GroupHeader::parse(block).is_some_and(|header| condition(&header, at)) {
                return Ok(true);
            }
        }
        offset += on_disk(read).next_multiple_of(BLOCK);
    }
    Ok(false)
}

fn is_zero_block(file: &dyn DiskFile, offset: u64) -> io::Result<bool> {
    let mut block = [0; BLOCK_LEN];
    let read = file.read_at(&mut block, offset)?;
    Ok(block[..read].iter().all(|byte| *byte == 0))
}
