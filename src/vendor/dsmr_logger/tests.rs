//! The documents of DSMRloggerAPI's description of its interface, and what its builds and relatives send
//! beside them.

mod rows;

use super::*;
use crate::vendor::lines::line;
use crate::vendor::p1::{Frame, next_frame};
use proptest::prelude::*;

const INFO: &str = include_str!("../../../tests/fixtures/dsmr-logger/info.json");
const ACTUAL: &str = include_str!("../../../tests/fixtures/dsmr-logger/actual-v1.json");
const ACTUAL_V0: &str = include_str!("../../../tests/fixtures/dsmr-logger/actual-v0.json");
const FIELDS: &str = include_str!("../../../tests/fixtures/dsmr-logger/fields.json");
const FIELD: &str = include_str!("../../../tests/fixtures/dsmr-logger/field.json");

fn document(text: &str) -> Document {
    Document::read(text.as_bytes(), &Identity::default()).unwrap()
}

fn lines(document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    document.visit(|part| lines.push(line(&part)));
    lines
}

#[test]
fn the_documented_info_has_the_ids_of_a_telegram() {
    let document = document(INFO);
    assert_eq!(lines(&document), ["receipt 0-0:96.14.0*255 1  [time-is-receive-time] < electricity_tariff"]);
    assert_eq!(document.native_id(""), "4530303336303000000000000000000040", "an id with other bytes is as sent");
    assert_eq!(document.native_id("1"), "G0039001652050216");
    assert_eq!(document.native_id("4"), "G00390014DDDDDDDD");
    assert_eq!(document.native_id("2"), "4530303336303000000000000000000040:2");
    assert_eq!(document.identity().devices.each_ref().map(|device| device.kind), [Some(3), None, None, Some(5)]);
}

#[test]
fn the_documented_values_equal_a_telegrams() {
    let at = "2021-04-19T03:00:01Z";
    let expected = [
        "1-0:1.8.1*255 2332511 Wh < energy_delivered_tariff1",
        "1-0:1.8.2*255 8514767 Wh < energy_delivered_tariff2",
        "1-0:2.8.1*255 353841 Wh < energy_returned_tariff1",
        "1-0:2.8.2*255 196645 Wh < energy_returned_tariff2",
        "1-0:1.7.0*255 1880 W < power_delivered",
        "1-0:2.7.0*255 0 W < power_returned",
        "1-0:32.7.0*255 239 V < voltage_l1",
        "1-0:52.7.0*255 236 V < voltage_l2",
        "1-0:72.7.0*255 237 V < voltage_l3",
        "1-0:31.7.0*255 3 A < current_l1",
        "1-0:51.7.0*255 0 A < current_l2",
        "1-0:71.7.0*255 0 A < current_l3",
        "1-0:21.7.0*255 500 W < power_delivered_l1",
        "1-0:41.7.0*255 899 W < power_delivered_l2",
        "1-0:61.7.0*255 480 W < power_delivered_l3",
        "1-0:22.7.0*255 0 W < power_returned_l1",
        "1-0:42.7.0*255 0 W < power_returned_l2",
        "1-0:62.7.0*255 0 W < power_returned_l3",
    ]
    .map(|line| format!("{at} {line}"));
    let totals = [
        format!("{at} 1-0:1.8.0*255 10847278 Wh < energy_delivered_tariff1+energy_delivered_tariff2"),
        format!("{at} 1-0:2.8.0*255 550486 Wh < energy_returned_tariff1+energy_returned_tariff2"),
    ];
    let gas = |channel: &str| [format!("channel {channel} {at} 7-0:3.0.0*255 2963.38 m3 < gas_delivered")];
    assert_eq!(lines(&document(ACTUAL)), [&expected[..], &gas("gas"), &totals].concat());
    // With the identity of an earlier document the gas meter is the one on its channel.
    let known = Document::read(ACTUAL.as_bytes(), document(INFO).identity()).unwrap();
    assert_eq!(lines(&known), [&expected[..], &gas("1"), &totals].concat());
    assert_eq!(known.native_id("1"), "G0039001652050216");
    assert_eq!(
        (known.native_id("gas"), document(ACTUAL).native_id("gas")),
        ("4530303336303000000000000000000040:gas".to_owned(), ":gas".to_owned())
    );
}

