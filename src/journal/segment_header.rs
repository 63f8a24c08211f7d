//! The segment header in block 0: the journal, the first record, and the ends of the
//! segments before.
//!
//! Written once, synced before the segment gets its final name, never changed. The CRC is
//! the block's last four bytes.

use super::block::{BLOCK_LEN, BlockWriter, Fields, is_sealed};
use super::{JournalId, SegmentName, Sequence};
use crate::reading::UnixNanos;
use uuid::Uuid;

const MAGIC: [u8; 8] = *b"MTRLSEG\x01";
/// The format version of written segments, and the newest one that this program reads.
/// Numbers are never reused.
const FORMAT_VERSION: u16 = 1;
/// Fixed fields, and the CRC.
const FIXED_LEN: usize = 8 + 2 + 2 + 4 + 16 + 16 + 8 + 8 + 8 + 4;
const END_LEN: usize = 8 + 8 + 8 + 8;
/// The maximum number of ends. One is normal; more occur only if segments could not be created.
pub(super) const ENDS_MAX: usize = (BLOCK_LEN - FIXED_LEN) / END_LEN;

/// The end of a segment: nothing beyond it was ever acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentEnd {
    pub(super) segment_id: u64,
    pub(super) offset: u64,
    /// The record after its last.
    pub(super) next: Sequence,
    /// The newest receive time in it.
    pub(super) newest_received: UnixNanos,
}

/// The content of block 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) name: SegmentName,
    pub(super) journal: JournalId,
    /// The journal of the record before the first of this segment.
    pub(super) previous_journal: JournalId,
    /// Random; part of every group header, so that foreign bytes are never taken for a group.
    pub(super) salt: u64,
    pub(super) ends: Vec<SegmentEnd>,
}

/// Why block 0 is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    /// Torn or damaged.
    Damaged,
    /// Valid, but of a newer format version.
    TooNew { format_version: u16 },
}

impl SegmentHeader {
    pub(super) fn to_block(&self) -> [u8; BLOCK_LEN] {
        let ends = &self.ends[..self.ends.len().min(ENDS_MAX)];
        let count = u32::try_from(ends.len()).unwrap_or(0);
        let writer = BlockWriter::<BLOCK_LEN>::new()
            .put(MAGIC)
            .put(FORMAT_VERSION.to_le_bytes())
            // The oldest format version that a reader must know.
            .put(FORMAT_VERSION.to_le_bytes())
            .put(count.to_le_bytes())
            .put(self.journal.0.into_bytes())
            .put(self.previous_journal.0.into_bytes())
            .put(self.name.id.to_le_bytes())
            .put(self.name.first.0.to_le_bytes())
            .put(self.salt.to_le_bytes());
        ends.iter().fold(writer, put_end).sealed()
    }

    /// Parses block 0 of the segment with this name.
    pub(super) fn from_block(block: &[u8], name: SegmentName) -> Result<Self, HeaderFault> {
        if block.len() != BLOCK_LEN || !is_sealed(block) {
            return Err(HeaderFault::Damaged);
        }
        let mut fields = Fields(block);
        if fields.array() != Some(MAGIC) {
            return Err(HeaderFault::Damaged);
        }
        let (Some(format_version), Some(oldest_reader)) = (fields.u16(), fields.u16()) else {
            return Err(HeaderFault::Damaged);
        };
        if oldest_reader > FORMAT_VERSION {
            return Err(HeaderFault::TooNew { format_version });
        }
        parse_body(&mut fields).filter(|header| header.name == name).ok_or(HeaderFault::Damaged)
    }

    /// The end of an earlier segment, if this header records it.
    pub(super) fn end_of(&self, segment_id: u64) -> Option<SegmentEnd> {
        self.ends.iter().copied().find(|end| end.segment_id == segment_id)
    }
}

fn put_end(writer: BlockWriter<BLOCK_LEN>, end: &SegmentEnd) -> BlockWriter<BLOCK_LEN> {
    writer
        .put(end.segment_id.to_le_bytes())
        .put(end.offset.to_le_bytes())
        .put(end.next.0.to_le_bytes())
        .put(end.newest_received.0.to_le_bytes())
}

fn parse_body(fields: &mut Fields<'_>) -> Option<SegmentHeader> {
    let count = usize::try_from(fields.u32()?).ok().filter(|count| *count <= ENDS_MAX)?;
    let journal = JournalId(Uuid::from_bytes(fields.array()?));
    let previous_journal = JournalId(Uuid::from_bytes(fields.array()?));
    let name = SegmentName { id: fields.u64()?, first: Sequence(fields.u64()?) };
    let salt = fields.u64()?;
    let ends = (0..count).map(|_| parse_end(fields)).collect::<Option<Vec<_>>>()?;
    Some(SegmentHeader { name, journal, previous_journal, salt, ends })
}

fn parse_end(fields: &mut Fields<'_>) -> Option<SegmentEnd> {
    Some(SegmentEnd {
        segment_id: fields.u64()?,
        offset: fields.u64()?,
        next: Sequence(fields.u64()?),
        newest_received: UnixNanos(fields.i64()?),
    })
}
