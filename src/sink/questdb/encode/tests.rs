//! The bytes of a request's rows.

use super::*;
use proptest::prelude::*;
use uuid::Uuid;

const RECEIVED: UnixNanos = UnixNanos(1_700_000_000_000_000_001);
const OBIS: Obis = Obis([1, 0, 1, 8, 0, 255]);

fn origin(sequence: u64, index: u32, at: i64) -> Origin {
    Origin {
        journal: JournalId(Uuid::from_u128(7)),
        sequence: Sequence(sequence),
        index,
        meter: MeterId::from(Uuid::from_u128(0x1234_5678)),
        at: UnixNanos(at),
    }
}

fn reading(origin: Origin) -> ReadingRows<'static> {
    ReadingRows::of(origin, "home", RECEIVED, Flags::NONE)
}

fn body(rows: &mut Rows, left_out: &BTreeSet<usize>) -> Bytes {
    let whole = rows.take_body();
    let body = rows.body_without(&whole, left_out);
    rows.put_back(whole);
    body
}

fn rows() -> Rows {
    Rows::new(TableName::parse("samples").unwrap(), 4)
}

fn sample(value: f64) -> Sample {
    Sample { obis: OBIS, value }
}

/// A row as the protocol's page says, with a double in its binary form.
fn expected(value: f64, flags: &str, at: i64) -> Vec<u8> {
    let mut row = b"samples,obis=1-0:1.8.0*255,source=home \
        meter=\"00000000-0000-0000-0000-000012345678\",value==\x10"
        .to_vec();
    row.extend_from_slice(&value.to_le_bytes());
    row.extend_from_slice(format!(",received=1700000000000000001n{flags} {at}n\n").as_bytes());
    row
}

#[test]
fn a_row_holds_the_columns_symbols_first_and_times_in_nanoseconds() {
    let mut rows = rows();
    rows.push(&reading(origin(1, 0, 1_700_000_000_000_000_123)), sample(0.1));
    assert_eq!(body(&mut rows, &BTreeSet::new()), expected(0.1, "", 1_700_000_000_000_000_123));
}

#[test]
fn flags_are_sent_where_there_are_any() {
    let mut rows = rows();
    let flagged = ReadingRows::of(origin(1, 0, 5), "home", RECEIVED, Flags::LOCAL_TIME | Flags::TEST);
    rows.push(&flagged, sample(1.0));
    assert_eq!(body(&mut rows, &BTreeSet::new()), expected(1.0, ",flags=34i", 5));
}

#[test]
fn a_row_that_cannot_be_encoded_is_named_and_spoils_none_after_it() {
    let mut rows = rows();
    rows.push(&reading(origin(1, 0, 5)), sample(1.0));
    rows.push(&reading(origin(2, 3, -1)), sample(2.0));
    rows.push(&reading(origin(3, 0, 6)), sample(3.0));
    assert_eq!(body(&mut rows, &BTreeSet::new()), [expected(1.0, "", 5), expected(3.0, "", 6)].concat());
    let [refused] = rows.refused() else { panic!("{:?}", rows.refused()) };
    assert_eq!((refused.sequence, refused.index, refused.obis, refused.at), (Sequence(2), 3, OBIS, UnixNanos(-1)));
    assert!(refused.reason.contains("negative"), "{}", refused.reason);
}

#[test]
fn a_request_of_refused_rows_alone_still_pins_their_record() {
    let mut rows = rows();
    rows.push(&reading(origin(2, 3, -1)), sample(2.0));
    assert_eq!((rows.first(), rows.len()), (Some(Sequence(2)), 0));
}

#[test]
fn lines_are_counted_among_the_rows_that_are_left() {
    let mut rows = rows();
    for (at, sequence) in (0..4).zip(10..) {
        rows.push(&reading(origin(sequence, 0, at)), sample(1.0));
    }
    let mut left_out = BTreeSet::new();
    let number = rows.number_of_line(2, &left_out).unwrap();
    assert_eq!(rows.refused_row(number, "why").unwrap().sequence, Sequence(11));
    left_out.insert(number);
    assert_eq!(body(&mut rows, &left_out), [expected(1.0, "", 0), expected(1.0, "", 2), expected(1.0, "", 3)].concat());
    let number = rows.number_of_line(2, &left_out).unwrap();
    assert_eq!(rows.refused_row(number, "why").unwrap().sequence, Sequence(12));
    assert_eq!((rows.number_of_line(0, &left_out), rows.number_of_line(4, &left_out)), (None, None));
}