#[test]
fn the_documented_flat_form_has_the_same_names() {
    let lines = lines(&document(ACTUAL_V0));
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[0], "2017-01-02T08:50:01Z 1-0:1.8.1*255 146380 Wh < energy_delivered_tariff1");
    assert_eq!(lines[5], "2017-01-02T08:50:01Z 1-0:2.7.0*255 1270 W < power_returned");
    assert_eq!(lines[18], "channel gas 2017-01-02T08:50:01Z 7-0:3.0.0*255 100.55 m3 < gas_delivered");
    assert_eq!(
        lines[19],
        "2017-01-02T08:50:01Z 1-0:1.8.0*255 216891 Wh < energy_delivered_tariff1+energy_delivered_tariff2"
    );
}

#[test]
fn every_documented_field_is_a_value_a_text_or_absent() {
    let document = document(FIELDS);
    let at = "2021-06-10T08:33:51Z";
    let lines = lines(&document);
    for expected in [
        "0-0:96.14.0*255 2  < electricity_tariff",
        "0-0:96.7.21*255 11  < electricity_failures",
        "0-0:96.7.9*255 1  < electricity_long_failures",
        "1-0:32.32.0*255 10  < electricity_sags_l1",
        "1-0:72.32.0*255 9  < electricity_sags_l3",
        "1-0:52.36.0*255 0  < electricity_swells_l2",
        "1-0:71.7.0*255 5 A < current_l3",
        "1-0:62.7.0*255 1205 W < power_returned_l3",
        "1-0:1.8.0*255 10556541 Wh < energy_delivered_tariff1+energy_delivered_tariff2",
    ] {
        assert!(lines.contains(&format!("{at} {expected}")), "{expected}: {lines:#?}");
    }
    assert!(lines.contains(&"2020-02-10T09:47:19Z 0-0:96.7.19*255 14540 s < electricity_failure_log".to_owned()));
    assert!(lines.contains(&format!("channel 1 {at} 7-0:3.0.0*255 3845.379 m3 < mbus1_delivered")));
    // 28 fields of the meter, its log, one device, two totals; no channel but the first has a device.
    assert_eq!(lines.len(), 31, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.starts_with("unreadable") || line.starts_with("text")), "{lines:#?}");
    // Not whole bytes: the id is as sent.
    assert_eq!(document.native_id(""), "45303033363030333754321098765");
}

#[test]
fn a_document_of_one_field_is_one_value() {
    assert_eq!(lines(&document(FIELD)), ["2021-03-15T06:00:01Z 1-0:51.7.0*255 1 A < current_l2"]);
}

#[test]
fn a_document_gives_the_values_of_the_telegram_that_it_was_made_of() {
    let telegram = b"/XMX5LABCDE2410065447\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(210610104031S)\r\n\
        0-0:96.1.1(4530304446303033373839312345678906)\r\n1-0:1.8.1(004491.266*kWh)\r\n1-0:1.8.2(006065.310*kWh)\r\n\
        1-0:1.7.0(00.037*kW)\r\n0-1:24.1.0(003)\r\n0-1:96.1.0(4730305559303031363839312345678906)\r\n\
        0-1:24.2.1(210610104031S)(03845.376*m3)\r\n!\r\n";
    let Some((_, Frame::Telegram(telegram), _)) = next_frame(telegram, true) else { panic!("no telegram") };
    let rest = document(
        r#"{"fields":[{"name":"identification","value":"XMX5LABCDE2410065447"},{"name":"timestamp","value":"210610104031S"},
        {"name":"equipment_id","value":"4530304446303033373839312345678906"},
        {"name":"energy_delivered_tariff1","value":4491.266,"unit":"kWh"},
        {"name":"energy_delivered_tariff2","value":6065.310,"unit":"kWh"},{"name":"power_delivered","value":0.037},
        {"name":"mbus1_device_type","value":3},
        {"name":"mbus1_equipment_id_tc","value":"4730305559303031363839312345678906"},
        {"name":"mbus1_delivered","value":3845.376,"unit":"m3"}]}"#,
    );
    let value = |part: &Part<'_>| line(part).split(" < ").next().unwrap().to_owned();
    let (mut of_document, mut of_telegram) = (Vec::new(), Vec::new());
    rest.visit(|part| of_document.push(value(&part)));
    telegram.visit(|part| of_telegram.push(value(&part)));
    assert_eq!(of_document, of_telegram);
    assert_eq!(rest.native_id(""), telegram.ids().native_id(""));
    assert_eq!(rest.native_id("1"), telegram.ids().native_id("1"));
}

