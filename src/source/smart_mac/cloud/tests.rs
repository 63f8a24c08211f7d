//! The vendor's cloud, played by a real server, into a real journal.

use super::super::Meter;
use super::super::tests::{DEVICE, meter, start_meter};
use super::{Cloud, KIND, Keep};
use crate::reading::{Flags, MeterId, Obis};
use crate::secret::Secret;
use crate::source::tests::fixture::Fixture;
use crate::source::{Fact, SourceState};
use crate::vendor::smart_mac::VENDOR;
use hyper::Uri;
use meterline_load::devices::{AllowList, HttpServer};
use std::time::Duration;

const KEY: &str = "k3y&hunter2";
const NOW: &str = "2050-01-15T12:34:00Z";
const COUNTER: Obis = Obis([1, 0, 1, 8, 0, 255]);
const POWER: Obis = Obis([1, 0, 1, 7, 0, 255]);

/// A meter that does not answer, with a cloud that does.
fn start(fixture: &Fixture, keep: Keep, answer: impl FnMut(&str) -> (u16, String) + Send + 'static) -> HttpServer {
    let server = HttpServer::start(AllowList::smart_mac(), answer).unwrap();
    let cloud = Some(Cloud { url: server.url().parse().unwrap(), key: Secret::new(KEY) });
    let device = Uri::from_static("http://127.0.0.1:9/");
    start_meter(fixture, &Meter { cloud, keep, ..meter(device) });
    server
}

fn seconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap().as_second()
}

/// Rows at these times, in any order, of a meter with one phase.
fn rows(times: impl IntoIterator<Item = i64>) -> String {
    let row = |at| format!("{{\"ID\":\"{DEVICE}\",\"TIME\":{at},\"STAT\":0,\"W\":{},\"Wh\":{at}}}", at % 100);
    format!("[{}]", times.into_iter().map(row).collect::<Vec<_>>().join(","))
}

/// The times of what was filled.
fn filled(fixture: &Fixture, obis: Obis) -> Vec<i64> {
    let mut found: Vec<_> =
        fixture.stored_with(Flags::GAP_REPAIR).iter().filter(|row| row.1 == obis).map(|row| row.0).collect();
    found.sort_unstable();
    found
}

fn assert_key_is_nowhere(fixture: &Fixture) {
    let shown = format!("{:?}", fixture.sources);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!fixture.holds(b"hunter2"));
}

/// Fails unless this number of answers is decoded again as at receipt.
fn assert_decoded_again(fixture: &Fixture, answers: usize) {
    let meter = meter(Uri::from_static("http://127.0.0.1:9/"));
    assert_eq!(fixture.assert_decoded_again("workshop", meter.decoders()), answers);
}

