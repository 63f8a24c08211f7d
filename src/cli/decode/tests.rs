//! The output for a person and for a script.

mod fixtures;
mod messages;
mod smappee_mqtt;
mod states;

use super::*;
use crate::cli::failure::Failure;
use crate::reading::MeterId;

const OFFICIAL: &str = "0A5A0A1209E9FCD03B8E9F834111B3D10C1622A22CA1120B08C0C9EAD3A98FE93710051A110A060100010800FF11333333331FAE3C411A110A060100020800FF1100000000000000001A110A060100010700FF11713D0AD7A3303840";
const TEST_FORM: &str = "0aa6010a1209f4a0f7945bd81548119c77833be7c28779120b08ecc4a5efceafc93810051a110a060100010800ff110000000000506f401a110a060100010801ff1100000000001069401a110a060100010802ff1100000000000049401a110a060100020800ff1100000000002059401a110a060100020801ff1100000000002054401a110a060100020802ff1100000000000034401a110a060100010700ff113d0ad7a3703d0e40";
/// A device without id, whose time is .NET's `MinValue`, with a code of five bytes
/// and an unknown one.
const ODD: &str = "0a24 12040801100f 1a100a050100010800110000000000000000 1a080a060100630700ff 1a00";
/// A telegram with a line that is none, and its checksum.
const TELEGRAM: &str = "/XYZ5METER\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(260315120000W)\r\n0-0:96.1.1(4530303432)\r\n1-0:1.7.0(00.037*kW)\r\n1-0:2.7.0(00.x00*kW)\r\n0-1:24.1.0(003)\r\n0-1:24.2.1(260315115500W)(00012.345*m3)\r\n!21A7\r\n";

/// The output for this input, and the failure.
fn shown(input: &str, json: bool, edit: impl FnOnce(&mut Options)) -> (String, Option<Failure>) {
    let mut options = fixtures::options("");
    edit(&mut options);
    let bytes = input::decode(input.into(), Encoding::Auto).unwrap();
    let mut text = Vec::new();
    let mut output = Output::new(&mut text, json);
    decode("body", options.topic(0), &bytes, &options, &mut output).unwrap();
    let failure = output.finish().err();
    (String::from_utf8(text).unwrap(), failure)
}

fn text(input: &str) -> String {
    shown(input, false, |_| ()).0
}

fn received(time: &str) -> impl FnOnce(&mut Options) {
    let time: jiff::Timestamp = time.parse().unwrap();
    move |options| options.judge.received = Some(UnixNanos(i64::try_from(time.as_nanosecond()).unwrap()))
}

fn json(input: &str) -> (Vec<serde_json::Value>, Option<Failure>) {
    let (text, failure) = shown(input, true, |_| ());
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), failure)
}

#[test]
fn the_official_sample_is_shown_to_the_digit() {
    assert_eq!(
        text(OFFICIAL),
        "body (detected format: smart-me)
meter 3bd0fce9-9f8e-4183-b3d1-0c1622a22ca1  2019-10-16T12:20:44.9788512Z
  1-0:1.8.0*255             1879583.2 Wh  active energy import
  1-0:2.8.0*255                     0 Wh  active energy export
  1-0:1.7.0*255                  24.19 W  active power import
messages 1, not readable 0; values 3, set aside 0, unreadable parts 0
"
    );
}

