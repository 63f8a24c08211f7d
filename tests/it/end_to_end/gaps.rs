//! What is missing of the meters' readings, on the built program.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use meterline_load::{Body, Connection, Reading};
use serde_json::Value;

const QUARTER_NS: i64 = 900 * 1_000_000_000;
const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];

/// The instant so many quarter-hours before the last one.
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
    assert!(service.page("/").unwrap().1.contains("Missing readings"));
    service.stop();
    let closed = &gaps(&service)[0];
    assert_eq!((&closed["state"], &closed["late"]), (&"late".into(), &3.into()));
    assert!(service.text_of(&["gaps"]).contains("no open gaps"));
}

fn time(ns: i64) -> Value {
    meterline::reading::UnixNanos(ns).to_string().into()
}
