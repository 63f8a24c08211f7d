//! Every part of the format: read back as written, refused when changed, no panic on any bytes.

use super::super::block::BLOCK_LEN;
use super::super::disk::{self, SharedDisk};
use super::super::frame::{frame_header, number_frames, parse_frame};
use super::super::group::{GROUP_HEADER_LEN, GroupHeader};
use super::super::segment_header::{SegmentEnd, SegmentHeader};
use super::super::*;
use super::support::{Arc, UnixNanos};
use proptest::prelude::*;
use uuid::Uuid;

fn journal_id() -> impl Strategy<Value = JournalId> {
    any::<u128>().prop_map(|bits| JournalId(Uuid::from_u128(bits)))
}

fn segment_end() -> impl Strategy<Value = SegmentEnd> {
    any::<(u64, u64, u64, i64)>().prop_map(|(segment_id, offset, next, newest)| SegmentEnd {
        segment_id,
        offset,
        next: Sequence(next),
        newest_received: UnixNanos(newest),
    })
}

fn segment_header() -> impl Strategy<Value = SegmentHeader> {
    let ends = proptest::collection::vec(segment_end(), 0..100);
    (any::<(u64, u64, u64)>(), journal_id(), journal_id(), ends).prop_map(
        |((id, first, salt), journal, previous_journal, ends)| {
            let name = SegmentName { id, first: Sequence(first) };
            SegmentHeader { name, journal, previous_journal, salt, ends }
        },
    )
}

fn record_header() -> impl Strategy<Value = RecordHeader> {
    (any::<(u32, u16, u32, i64)>(), 0..3_u8).prop_map(|((source, format, rule, received), verdict)| RecordHeader {
        source: SourceId(source),
        format,
        verdict: Verdict::from_number(verdict).unwrap(),
        rule: RuleVersion(rule),
        received: UnixNanos(received),
    })
}

fn frame_of(header: &RecordHeader, payload: &[u8], sequence: Sequence) -> Vec<u8> {
    let mut frame = frame_header(header, payload).to_vec();
    frame.extend_from_slice(payload);
    number_frames(&mut frame, sequence);
    frame
}

proptest! {
    #[test]
    fn a_segment_header_is_read_back_and_refused_when_changed(
        header in segment_header(), at in 0..BLOCK_LEN, flip in 1..=u8::MAX,
    ) {
        let mut block = header.to_block();
        prop_assert_eq!(SegmentHeader::from_block(&block, header.name), Ok(header.clone()));
        block[at] ^= flip;
        prop_assert!(SegmentHeader::from_block(&block, header.name).is_err());
    }

    #[test]
    fn a_group_header_is_read_back_and_refused_when_changed_or_moved(
        numbers in any::<(u64, u64, u64, u64, u64)>(), sizes in any::<(u32, u32)>(),
        at in 0..GROUP_HEADER_LEN, flip in 1..=u8::MAX,
    ) {
        let (salt, segment_id, offset, first, synced_through) = numbers;
        let (count, frames_len) = sizes;
        let header = GroupHeader {
            salt, segment_id, offset, first: Sequence(first), count, frames_len, synced_through,
        };
        let mut bytes = header.to_bytes();
        prop_assert_eq!(GroupHeader::parse_at(&bytes, salt, segment_id, offset), Some(header));
        prop_assert_eq!(GroupHeader::parse_at(&bytes, salt, segment_id, offset ^ 4096), None);
        prop_assert_eq!(GroupHeader::parse_at(&bytes, !salt, segment_id, offset), None);
        bytes[at] ^= flip;
        prop_assert_eq!(GroupHeader::parse(&bytes), None);
    }

    #[test]
    fn a_frame_is_read_back_and_refused_when_changed_cut_or_out_of_order(
        header in record_header(), payload in proptest::collection::vec(any::<u8>(), 0..300),
        sequence in 0..u64::MAX, at in any::<prop::sample::Index>(), flip in 1..=u8::MAX,
    ) {
        let sequence = Sequence(sequence);
        let mut frame = frame_of(&header, &payload, sequence);
        let read = parse_frame(&frame, sequence).unwrap();
        prop_assert_eq!((read.header, read.payload), (header, payload.as_slice()));
        prop_assert_eq!(parse_frame(&frame, sequence.next()), None);
        prop_assert_eq!(parse_frame(&frame[..frame.len() - 1], sequence), None);
        let at = at.index(frame.len());
        frame[at] ^= flip;
        prop_assert_eq!(parse_frame(&frame, sequence), None);
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), block: Vec<u8>) {
        let name = SegmentName { id: 1, first: Sequence(1) };
        prop_assert!(SegmentHeader::from_block(&block, name).is_err());
        prop_assert!(GroupHeader::parse(&bytes).is_none());
        prop_assert!(parse_frame(&bytes, Sequence(1)).is_none());
        let mut bytes = bytes;
        number_frames(&mut bytes, Sequence(u64::MAX - 1));
        prop_assert_eq!(SegmentName::parse(&String::from_utf8_lossy(&bytes)), None);
    }

    #[test]
    fn small_files_of_any_text_are_read_or_refused_without_a_panic(
        text in "(([0-9a-f]{8} )?(cursor|revision|north)[ 0-9-]{0,20}\n){0,4}",
        cursor in "[ 0-9-]{0,40}",
    ) {
        // One whose checksum and journal id are right.
        let cursor = crate::base::checked::with_checksum(&format!("cursor {} {cursor}", Uuid::nil()));
        let disk = FaultyDisk::new(1);
        let shared: SharedDisk = Arc::new(disk.clone());
        disk::replace(&*shared, "cursor-questdb", cursor.as_bytes(), 1024).unwrap();
        for name in ["cursor-kafka", "sources", "rules", "lock"] {
            disk::replace(&*shared, name, text.as_bytes(), 1024).unwrap();
        }
        let opened = Journal::open_on(Arc::new(disk), Options::new("faulty"));
        prop_assert_eq!(opened.is_ok(), text.is_empty());
    }
}

#[test]
fn the_layout_is_format_version_1() {
    let id = |bits| JournalId(Uuid::from_u128(bits));
    let end = SegmentEnd { segment_id: 2, offset: 8_192, next: Sequence(5), newest_received: UnixNanos(9) };
    let name = SegmentName { id: 3, first: Sequence(5) };
    let header = SegmentHeader { name, journal: id(1), previous_journal: id(2), salt: 7, ends: vec![end] };
    let group = GroupHeader {
        salt: 7,
        segment_id: 3,
        offset: 4_096,
        first: Sequence(5),
        count: 1,
        frames_len: 37,
        synced_through: 4_096,
    };
    let record = RecordHeader {
        source: SourceId(1),
        format: 2,
        verdict: Verdict::Undecodable,
        rule: RuleVersion(4),
        received: UnixNanos(9),
    };
    // Files of this layout exist: a change here needs a new format version.
    let checksums =
        [&header.to_block()[..BLOCK_LEN - 4], &group.to_bytes()[..GROUP_HEADER_LEN - 4]].map(crc32c::crc32c);
    let frame = frame_of(&record, b"x", Sequence(5));
    assert_eq!((checksums, crc32c::crc32c(&frame)), ([2_956_143_738, 3_824_319_761], 3_211_753_905));
}
