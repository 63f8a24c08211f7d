use super::*;
use proptest::prelude::*;

#[test]
fn an_offset_that_is_not_above_the_last_is_told_and_changes_nothing() {
    let mut tops = Tops::default();
    tops.note(2, 10, b"a").unwrap();
    tops.note(2, 12, b"b").unwrap();
    let before = tops.clone();
    for offset in [0, 11, 12] {
        assert_eq!(tops.note(2, offset, b"c"), Err(WentBack { partition: 2, offset, top: 12 }));
    }
    assert_eq!(tops, before);
    // Another partition has offsets of its own.
    tops.note(0, 3, b"d").unwrap();
    assert_eq!(tops.iter().collect::<Vec<_>>(), [(0, top(3, b"d")), (2, top(12, b"b"))]);
}

#[test]
fn a_record_without_an_offset_or_of_a_partition_beyond_the_bound_does_not_count() {
    let mut tops = Tops::default();
    tops.note(0, -1, b"a").unwrap();
    tops.note(i32::try_from(PARTITIONS_MAX).unwrap(), 5, b"a").unwrap();
    tops.note(-1, 5, b"a").unwrap();
    assert!(tops.is_empty());
    assert_eq!(tops.to_string(), "-");
}

proptest! {
    #[test]
    fn tops_come_back_from_their_text_which_is_bounded(
        noted in prop::collection::vec((0_i32..256, 0_i64..=i64::MAX, any::<[u8; 3]>()), 0..300)
    ) {
        let mut tops = Tops::default();
        for (partition, offset, value) in noted {
            tops.note(partition, offset, &value).ok();
        }
        let text = tops.to_string();
        prop_assert!(text.len() <= TEXT_BYTES_MAX && !text.contains([' ', '\n']), "{text}");
        prop_assert_eq!(Tops::parse(&text), Some(tops));
    }
}

#[test]
fn a_text_of_another_kind_is_none() {
    for text in ["", "x", "1", "1.g", "1.2,", "1.2,,3.4", "1.2 3.4"] {
        assert_eq!(Tops::parse(text), None, "{text}");
    }
    assert_eq!(Tops::parse("-"), Some(Tops::default()));
}

#[test]
fn what_is_found_at_the_offset_decides() {
    let top = top(10, b"ours");
    for (seen, judged) in [
        (Seen::Record(checksum(b"ours")), Verdict::Same),
        (Seen::Record(checksum(b"another")), Verdict::Lost),
        (Seen::Ends { end: 10 }, Verdict::Lost),
        (Seen::Ends { end: 0 }, Verdict::Lost),
        (Seen::NoPartition, Verdict::Lost),
        (Seen::Expired, Verdict::Unknown),
        (Seen::Nothing, Verdict::Unknown),
        (Seen::Forbidden, Verdict::Unknown),
    ] {
        assert_eq!(verdict(top, seen), judged, "{seen:?}");
    }
}

fn top(offset: i64, value: &[u8]) -> Top {
    Top { offset, checksum: checksum(value) }
}
