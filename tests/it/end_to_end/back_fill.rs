//! A device's own history fills a gap, on the built program.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::of_sqlite;
use crate::support::wait;
use meterline_load::devices::{AllowList, HttpServer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const COUNTER: [u8; 6] = [1, 0, 1, 8, 1, 255];
const HOUR: i64 = 3600;
/// The outage in hours. It ends now.
const OUTAGE: i64 = 5;

/// A DSMR-logger. Its telegrams come ten seconds after each other, from `second` on; its history has
/// every hour. While it is off it breaks every connection.
fn logger(second: &Arc<AtomicI64>, is_off: &Arc<AtomicBool>) -> HttpServer {
    let (second, is_off) = (Arc::clone(second), Arc::clone(is_off));
    HttpServer::start(AllowList::dsmr_logger(), move |request| match request.split(' ').nth(1) {
        _ if is_off.load(Ordering::SeqCst) => (0, String::new()),
        Some("/api/v1/sm/telegram") => (200, telegram(second.fetch_add(10, Ordering::SeqCst))),
        Some("/api/v1/sm/info") => {
            (200, "{\"info\":[{\"name\":\"equipment_id\",\"value\":\"4530303432\"}]}".to_owned())
        }
        Some("/api/v1/hist/hours") => (200, hours(now_ns() / 1_000_000_000)),
        _ => (404, "<html></html>".to_owned()),
    })
    .unwrap()
}

/// The counter at a time, in kWh.
fn kwh(at: i64) -> i64 {
    at / HOUR % 100_000
}

fn telegram(at: i64) -> String {
    format!(
        "/XYZ5METER\r\n\r\n0-0:1.0.0({})\r\n0-0:96.1.1(4530303432)\r\n1-0:1.8.1({}*kWh)\r\n!\r\n",
        stamp(at, "%y%m%d%H%M%S") + if is_summer(at) { "S" } else { "W" },
        kwh(at)
    )
}

/// The rows of the last ten hours, the newest first. A row has the hour in which its period began.
fn hours(now: i64) -> String {
    let begin = now / HOUR * HOUR;
    let mut rows = String::new();
    for back in 0..10 {
        let at = begin - back * HOUR;
        let comma = if back == 0 { "" } else { "," };
        write!(rows, "{comma}{{\"recid\":\"{}\",\"edt1\":{}}}", stamp(at, "%y%m%d%H"), kwh(at + HOUR)).unwrap();
    }
    format!("{{\"hours\":[{rows}]}}")
}

/// A local time in the Netherlands.
fn stamp(at: i64, form: &str) -> String {
    let offset = if is_summer(at) { 2 } else { 1 };
    jiff::Timestamp::from_second(at + offset * HOUR).unwrap().strftime(form).to_string()
}

/// From the last Sunday of March to the last of October, at 1:00 UTC.
fn is_summer(at: i64) -> bool {
    let year = jiff::Timestamp::from_second(at).unwrap().strftime("%Y").to_string();
    let change = |month: &str| {
        let days = (25..=31).rev().map(|day| format!("{year}-{month}-{day}T01:00:00Z").parse::<jiff::Timestamp>());
        days.flatten().find(|day| day.strftime("%w").to_string() == "0").unwrap().as_second()
    };
    (change("03")..change("10")).contains(&at)
}

/// All gaps, as the command prints them.
fn gaps(service: &Service) -> Vec<Value> {
    serde_json::from_str(&service.text_of(&["gaps", "--all", "--json"])).unwrap()
}

#[test]
fn an_outage_with_restarts_is_filled_from_the_history_of_the_logger_once() {
    let end = now_ns() / 1_000_000_000;
    let begin = end - OUTAGE * HOUR - 1800;
    let second = Arc::new(AtomicI64::new(begin - 300));
    let is_off = Arc::new(AtomicBool::new(false));
    let logger = logger(&second, &is_off);
    let url = logger.url();
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    service.append_configuration(&format!(
        "[[dsmr_logger]]\nname = \"logger\"\nurl = \"{url}\"\nevery = \"1s\"\nkeep = \"all\"\n"
    ));
    service.start_again();
    let taken = |kind: &str| format!("meterline_source_readings_total{{source=\"logger\",kind=\"{kind}\"}}");
    wait::until("its cadence is known", LIMIT, || service.metric(&taken("dsmr-logger")) >= 14.0);
    // The outage: the service dies, and later the logger is not reachable. The meter counts on.
    service.kill();
    let last = second.swap(end, Ordering::SeqCst);
    is_off.store(true, Ordering::SeqCst);
    service.start_again();
    wait::until("it is failing", LIMIT, || service.source("logger", "dsmr-logger")["state"] == "failing");
    service.kill();
    is_off.store(false, Ordering::SeqCst);
    service.start_again();
    wait::until("it is filled", LIMIT, || service.metric(&taken("dsmr-logger history")) >= 5.0);
    service.wait_drained();
    // The request is noted after its readings are journaled.
    wait::until("the gap was asked for", LIMIT, || gaps(&service).iter().any(|gap| gap["asked"] == 1));
    service.stop();
    let stored: BTreeMap<i64, f64> = of_sqlite(&service.sqlite_file())
        .into_iter()
        .filter(|(key, _)| key.obis == COUNTER)
        .map(|(key, value)| (key.time_ns / 1_000_000_000, value))
        .collect();
    // The row of the present hour is still being written.
    let hours: Vec<_> = (last / HOUR + 1..=end / HOUR).map(|hour| hour * HOUR).collect();
    for at in hours.iter().copied() {
        let wh = i32::try_from(kwh(at)).map(f64::from).unwrap() * 1000.0;
        assert_eq!(stored.get(&at), Some(&wh), "{at}: {stored:?}");
    }
    let gaps = gaps(&service);
    assert_eq!((gaps.len(), &gaps[0]["asked"], &gaps[0]["repaired"]), (1, &1.into(), &hours.len().into()), "{gaps:?}");
}
