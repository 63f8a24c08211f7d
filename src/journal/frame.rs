//! A frame: one record inside a group.
//!
//! Payload length, CRC32C, sequence, record header, payload. The CRC covers the
//! length, the header and the payload, so it is computed by the appending thread
//! outside any lock. The sequence is filled in when the group is taken for its
//! commit; a reader compares it with the one that must come next.

use super::block::{BlockWriter, Fields};
use super::{RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use crate::reading::UnixNanos;

/// Bytes before the payload.
pub(super) const FRAME_HEADER_LEN: usize = 4 + 4 + 8 + FIELDS_LEN;
const FIELDS_LEN: usize = 8 + 4 + 4 + 2 + 1 + 1;
const SEQUENCE_AT: usize = 8;

/// The header of a frame, ready to be copied into a group.
pub(super) fn frame_header(header: &RecordHeader, payload: &[u8]) -> [u8; FRAME_HEADER_LEN] {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let fields = BlockWriter::<FIELDS_LEN>::new()
        .put(header.received.0.to_le_bytes())
        .put(header.source.0.to_le_bytes())
        .put(header.rule.0.to_le_bytes())
        .put(header.format.to_le_bytes())
        .put([verdict_number(header.verdict), 0]);
    let crc = crc_of(length, fields.filled(), payload);
    let mut bytes = [0; FRAME_HEADER_LEN];
    bytes[..4].copy_from_slice(&length);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    bytes[FRAME_HEADER_LEN - FIELDS_LEN..].copy_from_slice(fields.filled());
    bytes
}

/// Writes the sequences `first`, `first + 1` ... into consecutive frames.
pub(super) fn number_frames(mut frames: &mut [u8], first: Sequence) {
    let mut sequence = first;
    while let Some((header, rest)) = frames.split_first_chunk_mut::<FRAME_HEADER_LEN>() {
        header[SEQUENCE_AT..SEQUENCE_AT + 8].copy_from_slice(&sequence.0.to_le_bytes());
        let payload_len = payload_len(header);
        sequence = sequence.next();
        frames = rest.get_mut(payload_len..).unwrap_or_default();
    }
}

/// The payload's length according to the frame's header.
pub(super) fn payload_len(header: &[u8; FRAME_HEADER_LEN]) -> usize {
    let [a, b, c, d, ..] = *header;
    usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX)
}

/// A checked frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) header: RecordHeader,
    pub(super) payload: &'a [u8],
}

/// Parses a frame from exactly its bytes; `None` if it is damaged.
pub(super) fn parse_frame(bytes: &[u8], expected: Sequence) -> Option<Frame<'_>> {
    let mut fields = Fields(bytes);
    let length = fields.array::<4>()?;
    let crc = fields.u32()?;
    let sequence = fields.u64()?;
    let (body, payload) = fields.0.split_at_checked(FIELDS_LEN)?;
    let whole = usize::try_from(u32::from_le_bytes(length)).is_ok_and(|len| len == payload.len());
    if !whole || sequence != expected.0 || crc != crc_of(length, body, payload) {
        return None;
    }
    parse_fields(body).map(|header| Frame { header, payload })
}

fn parse_fields(body: &[u8]) -> Option<RecordHeader> {
    let mut fields = Fields(body);
    let received = UnixNanos(fields.i64()?);
    let source = SourceId(fields.u32()?);
    let rule = RuleVersion(fields.u32()?);
    let format = fields.u16()?;
    let verdict = Verdict::from_number(fields.u8()?)?;
    Some(RecordHeader { source, format, verdict, rule, received })
}

fn crc_of(length: [u8; 4], fields: &[u8], payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&length), fields);
    crc32c::crc32c_append(crc, payload)
}

fn verdict_number(verdict: Verdict) -> u8 {
    verdict as u8
}
