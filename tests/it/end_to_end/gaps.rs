//! Missing readings of meters, on the built program.

use crate::support::load::{TAKES_PADDED, now_ns, padded};
use crate::support::service::{Service, Setup};
use meterline_load::{Body, Connection, Reading};
use serde_json::Value;
#[cfg(feature = "test-faults")]
use {
    crate::support::service::ACCOUNT,
    crate::support::stores::assert_in_all_sinks,
    crate::support::stream::counts_of,
    crate::support::wait,
    meterline_load::Expected,
    meterline_load::cloud::{Cloud, CloudAccount, CloudDevice, CloudLogin, Switches},
    std::time::Duration,
    uuid::Uuid,
};

const QUARTER_NS: i64 = 900 * 1_000_000_000;
const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];

/// The instant `count` quarter-hours before the last one.
fn quarter_hours_ago(number: i64) -> i64 {
    (now_ns() / QUARTER_NS - number) * QUARTER_NS
}

fn send(service: &Service, time_ns: i64) {
    let reading = Reading { meter: [3; 16], time_ns, values: vec![(ENERGY, 5.0)] };
    assert_eq!(Connection::new(&service.target()).post(&Body::new(0, vec![reading]).bytes).unwrap().status, 200);
}

fn gaps(service: &Service) -> Vec<Value> {
    serde_json::from_str(&service.text_of(&["gaps", "--all", "--json"])).unwrap()
}

#[test]
fn quarter_hours_that_did_not_come_are_listed_and_closed_when_they_come_over_restarts() {
    let mut service = Setup::default().start();
    let last = quarter_hours_ago(0);
    let at = |number: i64| last - number * QUARTER_NS;
    for number in [12, 11, 10, 9, 5, 4, 3, 2, 1, 0] {
        send(&service, at(number));
    }
    service.stop();
    let found = gaps(&service);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["state"], &found[0]["quarter_hours_missing"]), (&"open".into(), &3.into()));
    assert_eq!(found[0]["from"], time(at(8)));
    assert_eq!(found[0]["until"], time(at(6)));
    service.start_again();
    for number in [7, 8] {
        send(&service, at(number));
    }
    service.kill();
    service.start_again();
    send(&service, at(6));
    crate::support::wait::until("the gap is closed", std::time::Duration::from_secs(30), || {
        service.status()["missing"]["newest"][0]["state"] == "late"
    });
    assert!(service.page("/flow").unwrap().1.contains("Missing readings"));
    service.stop();
    let closed = &gaps(&service)[0];
    assert_eq!((&closed["state"], &closed["late"]), (&"late".into(), &3.into()));
    let listed = service.text_of(&["gaps"]);
    assert!(listed.contains("no open gaps") && listed.contains("gap detection follows 1 of at most"), "{listed}");
}

#[test]
fn what_cannot_be_noted_as_missing_costs_no_503() {
    let mut service = Setup {
        tables: "[journal]\ncap = \"128MiB\"\nsegment = \"32MiB\"\nretain = 0\n",
        webhook: TAKES_PADDED,
        ..Setup::default()
    }
    .start();
    // Blocks the temporary file that would replace the existing one, once none is being written.
    let blocked = service.data_directory().join("coverage.new");
    crate::support::wait::until("it is blocked", std::time::Duration::from_secs(30), || {
        std::fs::create_dir(&blocked).is_ok()
    });
    let connection = Connection::new(&service.target());
    for number in 0..64 {
        let reading = Reading { meter: [3; 16], time_ns: now_ns(), values: vec![(ENERGY, f64::from(number))] };
        assert_eq!(connection.post(&padded(&Body::new(0, vec![reading]).bytes)).unwrap().status, 200);
        if number % 8 == 7 {
            service.wait_for_stored_cursors(&["sqlite", "keeper"]);
        }
    }
    service.wait_for_state("coverage", "blocked");
    assert!(service.process().ended().is_none());
}

fn time(ns: i64) -> Value {
    meterline::reading::UnixNanos(ns).to_string().into()
}

/// With this offset a service's clock is an hour ahead: 45 minutes of outage, and a
/// quarter-hour until the last missing reading is late.
#[cfg(feature = "test-faults")]
const AN_HOUR_AHEAD: &str = "clock-ahead-s=3600";

#[cfg(feature = "test-faults")]
#[test]
fn after_45_minutes_of_our_own_downtime_every_quarter_hour_is_fetched_into_all_sinks_once() {
    let devices: Vec<_> = (1..=3).map(|number| CloudDevice::new(Uuid::from_u128(number), 100.0)).collect();
    let key = "an-api-key-that-must-stay-secret";
    let mut account = CloudAccount::new(ACCOUNT, vec![CloudLogin::ApiKey(key.to_owned())]);
    account.devices.clone_from(&devices);
    let cloud = Cloud::start(vec![account], Switches { float_noise: false, ..Switches::default() }).unwrap();
    let mut service = Setup::with_all_sinks("e2e_gaps").start();
    assert!(service.stop().success());
    let key_file = service.secret_file("api-key", key);
    service.append_configuration(&format!(
        "[[smart_me]]\naccount = \"{ACCOUNT}\"\napi_key_file = {key_file:?}\nurl = \"{}\"",
        cloud.url()
    ));
    service.start_again();

    let last = quarter_hours_ago(0);
    let (mut sent, mut missed) = (Vec::new(), Vec::new());
    for back in (0..5).rev() {
        sent.extend(devices.iter().map(|device| device.body(last - back * QUARTER_NS)));
    }
    service.post_all(&sent);
    service.wait_drained();
    service.kill();
    for device in &devices {
        missed.extend((1..=3).map(|number| device.body(last + number * QUARTER_NS)));
    }
    service.set_faults(AN_HOUR_AHEAD);
    service.start_again();
    wait::until("the gaps are closed", Duration::from_secs(60), || {
        let missing = &service.status()["missing"];
        missing["newest"].as_array().unwrap().iter().filter(|gap| gap["state"] == "repaired").count() == devices.len()
    });
    service.wait_drained();
    let all: Vec<Body> = sent.into_iter().chain(missed).collect();
    let expected = Expected::of(&all);
    let stream = assert_in_all_sinks(&service, "e2e_gaps", &expected);
    assert!(stream.counts() == counts_of(&all), "each once in Kafka");
    assert_eq!(service.metric("meterline_source_readings_total{source=\"acme\",kind=\"smart-me gap repair\"}"), 9.0);
    let of_the_past = cloud.requests().iter().filter(|request| request.what.contains("Past")).count();
    assert_eq!(of_the_past, devices.len(), "one request a gap");
    assert!(service.stop().success());
    let closed = gaps(&service);
    assert_eq!(closed.len(), devices.len());
    for gap in closed {
        assert_eq!((&gap["state"], &gap["repaired"], &gap["late"]), (&"repaired".into(), &3.into(), &0.into()));
        assert_eq!((&gap["from"], &gap["until"]), (&time(last + QUARTER_NS), &time(last + 3 * QUARTER_NS)));
    }
    assert!(!service.log().contains(key));
}