#[test]
fn full_at_its_rows_and_empty_after_a_clear() {
    let mut rows = rows();
    for at in 0..4 {
        assert!(!rows.is_full());
        rows.push(&reading(origin(1, 0, at)), sample(1.0));
    }
    assert!(rows.is_full());
    rows.clear();
    assert!(!rows.is_full());
    assert_eq!((rows.first(), rows.len(), body(&mut rows, &BTreeSet::new()).len()), (None, 0, 0));
    rows.push(&reading(origin(9, 0, 7)), sample(2.0));
    assert_eq!(body(&mut rows, &BTreeSet::new()), expected(2.0, "", 7));
}

#[test]
fn too_many_refused_rows_fill_a_request() {
    let mut rows = Rows::new(TableName::parse("samples").unwrap(), 1000);
    for index in 0..u32::try_from(REFUSED_ROWS_MAX).unwrap() {
        rows.push(&reading(origin(1, index, -1)), sample(1.0));
    }
    assert!(!rows.is_full());
    rows.push(&reading(origin(1, 999, -1)), sample(1.0));
    assert!(rows.is_full());
}

/// Any name of a source: usual ones, some that need escapes, some that are long.
fn sources() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9-]{1,20}", "\\PC{0,40}", "[ ,=\n\r\\\\\"a-z]{0,20}", "[a-z]{60,300}"]
}

fn extremes() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), 0..2_000_000_000_000_000_000_i64, Just(0), Just(-1), Just(i64::MAX), Just(i64::MIN)]
}

proptest! {
    #[test]
    fn the_short_way_to_write_a_code_equals_its_display(bytes: [u8; 6]) {
        let obis = Obis(bytes);
        let (mut text, shown) = ([0; OBIS_CHARS_MAX], obis.to_string());
        prop_assert_eq!(obis_in(&mut text, obis), shown.as_bytes());
    }

    #[test]
    fn any_reading_has_the_rows_of_the_client_library(
        source in sources(), at in extremes(), received in extremes(), flags: u16, meter: u128,
        samples in prop::collection::vec((any::<[u8; 6]>(), any::<u64>()), 1..4),
        table in "[A-Za-z_][A-Za-z0-9_]{0,99}",
    ) {
        let table = TableName::parse(&table).unwrap();
        let (mut ours, mut library) = (Rows::new(table.clone(), 4), Rows::new(table, 4));
        let origin = Origin { meter: MeterId::from(Uuid::from_u128(meter)), ..origin(1, 0, at) };
        let reading = || ReadingRows::of(origin, &source, UnixNanos(received), Flags::of_bits(u64::from(flags)));
        let (reading, of_library) = (reading(), ReadingRows { plain: None, ..reading() });
        for (obis, bits) in samples {
            let sample = Sample { obis: Obis(obis), value: f64::from_bits(bits) };
            ours.push(&reading, sample);
            library.push(&of_library, sample);
        }
        prop_assert_eq!(body(&mut ours, &BTreeSet::new()), body(&mut library, &BTreeSet::new()));
        prop_assert_eq!((ours.len(), ours.refused()), (library.len(), library.refused()));
        prop_assert_eq!(ours.len() == 0, at < 0);
    }
}

#[test]
fn values_that_are_no_numbers_have_the_rows_of_the_client_library() {
    for value in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE / 2.0, f64::MAX] {
        let (mut ours, mut library) = (rows(), rows());
        ours.push(&reading(origin(1, 0, 5)), sample(value));
        library.push(&ReadingRows { plain: None, ..reading(origin(1, 0, 5)) }, sample(value));
        assert_eq!(body(&mut ours, &BTreeSet::new()), body(&mut library, &BTreeSet::new()), "{value}");
    }
}

#[test]
fn a_usual_reading_is_written_without_the_client_library_and_another_one_with_it() {
    let is_plain = |source: &str, at| ReadingRows::of(origin(1, 0, at), source, RECEIVED, Flags::NONE).plain.is_some();
    assert!(is_plain("home", 5) && is_plain(&"x".repeat(64), i64::MAX) && is_plain("zähler", 5));
    assert!(!is_plain("my home", 5) && !is_plain(&"x".repeat(256), 5) && !is_plain("home", -1));
}

#[test]
fn a_row_that_is_tried_out_leaves_nothing_behind() {
    let mut rows = rows();
    rows.push(&reading(origin(1, 0, 1000)), sample(0.1));
    for at in [2000, -1] {
        rows.check_encodes(&reading(origin(2, 0, at)), sample(0.2));
    }
    rows.push(&reading(origin(3, 0, 3000)), sample(0.3));
    assert_eq!(body(&mut rows, &BTreeSet::new()), [expected(0.1, "", 1000), expected(0.3, "", 3000)].concat());
    assert_eq!((rows.len(), rows.refused()), (2, &[][..]));
}
