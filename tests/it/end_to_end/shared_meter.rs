//! One meter that two accounts send.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_sqlite};
use meterline_load::{Body, Connection, Expected, Reading, Target};

const METER: [u8; 16] = [0x5a; 16];

fn body(meter: [u8; 16], time_ns: i64, value: f64) -> Body {
    Body::new(0, vec![Reading { meter, time_ns, values: vec![([1, 0, 1, 8, 0, 255], value)] }])
}

fn post(target: &Target, body: &Body) {
    assert_eq!(Connection::new(target).post(&body.bytes).unwrap().status, 200);
}

fn shared(service: &Service, source: &str) -> f64 {
    service.metric(&format!("meterline_readings_of_shared_meters_total{{source=\"{source}\"}}"))
}

#[test]
fn two_accounts_that_send_one_meter_are_shown_and_the_last_value_stands() {
    let service = Setup { others: &["other"], ..Setup::default() }.start();
    let (first, second) = (service.target(), service.target_of("other"));
    let time_ns = now_ns() / 100 * 100;
    post(&second, &body([7; 16], time_ns, 1.0));
    post(&first, &body(METER, time_ns, 1.0));
    assert_eq!(shared(&service, "other"), 0.0, "each has its own meter");
    assert_eq!(service.status()["ingest"][1]["shared"], serde_json::Value::Null);
    post(&second, &body(METER, time_ns, 2.0));
    assert_eq!(shared(&service, "other"), 1.0);
    let status = service.status();
    assert_eq!(status["ingest"][1]["shared"]["other"], "acme", "{status}");
    let meter = status["ingest"][1]["shared"]["meter"].as_str().unwrap().to_owned();
    let (_, page) = service.page("/flow").unwrap();
    assert!(page.contains(&format!("{meter} also comes from acme")), "{page}");
    service.wait_drained();
    let last = [body([7; 16], time_ns, 1.0), body(METER, time_ns, 2.0)];
    assert_exactly("SQLite", &Expected::of(&last), &of_sqlite(&service.sqlite_file()));
}
