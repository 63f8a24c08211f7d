//! Comparison with prost's decoder, faults with their offsets, and values set aside.

use super::*;
use crate::proto::v1;
use crate::reading::{MeterId, Obis};
use crate::wire::oracle::{both, changed};
use proptest::prelude::*;
use prost::Message as _;
use uuid::Uuid;

type Meaning = (Option<MeterId>, Option<i64>, Flags, Vec<Result<(Obis, u64), SetAside>>);

fn ours(readings: Readings<'_>) -> Vec<Meaning> {
    let meaning = |reading: Decoded<Values<'_>>| {
        let values = reading.values.map(|value| value.map(|sample| (sample.obis, sample.value.to_bits())));
        (reading.meter.ok(), reading.at.ok().map(|at| at.0), reading.flags, values.collect())
    };
    readings.map(meaning).collect()
}

fn prosts(batch: &v1::ReadingBatch) -> Vec<Meaning> {
    let value = |value: &v1::Value| match value.obis.len() {
        6 => Ok((Obis(value.obis[..].try_into().unwrap()), value.value.to_bits())),
        0 => Err(SetAside::ObisMissing),
        _ => Err(SetAside::ObisLength),
    };
    let meaning = |reading: &v1::Reading| {
        let meter = Uuid::from_slice(&reading.meter).ok().filter(|id| !id.is_nil()).map(MeterId::from);
        let time = Some(reading.time_ns).filter(|time| *time != 0);
        (meter, time, Flags::of_bits(u64::from(reading.flags)), reading.values.iter().map(value).collect())
    };
    batch.readings.iter().map(meaning).collect()
}

/// Runs both decoders on the same bytes; returns whether they accepted them.
fn agree(body: &[u8]) -> Result<bool, TestCaseError> {
    let Some((readings, batch)) = both(body, readings(body), v1::ReadingBatch::decode(body))? else { return Ok(false) };
    prop_assert!(readings.clone().zip(0..).all(|(reading, index)| reading.index == index));
    let unknown: Vec<bool> = readings.clone().map(|reading| reading.at == Err(SetAside::ValuesUnknown)).collect();
    let mut meanings = prosts(&batch);
    for (meaning, _) in
        meanings.iter_mut().zip(unknown).filter(|(meaning, is_unknown)| *is_unknown && meaning.3.is_empty())
    {
        // Of the fields that it does not know, prost does not tell.
        meaning.1 = None;
    }
    prop_assert_eq!(ours(readings), meanings);
    let message = original(body).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let v1::ReadingBatch { raw, raw_content_type, raw_origin, raw_format, raw_device, raw_context, .. } = &batch;
    let theirs = (&raw[..], &**raw_content_type, &**raw_origin, &**raw_format, &**raw_device, &**raw_context);
    let Original { bytes, content_type, origin, format, device, context, positions, readings } = message;
    prop_assert_eq!((bytes, content_type, origin, format, device, context), theirs);
    prop_assert_eq!((positions, readings), (batch.raw_positions, batch.raw_readings));
    Ok(true)
}

fn any_value() -> impl Strategy<Value = v1::Value> {
    let obis = prop_oneof![8 => any::<[u8; 6]>().prop_map(Vec::from), 1 => prop::collection::vec(any::<u8>(), 0..9)];
    (obis, prop::num::f64::ANY).prop_map(|(obis, value)| v1::Value { obis, value })
}