/// A document of v1 with an electricity meter's time and these fields.
fn v1(fields: &str) -> Vec<String> {
    let text = format!(r#"{{"fields":[{{"name":"timestamp","value":"260315120000W"}},{fields}]}}"#);
    let document = document(&text);
    lines(&document).iter().map(|line| line.replace("2026-03-15T11:00:00Z ", "")).collect()
}

fn field(name: &str, value: &str) -> String {
    format!(r#"{{"name":"{name}","value":{value},"unit":"GJ"}}"#)
}

#[test]
fn an_m_bus_counter_has_the_unit_of_its_device_never_the_label() {
    for (kind, expected) in [
        ("3", "channel 2 7-0:3.0.0*255 36 m3 < mbus2_delivered"),
        ("7", "channel 2 8-0:1.0.0*255 36 m3 < mbus2_delivered"),
        ("4", "channel 2 6-0:1.0.0*255 10000000 Wh < mbus2_delivered"),
        ("\"5\"", "channel 2 6-0:1.0.0*255 10000000 Wh < mbus2_delivered"),
        ("6", "channel 2 5-0:1.0.0*255 10000000 Wh < mbus2_delivered"),
        ("2", "channel 2 1-0:1.8.0*255 36000 Wh < mbus2_delivered"),
        ("99", "text mbus2_delivered 36.000"),
        ("\"-\"", "text mbus2_delivered 36.000"),
    ] {
        let fields = [field("mbus2_device_type", kind), field("mbus2_delivered", "36.000")].join(",");
        assert_eq!(v1(&fields), [expected], "{kind}");
    }
    assert_eq!(v1(&field("mbus2_delivered", "0.000")), Vec::<String>::new(), "present without a device");
}

#[test]
fn the_other_forms_of_a_counter_are_read_and_a_repetition_counts_once() {
    let gas = field("mbus1_device_type", "3");
    let lines = |fields: &[String]| v1(&[std::slice::from_ref(&gas), fields].concat().join(","));
    let value = |name: &str| format!("channel 1 7-0:3.0.0*255 12.345 m3 < {name}");
    for form in ["delivered_ntc", "delivered_dbl", "delivered"] {
        let name = format!("mbus1_{form}");
        assert_eq!(lines(&[field(&name, "12.345")]), [value(&name)]);
    }
    let ntc = field("mbus1_delivered_ntc", "12.345");
    assert_eq!(lines(&[field("mbus1_delivered", "0.000"), ntc.clone()]), [value("mbus1_delivered_ntc")]);
    assert_eq!(
        lines(&[field("mbus1_delivered", "12.345"), ntc, field("gas_delivered", "12.345")]),
        [
            value("mbus1_delivered"),
            "text mbus1_delivered_ntc 12.345".to_owned(),
            "text gas_delivered 12.345".to_owned()
        ]
    );
    assert_eq!(lines(&[field("gas_delivered", "12.345")]), [value("gas_delivered")]);
    assert_eq!(lines(&[field("gas_delivered", "0.000")]), Vec::<String>::new());
    assert_eq!(lines(&[field("mbus1_valve_position", "1")]), ["channel 1 0-0:24.4.0*255 1  < mbus1_valve_position"]);
}

#[test]
fn a_numeric_time_stamp_is_unusable() {
    for stamp in ["210419056640.000", "210419050001", "\"yesterday\"", "\"-\""] {
        let text = format!(r#"{{"timestamp":{stamp},"power_delivered":1.750}}"#);
        let lines = lines(&document(&text));
        assert_eq!(lines[0], "receipt 1-0:1.7.0*255 1750 W [time-is-receive-time] < power_delivered", "{stamp}");
    }
    let local = lines(&document(r#"{"timestamp":"260715120000","power_delivered":1}"#));
    assert_eq!(local, ["2026-07-15T10:00:00Z 1-0:1.7.0*255 1000 W [local-time] < power_delivered"]);
}

#[test]
fn a_stray_comma_is_removed_and_reported() {
    let text = ACTUAL_V0.replacen('{', "{\n ,", 1);
    let repaired = document(&text);
    let remarks: Vec<_> = repaired.remarks().collect();
    assert_eq!(remarks, [("repaired", "a comma after the first brace was removed")]);
    assert_eq!(document(ACTUAL_V0).remarks().count(), 0);
    assert_eq!(lines(&repaired), lines(&document(ACTUAL_V0)));
}

#[test]
fn powers_of_phases_that_the_logger_copied_from_the_total_are_no_values() {
    let powers = |l1: &str, l2: &str| {
        format!(
            r#""power_delivered":1.750,"power_delivered_l1":{l1},"power_delivered_l2":{l2},"power_delivered_l3":0.000,
            "power_returned":0.000,"power_returned_l1":0.000,"power_returned_l2":0.000,"power_returned_l3":0.000"#
        )
    };
    let copied = document(&format!("{{{}}}", powers("1.750", "0.000")));
    let shown = lines(&copied);
    let values: Vec<_> = shown.iter().filter(|line| !line.starts_with("text ")).collect();
    assert_eq!(values.len(), 2, "{shown:?}");
    assert!(values[0].contains(" 1-0:1.7.0*255 1750 W ") && values[1].contains(" 1-0:2.7.0*255 0 W "), "{shown:?}");
    assert!(shown.contains(&"text power_delivered_l1 1.750".to_owned()), "{shown:?}");
    assert_eq!(copied.remarks().map(|(name, _)| name).collect::<Vec<_>>(), ["left_out"]);
    // Phases that are not a copy, and idle phases of a meter that has them.
    let differ = format!("{{{}}}", powers("1.000", "0.750").replace("_returned", "_received"));
    let idle = format!("{{{},\"current_l2\":0,\"current_l3\":0}}", powers("1.750", "0.000"));
    let one = r#"{"power_delivered":1.750,"power_delivered_l1":1.750,"power_returned":0.000}"#.to_owned();
    for (text, expected) in [(differ, 4), (idle, 10), (one, 3)] {
        let document = document(&text);
        let values = lines(&document).iter().filter(|line| !line.starts_with("text ")).count();
        assert_eq!((values, document.remarks().count()), (expected, 0), "{text}");
    }
}

#[test]
fn relatives_have_their_own_shapes() {
    let expected = ["1-0:1.7.0*255 183 W < power_delivered", "1-0:1.4.0*255 1500 W < peak_pwr_last_q"];
    let nested = r#"{"timestamp":{"value":"260315120000W"},"power_delivered":{"value":0.183,"unit":"kW"},
        "peak_pwr_last_q":{"value":1.5,"unit":"kW"},"power_returned":{"value":"-"}}"#;
    let wrapped = r#"{"actual":{"timestamp":"260315120000W","power_delivered":0.183,"peak_pwr_last_q":"1.500"}}"#;
    for text in [nested, wrapped] {
        assert_eq!(lines(&document(text)), expected.map(|line| format!("2026-03-15T11:00:00Z {line}")));
    }
    let gas = document(
        r#"{"gas_delivered":{"value":12.5,"unit":"m3"},"gas_device_type":{"value":3},"gas_equipment_id":{"value":"3153"}}"#,
    );
    assert_eq!(lines(&gas), ["channel gas receipt 7-0:3.0.0*255 12.5 m3 [time-is-receive-time] < gas_delivered"]);
    assert_eq!(gas.native_id("gas"), "1S");
}

#[test]
fn negative_whole_numbers_of_the_flat_form_are_negative() {
    let lines = |text: &str| lines(&document(text));
    assert_eq!(
        lines(r#"{"current_l1":4294967293}"#),
        ["receipt 1-0:31.7.0*255 -3 A [time-is-receive-time] < current_l1"]
    );
    let large = lines(r#"{"energy_delivered_tariff1":4294967293.000}"#);
    assert!(large[0].contains(" 4294967293000 Wh "), "{large:?}");
}

#[test]
fn texts_cannot_become_lines() {
    let evil = r"1)\r\n1-0:1.8.1(9*kWh)\r\n!";
    let text = format!(
        r#"{{"message_long":"{evil}","equipment_id":"{evil}","power_delivered":"{evil}","electricity_failure_log":"({evil})",
        "identification":"{evil}","electricity_switch_position":"on","new_field":5,"power_delivered":1}}"#
    );
    let lines = lines(&document(&text));
    assert!(!lines.iter().any(|line| line.contains("1.8.1*255")), "{lines:#?}");
    assert!(lines.contains(&"text electricity_switch_position on".to_owned()));
    assert!(lines.contains(&"text new_field 5".to_owned()));
    assert!(lines.iter().any(|line| line.starts_with("unreadable power_delivered: ")));
}

#[test]
fn another_body_is_an_error_that_says_why() {
    let error = |text: &str| Document::read(text.as_bytes(), &Identity::default()).unwrap_err();
    assert_eq!(error("<html>"), MessageError::WebPage);
    assert_eq!(error(r#"{"actual":[]}"#), MessageError::Shape("a document with fields"));
    let refused = r#"{"error":{"url":"/api/v3","message":"url not valid"}}"#;
    assert!(matches!(error(refused), MessageError::Device(text) if text.contains("url not valid")));
    let repeated = r#"{"error":"wrong password=hunter2"}"#;
    let expected = MessageError::Device("wrong password=*******".to_owned());
    assert_eq!(error(repeated), expected);
    assert_eq!(history::read(repeated.as_bytes(), &Identity::default(), |_| ()), Err(expected));
    assert!(matches!(error("no telegram received"), MessageError::Json(_)));
}

proptest! {
    #[test]
    fn no_document_panics_and_every_value_is_finite(
        bytes in any::<Vec<u8>>(),
        name in "mbus[0-9]_[a-z_]{0,14}|[a-z_]{0,12}(_l[0-9])?|energy_delivered_tariff1|gas_delivered|timestamp",
        value in "-?[0-9]{0,30}(\\.[0-9]{1,5})?(e[0-9]{1,3})?|[ -~]{0,40}",
        kind in any::<u8>(),
    ) {
        let value = serde_json::to_string(&value).unwrap();
        let flat = format!(r#"{{"{name}":{value},"timestamp":{value},"mbus1_delivered":{value},"mbus1_device_type":{kind}}}"#);
        let array = format!(r#"{{"actual":[{{"name":"{name}","value":{value}}},{{"value":1}}]}}"#);
        for bytes in [&bytes, flat.as_bytes(), array.as_bytes()] {
            LoggerInfo::read(bytes).ok();
            if let Ok(document) = Document::read(bytes, &Identity::default()) {
                let _ = document.native_id("1");
                document.visit(|part| if let Part::Value(value) = part { assert!(value.value.is_finite()) });
            }
        }
    }
}

#[test]
fn a_document_describes_the_meter_as_its_telegram_does() {
    let info = document(INFO);
    let actual = ACTUAL.replacen("[", r#"[{"name":"mbus1_delivered","value":1.5,"unit":"m3"},"#, 1);
    let found = Document::read(actual.as_bytes(), info.identity()).unwrap().nameplate();
    assert_eq!((found.maker.as_deref(), found.model.as_str()), (Some("XMX"), "XMX5LABCDB2410065887"));
    let devices: Vec<_> = found.devices.iter().map(|it| (it.channel.as_str(), it.kind, it.id.as_deref())).collect();
    assert_eq!(devices, [("1", Some(3), Some("G0039001652050216"))]);
}

#[test]
fn a_logger_gives_firmware_and_name_in_every_shape_and_no_password() {
    for text in [
        r#"{"devinfo":[{"name":"fwversion","value":"v3.0.5"},{"name":"hostname","value":"DSMR-API"},
            {"name":"pskkey","value":"hunter2"}]}"#,
        r#"{"fwversion":"v3.0.5","hostname":"DSMR-API","pskkey":"hunter2"}"#,
        r#"{"fwversion":{"value":"v3.0.5"},"hostname":{"value":"DSMR-API"},"pskkey":{"value":"hunter2"}}"#,
    ] {
        let found = LoggerInfo::read(text.as_bytes()).unwrap();
        assert_eq!((found.firmware.as_deref(), found.hostname.as_deref()), (Some("v3.0.5"), Some("DSMR-API")));
        assert!(!format!("{found:?}").contains("hunter2"));
    }
    assert_eq!(
        LoggerInfo::read(br#"{"devinfo":[{"name":"fwversion","value":"-"}]}"#).unwrap_or_default(),
        LoggerInfo::default()
    );
    assert!(LoggerInfo::read(b"<html>not found</html>").is_err());
}

#[test]
fn the_document_of_an_identity_says_the_same() {
    let device = |kind, id: &str| Device { kind: Some(kind), id: Some(id.to_owned()) };
    let identity = Identity {
        identification: Some("XYZ5METER".to_owned()),
        equipment_id: Some("4530303034".to_owned()),
        version: Some("50".to_owned()),
        devices: [device(3, "47"), Device::default(), Device { kind: Some(7), id: None }, device(4, "48")],
        gas: device(3, "49"),
    };
    for identity in [identity.clone(), Identity { equipment_id: None, ..identity }] {
        let document = Document::read(identity.document().as_bytes(), &Identity::default()).unwrap();
        assert_eq!(*document.identity(), identity);
    }
}
