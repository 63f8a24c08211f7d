//! An account's first posts, kept and reported by the built program.

use crate::support::load::now_ns;
use crate::support::service::{ACCOUNT, PASSWORD, PATH, Service, Setup, USER};
use crate::support::wait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use meterline_load::{Body, Connection, Reading};
use serde_json::Value;
use std::time::Duration;

fn send(service: &Service, number: i64) {
    let time_ns = (now_ns() / 1_000_000_000 - number) * 1_000_000_000;
    let reading = Reading { meter: [3; 16], time_ns, values: vec![([1, 0, 1, 8, 0, 255], 5.0)] };
    assert_eq!(Connection::new(&service.target()).post(&Body::new(0, vec![reading]).bytes).unwrap().status, 200);
}

#[test]
fn the_first_posts_are_captured_over_a_kill_and_the_command_says_what_they_tell() {
    let mut service = Setup { account: "capture = 3", ..Setup::default() }.start();
    let series = "meterline_webhook_captured_total{account=\"acme\",outcome=\"kept\"}";
    send(&service, 500);
    send(&service, 400);
    wait::until("both are written", Duration::from_secs(30), || service.metric(series) == 2.0);
    service.kill();
    service.start_again();
    for number in [300, 200, 100] {
        send(&service, number);
    }
    assert!(service.stop().success());
    let report: Value =
        serde_json::from_str(&service.text_of(&["smart-me", "capture", "--account", ACCOUNT, "--json"])).unwrap();
    assert_eq!((&report["posts"], &report["http"]["answers"]["200"]), (&3.into(), &3.into()));
    assert_eq!(report["meters"][0]["distance_ms"]["median"], 100_000);
    let shown = service.text_of(&["smart-me", "capture", "--account", ACCOUNT]);
    for part in ["application/octet-stream (3)", "1-0:1.8.0*255", "not from this capture: no midnight"] {
        let other = part.replace("no midnight", "no quarter-hour");
        assert!(shown.contains(part) || shown.contains(&other), "{part} in {shown}");
    }
    let file = std::fs::read_to_string(service.data_directory().join(format!("capture-{ACCOUNT}.jsonl"))).unwrap();
    let token = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    for secret in [PASSWORD, PATH, &token] {
        assert!(!file.contains(secret) && !shown.contains(secret) && !service.log().contains(secret), "{secret}");
    }
    let none = service.command(&["smart-me", "capture", "--account", "nobody"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8(none.stderr).unwrap().contains("capture = 100"));
}
