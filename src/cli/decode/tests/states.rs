//! States, texts and units of every vendor: states become numbers, 45 % is 0.45, gigajoule become watt-hours,
//! a failure is a value at its own end, free text stays a text.

use super::*;
use meterline_load::proto::ksem::{FlexValue, GdRs, Gdr};
use prost::Message as _;

/// A part of a message, and its items.
type Case<'a> = (&'a str, &'a [&'a str]);

/// Checks that each part, within the message that `whole` makes of it, gives these items: `register value unit`
/// and the time if it is not the message's, or `text name: text`.
fn check(cases: &[Case<'_>], now: &str, whole: impl Fn(&str) -> String, edit: impl Fn(&mut Options)) {
    for (part, expected) in cases {
        let (text, failure) = shown(&whole(part), true, &edit);
        assert!(failure.is_none(), "{part}: {text}");
        let items: Vec<_> = text.lines().map(|line| item(&serde_json::from_str(line).unwrap(), now)).collect();
        assert_eq!(items, *expected, "{part}");
    }
}

fn item(item: &serde_json::Value, now: &str) -> String {
    let of = |name: &str| item[name].as_str().unwrap_or_default();
    let Some(value) = item["value"].as_f64() else {
        return format!("text {}: {}", of("raw_code"), of("text"));
    };
    let time = of("time").replace(now, "");
    format!("{} {value} {} {time}", of("obis").trim_end_matches("*255"), of("unit")).trim_end().to_owned()
}

#[test]
fn states_texts_and_units_of_a_telegram() {
    let whole = |line: &str| format!("/XYZ5METER\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(260315120000W)\r\n{line}\r\n!\r\n");
    let cases: &[Case<'_>] = &[
        ("0-0:96.14.0(0002)", &["0-0:96.14.0 2"]),
        ("0-0:96.3.10(1)", &["0-0:96.3.10 1"]),
        ("0-2:96.3.10(0)", &["0-2:96.3.10 0"]),
        ("0-1:24.4.0(1)", &["0-0:24.4.0 1"]),
        ("0-0:96.7.21(00011)", &["0-0:96.7.21 11"]),
        (
            "1-0:99.97.0(2)(0-0:96.7.19)(200210104719W)(0000014540*s)(200701120000S)(60*s)",
            &["0-0:96.7.19 14540 s 2020-02-10T09:47:19Z", "0-0:96.7.19 60 s 2020-07-01T10:00:00Z"],
        ),
        ("0-1:24.1.0(004)\r\n0-1:24.2.1(260315120000W)(0036*GJ)", &["6-0:1.0.0 10000000 Wh"]),
        ("1-0:13.7.0(00450)", &["1-0:13.7.0 0.45"]),
        ("0-0:96.13.0(48656C6C6F)", &["text 0-0:96.13.0: (48656C6C6F)"]),
        ("0-0:96.3.10(OPEN)", &["text 0-0:96.3.10: (OPEN)"]),
    ];
    check(cases, "2026-03-15T11:00:00Z", whole, |options| options.unchecked = true);
}

#[test]
fn states_texts_and_units_of_a_dsmr_logger() {
    let whole = |fields: &str| format!(r#"{{"fields":[{{"name":"timestamp","value":"260315120000W"}},{fields}]}}"#);
    let cases: &[Case<'_>] = &[
        (r#"{"name":"electricity_tariff","value":"0002"}"#, &["0-0:96.14.0 2"]),
        (r#"{"name":"electricity_switch_position","value":1}"#, &["0-0:96.3.10 1"]),
        (r#"{"name":"mbus1_valve_position","value":0}"#, &["0-0:24.4.0 0"]),
        (
            r#"{"name":"electricity_failure_log","value":"(1)(0-0:96.7.19)(200210104719W)(0000014540*s)"}"#,
            &["0-0:96.7.19 14540 s 2020-02-10T09:47:19Z"],
        ),
        (
            r#"{"name":"mbus2_device_type","value":4},{"name":"mbus2_delivered","value":36.000,"unit":"m3"}"#,
            &["6-0:1.0.0 10000000 Wh"],
        ),
        (r#"{"name":"message_long","value":"Hello"}"#, &["text message_long: Hello"]),
        (
            r#"{"name":"highest_peak_pwr","value":"(260309134558W)(02.589*kW)"}"#,
            &["text highest_peak_pwr: (260309134558W)(02.589*kW)"],
        ),
        (r#"{"name":"new_field","value":"ON"}"#, &["text new_field: ON"]),
    ];
    check(cases, "2026-03-15T11:00:00Z", whole, |options| options.format = Some(Format::DsmrLogger));
}

#[test]
fn states_texts_and_units_of_a_ksem_and_an_em300() {
    let usage: &[Case<'_>] = &[
        (r#"{"CpuLoad":45}"#, &["0-0:128.30.1 0.45"]),
        (r#"{"CpuTemp":51}"#, &["0-0:128.30.2 51 degC"]),
        (r#"{"RamFree":10}"#, &["0-0:128.30.3 10240 B"]),
        (r#"{"Status":"idle"}"#, &["text Status: idle"]),
    ];
    check(usage, "-", str::to_owned, |options| options.format = Some(Format::KsemUsage));
    let flex = |part: &str| {
        let (name, value) = part.split_once('=').unwrap();
        let number = value.parse();
        let text = if number.is_ok() { String::new() } else { value.to_owned() };
        let value = FlexValue { int_value: number.unwrap_or_default(), string_value: text };
        let gdr = Gdr { status: 1, flex_values: [(name.to_owned(), value)].into(), ..Gdr::default() };
        hex::encode(GdRs { gdrs: [("flow".to_owned(), gdr)].into(), ..GdRs::default() }.encode_to_vec())
    };
    let states: &[Case<'_>] = &[
        ("systemStateOfCharge=45", &["0-0:128.21.0 0.45"]),
        ("gridPowerFactor=450", &["1-0:13.7.0 0.45"]),
        ("inverterCurtailment=1", &["0-0:128.20.17 1"]),
        ("evse_status=2", &["0-0:128.22.1 2"]),
        ("evse_session_duration=60", &["0-0:128.22.4 60 s"]),
        ("evse_serial=A4711", &["text evse_serial: A4711"]),
        ("new_name=7", &["text new_name: 7"]),
    ];
    check(states, "-", flex, |options| options.format = Some(Format::KsemGdr));
    let em300: &[Case<'_>] = &[
        (r#""1-0:13.4.0*255":0.45"#, &["1-0:13.7.0 0.45"]),
        (r#""1-0:1.8.0*255":"5000","obis_version":"2""#, &["1-0:1.8.0 5000 Wh", "text obis_version: 2"]),
    ];
    check(em300, "-", |part| format!("{{{part}}}"), |options| options.format = Some(Format::Em300));
}

#[test]
fn states_texts_and_units_of_a_smart_mac() {
    let whole = |parts: &str| {
        let (state, records) = parts.split_once(' ').unwrap();
        format!(r#"{{"devid":"1728053249","time":1530607456,{state},"data":{{{records}}}}}"#)
    };
    let cases: &[Case<'_>] = &[
        (r#""pout":"1" "#, &["0-0:96.3.10 1"]),
        (r#""OUT":0 "#, &["0-0:96.3.10 0"]),
        (r#""powset":"-" "T":{"value":"31"}"#, &["text powset: -", "0-0:96.9.0 31 degC"]),
        (
            r#""powset":"0" "PF":{"value":"0.45"},"V":{"value":"230"}"#,
            &["text powset: 0", "1-0:13.7.0 0.45", "1-0:32.7.0 230 V"],
        ),
        (
            r#""powset":"-" "TCh1":{"value":"1200"},"ADC":{"value":"512"}"#,
            &["text powset: -", "1-1:82.8.0 1200", "0-0:128.11.0 512 ?"],
        ),
        (r#""pout":"1" "STAT":{"value":"online"}"#, &["0-0:96.3.10 1", "text STAT: online"]),
    ];
    check(cases, "2018-07-03T08:44:16Z", whole, |options| options.format = Some(Format::SmartMac));
}

#[test]
fn states_texts_and_units_of_a_smappee() {
    let cases: &[(&str, &[Case<'_>])] = &[
        (
            "plug/42/state",
            &[
                (r#"{"value":"ON","since":1773576000000}"#, &["0-0:96.3.10 1"]),
                (r#"{"value":"OFF_OFF","since":1773576000000}"#, &["0-0:96.3.10 0"]),
            ],
        ),
        ("plug/42/connectionState", &[(r#"{"value":"UNREACHABLE","since":1773576000000}"#, &["0-0:128.23.1 2"])]),
        ("presence", &[(r#"{"value":true,"utcTimeStamp":1773576000000}"#, &["0-0:128.23.18 1"])]),
        (
            "aggregatedGW",
            &[(
                r#"{"gwIntervalDatas":[{"utcEndtime":1773576000000,"sensorId":3,"temperature":226,"humidity":45,"battLevel":98}]}"#,
                &["0-0:96.9.0 22.6 degC", "0-0:96.9.2 0.45", "0-0:96.6.1 0.98"],
            )],
        ),
        ("trigger", &[(r#"{"name":"alarm"}"#, &["text trigger.name: alarm"])]),
    ];
    for (topic, cases) in cases {
        let topic = format!("servicelocation/0b9fd2f6-1c57-4e0e-9a52-6f4c2f0c7a11/{topic}");
        check(cases, "2026-03-15T12:00:00Z", str::to_owned, |options| options.topics = vec![topic.clone()]);
    }
}