#[test]
fn the_test_forms_sample_is_shown_to_the_digit() {
    let text = text(TEST_FORM);
    for line in [
        "meter 94f7a0f4-d85b-4815-9c77-833be7c28779  2020-06-17T11:49:03.298591Z\n",
        "  1-0:1.8.0*255                 250.5 Wh  active energy import\n",
        "  1-0:1.8.2*255                    50 Wh  active energy import, tariff 2\n",
        "  1-0:2.8.1*255                  80.5 Wh  active energy export, tariff 1\n",
        "  1-0:1.7.0*255                   3.78 W  active power import\n",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
}

#[test]
fn json_has_one_object_for_each_value() {
    let (lines, failure) = json(OFFICIAL);
    assert!(failure.is_none() && lines.len() == 3);
    assert_eq!(
        lines[0],
        serde_json::json!({
            "file": "body", "offset": 0, "meter": "3bd0fce9-9f8e-4183-b3d1-0c1622a22ca1",
            "native_id": "3bd0fce9-9f8e-4183-b3d1-0c1622a22ca1", "obis": "1-0:1.8.0*255",
            "name": "active energy import", "value": 1_879_583.2, "unit": "Wh",
            "time": "2019-10-16T12:20:44.9788512Z", "flags": [], "raw_code": "1-0:1.8.0*255"
        })
    );
}

#[test]
fn a_telegram_has_its_values_devices_and_the_line_that_cannot_be_read() {
    assert_eq!(
        text(TELEGRAM)
            .replace(&MeterId::named("p1", "E0042").to_string(), "METER")
            .replace(&MeterId::named("p1", "E0042:1").to_string(), "GAS"),
        "body (detected format: p1)
meter METER  E0042  2026-03-15T11:00:00Z
  1-0:1.7.0*255                     37 W  active power import
  UNREADABLE at 0: the value is not a number with a known unit: 1-0:2.7.0(00.x00*kW)
meter GAS  E0042:1  2026-03-15T10:55:00Z
  7-0:3.0.0*255                12.345 m3  gas volume
messages 1, not readable 0; values 2, set aside 0, unreadable parts 1
"
    );
    let (lines, failure) = json(TELEGRAM);
    assert!(failure.is_none(), "a line costs only itself");
    assert_eq!(lines[0]["raw_code"], "1-0:1.7.0");
    assert_eq!(lines[1]["kept"], "1-0:2.7.0(00.x00*kW)");
    assert_eq!((&lines[2]["native_id"], &lines[2]["raw_code"]), (&"E0042:1".into(), &"0-1:24.2.1".into()));
}

#[test]
fn several_telegrams_are_read_from_one_file_and_each_has_its_offset() {
    let (lines, failure) = json(&format!("1-0:1.7.0(1*kW)\r\n!\r\n{TELEGRAM}{TELEGRAM}"));
    let offsets: Vec<_> = lines.iter().map(|line| line["offset"].as_u64().unwrap()).collect();
    let second = 20 + TELEGRAM.len() as u64;
    assert_eq!(offsets, [0, 20, 20, 20, second, second, second]);
    assert_eq!(failure.unwrap().to_string(), "1 of 3 messages could not be read");
}

#[test]
fn a_wrong_or_missing_checksum_is_an_error_and_unchecked_reads_the_telegram() {
    for (telegram, error) in [
        (
            TELEGRAM.replace("!21A7", "!21A6"),
            "the checksum is wrong: the telegram has 21A6, its bytes give 21A7; --unchecked reads it nevertheless",
        ),
        (TELEGRAM.replace("!21A7", "!"), "the telegram has no checksum; --unchecked reads it nevertheless"),
    ] {
        let (lines, failure) = json(&telegram);
        assert_eq!((lines.len(), &lines[0]["error"]), (1, &error.into()));
        assert_eq!(failure.unwrap().to_string(), "1 of 1 messages could not be read");
        let (text, failure) = shown(&telegram, false, |options| options.unchecked = true);
        assert!(failure.is_none() && text.contains("37 W"), "{text}");
    }
}

#[test]
fn an_encrypted_telegram_asks_for_its_key() {
    let frame = format!("db08{}8200{:02x}30{}", "00".repeat(8), 17 + 20, "00".repeat(36));
    let (lines, failure) = json(&frame);
    assert_eq!(lines[0]["error"], "the telegram is encrypted: give its key with --key");
    assert!(failure.is_some());
    let key = Key::parse(&"00".repeat(16), None).unwrap();
    let (text, _) = shown(&frame, false, |options| options.key = Some(key));
    assert!(text.contains("the key does not fit this telegram"), "{text}");
}

#[test]
fn a_value_that_would_be_set_aside_has_a_reason() {
    let (text, failure) = shown(ODD, false, |options| options.format = Some(Format::SmartMe));
    assert_eq!(
        text,
        "body
meter no meter  no time
  no code            SET ASIDE: meter_missing
  1-0:99.7.0*255                     0 ?  unknown code  SET ASIDE: meter_missing
  no code            SET ASIDE: meter_missing
messages 1, not readable 0; values 3, set aside 3, unreadable parts 0
"
    );
    assert!(failure.is_none());
}

#[test]
fn times_are_judged_only_against_a_receive_time() {
    let (old, _) = shown(OFFICIAL, false, received("2026-11-21T13:15:10Z"));
    assert!(old.contains("SET ASIDE: time_too_old"), "{old}");
    let (fresh, _) = shown(OFFICIAL, false, received("2019-10-16T12:20:45Z"));
    assert!(fresh.contains("values 3, set aside 0"), "{fresh}");
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
    let (text, failure) = shown(cut, false, |options| options.format = Some(Format::SmartMe));
    assert!(
        text.contains("UNREADABLE at 0: not a valid body of this format (--format selects it): byte 2 (DeviceDataItems): the field needs 90 bytes, its message has 89 left"),
        "{text}"
    );
    assert!(failure.is_some());
    let (lines, failure) = json(cut);
    assert_eq!(lines[0]["error"], "the format is unknown: give it with --format");
    assert!(failure.is_some());
    let error = |text: &str| input::decode(text.into(), Encoding::Hex).unwrap_err().to_string();
    assert!(error("0a 5x").starts_with("the input is not hexadecimal: Invalid character 'x' at position 3; use"));
    assert!(error("0a5").starts_with("the input is not hexadecimal: Odd number of digits; use"));
    let missing = input::bytes(std::path::Path::new("/nowhere/body.bin"), Encoding::Auto).unwrap_err();
    assert!(missing.to_string().starts_with("cannot read /nowhere/body.bin: "));
}

const EM420: &str = r#"{"smart-meter":{"configuration_id":"84b6","status":"STATUS_OK","timestamp":{"seconds":1729699542,"nanos":583875718},"values":{"active_energy_+":124596300,"active_power_+":6730100}}}"#;
/// A synthetic frame of the same values.
const FRAME: &str = "0a510a0b736d6172742d6d6574657212420a0b736d6172742d6d6574657210011a0c08d6bde4b8061086f9b49602220c08ff819088802010f4e29a03220708ff8190908020220c08ff81a088802010cce0b43b";

#[test]
fn the_format_of_every_device_is_detected_and_its_values_are_in_base_units() {
    let logger = include_str!("../../../tests/fixtures/dsmr-logger/actual-v1.json");
    let smart_mac = include_str!("../../../tests/fixtures/smart-mac/getdata.json");
    let rows = r#"[{"ID":"1728053249","TIME":1530607456,"STAT":0,"V":237.81,"W":270,"Wh":2099565}]"#;
    let em300 = r#"{"serial":"1","1-0:1.4.0*255":123.4,"1-0:1.8.0*255":"5000"}"#;
    for (input, format, native_id, obis, value, unit) in [
        (EM420, "ksem-json", "smart-meter", "1-0:1.7.0*255", 6730.1, "W"),
        (FRAME, "ksem-gdr", "smart-meter", "1-0:1.7.0*255", 6730.1, "W"),
        (em300, "em300", "1", "1-0:1.7.0*255", 123.4, "W"),
        (logger, "dsmr-logger", "", "1-0:1.8.1*255", 2_332_511.0, "Wh"),
        (smart_mac, "smart-mac", "1728053249", "1-0:21.7.0*255", 586.0, "W"),
        (rows, "smart-mac-cloud", "1728053249", "1-0:1.8.0*255", 2_099_565.0, "Wh"),
    ] {
        let (text, failure) = shown(input, false, |_| ());
        assert!(failure.is_none() && text.contains(&format!("detected format: {format})")), "{format}: {text}");
        let (lines, _) = json(input);
        let found = lines.iter().find(|line| line["obis"] == obis).unwrap_or_else(|| panic!("{format}: {lines:?}"));
        assert_eq!((&found["value"], &found["unit"]), (&value.into(), &unit.into()), "{format}");
        if !native_id.is_empty() {
            assert_eq!(found["native_id"], native_id, "{format}");
        }
    }
}

#[test]
fn the_values_of_a_smart_maic_over_mqtt_are_read_by_the_name_of_their_format() {
    let (text, failure) =
        shown("{\"devid\":\"77\",\"V\":229.5,\"Wh\":77}", false, |it| it.format = Some(Format::SmartMacMqtt));
    assert!(failure.is_none() && text.contains("1-0:1.8.0*255") && text.contains("229.5"), "{text}");
}

#[test]
fn an_answer_of_smappee_is_detected_and_read_with_the_configuration_of_its_site_and_shows_no_uuid() {
    let configuration = include_str!("../../vendor/smappee/rest/tests/configuration.json");
    let rows = r#"{"serviceLocationId":4711,"consumptions":[{"timestamp":1773576000000,"consumption":5,"active":[1,2,3,4,5]},
                   {"timestamp":1773579600000,"consumption":6,"note":"0f7b21c4-55d0-4c0e-9a3b-6d1e2f3a4b5c"}]}"#;
    let with_context = |options: &mut Options| options.context = vec![configuration.into()];
    let (text, failure) = shown(rows, false, with_context);
    assert!(failure.is_none() && text.contains("detected format: smappee-rest"), "{text}");
    // The distance of the rows says that they are hours.
    assert!(text.contains("2026-03-15T13:00:00Z\n  0-0:129.1.130*255"), "{text}");
    assert!(text.contains(":ct:4  ") && text.contains("1-0:56.29.130*255"), "{text}");
    // With the path of the answer and what the journal keeps of the configuration.
    let (path, context) = ("/dev/v3/servicelocation/47110815/consumption?aggregation=9&from=1&to=2", {
        let mut site = crate::vendor::smappee::rest::Site::default();
        site.learn(configuration.as_bytes()).unwrap();
        site.context().unwrap()
    });
    let (by_path, failure) = shown(rows, false, |options| {
        (options.topics, options.context) = (vec![path.to_owned()], vec![context]);
    });
    assert!(failure.is_none() && by_path.contains("2026-03-15T12:30:00Z\n  0-0:129.1.137*255"), "{by_path}");
    assert!(by_path.contains(":ct:4  ") && by_path.contains("1-0:56.29.137*255"), "{by_path}");
    let (without, _) = shown(rows, false, |_| ());
    assert!(without.contains(":ct:0  ") && without.contains("1-0:16.29.130*255"), "{without}");
    let (site, failure) = shown(configuration, false, |_| ());
    assert!(failure.is_none() && site.contains("Workshop"), "{site}");
    for shown in [text, site] {
        assert!(!shown.to_lowercase().contains("0f7b21c4"), "{shown}");
    }
    let (token, failure) = shown(r#"{"access_token":"hunter2","refresh_token":"hunter2"}"#, false, |options| {
        options.format = Some(Format::SmappeeRest);
    });
    assert!(failure.is_some() && !token.contains("hunter2"), "{token}");
}

