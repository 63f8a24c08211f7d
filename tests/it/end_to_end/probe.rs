//! The built program asks devices without a configuration, and proposes one that works.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use meterline_load::devices::{AllowList, Clock, Em300, HttpServer, Ksem, OneOfEach, SmartMac};
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

fn clock() -> Clock {
    Clock::new(|| now_ns() / 1_000_000_000)
}

/// The lines of JSON, and the exit code.
fn probed(service: &Service, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
    let output = service.command(&[&["probe", "--json"], arguments].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    // An error has several lines.
    let lines = serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap);
    (lines.collect(), output.status.code())
}

/// The code and unit of every value, and the last line.
fn values(lines: &[Value]) -> (Vec<String>, &Value) {
    let (last, values) = lines.split_last().unwrap();
    let values = values.iter().filter(|line| line["obis"].is_string());
    (
        values.map(|line| format!("{} {}", line["obis"].as_str().unwrap(), line["unit"].as_str().unwrap())).collect(),
        last,
    )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_kind_of_device_is_found_and_its_section_works_without_a_change() {
    let devices = OneOfEach::start(&clock(), Duration::from_millis(20)).unwrap();
    let json = HttpServer::start(AllowList::only("GET /status?id=7"), |_| {
        (200, "{\"total\":{\"import_kwh\":\"12.5\"},\"voltage\":231.4,\"rssi\":-61}".to_owned())
    })
    .unwrap();
    let service = Setup::default().start();
    let (token, pin) = (service.secret_file("token", Ksem::token()), service.secret_file("pin", SmartMac::pin()));
    let password = service.secret_file("em300-password", Em300::password());
    let p1 = format!("tcp://{}", devices.p1.address());
    let document = format!("{}status?id=7", json.url());
    let mut sections = String::new();
    for (arguments, table, value) in [
        (vec![devices.dsmr_logger.url().as_str(), "--name", "logger"], "dsmr_logger", "1-0:1.7.0*255 W"),
        (vec![devices.ksem.url().as_str(), "--token-file", text(&token), "--name", "grid"], "ksem", "1-0:1.8.0*255 Wh"),
        (
            vec![devices.smart_mac.url().as_str(), "--devid", SmartMac::device(), "--pin-file", text(&pin)],
            "smart_mac",
            "1-0:21.8.0*255 Wh",
        ),
        (vec![devices.em300.url().as_str(), "--password-file", text(&password)], "em300", "1-0:1.7.0*255 W"),
        (vec![p1.as_str(), "--name", "cabinet"], "p1", "1-0:1.7.0*255 W"),
        (vec![document.as_str()], "json", "1-0:1.8.0*255 Wh"),
    ] {
        let (lines, code) = probed(&service, &arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {lines:?}");
        let (found, last) = values(&lines);
        assert!(found.iter().any(|it| it == value), "{arguments:?}: {lines:?}");
        assert_eq!(last["table"], table);
        assert!(lines.iter().all(|line| line["set_aside"].is_null()), "{lines:?}");
        for secret in [Ksem::token(), SmartMac::pin(), Em300::password()] {
            assert!(!format!("{lines:?}").contains(secret), "{lines:?}");
        }
        sections.push_str(last["section"].as_str().unwrap());
        let shown = service.text_of(&[&["probe"], &arguments[..]].concat());
        assert!(shown.contains(&format!("[[{table}]]\nname = ")), "{shown}");
    }
    assert!(sections.contains("# /rssi = -61"), "{sections}");
    assert!(
        !service.page("/metrics").unwrap().1.contains("meterline_source_readings_total{source=\"logger\""),
        "nothing is stored"
    );
    // The sections as they are.
    service.append_configuration(&sections);
    let checked: Vec<Value> = serde_json::from_str(&service.text_of(&["check", "--connect", "--json"])).unwrap();
    for table in ["dsmr_logger", "ksem", "smart_mac", "em300", "p1", "json"] {
        assert!(checked.iter().any(|it| it["part"] == table && it["level"] == "good"), "{table}: {checked:?}");
    }
    // The names of configured devices.
    let (lines, code) = probed(&service, &["grid"]);
    assert_eq!((code, &lines.last().unwrap()["section"]), (Some(0), &Value::Null), "{lines:?}");
    let (lines, code) = probed(&service, &["nothing"]);
    let error = lines[0]["error"].as_str().unwrap();
    assert!(code == Some(1) && error.contains("grid") && error.contains("'nothing'"), "{error}");
}

#[test]
fn a_p1_reader_needs_only_its_host_and_port() {
    let devices = OneOfEach::start(&clock(), Duration::from_millis(20)).unwrap();
    let service = Setup::default().start();
    let address = devices.p1.address().to_string();
    let (lines, code) = probed(&service, &[&address]);
    assert_eq!((code, &lines.last().unwrap()["table"]), (Some(0), &Value::from("p1")), "{lines:?}");
}

#[test]
fn a_ksem_shows_its_settings_without_secrets() {
    let ksem =
        HttpServer::start(AllowList::ksem().or(AllowList::dsmr_logger()), |request| match request.split(' ').nth(1) {
            _ if !request.contains("Bearer ") && !request.contains("bearer ") => (401, String::new()),
            Some("/api/device-settings") => {
                (200, "{\"Serial\":\"71900123\",\"ProductName\":\"KSEM\",\"FirmwareVersion\":\"2.6.2\"}".to_owned())
            }
            Some("/api/json/local/values/smart-meter") => {
                let seconds = now_ns() / 1_000_000_000;
                let head = format!("\"status\":\"STATUS_OK\",\"timestamp\":{{\"seconds\":{seconds}}}");
                (200, format!("{{\"smart-meter\":{{{head},\"values\":{{\"active_power_+\":6730100}}}}}}"))
            }
            Some("/api/device-settings/network") => {
                (200, "{\"ip\":\"10.0.0.9\",\"wifi_psk\":\"hunter2-wifi\"}".to_owned())
            }
            _ => (404, "<html></html>".to_owned()),
        })
        .unwrap();
    let service = Setup::default().start();
    let (lines, code) = probed(&service, &[&ksem.url()]);
    let error = lines[0]["error"].as_str().unwrap();
    assert!(code == Some(1) && error.contains("--token-file") && error.contains("KSEM"), "{error}");
    let token = service.secret_file("token", "hunter2-token");
    let (lines, code) = probed(&service, &[&ksem.url(), "--token-file", text(&token)]);
    assert_eq!(code, Some(0), "{lines:?}");
    let document =
        |path: &str| lines.iter().find(|line| line["document"] == path).unwrap_or_else(|| panic!("{path}: {lines:?}"));
    assert_eq!(document("/api/device-settings/network")["content"]["ip"], "10.0.0.9");
    assert!(document("/api/modbus/sensors")["error"].as_str().unwrap().contains("404"));
    assert!(lines.last().unwrap()["device"].as_str().unwrap().contains("2.6.2"), "{lines:?}");
    let shown = service.text_of(&["probe", &ksem.url(), "--token-file", text(&token)]);
    assert!(!format!("{lines:?}{shown}").contains("hunter2"), "{shown}");
}

#[test]
fn what_does_not_answer_or_is_no_device_fails_with_a_remedy() {
    let service = Setup::default().start();
    let page = HttpServer::start(AllowList::dsmr_logger().or(AllowList::ksem()), |_| (404, "<html></html>".to_owned()))
        .unwrap();
    let lines = meterline_load::devices::SerialServer::start().unwrap();
    let address = format!("tcp://{}", lines.address().unwrap());
    let sender = std::thread::spawn(move || {
        for _ in 0..2 {
            let mut line = lines.accept().unwrap();
            line.write_all(b"{\"rssi\":-60,\"uptime\":7}\n").unwrap();
        }
    });
    for (target, says) in [
        ("http://127.0.0.1:9", "cannot connect"),
        ("ftp://host", "must be like"),
        (page.url().as_str(), "not as a known device"),
        (page.url().as_str(), "a P1 reader its port, as in tcp://127.0.0.1:"),
        (address.as_str(), "/rssi = -60"),
    ] {
        let (lines, code) = probed(&service, &[target]);
        let error = lines[0]["error"].as_str().unwrap();
        assert!(code == Some(1) && error.contains(says), "{target}: {error}");
    }
    drop(sender);
    assert_eq!(probed(&service, &["http://127.0.0.1:9", "--devid", "1"]).1, Some(2), "the PIN is missing");
}