fn miss(fixture: &Fixture, from: &str, until: &str) -> (i64, i64) {
    fixture.miss("workshop", MeterId::named(VENDOR, DEVICE), from, until);
    (seconds(from), seconds(until))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_filled_with_the_minutes_that_are_missing_and_the_key_is_never_shown() {
    let fixture = Fixture::new().at(NOW);
    let (from, until) = miss(&fixture, "2050-01-15T08:00:00Z", "2050-01-15T12:30:00Z");
    // Also rows outside of the gap, and at its ends.
    let requests = start(&fixture, Keep::All, move |_| {
        (200, rows((from - 120..=until + 120).step_by(60).collect::<Vec<_>>().into_iter().rev()))
    });
    fixture.until("it is filled", |it| it.asked() == 1).await;
    let expected: Vec<_> = (from + 60..until).step_by(60).collect();
    assert_eq!((filled(&fixture, COUNTER), filled(&fixture, POWER)), (expected.clone(), expected.clone()));
    let query = format!("devid={DEVICE}&apikey=k3y%26hunter2&date1={from}&date2={until}&period=minute");
    assert_eq!(requests.lines(), [format!("GET /api?{query} HTTP/1.1")]);
    let count = Fact::from(expected.len());
    fixture.until("it is shown", |it| it.source(KIND).facts.get("readings_filled") == Some(&count)).await;
    assert_eq!(fixture.source(KIND).state, SourceState::Running);
    assert_key_is_nowhere(&fixture);
    assert_decoded_again(&fixture, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_gap_has_minutes_at_its_end_and_counters_of_hours_before_within_the_limits_of_a_call() {
    let fixture = Fixture::new().at(NOW);
    let (from, until) = miss(&fixture, "2050-01-10T08:00:00Z", "2050-01-15T12:30:00Z");
    let requests = start(&fixture, Keep::FirstOfEach(Duration::from_mins(10)), move |request| {
        // Also rows behind the end that is asked for.
        let (from, step) = if request.contains("period=hour") { (from, 3600) } else { (until - 1500 * 60, 60) };
        (200, rows((from..=until).step_by(step)))
    });
    fixture.until("it is filled", |it| it.asked() == 1).await;
    let minutes_from = until - 1500 * 60;
    let query = |period, from, until| format!("date1={from}&date2={until}&period={period} ");
    let asked = requests.lines();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].contains(&query("minute", minutes_from, until)), "{asked:?}");
    assert!(asked[1].contains(&query("hour", from, minutes_from)), "{asked:?}");
    let hours: Vec<_> = (from + 3600..minutes_from).step_by(3600).collect();
    assert!(hours.iter().all(|at| filled(&fixture, COUNTER).contains(at)));
    assert!(filled(&fixture, POWER).iter().all(|at| !hours.contains(at)), "the power of an hour has no known meaning");
    let minutes = filled(&fixture, POWER);
    assert!(minutes.windows(2).all(|pair| pair[1] - pair[0] >= 600 || pair[0] < minutes_from + 3600), "thinned");
    assert_decoded_again(&fixture, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_device_are_filled_from_one_call() {
    let fixture = Fixture::new().at(NOW);
    for line in ["L1", "L2"] {
        let meter = MeterId::of_channel(VENDOR, DEVICE, line);
        fixture.miss("workshop", meter, "2050-01-15T08:00:00Z", "2050-01-15T12:30:00Z");
    }
    let requests = start(&fixture, Keep::All, |_| (200, "[]".to_owned()));
    fixture.until("both were asked for", |it| it.coverage.gaps().iter().all(|(gap, _)| gap.asked == 1)).await;
    assert_eq!(requests.lines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_refuses_is_a_fault_of_the_configuration_and_its_text_is_not_shown() {
    for (status, body) in [
        (401, String::new()),
        (400, format!("no such key {KEY}")),
        (200, format!("{{\"error\":\"no such key {KEY}\"}}")),
        (200, "<html>log in</html>".to_owned()),
    ] {
        let fixture = Fixture::new().at(NOW);
        miss(&fixture, "2050-01-15T08:00:00Z", "2050-01-15T12:30:00Z");
        let _cloud = start(&fixture, Keep::All, move |_| (status, body.clone()));
        fixture.until("it is misconfigured", |it| it.source(KIND).state == SourceState::Misconfigured).await;
        assert!(fixture.source(KIND).why.as_ref().is_some_and(|why| why.contains("api_key_file")));
        assert_eq!((fixture.asked(), fixture.stored()), (0, Vec::new()));
        assert_key_is_nowhere(&fixture);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_rows_of_another_device_fill_nothing_and_an_answer_that_repeats_the_key_is_not_kept() {
    let fixture = Fixture::new().at(NOW);
    let (from, _) = miss(&fixture, "2050-01-15T08:00:00Z", "2050-01-15T12:30:00Z");
    let mut mixed = rows([from + 180, from + 240]);
    let second = mixed.rfind(DEVICE).unwrap();
    mixed.replace_range(second..second + DEVICE.len(), "1");
    let mut answers = vec![
        (200, rows([from + 60]).replace("\"STAT\":0", &format!("\"STAT\":\"{KEY}\""))),
        (200, rows([from + 120]).replace(DEVICE, "1")),
        (200, mixed),
        (429, String::new()),
        (503, String::new()),
        (0, String::new()),
    ];
    let _cloud = start(&fixture, Keep::All, move |_| answers.pop().unwrap());
    fixture.until("it is filled", |it| it.asked() == 1).await;
    assert_eq!(filled(&fixture, COUNTER), [from + 60]);
    assert_key_is_nowhere(&fixture);
}
