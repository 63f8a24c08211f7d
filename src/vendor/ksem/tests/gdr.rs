//! Frames of values and the configuration.

use super::*;
use crate::reading::Obis;
use crate::reading::registry::Unit;
use crate::vendor::ksem::gdr::{Class, Configuration, Device, FlexUnit, FrameError, read};
use meterline_load::proto::google::protobuf::Timestamp;
use meterline_load::proto::ksem::{FlexDefinition, FlexValue, GcRs, Gcr, GdRs, Gdr};
use prost::Message as _;
use std::collections::BTreeMap;

const AT: Timestamp = Timestamp { seconds: 1_729_699_542, nanos: 583_875_718 };

fn key(code: &str) -> u64 {
    let Obis(code) = code.parse().unwrap();
    code.iter().fold(0, |key, byte| key << 8 | u64::from(*byte))
}

fn gdr(values: &[(&str, u64)]) -> Gdr {
    let values = values.iter().map(|(code, value)| (key(code), *value)).collect();
    Gdr { id: "smart-meter".to_owned(), status: 1, timestamp: Some(AT), values, flex_values: BTreeMap::new() }
}

fn frame(gdrs: &[(&str, Gdr)]) -> Vec<u8> {
    let gdrs = gdrs.iter().map(|(name, gdr)| ((*name).to_owned(), gdr.clone())).collect();
    GdRs { gdrs, config_uuid: String::new() }.encode_to_vec()
}

fn values(frame: &[u8]) -> Result<Vec<String>, FrameError> {
    lines(|each| read(frame, None, each))
}

/// The frame that is written in the facts about these devices, from the numbers of the recording in
/// evcc-io/evcc#16765: a register without a value is 0.
#[test]
fn the_published_numbers_are_read_from_a_frame() {
    let frame = hex::decode(
        "0a510a0b736d6172742d6d6574657212420a0b736d6172742d6d6574657210011a0c08d6bde4b8061086f9b49602220c08ff8190888020\
         10f4e29a03220708ff8190908020220c08ff81a088802010cce0b43b",
    )
    .unwrap();
    let at = "2024-10-23T16:05:42.583875718Z";
    assert_eq!(
        values(&frame).unwrap(),
        [
            format!("{at} 1-0:1.7.0*255 6730.1 W < 1-0:1.4.0*255"),
            format!("{at} 1-0:2.7.0*255 0 W < 1-0:2.4.0*255"),
            format!("{at} 1-0:1.8.0*255 124596.3 Wh < 1-0:1.8.0*255"),
        ]
    );
}

#[test]
fn the_published_flex_value_is_negative() {
    let record = hex::decode("10012a1d0a0e67726964506f776572546f74616c120b08a0b9a4ffffffffffff01").unwrap();
    let length = u8::try_from(record.len()).unwrap();
    let frame = [&[0x0a, length + 5, 0x0a, 1, b's', 0x12, length], &record[..]].concat();
    assert_eq!(
        values(&frame).unwrap(),
        ["channel s receipt 1-0:16.7.0*255 -1500 W [time-is-receive-time] < gridPowerTotal"]
    );
}