#[test]
fn a_login_page_is_an_unreadable_message() {
    let edit = |options: &mut Options| options.format = Some(Format::SmartMac);
    let (text, failure) = shown("<html><title>MAIC Login</title></html>", false, edit);
    assert!(failure.is_some() && text.contains("the answer is a web page, not data"), "{text}");
}

#[test]
fn a_record_of_descriptions_shows_the_known_texts_of_each_meter() {
    use crate::wire::meters::{Description, Role, Version, encode};
    let version = Version {
        meter: MeterId::named("p1", "E0042"),
        metering_point: "house-1".to_owned(),
        description: Description {
            name: "cellar".to_owned(),
            firmware: "1.42".to_owned(),
            role: Role::Grid,
            ..Description::default()
        },
        source: "cellar".to_owned(),
        valid_from: UnixNanos(0),
        valid_to: None,
    };
    let mut text = Vec::new();
    let judge = Judge { limits: Limits::DEFAULT, received: None };
    let mut output = Output::new(&mut text, false);
    wire::decode(crate::wire::PayloadFormat::Meters, 7, &encode([&version]), &judge, &mut output).unwrap();
    assert!(output.finish().is_ok());
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("description       text meter "), "{text}");
    assert!(text.contains(" from 1970-01-01T00:00:00Z: cellar, firmware 1.42, role grid\n"), "{text}");
}
