//! The views Now and Meter of the running service: curves, bars, gaps and values of the embedded store, also after a
//! restart.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::wait;
use meterline_load::{Body, Reading};
use std::time::Duration;
use uuid::Uuid;

const POWER: [u8; 6] = [1, 0, 1, 7, 0, 255];
const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];
const LIMIT: Duration = Duration::from_secs(60);
const METER: Uuid = Uuid::from_u128(0x1234_5678);
const MINUTE_NS: i64 = 60 * 1_000_000_000;

/// Six hours with a reading a minute at 1,200 W, and none from four hours to three hours ago.
fn six_hours(now: i64) -> Vec<Body> {
    let reading = |minute: i64| Reading {
        meter: *METER.as_bytes(),
        time_ns: now - (360 - minute) * MINUTE_NS,
        values: vec![(POWER, 1_200.0), (ENERGY, 50_000.0 + 20.0 * f64::from(i32::try_from(minute).unwrap()))],
    };
    let minutes: Vec<i64> = (0..=120).chain(180..=360).collect();
    minutes.chunks(100).map(|part| Body::new(0, part.iter().map(|minute| reading(*minute)).collect())).collect()
}

fn stored() -> (Service, i64) {
    let service = Setup::default().start();
    let now = now_ns() / MINUTE_NS * MINUTE_NS;
    service.post_all(&six_hours(now));
    wait::until("everything is stored", LIMIT, || service.sink("sqlite")["lag_records"] == 0);
    (service, now)
}

fn html(service: &Service, path: &str) -> String {
    let (status, text) = service.page(path).unwrap();
    assert_eq!(status, 200, "{text}");
    text
}

/// The title of each element of this class.
fn titles(page: &str, class: &str) -> Vec<String> {
    let begin = format!("class=\"{class}\"");
    let parts = page.split(&begin).skip(1);
    parts.filter_map(|part| Some(part.split_once("<title>")?.1.split_once("</title>")?.0.to_owned())).collect()
}

#[test]
fn a_meter_has_its_curve_its_bars_and_its_gap_from_the_embedded_store() {
    let (service, now) = stored();
    let page = html(&service, &format!("/meter/{METER}?range=24h"));
    for part in ["Power (kW)", "Energy of each quarter-hour", "class=\"line l0\"", "active power import", "range=7d"] {
        assert!(page.contains(part), "{part} is missing:\n{page}");
    }
    let bars = titles(&page, "import");
    let whole: Vec<_> = bars.iter().filter(|title| title.ends_with(": 300 Wh")).collect();
    assert!(whole.len() >= 18, "1,200 W are 300 Wh in each whole quarter-hour: {bars:?}");
    let gaps = titles(&page, "gap");
    assert_eq!(gaps.len(), 2, "one in each chart: {page}");
    assert!(gaps.iter().all(|gap| gap.starts_with("missing ")), "{gaps:?}");
    let line = page
        .split_once("class=\"line l0\" data-label=\"active power import\" d=\"")
        .unwrap()
        .1
        .split_once('"')
        .unwrap()
        .0;
    assert_eq!(line.matches('M').count(), 2, "the gap opens the line: {line}");

    let csv = html(&service, &format!("/meter/{METER}.csv?range=24h"));
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let power: Vec<_> = rows.iter().filter(|row| row[0] == "1-0:1.7.0*255").collect();
    assert_eq!(power.len(), 302, "{csv}");
    assert!(power.iter().all(|row| row[6] == "1200"), "{csv}");
    let total: f64 = rows.iter().filter(|row| row[1] == "import").map(|row| row[9].parse::<f64>().unwrap()).sum();
    assert!((total - 7_200.0).abs() < 1e-6, "six hours at 1,200 W, also in the gap: {total}");

    let from = encoded(now - 360 * MINUTE_NS);
    let to = encoded(now - 300 * MINUTE_NS);
    let hour = html(&service, &format!("/meter/{METER}.csv?from={from}&to={to}"));
    assert_eq!(hour.lines().filter(|line| line.starts_with("1-0:1.7.0")).count(), 60, "{hour}");
}

/// RFC 3339 in UTC, encoded for an address.
#[test]
fn a_new_meter_shows_its_last_hour_and_an_older_one_its_last_day_unless_a_span_is_chosen() {
    const NEW: Uuid = Uuid::from_u128(0x77);
    let (service, now) = stored();
    let reading = |minute: i64| Reading {
        meter: *NEW.as_bytes(),
        time_ns: now - minute * MINUTE_NS,
        values: vec![(POWER, 300.0)],
    };
    service.post_all(&[Body::new(0, vec![reading(2), reading(1)])]);
    wait::until("everything is stored", LIMIT, || service.sink("sqlite")["lag_records"] == 0);
    let current = |path: &str| {
        let page = html(&service, path);
        let link = page.split_once("aria-current=\"true\">").unwrap().1;
        link.split_once('<').unwrap().0.to_owned()
    };
    assert_eq!(current(&format!("/meter/{NEW}")), "1 h");
    assert_eq!(current(&format!("/meter/{NEW}?range=7d")), "7 d");
    assert_eq!(current(&format!("/meter/{METER}")), "24 h");
}

fn encoded(ns: i64) -> String {
    meterline::reading::UnixNanos(ns).to_string().replace(':', "%3A")
}

/// The energy of these six hours since midnight in the zone of the store, which is UTC: 20 Wh a minute.
fn watt_hours_today(now: i64) -> i64 {
    let now = jiff::Timestamp::from_nanosecond(now.into()).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    let minutes = now.duration_since(&now.start_of_day().unwrap()).as_mins();
    20 * minutes.min(360)
}

#[test]
fn after_a_restart_the_page_has_the_values_of_the_store() {
    let (mut service, now) = stored();
    let today = format!("title=\"{} Wh\"", watt_hours_today(now));
    let live = html(&service, "/");
    for part in ["class=\"value\">1.2<", "class=\"spark\"", "today ", &today] {
        assert!(live.contains(part), "{part} is missing:\n{live}");
    }
    assert!(service.stop().success());
    service.start_again();
    let page = html(&service, "/");
    for part in [&METER.to_string(), "class=\"value\">1.2<", "class=\"unit\">kW<", "class=\"spark\"", &today] {
        assert!(page.contains(part), "{part} is missing:\n{page}");
    }
    let json: serde_json::Value = serde_json::from_str(&html(&service, &format!("/meter/{METER}.json"))).unwrap();
    assert_eq!(json["registers"][0]["value"], 1_200.0, "{json}");
}