#[test]
fn every_register_of_these_devices_has_its_unit_and_scale() {
    for (code, expected) in [
        ("1-0:3.4.0", "1-0:3.7.0*255 1.5 var"),
        ("1-0:4.8.0", "1-0:4.8.0*255 1.5 varh"),
        ("1-0:9.4.0", "1-0:9.7.0*255 1.5 VA"),
        ("1-0:10.8.0", "1-0:10.8.0*255 1.5 VAh"),
        ("1-0:13.4.0", "1-0:13.7.0*255 1.5 "),
        ("1-0:14.4.0", "1-0:14.7.0*255 1.5 Hz"),
        ("1-0:15.4.0", "1-0:84.7.0*255 1.5 "),
        ("1-0:22.4.0", "1-0:22.7.0*255 1.5 W"),
        ("1-0:31.4.0", "1-0:31.7.0*255 1.5 A"),
        ("1-0:32.4.0", "1-0:32.7.0*255 1.5 V"),
        ("1-0:33.4.0", "1-0:33.7.0*255 1.5 "),
        ("1-0:35.4.0", "1-0:85.7.0*255 1.5 "),
        ("1-0:55.4.0", "1-0:86.7.0*255 1.5 "),
        ("1-0:75.4.0", "1-0:87.7.0*255 1.5 "),
        ("1-0:41.8.0", "1-0:41.8.0*255 1.5 Wh"),
        ("1-0:70.4.0", "1-0:70.7.0*255 1.5 VA"),
        ("1-0:1.3.0", "1-0:1.3.0*255 1.5 W"),
        ("1-0:1.6.0", "1-0:1.6.0*255 1.5 W"),
        ("1-0:1.8.2", "1-0:1.8.2*255 1.5 Wh"),
        // An unknown register is stored as sent.
        ("1-0:99.4.0", "1-0:99.7.0*255 1500 ?"),
    ] {
        let raw = code.parse::<Obis>().unwrap();
        let expected = format!("2024-10-23T16:05:42.583875718Z {expected} < {raw}");
        assert_eq!(values(&frame(&[("smart-meter", gdr(&[(code, 1500)]))])).unwrap(), [expected]);
    }
    let gas = values(&frame(&[("smart-meter", gdr(&[("7-0:3.0.0", 1500)]))])).unwrap();
    assert_eq!(gas, ["text 7-0:3.0.0*255 1500"], "only the scale of electricity is known");
}

#[test]
fn one_quantity_with_two_kinds_of_measurement_keeps_them_apart() {
    let both = gdr(&[("1-0:1.4.0", 1000), ("1-0:1.7.0", 2000), ("1-0:2.4.0", 3000)]);
    let lines = values(&frame(&[("smart-meter", both)])).unwrap();
    let codes: Vec<_> = lines.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(codes, ["1-0:1.4.0*255", "1-0:1.7.0*255", "1-0:2.7.0*255"]);
}

#[test]
fn a_number_from_half_of_the_range_on_is_negative() {
    let negative = gdr(&[("1-0:13.4.0", (-250_i64).cast_unsigned())]);
    let lines = values(&frame(&[("smart-meter", negative)])).unwrap();
    assert!(lines[0].contains("1-0:13.7.0*255 -0.25 "), "{lines:?}");
}

#[test]
fn a_frame_with_several_channels_gives_them_all() {
    let two = frame(&[("smart-meter", gdr(&[("1-0:1.4.0", 1000)])), ("7f3c", gdr(&[("1-0:1.4.0", 2000)]))]);
    assert_eq!(
        values(&two).unwrap(),
        [
            "channel 7f3c 2024-10-23T16:05:42.583875718Z 1-0:1.7.0*255 2 W < 1-0:1.4.0*255",
            "2024-10-23T16:05:42.583875718Z 1-0:1.7.0*255 1 W < 1-0:1.4.0*255",
        ]
    );
}

#[test]
fn a_status_other_than_ok_is_flagged_and_an_invalid_time_is_reported() {
    for (status, name) in [(0, "STATUS_UNKNOWN"), (2, "STATUS_WARNING"), (3, "STATUS_ERROR"), (17, "17")] {
        let record = Gdr { status, ..gdr(&[("1-0:1.4.0", 1000)]) };
        let lines = values(&frame(&[("smart-meter", record)])).unwrap();
        assert!(lines[0].contains("1 W [status-not-ok]"), "{status}: {lines:?}");
        assert_eq!(lines[1..], [format!("text smart-meter/status {name}")]);
    }
    for timestamp in [
        Timestamp { seconds: -1, nanos: 0 },
        Timestamp { seconds: 1, nanos: -5 },
        Timestamp { seconds: i64::MAX, nanos: 0 },
    ] {
        let record = Gdr { timestamp: Some(timestamp), ..gdr(&[("1-0:1.4.0", 1000)]) };
        assert_eq!(
            values(&frame(&[("smart-meter", record)])).unwrap(),
            [
                "unreadable smart-meter: the channel's time is not a time",
                "receipt 1-0:1.7.0*255 1 W [time-is-receive-time] < 1-0:1.4.0*255",
            ]
        );
    }
}

