use super::*;
use proptest::prelude::*;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use uuid::Uuid;

const METER: Uuid = Uuid::from_u128(0x0c56_1a7e_98ab_4cde_8f01_2345_6789_abcd);
const JOURNAL: Uuid = Uuid::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8888);

const READING: &str = r#"{"meter":"0c561a7e-98ab-4cde-8f01-23456789abcd","time_ns":"1795266900000000001","received_ns":"1795266907123456789","source":"building \"a\"","flags":16,"journal":"11112222-3333-4444-5555-666677778888","sequence":"18446744073709551615","index":3,"part":0,"decode_revision":7,"values":[{"obis":"1-0:1.8.0*255","value":123456789.125},{"obis":"1-0:16.7.0*255","value":-0.1},{"obis":"1-0:2.8.0*255","value":0.0}]}"#;

const METER_VERSION: &str = r#"{"meter":"0c561a7e-98ab-4cde-8f01-23456789abcd","metering_point":"house-1","name":"Cellar","serial":"0042","meter_serial":"","vendor":"smart-me","family":"9007199254740993","family_name":"","energy_type":"1","energy_type_name":"electricity","sub_type":"0","sub_type_name":"","gateway":"","unit":"kWh","source":"building-a","valid_from_ns":"1795266900000000001","valid_to_ns":"0","customer":"","site":"","model":"","firmware":"1.42","role":"ROLE_GRID","phase":"L1","time_zone":"","tariff":"","currency":""}"#;

fn reading() -> v1::Reading {
    v1::Reading {
        meter: METER.as_bytes().to_vec(),
        time_ns: 1_795_266_900_000_000_001,
        received_ns: 1_795_266_907_123_456_789,
        source: "building \"a\"".to_owned(),
        flags: 16,
        journal: JOURNAL.as_bytes().to_vec(),
        sequence: u64::MAX,
        index: 3,
        part: 0,
        decode_revision: 7,
        values: vec![
            v1::Value { obis: vec![1, 0, 1, 8, 0, 255], value: 123_456_789.125 },
            v1::Value { obis: vec![1, 0, 16, 7, 0, 255], value: -0.1 },
            v1::Value { obis: vec![1, 0, 2, 8, 0, 255], value: 0.0 },
        ],
    }
}

fn meter() -> v1::Meter {
    v1::Meter {
        meter: METER.as_bytes().to_vec(),
        metering_point: "house-1".to_owned(),
        name: "Cellar".to_owned(),
        serial: "0042".to_owned(),
        vendor: "smart-me".to_owned(),
        // One more than a double can hold.
        family: 9_007_199_254_740_993,
        energy_type: 1,
        energy_type_name: "electricity".to_owned(),
        unit: "kWh".to_owned(),
        source: "building-a".to_owned(),
        valid_from_ns: 1_795_266_900_000_000_001,
        firmware: "1.42".to_owned(),
        role: v1::Role::Grid.into(),
        phase: "L1".to_owned(),
        ..v1::Meter::default()
    }
}

fn encoded(format: Format, schema_id: Option<u32>, message: &v1::Reading) -> Vec<u8> {
    let mut bytes = b"what was there before".to_vec();
    ValueEncoder { format, schema_id }.reading(message, &mut bytes);
    bytes
}

fn encoded_meter(format: Format, schema_id: Option<u32>) -> Vec<u8> {
    let mut bytes = b"what was there before".to_vec();
    ValueEncoder { format, schema_id }.meter(&meter(), &mut bytes);
    bytes
}

#[test]
fn a_reading_as_json_has_its_documented_text() {
    assert_eq!(String::from_utf8(encoded(Format::Json, None, &reading())).unwrap(), READING);
}

#[test]
fn a_meter_version_as_json_has_its_documented_text() {
    assert_eq!(String::from_utf8(encoded_meter(Format::Json, None)).unwrap(), METER_VERSION);
}

#[test]
fn the_json_objects_have_every_field_of_the_public_contract() {
    let golden = include_str!("../../../../proto/meterline/v1/reading.golden");
    for (message, text) in [("Reading", READING), ("Meter", METER_VERSION)] {
        let of_message =
            |line: &str| Some(line.strip_prefix(message)?.strip_prefix('.')?.split(' ').next()?.to_owned());
        let fields: BTreeSet<String> = golden.lines().filter_map(of_message).collect();
        let object: serde_json::Map<String, Json> = serde_json::from_str(text).unwrap();
        assert!(fields.len() > 5, "{fields:?}");
        assert_eq!(object.keys().cloned().collect::<BTreeSet<_>>(), fields, "{message}");
    }
}

