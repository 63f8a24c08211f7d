//! Formats, streams and files: how messages are found, and what is never printed.

use super::fixtures::{arguments, options};
use super::{EM420, FRAME, OFFICIAL, TELEGRAM, json, shown, text};
use crate::cli::decode::format::Format;
use crate::cli::decode::input::Encoding;
use crate::cli::decode::options::Options;
use crate::cli::decode::output::Output;
use crate::cli::decode::{decode_files, detect};
use serde_json::Value;
use std::path::Path;

fn value_of(lines: &[Value], obis: &str) -> Value {
    let line = lines.iter().find(|line| line["obis"] == obis).unwrap_or_else(|| panic!("{obis}: {lines:?}"));
    serde_json::json!([line["native_id"], line["value"], line["unit"]])
}

/// A binary message with an unknown field in its first part, so that this has the length.
fn of_length(message: &str, length: usize) -> String {
    let mut bytes = hex::decode(message).unwrap();
    let mut missing = length - usize::from(bytes[1]);
    while missing > 0 {
        let part = missing.min(127);
        bytes.extend([0x7a, u8::try_from(part - 2).unwrap()]);
        bytes.resize(bytes.len() + part - 2, b'x');
        missing -= part;
    }
    let low = u8::try_from(length % 128).unwrap();
    let length: &[u8] = if length < 128 { &[low] } else { &[low | 0x80, 1] };
    bytes.splice(1..2, length.iter().copied());
    hex::encode(bytes)
}

#[test]
fn a_binary_message_whose_length_is_a_character_of_a_text_is_detected() {
    // '{' or '[' after a line feed begins a JSON text, 0xdb an encrypted telegram.
    for (message, length, start, format) in [
        (OFFICIAL, 123, "0a7b", "smart-me"),
        (OFFICIAL, 219, "0adb01", "smart-me"),
        (FRAME, 91, "0a5b", "ksem-gdr"),
        (FRAME, 123, "0a7b", "ksem-gdr"),
        (FRAME, 219, "0adb01", "ksem-gdr"),
    ] {
        let message = of_length(message, length);
        assert!(message.starts_with(start), "{message}");
        let (text, failure) = shown(&message, false, |_| ());
        assert!(failure.is_none() && text.contains(&format!("detected format: {format})")), "{length}: {text}");
        assert!(text.contains("values 3"), "{length}: {text}");
    }
}

#[test]
fn json_messages_after_each_other_are_read_each_at_its_offset() {
    let second = EM420.replace("6730100", "1000").replace("},\"values\"", "},\n\"values\"");
    let lines = format!("\u{feff}{EM420}\r\n{second}\n\n{{\"cut\":");
    let (lines, failure) = json(&lines);
    let power: Vec<_> = lines.iter().filter(|line| line["obis"] == "1-0:1.7.0*255").collect();
    let second_at = 3 + EM420.len() + 2;
    assert_eq!((power[0]["value"].as_f64(), power[0]["offset"].as_u64()), (Some(6730.1), Some(3)));
    assert_eq!((power[1]["value"].as_f64(), power[1]["offset"].as_u64()), (Some(1.0), Some(second_at as u64)));
    let cut = lines.last().unwrap();
    assert_eq!((&cut["kept"], &cut["offset"]), (&"{\"cut\":".into(), &((second_at + second.len() + 2) as u64).into()));
    assert_eq!(failure.unwrap().to_string(), "1 of 3 messages could not be read");
    // Messages of several devices in one file: each with its own format.
    let mixed = format!("{EM420}\n{}", r#"{"serial":"7","1-0:1.4.0*255":5}"#);
    let shown = text(&mixed);
    assert!(shown.contains("detected format: ksem-json)") && shown.contains("detected format: em300)"), "{shown}");
}

#[test]
fn a_file_that_cannot_be_read_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, telegram) = (folder.path().join("missing"), folder.path().join("telegram"));
    std::fs::write(&telegram, TELEGRAM).unwrap();
    let options = options("");
    let mut text = Vec::new();
    let mut output = Output::new(&mut text, false);
    let files = [missing.clone(), folder.path().to_owned(), telegram];
    decode_files(&files, Encoding::Auto, &options, &mut output).unwrap();
    assert_eq!(output.finish().unwrap_err().to_string(), "2 of 3 messages could not be read");
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains(&format!("UNREADABLE at 0: cannot read {}: ", missing.display())), "{text}");
    assert!(text.contains("37 W"), "{text}");
}

