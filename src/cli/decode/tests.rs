//! The output for a person and for a script.

use super::*;

const OFFICIAL: &str = "0A5A0A1209E9FCD03B8E9F834111B3D10C1622A22CA1120B08C0C9EAD3A98FE93710051A110A060100010800FF11333333331FAE3C411A110A060100020800FF1100000000000000001A110A060100010700FF11713D0AD7A3303840";
const TEST_FORM: &str = "0aa6010a1209f4a0f7945bd81548119c77833be7c28779120b08ecc4a5efceafc93810051a110a060100010800ff110000000000506f401a110a060100010801ff1100000000001069401a110a060100010802ff1100000000000049401a110a060100020800ff1100000000002059401a110a060100020801ff1100000000002054401a110a060100020802ff1100000000000034401a110a060100010700ff113d0ad7a3703d0e40";
/// A device without id, whose time is .NET's `MinValue`, with a code of five bytes
/// and an unknown one.
const ODD: &str = "0a24 12040801100f 1a100a050100010800110000000000000000 1a080a060100630700ff 1a00";

fn shown(input: &str, received: Option<&str>) -> Result<Body, ShowError> {
    let bytes = input::decode(input.into(), Encoding::Auto)?;
    decode(&bytes, Format::SmartMe, received.map(|time| time.parse().unwrap()))
}

#[test]
fn the_official_sample_is_shown_to_the_digit() {
    assert_eq!(
        shown(OFFICIAL, None).unwrap().to_string(),
        "meter 3bd0fce9-9f8e-4183-b3d1-0c1622a22ca1  2019-10-16T12:20:44.9788512Z
  1-0:1.8.0*255             1879583.2 Wh  active energy import
  1-0:2.8.0*255                     0 Wh  active energy export
  1-0:1.7.0*255                  24.19 W  active power import

readings 1, samples 3, set aside 0"
    );
}

#[test]
fn the_test_forms_sample_is_shown_to_the_digit() {
    let text = shown(TEST_FORM, None).unwrap().to_string();
    assert!(text.starts_with("meter 94f7a0f4-d85b-4815-9c77-833be7c28779  2020-06-17T11:49:03.298591Z\n"));
    for line in [
        "  1-0:1.8.0*255                 250.5 Wh  active energy import\n",
        "  1-0:1.8.1*255                 200.5 Wh  active energy import, tariff 1\n",
        "  1-0:1.8.2*255                    50 Wh  active energy import, tariff 2\n",
        "  1-0:2.8.0*255                 100.5 Wh  active energy export\n",
        "  1-0:2.8.1*255                  80.5 Wh  active energy export, tariff 1\n",
        "  1-0:2.8.2*255                    20 Wh  active energy export, tariff 2\n",
        "  1-0:1.7.0*255                   3.78 W  active power import\n",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
}

#[test]
fn json_holds_the_same_with_nanoseconds() {
    let json = serde_json::to_value(shown(OFFICIAL, None).unwrap()).unwrap();
    assert_eq!(json["readings"][0]["time_ns"], 1_571_228_444_978_851_200_i64);
    assert_eq!(
        json["readings"][0]["values"][0],
        serde_json::json!({
            "obis": "1-0:1.8.0*255", "name": "active energy import", "unit": "Wh", "value": 1_879_583.2, "set_aside": null
        })
    );
    assert_eq!((&json["samples"], &json["set_aside"]), (&3.into(), &0.into()));
}

#[test]
fn a_value_that_would_be_set_aside_has_a_reason() {
    let text = shown(ODD, None).unwrap().to_string();
    assert_eq!(
        text,
        "meter no meter  no time  SET ASIDE: meter_missing
  no code            SET ASIDE: obis_length
  1-0:99.7.0*255                     0 ?  unknown code
  no code            SET ASIDE: obis_missing

readings 1, samples 0, set aside 3"
    );
}

#[test]
fn times_are_judged_only_against_a_receive_time() {
    let old = shown(OFFICIAL, Some("2026-11-21T13:15:10Z")).unwrap().to_string();
    assert!(old.contains("SET ASIDE: time_too_old"), "{old}");
    let fresh = shown(OFFICIAL, Some("2019-10-16T12:20:45Z")).unwrap().to_string();
    assert!(fresh.ends_with("samples 3, set aside 0"), "{fresh}");
}

#[test]
fn raw_bytes_and_digits_with_blanks_are_the_same_body() {
    let spaced: String = OFFICIAL.chars().flat_map(|digit| [digit, '\n']).collect();
    let raw = input::decode(OFFICIAL.into(), Encoding::Hex).unwrap();
    assert_eq!(input::decode(spaced.into(), Encoding::Auto).unwrap(), raw);
    assert_eq!(input::decode(raw.clone(), Encoding::Auto).unwrap(), raw);
    assert_eq!(input::decode(OFFICIAL.into(), Encoding::Raw).unwrap(), OFFICIAL.as_bytes());
}

#[test]
fn an_error_names_its_location() {
    let cut = &OFFICIAL[..OFFICIAL.len() - 2];
    assert_eq!(
        shown(cut, None).unwrap_err().to_string(),
        "not a valid body of this format (--format selects it): byte 2 (DeviceDataItems): the field needs 90 bytes, its message has 89 left"
    );
    let error = |text: &str| input::decode(text.into(), Encoding::Hex).unwrap_err().to_string();
    assert!(error("0a 5x").starts_with("the input is not hexadecimal: Invalid character 'x' at position 3; use"));
    assert!(error("0a5").starts_with("the input is not hexadecimal: Odd number of digits; use"));
    let missing = input::bytes(Some(std::path::Path::new("/nowhere/body.bin")), Encoding::Auto).unwrap_err();
    assert!(missing.to_string().starts_with("cannot read /nowhere/body.bin: "));
}
