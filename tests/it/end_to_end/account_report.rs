//! The report of an account's posts from the journal and the log of heads, beside the
//! running service and without it.

use crate::support::load::now_ns;
use crate::support::service::{ACCOUNT, PASSWORD, PATH, Service, Setup, USER};
use crate::support::stores::of_sqlite;
use crate::support::wait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use meterline_load::{Body, Connection, Reading};
use serde_json::Value;
use std::time::Duration;

fn send(service: &Service, time_ns: i64) {
    let reading = Reading { meter: [3; 16], time_ns, values: vec![([1, 0, 1, 8, 0, 255], 5.0)] };
    assert_eq!(Connection::new(&service.target()).post(&Body::new(0, vec![reading]).bytes).unwrap().status, 200);
}

fn json(service: &Service, arguments: &[&str]) -> Value {
    serde_json::from_str(&service.text_of(arguments)).unwrap()
}

/// The decoded values of the account's records, one JSON object per line.
fn decoded(service: &Service) -> Vec<Value> {
    let text = service.text_of(&["decode", "--journal", "--source", ACCOUNT, "--json"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn records_and_heads_of_an_account_are_read_beside_the_service_and_over_a_kill() {
    let now = now_ns() / 1_000_000_000 * 1_000_000_000;
    let mut service = Setup { others: &["other"], ..Setup::default() }.start();
    let before = |seconds: i64| now - seconds * 1_000_000_000;
    send(&service, before(500));
    send(&service, before(400));
    let report = ["smart-me", "report", "--account", ACCOUNT, "--json"];
    wait::until("the head is written", Duration::from_secs(30), || json(&service, &report)["heads"] != 0);
    service.kill();
    let values = decoded(&service);
    assert_eq!(values.len(), 2);
    assert_eq!(
        (&values[1]["file"], &values[1]["offset"], &values[1]["value"]),
        (&"journal".into(), &2.into(), &5.0.into())
    );
    service.start_again();
    send(&service, before(300));
    let found = json(&service, &report);
    assert_eq!(
        (&found["posts"], &found["readings"], &found["interval_ms"]["greatest"]),
        (&3.into(), &3.into(), &100_000.into())
    );
    let shown = service.text_of(&report[..4]);
    for part in ["answer 200", "content-type: application/octet-stream", "1-0:1.8.0*255 active energy import (3)"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let one = service.text_of(&["decode", "--journal", "--source", ACCOUNT, "--from", "2", "--limit", "1"]);
    assert!(
        one.starts_with("record 2, received ") && one.contains("messages 1, not readable 0; values 1, set aside 0"),
        "{one}"
    );
    let none = service.command(&["decode", "--journal", "--source", "other"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8(none.stderr).unwrap().contains("holds no record of 'other'"));
    let quiet = service.text_of(&["smart-me", "report", "--account", "other"]);
    assert!(quiet.contains("0 posts") && quiet.contains("unknown"), "{quiet}");
    assert!(service.stop().success());
    let file = std::fs::read_to_string(service.data_directory().join("webhook-heads.jsonl")).unwrap();
    let token = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    for secret in [PASSWORD, PATH, &token] {
        assert!(!file.contains(secret) && !shown.contains(secret) && !service.log().contains(secret), "{secret}");
    }
}

#[test]
fn an_account_takes_meterlines_own_batches_where_it_is_configured_so() {
    let service = Setup { account: "format = \"meterline\"", ..Setup::default() }.start();
    // One reading: meter, time, a value of 1-0:1.8.0*255.
    let mut reading = vec![0x0a, 16];
    reading.extend([7; 16]);
    reading.push(0x11);
    reading.extend(now_ns().to_le_bytes());
    reading.extend([0x5a, 17, 0x0a, 6, 1, 0, 1, 8, 0, 255, 0x11]);
    reading.extend(8.5_f64.to_le_bytes());
    let batch = [&[0x0a, u8::try_from(reading.len()).unwrap()], &reading[..]].concat();
    assert_eq!(Connection::new(&service.target()).post(&batch).unwrap().status, 200);
    let value = &decoded(&service)[0];
    assert_eq!(value["meter"], "07070707-0707-0707-0707-070707070707");
    assert_eq!((&value["obis"], &value["value"]), (&"1-0:1.8.0*255".into(), &8.5.into()));
    service.wait_for_sink("sqlite");
    assert_eq!(of_sqlite(&service.sqlite_file()).len(), 1);
}