#[test]
fn bytes_without_a_format_say_what_they_are() {
    for (bytes, why) in [
        (&b""[..], "there is nothing in it"),
        (b" \r\n", "there is nothing in it"),
        (b"\x1f\x8b\x08\0", "it is compressed (gzip): unpack it first"),
        (b"\xff\xfe/\0I\0", "it is text in UTF-16: convert it to UTF-8 first"),
        (b"\xfe\xff\0/\0I", "it is text in UTF-16: convert it to UTF-8 first"),
        (b"hello", "the format is unknown: give it with --format"),
    ] {
        assert_eq!((detect::detect(bytes, None), detect::why_unknown(bytes)), (None, why));
    }
    let (lines, failure) = json("");
    assert!(failure.is_some() && lines[0]["error"] == "there is nothing in it", "{lines:?}");
}

#[test]
fn a_secret_is_not_printed_with_what_cannot_be_read_nor_as_a_text() {
    let smart_mac = r#"{"devid":"1728053249","devpass":"hunter2","data":{"T":{"unit":"°C","value":"1"#;
    for input in [
        r#"{"access_token":"hunter2","refresh_token":"hunter2","expires_in":604800}"#,
        r#"{"serv":"broker","uname":"hunter2","pass":"hunter2"}"#,
        "GET /?page=getdata&devid=1728053249&devpass=hunter2",
        "Bearer hunter2",
        smart_mac,
        r#"{"actual":[{"name":"timestamp","value":"x"},{"name":"mqtt_passwd","value":"hunter2"}]}"#,
        r#"{"serial":"1","1-0:1.4.0*255":5,"token":"hunter2","nested":{"password":"hunter2"}}"#,
    ] {
        let hex = hex::encode("hunter2");
        for is_json in [true, false] {
            let (shown, _) = shown(input, is_json, |_| ());
            assert!(!shown.contains("hunter2") && !shown.contains(&hex), "{input}: {shown}");
        }
    }
    // The words of a device are the reason then.
    let refusal = r#"{"error":"bad apikey=hunter2"}"#;
    for format in [Format::SmartMacCloud, Format::DsmrLogger, Format::KsemJson] {
        for is_json in [true, false] {
            let (shown, failure) = shown(refusal, is_json, |options| options.format = Some(format));
            assert!(failure.is_some() && shown.contains("bad apikey=*******"), "{}: {shown}", format.name());
            assert!(!shown.contains("hunter2"), "{}: {shown}", format.name());
        }
    }
    let (lines, _) = json(smart_mac);
    assert_eq!(lines[0]["kept"], smart_mac.replace("hunter2", "*******"), "text is kept as text");
}

#[test]
fn a_note_on_how_a_message_was_read_is_a_text() {
    let logger = r#"{ ,"timestamp":"260315120000W","power_delivered":0.037,"power_delivered_l1":0.037,
        "power_delivered_l2":0.000,"power_delivered_l3":0.000}"#;
    let smart_mac = "{\"devid\":\"1\",\"data\":{\"T\":{\"unit\":\"a\u{1}b\",\"value\":\"21.5\"}}}";
    for (input, format, expected) in
        [(logger, Format::DsmrLogger, &["repaired", "left_out"][..]), (smart_mac, Format::SmartMac, &["repaired"])]
    {
        let (shown, failure) = shown(input, true, |options| options.format = Some(format));
        assert!(failure.is_none(), "{shown}");
        let lines: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let names = lines.iter().filter_map(|line| line["text"].as_str().and(line["raw_code"].as_str()));
        let remarks: Vec<_> = names.filter(|name| ["repaired", "left_out"].contains(name)).collect();
        assert_eq!(remarks, expected, "{shown}");
    }
}