/// The flow of energy: names of the public clients, numbers of our own.
fn flow(values: &[(&str, i64)]) -> Gdr {
    let flex = |value: &i64| FlexValue { int_value: *value, string_value: String::new() };
    let flex_values = values.iter().map(|(name, value)| ((*name).to_owned(), flex(value))).collect();
    Gdr { flex_values, ..gdr(&[]) }
}

#[test]
fn the_flow_of_energy_has_a_register_for_each_name() {
    let names = [
        ("gridPowerTotal", -1_500_000, "1-0:16.7.0*255 -1500 W"),
        ("pvPowerTotal", -4_000_000, "0-0:128.20.1*255 -4000 W"),
        ("housePowerTotal", 812_500, "0-0:128.20.3*255 812.5 W"),
        ("batteryPowerTotal", 900_000, "0-0:128.20.4*255 900 W"),
        ("wallboxPowerTotal", 0, "0-0:128.20.7*255 0 W"),
        ("auxillaryPowerTotal", 1000, "0-0:128.20.18*255 1 W"),
        ("gridFrequency", 49_990, "1-0:14.7.0*255 49.99 Hz"),
        ("gridPowerFactor", 987, "1-0:13.7.0*255 0.987 "),
        ("systemStateOfCharge", 45, "0-0:128.21.0*255 0.45 "),
        ("inverterCurtailment", 1, "0-0:128.20.17*255 1 "),
        ("evse_hw_imax", 16_000, "0-0:128.22.2*255 16 A"),
        ("evse_session_duration", 90, "0-0:128.22.4*255 90 s"),
    ];
    for (name, raw, expected) in names {
        let lines = values(&frame(&[("kostal-energyflow/sumvalues", flow(&[(name, raw)]))])).unwrap();
        let at = "channel kostal-energyflow/sumvalues 2024-10-23T16:05:42.583875718Z";
        assert_eq!(lines, [format!("{at} {expected} < {name}")]);
    }
    let unknown = values(&frame(&[("s", flow(&[("somethingNew", -7)]))])).unwrap();
    assert_eq!(unknown, ["text somethingNew -7"]);
    let mut text = flow(&[("evse_status_code", 0)]);
    text.flex_values.get_mut("evse_status_code").unwrap().string_value = "C2".to_owned();
    assert_eq!(values(&frame(&[("evse", text)])).unwrap(), ["text evse_status_code C2"]);
}

#[test]
fn codes_of_the_energy_flow_that_sources_read_differently_are_texts() {
    let record = gdr(&[("1-0:1.8.0", 1000), ("1-0:61.8.0", 2000), ("1-0:65.8.0", 3000)]);
    let lines = values(&frame(&[("kostal-energyflow/sumvalues", record)])).unwrap();
    assert!(lines[0].contains(" 1-0:1.8.0*255 1 Wh"), "{lines:?}");
    assert_eq!(lines[1..], ["text 1-0:61.8.0*255 2000", "text 1-0:65.8.0*255 3000"]);
}

