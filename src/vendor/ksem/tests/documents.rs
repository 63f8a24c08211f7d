//! JSON: values, the older interface, identity, clock, load, tariffs.

use super::*;
use crate::reading::UnixNanos;
use crate::vendor::ksem::device::{LocalTime, Settings, usage};
use crate::vendor::ksem::em300::{self, ReadError, Start};
use crate::vendor::ksem::json;
use crate::vendor::ksem::tariff::{Contract, prices};
use proptest::prelude::*;

fn values(text: &str) -> Result<Vec<String>, MessageError> {
    lines(|each| json::read(text.as_bytes(), each))
}

/// The recording of an EM420 in evcc-io/evcc#16765, shortened there and with a code of our own for the
/// configuration.
#[test]
fn a_recorded_answer_is_read_in_base_units() {
    let answer = r#"{"smart-meter":{"configuration_id":"84b6174e","status":"STATUS_OK",
        "timestamp":{"seconds":1729699542,"nanos":583875718},
        "values":{"active_energy_+":124596300,"active_energy_+_L1":42895100,"active_energy_+_L2":41204500,
        "active_energy_+_L3":40496500,"active_energy_-":0,"active_power_+":6730100,"active_power_+_L1":2248800,
        "active_power_+_L2":2264500,"active_power_+_L3":2216800,"active_power_-":0,"apparent_energy_+":125622500}}}"#;
    let at = "2024-10-23T16:05:42.583875718Z";
    let mut expected = vec!["text configuration_id 84b6174e".to_owned()];
    for (code, value, name) in [
        ("1-0:1.8.0*255", "124596.3 Wh", "active_energy_+"),
        ("1-0:21.8.0*255", "42895.1 Wh", "active_energy_+_L1"),
        ("1-0:41.8.0*255", "41204.5 Wh", "active_energy_+_L2"),
        ("1-0:61.8.0*255", "40496.5 Wh", "active_energy_+_L3"),
        ("1-0:2.8.0*255", "0 Wh", "active_energy_-"),
        ("1-0:1.7.0*255", "6730.1 W", "active_power_+"),
        ("1-0:21.7.0*255", "2248.8 W", "active_power_+_L1"),
        ("1-0:41.7.0*255", "2264.5 W", "active_power_+_L2"),
        ("1-0:61.7.0*255", "2216.8 W", "active_power_+_L3"),
        ("1-0:2.7.0*255", "0 W", "active_power_-"),
        ("1-0:9.8.0*255", "125622.5 VAh", "apparent_energy_+"),
    ] {
        expected.push(format!("{at} {code} {value} < {name}"));
    }
    assert_eq!(values(answer).unwrap(), expected);
}

#[test]
fn every_name_of_the_interface_has_its_register() {
    let code = |name: &str| {
        let answer = format!(
            r#"{{"smart-meter":{{"status":"STATUS_OK","timestamp":{{"seconds":1729699542}},"values":{{"{name}":1500}}}}}}"#
        );
        values(&answer).unwrap().remove(0).strip_prefix("2024-10-23T16:05:42Z ").map(str::to_owned)
    };
    for (name, expected) in [
        ("reactive_power_+", "1-0:3.7.0*255 1.5 var"),
        ("reactive_power_-_L2", "1-0:44.7.0*255 1.5 var"),
        ("reactive_energy_-_L3", "1-0:64.8.0*255 1.5 varh"),
        ("apparent_power_+_L1", "1-0:29.7.0*255 1.5 VA"),
        ("apparent_power_-", "1-0:10.7.0*255 1.5 VA"),
        ("apparent_energy_-_L1", "1-0:30.8.0*255 1.5 VAh"),
        ("current_L1", "1-0:31.7.0*255 1.5 A"),
        ("current_L3", "1-0:71.7.0*255 1.5 A"),
        ("voltage_L2", "1-0:52.7.0*255 1.5 V"),
        ("power_factor", "1-0:13.7.0*255 1.5 "),
        ("power_factor_L3", "1-0:73.7.0*255 1.5 "),
        ("supply_frequency", "1-0:14.7.0*255 1.5 Hz"),
        ("1-0:35.4.0*255", "1-0:85.7.0*255 1.5 "),
    ] {
        assert_eq!(code(name), Some(format!("{expected} < {name}")));
    }
    for name in ["current", "voltage_L4", "supply_frequency_L1", "active_power", "phase_angle_L1"] {
        assert_eq!(code(name), None, "{name} is a text");
    }
}

