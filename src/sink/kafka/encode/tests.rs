use super::super::value::{Format, ValueEncoder};
use super::*;
use crate::journal::{JournalId, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use crate::reading::{Limits, UnixNanos};
use crate::wire::{self, PayloadFormat, decode_revision};
use meterline_load::{Body, Reading};
use prost::Message as _;
use uuid::Uuid;

const METER: Uuid = Uuid::from_u128(0x0c56_1a7e_98ab_4cde_8f01_2345_6789_abcd);
const JOURNAL: Uuid = Uuid::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8888);
const RECEIVED: UnixNanos = UnixNanos(1_795_266_907_123_456_789);
const AT: i64 = 1_795_266_900_000_000_000;

#[test]
fn a_value_names_its_reading_and_its_origin() {
    let messages = encode(&[reading(&[1.5, 0.0])]);
    assert_eq!(
        messages,
        [v1::Reading {
            meter: METER.as_bytes().to_vec(),
            time_ns: AT,
            received_ns: RECEIVED.0,
            source: "building-a".to_owned(),
            flags: 0,
            journal: JOURNAL.as_bytes().to_vec(),
            sequence: 42,
            index: 0,
            part: 0,
            decode_revision: u32::from(decode_revision()),
            values: vec![value(0, 1.5), value(1, 0.0)],
        }]
    );
}

#[test]
fn nothing_of_a_reading_is_left_in_the_next() {
    let messages = encode(&[reading(&[1.0, 2.0, 3.0]), reading(&[4.0])]);
    assert_eq!(messages[1].values, [value(0, 4.0)]);
    assert_eq!((messages[0].index, messages[1].index), (0, 1));
}

#[test]
fn a_reading_without_a_deliverable_value_makes_no_message() {
    let messages = encode(&[reading(&[]), reading(&[f64::NAN]), reading(&[f64::INFINITY, 7.0])]);
    assert_eq!(messages.len(), 1);
    assert_eq!((messages[0].index, messages[0].values.len()), (2, 1));
}

#[test]
fn a_large_reading_is_cut_by_values_into_parts_that_a_record_can_hold() {
    let part_values_max = ValueEncoder::default().values_max();
    let values: Vec<f64> = (0..2 * part_values_max + 1).map(|number| number as f64).collect();
    let messages = encode(&[reading(&values), reading(&[1.0])]);
    let parts: Vec<(u32, u32, usize)> =
        messages.iter().map(|message| (message.index, message.part, message.values.len())).collect();
    assert_eq!(parts, [(0, 0, part_values_max), (0, 1, part_values_max), (0, 2, 1), (1, 0, 1)]);
    let all = messages[..3].iter().flat_map(|message| &message.values).map(|value| value.value);
    assert!(all.eq(values));
    assert!(messages.iter().all(|message| message.encoded_len() <= 900_000));
}

#[test]
fn a_large_reading_leaves_no_memory_behind_but_its_bytes() {
    let mut encoder = Encoder::default();
    encode_with(&mut encoder, &[reading(&vec![1.0; 40_000]), reading(&[1.0])]);
    assert!(encoder.spare.len() <= SPARE_VALUES_MAX);
    assert!(encoder.message.values.capacity() <= SPARE_VALUES_MAX);
}

#[test]
fn a_large_reading_in_json_is_cut_into_more_parts_without_losing_a_value() {
    let json = ValueEncoder { format: Format::Json, schema_id: None };
    let values: Vec<f64> = (0..json.values_max() + 1).map(|number| number as f64).collect();
    let mut parts = Vec::new();
    encode_each(&mut Encoder::new(json), &[reading(&values)], |bytes| {
        let message: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        parts.push((message["part"].as_u64().unwrap(), message["values"].as_array().unwrap().len()));
    });
    assert_eq!(parts, [(0, json.values_max()), (1, 1)]);
}

fn reading(values: &[f64]) -> Reading {
    let values = values.iter().enumerate().map(|(number, &value)| (obis(number), value)).collect();
    Reading { meter: *METER.as_bytes(), time_ns: AT, values }
}

fn obis(number: usize) -> [u8; 6] {
    let [.., c, d, e] = u32::try_from(number).unwrap().to_be_bytes();
    [1, 0, c, d, e, 255]
}

fn value(number: usize, value: f64) -> v1::Value {
    v1::Value { obis: obis(number).to_vec(), value }
}

fn encode(readings: &[Reading]) -> Vec<v1::Reading> {
    encode_with(&mut Encoder::default(), readings)
}

fn encode_with(encoder: &mut Encoder, readings: &[Reading]) -> Vec<v1::Reading> {
    let mut messages = Vec::new();
    encode_each(encoder, readings, |bytes| messages.push(v1::Reading::decode(bytes).unwrap()));
    messages
}

fn encode_each(encoder: &mut Encoder, readings: &[Reading], mut take: impl FnMut(&[u8])) {
    let body = Body::new(0, readings.to_vec());
    let header = RecordHeader {
        source: SourceId(1),
        format: PayloadFormat::SmartMe.number(),
        verdict: Verdict::Deliverable,
        rule: RuleVersion(1),
        received: RECEIVED,
    };
    let record = Record { journal: JournalId(JOURNAL), sequence: Sequence(42), header, payload: &body.bytes };
    encoder.begin(&record, "building-a");
    for reading in wire::readings(PayloadFormat::SmartMe, record.payload).unwrap() {
        let judged = Judged::new(reading, &Limits::DEFAULT, RECEIVED).unwrap();
        let Ok(()) = encoder.parts(&judged, |bytes| {
            take(bytes);
            Ok::<(), std::convert::Infallible>(())
        });
    }
}