#[test]
fn a_schema_id_precedes_the_message_as_schema_registries_want_it() {
    let id = [0, 0, 1, 0xe2, 0x40];
    for (framed, bare) in [
        (encoded(Format::Json, Some(123_456), &reading()), encoded(Format::Json, None, &reading())),
        (encoded_meter(Format::Json, Some(123_456)), encoded_meter(Format::Json, None)),
    ] {
        assert_eq!(framed, [&id, &bare[..]].concat());
    }
    // Protobuf also names the message within its file: the first one.
    for (framed, bare) in [
        (encoded(Format::Protobuf, Some(123_456), &reading()), encoded(Format::Protobuf, None, &reading())),
        (encoded_meter(Format::Protobuf, Some(123_456)), encoded_meter(Format::Protobuf, None)),
    ] {
        assert_eq!(framed, [&id, &[0][..], &bare].concat());
        assert_eq!(framed.len(), bare.len() + 6);
    }
    assert_eq!(v1::Reading::decode(&encoded(Format::Protobuf, Some(1), &reading())[6..]).unwrap(), reading());
    assert_eq!(v1::Meter::decode(&encoded_meter(Format::Protobuf, Some(1))[6..]).unwrap(), meter());
}

#[test]
fn each_way_to_read_the_values_has_a_name_of_its_own_that_another_id_does_not_change() {
    let names =
        Format::ALL.map(|format| [None, Some(1), Some(2)].map(|id| ValueEncoder { format, schema_id: id }.name()));
    // Stored with the topic's checkpoints: another name would stop the sink.
    let [protobuf, json] = [["protobuf", "protobuf-framed", "protobuf-framed"], ["json", "json-framed", "json-framed"]];
    assert_eq!(names, [protobuf, json]);
}

#[test]
fn the_messages_that_a_schema_id_stands_for_are_the_first_of_their_files() {
    for (message, file) in [
        ("Reading", include_str!("../../../../proto/meterline/v1/reading.proto")),
        ("Meter", include_str!("../../../../proto/meterline/v1/meter.proto")),
    ] {
        let first = file.lines().find_map(|line| line.strip_prefix("message ")).unwrap();
        assert_eq!(first, format!("{message} {{"));
    }
}

#[test]
fn the_largest_part_fits_a_record_in_each_format() {
    for format in Format::ALL {
        let encoder = ValueEncoder { format, schema_id: Some(u32::MAX) };
        // The longest text of a double, and the longest of a code.
        let value = v1::Value { obis: vec![255; 6], value: -2.225_073_858_507_201_4e-308 };
        let mut message = v1::Reading { source: "s".repeat(1_000), ..reading() };
        message.values = vec![value; encoder.values_max()];
        let mut bytes = Vec::new();
        encoder.reading(&message, &mut bytes);
        assert!(bytes.len() <= 900_000, "{}: {}", format.name(), bytes.len());
    }
}

proptest! {
    #[test]
    fn every_number_of_a_reading_reads_back_exactly(
        time in any::<i64>(), sequence in any::<u64>(), flags in any::<u32>(), code in any::<[u8; 6]>(),
        value in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        source in any::<String>(),
    ) {
        let values = vec![v1::Value { obis: code.to_vec(), value }];
        let message = v1::Reading { time_ns: time, sequence, flags, values, source: source.clone(), ..reading() };
        let json: Json = serde_json::from_slice(&encoded(Format::Json, None, &message)).unwrap();
        prop_assert_eq!(json["time_ns"].as_str().unwrap().parse::<i64>().unwrap(), time);
        prop_assert_eq!(json["sequence"].as_str().unwrap().parse::<u64>().unwrap(), sequence);
        prop_assert_eq!(json["flags"].as_u64().unwrap(), u64::from(flags));
        prop_assert_eq!(json["source"].as_str().unwrap(), source);
        let obis: crate::reading::Obis = json["values"][0]["obis"].as_str().unwrap().parse().unwrap();
        prop_assert_eq!(obis.0, code);
        // The text, because this parser rounds the last digit otherwise than the standard library.
        let text = String::from_utf8(encoded(Format::Json, None, &message)).unwrap();
        let number = text.rsplit_once("\"value\":").unwrap().1.trim_end_matches("}]}");
        prop_assert_eq!(number.parse::<f64>().unwrap().to_bits(), value.to_bits());
    }
}
