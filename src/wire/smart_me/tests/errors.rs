//! The error messages about undecodable bodies.

use super::bytes::{any_time, body, device_id, field, fixed, number, value};
use super::*;

fn error(body: &[u8]) -> String {
    readings(body).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn an_error_names_byte_field_and_reason() {
    let bad = field(3, &[vec![0x0a, 13, 1, 0, 1], fixed(2, [0; 8])].concat());
    let devices = [body(&[device_id(1)]), body(&[device_id(2), any_time(), value(1, 1.0), bad])].concat();
    assert_eq!(
        error(&devices),
        "byte 80 (DeviceDataItems[1].DeviceValues[1].Obis): the field needs 13 bytes, its message has 12 left"
    );
}

#[test]
fn a_cut_body_has_the_offset() {
    let whole = body(&[device_id(1), any_time(), value(1, 1.0)]);
    assert_eq!(
        error(&whole[..whole.len() - 1]),
        "byte 2 (DeviceDataItems): the field needs 52 bytes, its message has 51 left"
    );
}

#[test]
fn a_wrong_wire_type_names_the_expected_one() {
    let body = body(&[device_id(1), field(2, &fixed(1, [0; 8]))]);
    assert_eq!(
        error(&body),
        "byte 24 (DeviceDataItems[0].DateTime.value): the field has wire type 64-bit number, expected varint"
    );
}

#[test]
fn every_kind_of_broken_framing_has_its_message() {
    for (bytes, expected) in [
        (vec![0x80], "byte 0: the message ends inside a number"),
        (vec![0xff; 11], "byte 0: a number is longer than 64 bits"),
        (number(1, 1), "byte 0 (DeviceDataItems): the field has wire type varint, expected length-delimited field"),
        (vec![0x80, 0x80, 0x80, 0x80, 0x10, 0], "byte 0: a field's key is longer than 32 bits"),
        (vec![0x00, 0x00], "byte 0: invalid field number 0"),
        (vec![0x0e], "byte 0: invalid wire type 6"),
        (vec![0x7c], "byte 1 (unknown field 15): unexpected end of a group"),
        (vec![0x7b, 0x74], "byte 2 (unknown field 15): unexpected end of a group"),
        (vec![0x7b; 200], "byte 101 (unknown field 15): groups are nested too deeply"),
        (vec![0x7d, 0, 0], "byte 1 (unknown field 15): the field needs 4 bytes, its message has 2 left"),
    ] {
        assert_eq!(error(&bytes), expected);
    }
}

#[test]
fn the_vendors_signed_data_is_not_a_body() {
    // Its first field is a serial number, a varint.
    let signed = [number(1, 7_654_321), number(2, 1_600_000_000), field(3, &field(1, &[1, 0, 1, 8, 0, 255]))];
    assert!(error(&signed.concat()).starts_with("byte 0 (DeviceDataItems): the field has wire type varint"));
}
