//! The header of a group: all records of one commit.
//!
//! A group is this header and its frames, starting at a block boundary and padded with
//! zeros to the next. The header binds the group to its place (salt, segment, offset) and
//! contains the offset up to which the segment was synced before: this proves everything
//! before that offset.

use super::Sequence;
use super::block::{BlockWriter, Fields, is_sealed, round_up};

const MAGIC: [u8; 8] = *b"MTRLGRP\x01";
/// Bytes of the header.
pub(super) const GROUP_HEADER_LEN: usize = 64;
/// The same as a length on disk.
pub(super) const GROUP_HEADER_BYTES: u64 = 64;

/// The header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupHeader {
    pub(super) salt: u64,
    pub(super) segment_id: u64,
    /// Its own offset in the segment.
    pub(super) offset: u64,
    pub(super) first: Sequence,
    /// The number of records; zero in a closing group, which only proves the groups before.
    pub(super) count: u32,
    /// Bytes of the frames.
    pub(super) frames_len: u32,
    /// The offset up to which the segment was synced before this group was written.
    pub(super) synced_through: u64,
}

impl GroupHeader {
    pub(super) fn to_bytes(self) -> [u8; GROUP_HEADER_LEN] {
        BlockWriter::<GROUP_HEADER_LEN>::new()
            .put(MAGIC)
            .put(self.salt.to_le_bytes())
            .put(self.segment_id.to_le_bytes())
            .put(self.offset.to_le_bytes())
            .put(self.first.0.to_le_bytes())
            .put(self.count.to_le_bytes())
            .put(self.frames_len.to_le_bytes())
            .put(self.synced_through.to_le_bytes())
            .sealed()
    }

    /// The header at the front of the bytes, of any segment.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..GROUP_HEADER_LEN)?;
        let mut fields = Fields(bytes);
        if fields.array() != Some(MAGIC) || !is_sealed(bytes) {
            return None;
        }
        Some(Self {
            salt: fields.u64()?,
            segment_id: fields.u64()?,
            offset: fields.u64()?,
            first: Sequence(fields.u64()?),
            count: fields.u32()?,
            frames_len: fields.u32()?,
            synced_through: fields.u64()?,
        })
    }

    /// The header at the front of the bytes, if it belongs to this place.
    pub(super) fn parse_at(bytes: &[u8], salt: u64, segment_id: u64, offset: u64) -> Option<Self> {
        Self::parse(bytes).filter(|it| it.salt == salt && it.segment_id == segment_id && it.offset == offset)
    }

    /// The end of its frames.
    pub(super) fn frames_end(&self) -> u64 {
        self.offset + GROUP_HEADER_BYTES + u64::from(self.frames_len)
    }

    /// The start of the next group.
    pub(super) fn end(&self) -> u64 {
        round_up(self.frames_end())
    }

    /// The record after its last.
    pub(super) fn next(&self) -> Sequence {
        Sequence(self.first.0.saturating_add(u64::from(self.count)))
    }
}