#[test]
fn a_status_that_is_not_ok_and_a_missing_time_are_flags() {
    let answer = |head: &str| format!(r#"{{"smart-meter":{{{head}"values":{{"active_power_+":1000}}}}}}"#);
    let stamp = r#""timestamp":{"seconds":1729699542,"nanos":0},"#;
    for status in ["STATUS_WARNING", "STATUS_OF_2031"] {
        let value = "2024-10-23T16:05:42Z 1-0:1.7.0*255 1 W [status-not-ok] < active_power_+".to_owned();
        assert_eq!(
            values(&answer(&format!(r#"{stamp}"status":"{status}","#))).unwrap(),
            [format!("text smart-meter/status {status}"), value]
        );
    }
    for (head, expected) in [
        (stamp.to_owned(), "2024-10-23T16:05:42Z 1-0:1.7.0*255 1 W [status-not-ok]"),
        (r#""status":"STATUS_OK","#.to_owned(), "receipt 1-0:1.7.0*255 1 W [time-is-receive-time]"),
        (
            r#""status":"STATUS_OK","timestamp":{"seconds":1,"nanos":1000000000},"#.to_owned(),
            "receipt 1-0:1.7.0*255 1 W [time-is-receive-time]",
        ),
    ] {
        assert_eq!(values(&answer(&head)).unwrap(), [format!("{expected} < active_power_+")], "{head}");
    }
}

#[test]
fn absent_values_give_nothing_and_others_that_are_no_number_are_reported() {
    let answer = r#"{"a":1,"7f3c":{"status":"STATUS_OK","timestamp":{"seconds":1729699542},"note":"x",
        "values":{"active_power_+":null,"active_power_-":"-1500","voltage_L1":"n/a","new":[1],
        "power_factor":18446744073709551366}}}"#;
    assert_eq!(
        values(answer).unwrap(),
        [
            "text a 1",
            "text note x",
            "channel 7f3c 2024-10-23T16:05:42Z 1-0:2.7.0*255 -1.5 W < active_power_-",
            "unreadable voltage_L1: n/a: the value is not a number",
            "text new [1]",
            "channel 7f3c 2024-10-23T16:05:42Z 1-0:13.7.0*255 -0.25  < power_factor",
        ]
    );
}

#[test]
fn another_body_is_an_error_that_says_why() {
    assert_eq!(values("<html>"), Err(MessageError::WebPage));
    assert_eq!(values("{}"), Err(MessageError::Shape("an object of channels with values")));
    assert_eq!(
        values(r#"{"smart-meter":{"values":[]}}"#),
        Err(MessageError::Shape("an object of channels with values"))
    );
    assert_eq!(values(r#"{"error":"invalid token"}"#), Err(MessageError::Device("invalid token".to_owned())));
    assert!(matches!(values("{\"smart-meter\":"), Err(MessageError::Json(_))));
}

#[test]
fn the_older_interface_has_base_units_and_no_time() {
    let read = |text: &str| lines(|each| em300::read(text.as_bytes(), each));
    let answer = r#"{"serial":"72139999","1-0:1.4.0*255":123.4,"1-0:1.8.0*255":"5000123.5","1-0:2.8.0*255":0,
        "1-0:32.4.0*255":230.1,"1-0:15.4.0*255":0.25,"1-0:14.4.0*255":50,"1-0:1.7.0*255":120,"label":"a.b.c","status":0}"#;
    assert_eq!(
        read(answer).unwrap(),
        [
            "text serial 72139999",
            "receipt 1-0:1.4.0*255 123.4 W [time-is-receive-time] < 1-0:1.4.0*255",
            "receipt 1-0:1.8.0*255 5000123.5 Wh [time-is-receive-time] < 1-0:1.8.0*255",
            "receipt 1-0:2.8.0*255 0 Wh [time-is-receive-time] < 1-0:2.8.0*255",
            "receipt 1-0:32.7.0*255 230.1 V [time-is-receive-time] < 1-0:32.4.0*255",
            "receipt 1-0:84.7.0*255 0.25  [time-is-receive-time] < 1-0:15.4.0*255",
            "receipt 1-0:14.7.0*255 50 Hz [time-is-receive-time] < 1-0:14.4.0*255",
            "receipt 1-0:1.7.0*255 120 W [time-is-receive-time] < 1-0:1.7.0*255",
            "text label a.b.c",
            "text status 0",
        ]
    );
    for ended in [r#"{"authentication":false}"#, r#"{"status":901,"1-0:1.4.0*255":1}"#, r#"{"serial":"1"}"#, "{}"] {
        assert_eq!(read(ended), Err(ReadError::SessionEnded), "{ended}");
    }
    assert_eq!(read("<html>"), Err(ReadError::Message(MessageError::WebPage)));
}

#[test]
fn the_start_page_says_whether_a_login_is_needed() {
    let start = |text: &str| Start::read(text.as_bytes()).map(|start| (start.serial, start.is_authenticated));
    assert_eq!(start(r#"{"serial":"72139999","authentication":false}"#), Ok(("72139999".to_owned(), false)));
    assert_eq!(start(r#"{"ieq_serial":721,"authentication":true,"auth_mode":1}"#), Ok(("721".to_owned(), true)));
    assert_eq!(start("{}"), Err(MessageError::Shape("an answer with a serial number")));
}

#[test]
fn identity_and_clock_are_read() {
    let settings = Settings::read(
        br#"{"Mac":"30:b2:00:00:00:01","Serial":721001,"ProductName":"KOSTAL Smart Energy Meter","DeviceType":"hw0100",
            "FirmwareVersion":"2.6.2","hostname":"ksem-1","network":{"ip":"192.0.2.1","dns":[]}}"#,
    )
    .unwrap();
    assert_eq!((settings.serial.as_deref(), settings.firmware.as_deref()), (Some("721001"), Some("2.6.2")));
    assert_eq!((settings.hardware.as_deref(), settings.hostname.as_deref()), (Some("hw0100"), Some("ksem-1")));
    assert_eq!(Settings::read(b"{}").unwrap(), Settings::default());
    let clock = LocalTime::read(br#"{"time":1729699542.25,"ntp_synced":true}"#).unwrap();
    assert_eq!(clock, LocalTime { time: UnixNanos(1_729_699_542_250_000_000), is_synchronized: Some(true) });
    assert_eq!(clock.deviation(UnixNanos(1_729_699_540_250_000_000)), 2_000_000_000);
    assert!(LocalTime::read(br#"{"time":"soon"}"#).is_err());
}

#[test]
fn load_is_read_in_both_forms_of_the_firmware() {
    let mut status = None;
    let read = |text: &str, status: &mut Option<String>| {
        lines(|each| usage(text.as_bytes(), each).map(|found| *status = found)).unwrap()
    };
    let old = r#"{"CpuLoad":12,"CpuTemp":51,"FlashAppFree":1000,"FlashAppTotal":4000,"FlashDataFree":5000,
        "FlashDataTotal":9000000000,"RamFree":2,"RamTotal":4,"Status":"idle"}"#;
    let gauges = [
        "0-0:128.30.1*255 0.12  [time-is-receive-time] < CpuLoad",
        "0-0:128.30.2*255 51 degC [time-is-receive-time] < CpuTemp",
        "0-0:128.30.5*255 1000 B [time-is-receive-time] < FlashAppFree",
        "0-0:128.30.6*255 4000 B [time-is-receive-time] < FlashAppTotal",
        "0-0:128.30.7*255 5000 B [time-is-receive-time] < FlashDataFree",
        "0-0:128.30.8*255 9000000000 B [time-is-receive-time] < FlashDataTotal",
        "0-0:128.30.3*255 2048 B [time-is-receive-time] < RamFree",
        "0-0:128.30.4*255 4096 B [time-is-receive-time] < RamTotal",
    ]
    .map(|gauge| format!("receipt {gauge}"));
    let text = "text Status idle".to_owned();
    assert_eq!(read(old, &mut status), [&gauges[..], &[text]].concat());
    assert_eq!(status.as_deref(), Some("idle"));
    assert_eq!(read(r#"{"status":"updating"}"#, &mut status), ["text status updating"]);
    assert_eq!(status.as_deref(), Some("updating"));
}

#[test]
fn a_contract_is_a_description_and_its_prices_are_values() {
    let hours: Vec<String> = (0..24).map(|hour| format!("\"{}\"", if hour < 6 { "t1" } else { "t2" })).collect();
    let text = format!(
        r#"{{"version":1,"currency":"EUR","monthly_base_fee":900,"days":{{"d1":{{"hours":[{}]}}}},
            "tariffs":{{"t1":{{"label":"night","obis":"1-0:1.8.0*255","source":"manual","weekdays":["d1","d1"]}}}}}}"#,
        hours.join(",")
    );
    let contract = Contract::read(text.as_bytes()).unwrap();
    assert_eq!((contract.currency.as_deref(), contract.monthly_base_fee.as_deref()), (Some("EUR"), Some("900")));
    assert_eq!((contract.days[0].id.as_str(), contract.days[0].hours[5].as_str()), ("d1", "t1"));
    let tariff = &contract.tariffs[0];
    assert_eq!((tariff.label.as_deref(), tariff.obis.as_deref()), (Some("night"), Some("1-0:1.8.0*255")));
    assert_eq!((tariff.source.as_deref(), tariff.weekdays.len()), (Some("manual"), 2));
    let short = r#"{"days":{"d1":{"hours":[1,2]}}}"#;
    let fault = MessageError::Shape("a contract whose days have 24 hours");
    assert_eq!(Contract::read(short.as_bytes()), Err(fault));

    let rows = r#"[{"time":1642719600,"diff":12,"price":3050},{"time":0,"diff":1},{"price":null,"time":1642720500},3]"#;
    assert_eq!(
        lines(|each| prices("t1", rows.as_bytes(), each)).unwrap(),
        [
            "channel t1 2022-01-20T23:00:00Z 0-0:128.31.2*255 12 ? < diff",
            "channel t1 2022-01-20T23:00:00Z 0-0:128.31.1*255 3050 ? < price",
            "unreadable {\"time\":0,\"diff\":1}: the row has no time",
            "unreadable 3: the row is not an object",
        ]
    );
}

proptest! {
    #[test]
    fn no_document_panics(bytes in any::<Vec<u8>>(), number in "-?[0-9]{1,30}(\\.[0-9]{1,5})?(e[0-9]{1,3})?", name in "[a-z_+:.0-9-]{0,20}") {
        let text = format!(
            r#"{{"{name}":{{"timestamp":{{"seconds":{number},"nanos":{number}}},"time":{number},"values":{{"{name}":{number}}}}},"time":{number}}}"#
        );
        for bytes in [&bytes, text.as_bytes()] {
            json::read(bytes, |_| {}).ok();
            em300::read(bytes, |_| {}).ok();
            Start::read(bytes).ok();
            Settings::read(bytes).ok();
            LocalTime::read(bytes).ok();
            usage(bytes, |_| {}).ok();
            Contract::read(bytes).ok();
            prices("t", bytes, |_| {}).ok();
        }
    }
}