fn configuration() -> GcRs {
    let definition =
        |label: &str, unit, decimalpower| FlexDefinition { label: label.to_owned(), r#type: 0, unit, decimalpower };
    let flex_definitions = [
        ("gridPowerTotal", definition("Grid", 3, -3)),
        ("pvPowerTotal", definition("PV", 3, -1)),
        ("housePowerTotal", definition("House", 8, -3)),
        ("note", FlexDefinition { r#type: 1, ..definition("Note", 99, 0) }),
    ];
    let channel = Gcr {
        id: "sumvalues".to_owned(),
        label: "Energy flow".to_owned(),
        class: 3,
        sources: vec!["a".to_owned(), "b".to_owned()],
        codes: vec![key("1-0:1.4.0"), key("1-0:1.8.0")],
        devicetype: 56,
        meta: [("room".to_owned(), "cellar".to_owned())].into(),
        timestamp: Some(AT),
        flex_definitions: flex_definitions.map(|(name, definition)| (name.to_owned(), definition)).into(),
    };
    GcRs { gcrs: [("sumvalues".to_owned(), channel)].into(), config_uuid: "84b6174e".to_owned() }
}

#[test]
fn a_configuration_says_label_class_device_codes_and_units() {
    let known = Configuration::read(&configuration().encode_to_vec()).unwrap();
    assert_eq!(known.id, "84b6174e");
    let channel = known.channel("sumvalues").unwrap();
    assert_eq!(
        (channel.label.as_str(), channel.class.name(), channel.device.name()),
        ("Energy flow", Some("hybrid"), Some("grid connection"))
    );
    assert_eq!(channel.sources, ["a", "b"]);
    let codes: Vec<String> = channel.codes.iter().map(ToString::to_string).collect();
    assert_eq!(codes, ["1-0:1.4.0*255", "1-0:1.8.0*255"]);
    assert_eq!(channel.meta, [("room".to_owned(), "cellar".to_owned())]);
    let powers: Vec<_> = channel.definitions.iter().map(|known| (known.name.as_str(), known.decimal_power)).collect();
    assert_eq!(powers, [("gridPowerTotal", -3), ("housePowerTotal", -3), ("note", 0), ("pvPowerTotal", -1)]);
    assert!(channel.definitions[2].is_text);
    assert_eq!((Class(9).name(), Device(99).name(), FlexUnit(17).base()), (None, None, None));
    assert_eq!(FlexUnit(8).base(), Some((Unit::WattHour, 1e3)));
}

#[test]
fn the_configuration_decides_the_power_of_ten_of_a_flex_value_of_the_same_quantity() {
    let known = Configuration::read(&configuration().encode_to_vec()).unwrap();
    let record = flow(&[("gridPowerTotal", 5000), ("housePowerTotal", 5000), ("note", 3), ("pvPowerTotal", 5000)]);
    let frame = frame(&[("sumvalues", record)]);
    let lines = lines(|each| read(&frame, Some(&known), each)).unwrap();
    let values: Vec<_> =
        lines.iter().map(|line| line.split(' ').skip(3).take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(values, ["1-0:16.7.0*255 5 W", "0-0:128.20.3*255 5 W", "", "0-0:128.20.1*255 500 W"]);
}

#[test]
fn unknown_fields_are_skipped_and_a_damaged_frame_gives_nothing() {
    let whole = frame(&[("smart-meter", gdr(&[("1-0:1.4.0", 1000), ("1-0:1.8.0", 2000)]))]);
    let longer = [&whole[..], &[0x78, 5, 0x82, 1, 2, 0, 0, 0x8d, 1, 1, 2, 3, 4]].concat();
    assert_eq!(values(&longer), values(&whole));
    for end in 1..whole.len() {
        let mut parts = 0;
        assert!(read(&whole[..end], None, |_| parts += 1).is_err(), "{end}");
        assert_eq!(parts, 0, "{end}");
    }
    assert_eq!(values(&[0x08, 1]), Err(FrameError::Type(1)));
    assert_eq!(values(&[0x12, 1, 0xff]), Err(FrameError::Text(2)));
    assert_eq!(values(&[0x0a, 4, 0x0a, 0, 0x0a, 0]), Err(FrameError::Twice(1)));
    assert_eq!(values(&[]), Ok(vec![]));
}

#[test]
fn a_frame_is_read_without_an_allocation() {
    let codes = ["1-0:1.4.0", "1-0:2.4.0", "1-0:1.8.0", "1-0:21.4.0", "1-0:32.4.0", "1-0:75.4.0", "1-0:71.4.0"];
    let record =
        Gdr { flex_values: flow(&[("gridPowerTotal", 1)]).flex_values, ..gdr(&codes.map(|code| (code, 1000))) };
    let frame = frame(&[("smart-meter", record)]);
    let (mut values, mut sum) = (0, 0.0);
    let info = allocation_counter::measure(|| {
        read(&frame, None, |part| {
            if let Part::Value(value) = part {
                (values, sum) = (values + 1, sum + value.value);
            }
        })
        .unwrap();
    });
    assert_eq!((values, info.count_total), (8, 0), "{sum}");
}
