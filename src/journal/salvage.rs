//! Salvage: finds the readable records of a damaged segment, one by one.
//!
//! Searches every group of the segment, also behind damage, and in a group every valid
//! frame. Changes nothing. Records are checked as in a reader, so nothing is returned
//! that was not written.

use super::block::{BLOCK, BLOCK_LEN, in_memory, on_disk};
use super::catalog::read_header;
use super::disk::DiskFile;
use super::frame::{FRAME_HEADER_LEN, Frame, parse_frame, payload_len};
use super::group::{GROUP_HEADER_BYTES, GroupHeader};
use super::segment_header::{HeaderFault, SegmentHeader};
use super::{SegmentName, Sequence};
use std::io;

/// A record of the segment.
#[derive(Debug, Clone, Copy)]
pub(super) enum SalvagedRecord<'a> {
    /// It is valid.
    Whole(Frame<'a>),
    /// It is unreadable.
    Lost,
}

/// The groups found in a damaged segment.
#[derive(Debug)]
pub(super) struct SalvageScan<'a> {
    file: &'a dyn DiskFile,
    name: SegmentName,
    /// Its header, if readable.
    pub(super) header: Result<SegmentHeader, HeaderFault>,
    groups: Vec<GroupHeader>,
}

impl<'a> SalvageScan<'a> {
    /// Finds the segment's groups.
    pub(super) fn of(file: &'a dyn DiskFile, name: SegmentName) -> io::Result<Self> {
        // A first block that the disk cannot read counts as damaged.
        let header = read_header(file, name).unwrap_or(Err(HeaderFault::Damaged));
        let mut salt = header.as_ref().ok().map(|header| header.salt);
        let mut groups: Vec<GroupHeader> = Vec::new();
        let mut block = [0; BLOCK_LEN];
        for offset in (BLOCK..file.bytes_len()?).step_by(BLOCK_LEN) {
            let Ok(read) = file.read_at(&mut block, offset) else { continue };
            let is_own = |group: &GroupHeader| {
                let follows = groups.last().is_none_or(|last| last.next() <= group.first);
                let is_here = group.segment_id == name.id && group.offset == offset && group.first >= name.first;
                is_here && follows && salt.is_none_or(|salt| salt == group.salt)
            };
            if let Some(group) = GroupHeader::parse(&block[..read]).filter(is_own) {
                salt = Some(group.salt);
                groups.push(group);
            }
        }
        Ok(Self { file, name, header, groups })
    }

    /// The record after the last group.
    pub(super) fn next(&self) -> Sequence {
        self.groups.last().map_or(self.name.first, GroupHeader::next)
    }

    /// Passes every record from the segment's first up to `until` to `take`, in order.
    pub(super) fn walk(
        &self,
        until: Sequence,
        mut take: impl FnMut(Sequence, SalvagedRecord<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut next = self.name.first;
        for group in self.groups.iter().filter(|group| group.first < until) {
            lost(&mut next, group.first, &mut take)?;
            let frames = self.read_lossy(group.offset + GROUP_HEADER_BYTES, in_memory(u64::from(group.frames_len)));
            let end = group.next().min(until);
            let mut rest = frames.as_slice();
            while next < end {
                let Some((piece, behind)) = first_frame(rest, next) else { break };
                take(next, piece)?;
                next = next.next();
                rest = behind;
            }
            lost(&mut next, end, &mut take)?;
        }
        lost(&mut next, until, &mut take)
    }

    /// The bytes, with zeros for unreadable blocks.
    fn read_lossy(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        if self.file.read_at(&mut bytes, offset).is_err() {
            bytes.fill(0);
            for (chunk, at) in bytes.chunks_mut(BLOCK_LEN).zip((offset..).step_by(BLOCK_LEN)) {
                if self.file.read_at(chunk, at).is_err() {
                    chunk.fill(0);
                }
            }
        }
        bytes
    }
}

/// The first frame and the bytes behind it. A damaged frame is skipped if the next frame
/// proves its length.
fn first_frame(bytes: &[u8], sequence: Sequence) -> Option<(SalvagedRecord<'_>, &[u8])> {
    let (frame, behind) = split_frame(bytes)?;
    if let Some(frame) = parse_frame(frame, sequence) {
        return Some((SalvagedRecord::Whole(frame), behind));
    }
    let (next, _) = split_frame(behind)?;
    parse_frame(next, sequence.next()).map(|_| (SalvagedRecord::Lost, behind))
}

fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = FRAME_HEADER_LEN.checked_add(payload_len(bytes.first_chunk()?))?;
    bytes.split_at_checked(len)
}

fn lost(
    next: &mut Sequence,
    until: Sequence,
    take: &mut impl FnMut(Sequence, SalvagedRecord<'_>) -> io::Result<()>,
) -> io::Result<()> {
    while *next < until {
        take(*next, SalvagedRecord::Lost)?;
        *next = next.next();
    }
    Ok(())
}

/// The maximum number of records in a file of this size.
pub(super) fn records_max(file_bytes: u64) -> u64 {
    file_bytes / on_disk(FRAME_HEADER_LEN)
}