fn any_reading() -> impl Strategy<Value = v1::Reading> {
    let meter = prop_oneof![
        8 => any::<[u8; 16]>().prop_map(Vec::from),
        1 => Just(vec![0; 16]),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    let values = prop::collection::vec(any_value(), 0..5);
    (meter, any::<i64>(), any::<u32>(), ".{0,8}", any::<u64>(), values).prop_map(
        |(meter, time_ns, flags, source, sequence, values)| v1::Reading {
            meter,
            time_ns,
            flags,
            source,
            sequence,
            values,
            ..v1::Reading::default()
        },
    )
}

fn any_batch() -> impl Strategy<Value = v1::ReadingBatch> {
    let raw = prop::collection::vec(any::<u8>(), 0..20);
    let places = (prop::collection::vec(any::<u32>(), 0..4), any::<u32>());
    (prop::collection::vec(any_reading(), 0..4), raw, ".{0,8}", places).prop_map(
        |(readings, raw, raw_origin, (raw_positions, raw_readings))| v1::ReadingBatch {
            readings,
            raw,
            raw_content_type: "application/json".to_owned(),
            raw_format: raw_origin.clone(),
            raw_device: raw_origin.clone(),
            raw_context: raw_origin.clone(),
            raw_origin,
            raw_positions,
            raw_readings,
        },
    )
}

type Content = (MeterId, i64, Flags, Vec<Sample>);

fn any_content() -> impl Strategy<Value = Content> {
    let value = prop_oneof![Just(0.0), Just(-0.0), prop::num::f64::ANY];
    let sample = (any::<[u8; 6]>(), value).prop_map(|(obis, value)| Sample { obis: Obis(obis), value });
    let (time, flags) = (prop_oneof![Just(0), any::<i64>()], prop_oneof![Just(0), any::<u64>()]);
    (any::<u128>(), time, flags, prop::collection::vec(sample, 0..20)).prop_map(|(meter, at, flags, values)| {
        (MeterId::from(Uuid::from_u128(meter)), at, Flags::of_bits(flags), values)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn batches_mean_what_prost_says(batch in any_batch()) {
        prop_assert!(agree(&batch.encode_to_vec())?);
    }

    #[test]
    fn a_batch_is_encoded_as_by_prost(
        readings in prop::collection::vec(any_content(), 0..4),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        [content_type, origin, format, device, context] in [".{0,4}", ".{0,200}", ".{0,4}", ".{0,4}", ".{0,4}"],
        positions in prop::collection::vec(any::<u32>(), 0..40),
        count in prop_oneof![Just(0), any::<u32>()],
    ) {
        let reading = |(meter, time_ns, flags, values): &Content| v1::Reading {
            meter: meter.as_bytes().to_vec(),
            time_ns: *time_ns,
            flags: u32::from(flags.bits()),
            decode_revision: u32::from(decode_revision()),
            values: values.iter().map(|it| v1::Value { obis: it.obis.0.to_vec(), value: it.value }).collect(),
            ..v1::Reading::default()
        };
        let batch = v1::ReadingBatch {
            readings: readings.iter().map(reading).collect(),
            raw: bytes.clone(),
            raw_content_type: content_type.clone(),
            raw_origin: origin.clone(),
            raw_format: format.clone(),
            raw_device: device.clone(),
            raw_context: context.clone(),
            raw_positions: positions.clone(),
            raw_readings: count,
        };
        let message = Original {
            bytes: &bytes,
            content_type: &content_type,
            origin: &origin,
            format: &format,
            device: &device,
            context: &context,
            positions,
            readings: count,
        };
        let readings = readings.iter().map(|(meter, at, flags, values)| (*meter, UnixNanos(*at), *flags, values));
        prop_assert_eq!(encode(readings, &message), batch.encode_to_vec());
    }

    #[test]
    fn changed_bytes_get_prosts_verdict(body in any_batch().prop_flat_map(|batch| changed(batch.encode_to_vec()))) {
        agree(&body)?;
    }

    #[test]
    fn any_bytes_get_prosts_verdict(body in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&body)?;
    }

    #[test]
    fn fields_of_any_wire_type_get_prosts_verdict(
        number in 1_u8..16,
        wire_type in 0_u8..8,
        content in prop::collection::vec(any::<u8>(), 0..12),
        level in 0_u8..3,
    ) {
        let mut body = [vec![number << 3 | wire_type], content].concat();
        for outer in [1, 11].into_iter().take(usize::from(level)).rev() {
            body = [vec![outer << 3 | 2, u8::try_from(body.len()).unwrap()], body].concat();
        }
        agree(&body)?;
    }
}

#[test]
fn an_encoded_batch_is_decoded_again() {
    let meter = MeterId::from(Uuid::from_u128(7));
    let values = [Sample { obis: Obis([1, 0, 1, 8, 0, 255]), value: 42.5 }];
    let message = Original {
        bytes: b"{}",
        content_type: "application/json",
        origin: "/Devices",
        format: "ksem-json",
        device: "7",
        context: "1",
        positions: vec![0, 300],
        readings: 301,
    };
    let body = encode([(meter, UnixNanos(9), Flags::GAP_REPAIR, values)], &message);
    let reading = readings(&body).unwrap().next().unwrap();
    assert_eq!((reading.meter, reading.at, reading.flags), (Ok(meter), Ok(UnixNanos(9)), Flags::GAP_REPAIR));
    assert_eq!(reading.values.collect::<Vec<_>>(), [Ok(values[0])]);
    assert_eq!(original(&body).unwrap(), message);
    let batch = v1::ReadingBatch::decode(body.as_slice()).unwrap();
    assert_eq!(batch.readings[0].decode_revision, u32::from(decode_revision()));
    let unpacked = [body, vec![0x40, 0xad, 0x02]].concat();
    assert_eq!(original(&unpacked).unwrap().positions, [0, 300, 301]);
}

#[test]
fn a_fault_has_offset_and_path() {
    let said = |body: &[u8]| readings(body).unwrap_err().to_string();
    assert_eq!(
        said(b"\x0a\x04\x5a\x02\x0a\x05"),
        "byte 6 (readings[0].values[0].obis): the field needs 5 bytes, its message has 0 left"
    );
    assert_eq!(
        said(b"\x0a\x02\x08\x01"),
        "byte 2 (readings[0].meter): the field has wire type varint, expected length-delimited field"
    );
    assert_eq!(said(b"\x22\x01\xff"), "byte 2 (raw_origin): the text is not UTF-8");
}

#[test]
fn a_batch_or_a_reading_with_unknown_fields_alone_is_kept_apart() {
    let unknown = [0x7a, 1, 0];
    assert_eq!(readings(&unknown).unwrap_err().kind, DecodeErrorKind::NothingKnown);
    let mut reading = v1::Reading { meter: vec![7; 16], time_ns: 5, ..v1::Reading::default() }.encode_to_vec();
    let with_its = |reading: &[u8]| [&[0x0a, u8::try_from(reading.len()).unwrap()], reading].concat();
    assert!(readings(&with_its(&reading)).unwrap().next().unwrap().at.is_ok(), "a reading may have no values");
    reading.extend_from_slice(&unknown);
    assert_eq!(readings(&with_its(&reading)).unwrap().next().unwrap().at, Err(SetAside::ValuesUnknown));
}
