use super::*;
use proptest::prelude::*;

#[test]
fn an_offset_that_is_not_above_the_last_is_reported_and_changes_nothing() {
    let mut acked = AckedOffsets::default();
    acked.note(2, 10, b"a").unwrap();
    acked.note(2, 12, b"b").unwrap();
    let before = acked.clone();
    for offset in [0, 11, 12] {
        assert_eq!(acked.note(2, offset, b"c"), Err(OffsetRegression { partition: 2, offset, highest: 12 }));
    }
    assert_eq!(acked, before);
    // Another partition has offsets of its own.
    acked.note(0, 3, b"d").unwrap();
    assert_eq!(acked.iter().collect::<Vec<_>>(), [(0, acked_offset(3, b"d")), (2, acked_offset(12, b"b"))]);
}

#[test]
fn a_record_without_an_offset_or_of_a_partition_beyond_the_bound_does_not_count() {
    let mut acked = AckedOffsets::default();
    acked.note(0, -1, b"a").unwrap();
    acked.note(i32::try_from(PARTITIONS_MAX).unwrap(), 5, b"a").unwrap();
    acked.note(-1, 5, b"a").unwrap();
    assert!(acked.is_empty());
    assert_eq!(acked.to_string(), "-");
}

proptest! {
    #[test]
    fn tops_come_back_from_their_text_which_is_bounded(
        noted in prop::collection::vec((0_i32..256, 0_i64..=i64::MAX, any::<[u8; 3]>()), 0..300)
    ) {
        let mut acked = AckedOffsets::default();
        for (partition, offset, value) in noted {
            acked.note(partition, offset, &value).ok();
        }
        let text = acked.to_string();
        prop_assert!(text.len() <= TEXT_BYTES_MAX && !text.contains([' ', '\n']), "{text}");
        prop_assert_eq!(AckedOffsets::parse(&text), Some(acked));
    }
}

#[test]
fn a_text_of_another_kind_is_none() {
    for text in ["", "x", "1", "1.g", "1.2,", "1.2,,3.4", "1.2 3.4"] {
        assert_eq!(AckedOffsets::parse(text), None, "{text}");
    }
    assert_eq!(AckedOffsets::parse("-"), Some(AckedOffsets::default()));
}

#[test]
fn the_record_at_the_offset_decides() {
    let acked_offset = acked_offset(10, b"ours");
    for (seen, judged) in [
        (ReadBackResult::Record(checksum(b"ours")), AckStatus::Kept),
        (ReadBackResult::Record(checksum(b"another")), AckStatus::Lost),
        (ReadBackResult::LogEnded { end: 10 }, AckStatus::Lost),
        (ReadBackResult::LogEnded { end: 0 }, AckStatus::Lost),
        (ReadBackResult::NoPartition, AckStatus::Lost),
        (ReadBackResult::Expired, AckStatus::Unknown),
        (ReadBackResult::NoRecord, AckStatus::Unknown),
        (ReadBackResult::Forbidden, AckStatus::Unknown),
    ] {
        assert_eq!(ack_status(acked_offset, seen), judged, "{seen:?}");
    }
}

fn acked_offset(offset: i64, value: &[u8]) -> AckedOffset {
    AckedOffset { offset, checksum: checksum(value) }
}