#[test]
fn every_document_of_a_device_is_detected_also_without_a_value() {
    for (input, format) in [
        (r#"{"CpuLoad":12,"CpuTemp":45,"Status":"idle"}"#, "ksem-usage"),
        (r#"[{"time":1642719600,"diff":0,"price":25}]"#, "ksem-prices"),
        (
            r#"{"actual":[{"name":"timestamp","value":"261129120000W"},{"name":"mbus1_delivered","value":0.000}]}"#,
            "dsmr-logger",
        ),
        (r#"{"V":229.5,"A":1.25,"W":281,"Wh":1234567,"PF":0.98,"Temp":31,"OUT":1}"#, "smart-mac"),
    ] {
        let (text, failure) = shown(input, false, |_| ());
        assert!(failure.is_none() && text.contains(&format!("detected format: {format})")), "{text}");
    }
}

#[test]
fn the_energy_flow_of_a_ksem_has_the_units_of_its_configuration_and_its_own_texts() {
    // The flex values gridPowerTotal = -1500 and state = "idle" of the channel "flow".
    let frame = "0a400a04666c6f7712380a04666c6f7710012a1d0a0e67726964506f776572546f74616c120b08a4f4ffffffffffffff012a0f0a0573746174651206120469646c65";
    let definition = "0a2c0a04666c6f7712240a04666c6f774a1c0a0e67726964506f776572546f74616c120a0a044772696418032000";
    let (without, _) = json(frame);
    assert_eq!(value_of(&without, "1-0:16.7.0*255"), serde_json::json!(["flow", -1.5, "W"]));
    assert_eq!((&without[1]["native_id"], &without[1]["text"]), (&"flow".into(), &"idle".into()));
    let (with, failure) = shown(frame, true, |options| options.context = vec![hex::decode(definition).unwrap()]);
    assert!(failure.is_none() && with.contains("\"value\":-1500.0,\"unit\":\"W\""), "{with}");
    // Each channel has a configuration of its own.
    let other = definition.replace("666c6f77", "666c6f78");
    for contexts in [[definition, &other], [&other, definition]] {
        let contexts = contexts.map(|context| hex::decode(context).unwrap()).to_vec();
        let (with, _) = shown(frame, true, |options| options.context = contexts);
        assert!(with.contains("\"value\":-1500.0,\"unit\":\"W\""), "{with}");
    }
}

#[test]
fn mqtt_messages_of_a_smart_maic_have_the_device_of_their_topic() {
    let of_topic = |topic: &str, payload: &str| {
        let (text, failure) = shown(payload, true, |options| options.topics = vec![topic.to_owned()]);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines, failure)
    };
    let flat = r#"{"V":229.5,"A":1.25,"W":281,"Wh":1234567,"PF":0.98,"Temp":31,"OUT":1}"#;
    for topic in ["smart-maic/1728053249/JSON", "1728053249/JSON", "my1728053249/JSON"] {
        let (lines, failure) = of_topic(topic, flat);
        assert!(failure.is_none());
        assert_eq!(value_of(&lines, "1-0:1.8.0*255"), serde_json::json!(["1728053249", 1_234_567.0, "Wh"]), "{topic}");
    }
    let (lines, failure) = of_topic("1728053249/T1", "21.5");
    assert!(failure.is_none());
    assert_eq!(value_of(&lines, "0-1:96.9.0*255"), serde_json::json!(["1728053249", 21.5, "degC"]));
    let (lines, failure) = of_topic("1728053249/A", "3.5");
    let error = "the meaning of A depends on the other values of its device: give their files and topics, too";
    assert!(failure.is_some() && lines[0]["error"] == error);
    // With the topics of the others, or their layout as the journal keeps it.
    let sum = serde_json::json!(["1728053249", 3.5, "A"]);
    let topics = ["1728053249/A", "p/1728053249/A1"].map(str::to_owned);
    for (topics, context) in [(&topics[..], None), (&topics[..1], Some(br#"{"lines":true,"total":false}"#.to_vec()))] {
        let (text, failure) = shown("3.5", true, |options| {
            options.topics = topics.to_vec();
            options.context = context.into_iter().collect();
        });
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(failure.is_none(), "{text}");
        assert_eq!(value_of(&lines, "1-0:90.7.0*255"), sum);
    }
}

#[test]
fn each_file_has_the_topic_of_its_place_and_a_number_alone_is_not_hexadecimal() {
    let folder = tempfile::tempdir().unwrap();
    let payloads = [("a", "21"), ("b", "3.5"), ("c", "40")];
    let files = payloads.map(|(name, payload)| {
        let file = folder.path().join(name);
        std::fs::write(&file, payload).unwrap();
        file
    });
    let decoded = |topics: &[&str]| {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let options = Options { topics, ..options("") };
        let mut text = Vec::new();
        let mut output = Output::new(&mut text, true);
        decode_files(&files, Encoding::Auto, &options, &mut output).unwrap();
        assert!(output.finish().is_ok());
        let lines = String::from_utf8(text).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|line| format!("{} {} {}", line["native_id"], line["obis"], line["value"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        decoded(&["1728053249/T1", "p/1728053249/A", "1728053250/TCh1"]),
        ["1728053249 0-1:96.9.0*255 21.0", "1728053249 1-0:31.7.0*255 3.5", "1728053250 1-1:82.8.0*255 40.0"]
    );
    let all = decoded(&["1728053249/W1"]);
    assert_eq!(all, ["21.0", "3.5", "40.0"].map(|value| format!("1728053249 1-0:21.7.0*255 {value}")));
    let fault = |line: &str| arguments(line).options().err().map(|failure| failure.to_string());
    let wrong = "--topic is given 2 times for 3 files: give it once, or once for each file";
    assert_eq!(fault("--topic a/T1 --topic a/T2 x y z").as_deref(), Some(wrong));
    assert_eq!(fault("--topic a/T1 --topic a/T2 x y"), None);
}

#[test]
fn rows_of_several_devices_have_their_own_devices_each() {
    let rows = r#"[{"ID":"1728053249","TIME":1753000000,"W":270},{"ID":"1728053250","TIME":1753000000,"W":30,"Wh":7},
        {"ID":1728053250,"TIME":1753003600,"W":31,"Wh":8},{"ID":"1728053249","TIME":1753000060,"W":271}]"#;
    let (lines, failure) = json(rows);
    assert!(failure.is_none());
    let shown = |line: &Value| format!("{} {} {}", line["native_id"], line["raw_code"], line["value"]).replace('"', "");
    // The rows of the second device are an hour apart.
    let expected = ["1728053249 W 270.0", "1728053249 W 271.0", "1728053250 Wh 7.0", "1728053250 Wh 8.0"];
    let values: Vec<_> = lines.iter().filter(|line| line["value"].is_number()).map(shown).collect();
    assert_eq!(values, expected);
}

#[test]
fn json_of_another_device_is_refused_by_the_formats_of_a_logger_and_an_em300_and_kept() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let foreign =
        ["ksem/values.json", "smart-mac/getdata-commented.json", "smart-mac/cloud-minute.json", "ksem/usage.json"];
    let mut foreign: Vec<String> =
        foreign.iter().map(|file| std::fs::read_to_string(folder.join(file)).unwrap()).collect();
    foreign.extend(
        [
            r#"{"timestamp":"260315120000W","temperature":21}"#,
            r#"{"data":[{"name":"x","value":1}]}"#,
            r#"{"info":{"name":"shelly"}}"#,
            r#"[{"time":1642719600,"diff":0,"price":25}]"#,
            "[1,2]",
            "{}",
            r#"{"authentication":false}"#,
        ]
        .map(str::to_owned),
    );
    for (format, own) in [(Format::DsmrLogger, "dsmr-logger/actual-v1.json"), (Format::Em300, "ksem/em300.json")] {
        let other = if format == Format::Em300 { "dsmr-logger/actual-v1.json" } else { "ksem/em300.json" };
        let other = std::fs::read_to_string(folder.join(other)).unwrap();
        for message in foreign.iter().chain([&other]) {
            let (text, failure) = shown(message, true, |options| options.format = Some(format));
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(failure.is_some() && lines.len() == 1, "{}: {message}: {text}", format.name());
            assert!(lines[0]["error"].is_string(), "{text}");
            assert_eq!(lines[0]["kept"], message.trim_end(), "{}", format.name());
        }
        let own = std::fs::read_to_string(folder.join(own)).unwrap();
        assert!(shown(&own, true, |options| options.format = Some(format)).1.is_none());
    }
}

#[test]
fn json_without_anything_of_its_format_is_refused_and_kept() {
    use Format::{
        DsmrLogger, Em300, KsemJson, KsemPrices, KsemUsage, SmartMac, SmartMacCloud, SmartMacMqtt, SmartMeRest,
    };
    let objects = [DsmrLogger, Em300, KsemJson, KsemUsage, SmartMac, SmartMacMqtt, SmartMeRest];
    let arrays = [DsmrLogger, KsemPrices, SmartMacCloud, SmartMeRest];
    let (object, array) = (r#"{"temperature":21}"#, r#"[{"time":1642719600,"temperature":21}]"#);
    let all = objects.map(|format| (format, object)).into_iter().chain(arrays.map(|format| (format, array)));
    for (format, message) in all {
        let (text, failure) = shown(message, true, |options| options.format = Some(format));
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(failure.is_some() && lines.len() == 1 && lines[0]["error"].is_string(), "{}: {text}", format.name());
        assert_eq!(lines[0]["kept"], message, "{}", format.name());
    }
    // A list without entries is whole.
    for format in [KsemPrices, SmartMacCloud, SmartMeRest] {
        assert!(shown("[]", true, |options| options.format = Some(format)).1.is_none(), "{}", format.name());
    }
}

#[test]
fn values_of_a_logger_have_the_ids_of_its_info() {
    let info = include_bytes!("../../../../tests/fixtures/dsmr-logger/info.json");
    let actual = include_str!("../../../../tests/fixtures/dsmr-logger/actual-v1.json");
    let id = |edit: fn(&mut Options, &[u8])| {
        let (text, failure) = shown(actual, true, |options| edit(options, info));
        assert!(failure.is_none());
        serde_json::from_str::<Value>(text.lines().next().unwrap()).unwrap()["native_id"].clone()
    };
    let of_info = json(std::str::from_utf8(info).unwrap()).0[0]["native_id"].clone();
    assert_eq!(id(|_, _| ()), "");
    assert_eq!(id(|options, info| options.context = vec![info.to_vec()]), of_info);
}

#[test]
fn hourly_rows_of_the_smart_maic_cloud_have_counters_alone() {
    let row = |time| format!(r#"{{"ID":"1728053249","TIME":{time},"STAT":0,"V":237.81,"W":270,"Wh":2099565}}"#);
    for (second, voltages) in [(1_753_000_060, 2), (1_753_003_600, 0)] {
        let (lines, failure) = json(&format!("[{},{}]", row(1_753_000_000), row(second)));
        let count = |obis: &str| lines.iter().filter(|line| line["obis"] == obis).count();
        assert!(failure.is_none());
        assert_eq!((count("1-0:32.7.0*255"), count("1-0:1.8.0*255")), (voltages, 2), "{lines:?}");
    }
}

#[test]
fn an_mqtt_message_of_a_logger_is_read_as_its_field() {
    for message in
        [r#"{"power_delivered":[{"value":0.31,"unit":"kW"}]}"#, r#"{"power_delivered":{"value":"0.31","unit":"kW"}}"#]
    {
        let (lines, failure) = json(message);
        assert!(failure.is_none());
        assert_eq!(value_of(&lines, "1-0:1.7.0*255"), serde_json::json!(["", 310.0, "W"]), "{message}");
    }
}

#[test]
fn answers_of_smart_mes_api_are_read() {
    let id = "3bd0fce9-9f8e-4183-b3d1-0c1622a22ca1";
    let device = format!(
        r#"{{"Id":"{id}","Name":"cellar","Serial":1234567,"DeviceEnergyType":1,"ValueDate":"2026-11-21T13:15:00Z","ActivePower":0.25,"ActivePowerUnit":"kW"}}"#
    );
    for input in [device.clone(), format!("[{device}]")] {
        let (lines, failure) = json(&input);
        assert!(failure.is_none());
        let power = lines.iter().find(|line| line["unit"] == "W").unwrap_or_else(|| panic!("{lines:?}"));
        assert_eq!((&power["native_id"], &power["value"]), (&id.into(), &250.0.into()));
        assert_eq!(power["time"], "2026-11-21T13:15:00Z");
        assert!(lines.iter().any(|line| line["raw_code"] == "Serial" && line["text"] == "1234567"), "{lines:?}");
    }
    let registers = format!(
        r#"{{"deviceId":"{id}","date":"2026-11-21T13:15:00Z","values":[{{"obis":"1-0:1.8.0*255","value":12.5}},{{"obis":"x"}}]}}"#
    );
    let (lines, failure) = json(&registers);
    assert!(failure.is_none());
    assert_eq!(value_of(&lines, "1-0:1.8.0*255"), serde_json::json!([id, 12.5, "Wh"]));
    assert_eq!(lines[1]["error"], "registers whose code or number cannot be read");
}

#[test]
fn the_body_of_an_http_answer_is_read_and_its_head_left_out() {
    let answer = format!("HTTP/1.0 200 OK\r\nServer: smart-MAC\r\n\r\n{EM420}");
    let (lines, failure) = json(&answer);
    assert!(failure.is_none() && lines.iter().all(|line| line["offset"] == 38), "{lines:?}");
    assert_eq!(value_of(&lines, "1-0:1.7.0*255"), serde_json::json!(["smart-meter", 6730.1, "W"]));
}

#[test]
fn every_text_stands_below_its_meter() {
    let id = |number| format!("a1a1a1a1-0000-0000-0000-00000000000{number}");
    let device = |number| {
        format!(
            r#"{{"Id":"{}","Name":"meter {number}","DeviceEnergyType":1,"ValueDate":"2026-07-25T13:06:32Z","VoltageL1":23{number}}}"#,
            id(number)
        )
    };
    assert_eq!(
        text(&format!("[{},{}]", device(1), device(2))),
        format!(
            "body (detected format: smart-me-rest)
meter {0}
  Name              text meter 1
meter {0}  2026-07-25T13:06:32Z
  1-0:32.7.0*255                   231 V  voltage L1
meter {1}
  Name              text meter 2
meter {1}  2026-07-25T13:06:32Z
  1-0:32.7.0*255                   232 V  voltage L1
messages 1, not readable 0; values 2, set aside 0, unreadable parts 0
",
            id(1),
            id(2)
        )
    );
}

#[test]
fn the_locations_of_an_account_are_listed_without_their_secrets() {
    let uuid = "0b9fd2f6-1c57-4e0e-9a52-6f4c2f0c7a11";
    let list = format!(
        r#"{{"appName":"x","serviceLocations":[{{"serviceLocationId":555,"name":"Home","serviceLocationUuid":"{uuid}","deviceSerialNumber":"5010001234"}},{{"serviceLocationId":556,"name":"Mill"}}]}}"#
    );
    let (lines, failure) = json(&list);
    assert!(failure.is_none());
    let texts: Vec<_> = lines.iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["Home", "5010001234", "Mill"]);
    assert_eq!(lines[0]["native_id"], "5010001234");
    assert!(!format!("{lines:?}").contains(uuid));
}

#[test]
fn the_rows_of_a_switch_belong_to_the_one_that_they_name() {
    let rows =
        r#"{"serviceLocationId":555,"sensorId":9,"records":[{"timestamp":1716632400000,"active":5.0,"reactive":1.0}]}"#;
    let (lines, failure) = json(rows);
    assert!(failure.is_none());
    assert!(lines.iter().all(|line| line["native_id"].as_str().unwrap().ends_with(":plug:9")), "{lines:?}");
}

#[test]
fn a_telegram_whose_line_ends_and_blanks_a_file_has_changed_has_the_right_checksum() {
    let indented: String = TELEGRAM.split_inclusive('\n').map(|line| format!("  {line}")).collect();
    for telegram in [
        TELEGRAM.replace("\r\n", "\n"),
        TELEGRAM.replace("\r\n", "\r\r\n"),
        TELEGRAM.replace("\r\n", "\r"),
        TELEGRAM.replace(")\r\n", ") \t\r\n"),
        TELEGRAM
            .to_lowercase()
            .replace("xyz5meter", "XYZ5METER")
            .replace("kw", "kW")
            .replace("0000w", "0000W")
            .replace("5500w", "5500W"),
        indented,
    ] {
        let (text, failure) = shown(&telegram, false, |_| ());
        assert!(failure.is_none() && text.contains("37 W"), "{telegram:?}: {text}");
    }
    let (_, failure) = shown(&TELEGRAM.replace("00.037", "00.038"), false, |_| ());
    assert!(failure.is_some(), "a changed digit is found");
}
