//! A logger with a history, over a real socket, into a real journal.

use super::super::tests::{INFO, assert_decoded_again, assert_decoded_again_behind, start_behind};
use crate::reading::{Flags, MeterId, Obis};
use crate::source::tests::fixture::Fixture;
use crate::source::{Fact, SourceState};
use crate::vendor::Transformers;
use meterline_load::devices::HttpServer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const COUNTER: Obis = Obis([1, 0, 1, 8, 1, 255]);
/// 13:34 in the Netherlands.
const NOW: &str = "2050-01-15T12:34:00Z";
const ACTUAL: &str = "{\"actual\":[{\"name\":\"timestamp\",\"value\":\"500115133350W\"},\
     {\"name\":\"power_delivered\",\"value\":0.037,\"unit\":\"kW\"}]}";

/// A logger of version 1 whose history `answer` gives: the period to status and body.
fn logger(fixture: &Fixture, answer: impl FnMut(&str) -> (u16, String) + Send + 'static) -> HttpServer {
    logger_behind(fixture, Transformers::NONE, answer)
}

/// The same, of a meter behind these transformers.
fn logger_behind(
    fixture: &Fixture,
    transformers: Transformers,
    mut answer: impl FnMut(&str) -> (u16, String) + Send + 'static,
) -> HttpServer {
    start_behind(fixture, transformers, move |request| {
        match request.split(' ').nth(1).and_then(|path| path.strip_prefix("/api/v1/")) {
            Some("sm/info") => (200, INFO.to_owned()),
            Some("sm/actual") => (200, ACTUAL.to_owned()),
            Some(path) if path.starts_with("hist/") => answer(&path["hist/".len()..]),
            _ => (404, String::new()),
        }
    })
}

/// The rows of a period: hours, local, and what tariff 1 has counted in kWh.
fn rows(period: &str, rows: &[(&str, f64)]) -> (u16, String) {
    let row = |(hour, kwh): &(&str, f64)| format!("{{\"recid\":\"{hour}\",\"edt1\":{kwh},\"gdt\":0.000}}");
    let rows: Vec<_> = rows.iter().map(row).collect();
    (200, format!("{{\"{period}\":[{}]}}", rows.join(",")))
}

fn meter() -> MeterId {
    MeterId::named("p1", "E0042")
}

/// Time and Wh of what was filled.
fn filled(fixture: &Fixture) -> Vec<(String, f64)> {
    let found = fixture.stored_with(Flags::GAP_REPAIR).into_iter().filter(|(_, obis, _)| *obis == COUNTER);
    found.map(|(at, _, wh)| (jiff::Timestamp::from_second(at).unwrap().to_string(), wh)).collect()
}

fn expected(rows: &[(&str, f64)]) -> Vec<(String, f64)> {
    rows.iter().map(|(at, wh)| ((*at).to_owned(), *wh)).collect()
}

fn history_requests(requests: &HttpServer) -> Vec<String> {
    requests.lines().into_iter().filter(|line| line.contains("/hist/")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_filled_with_the_hours_that_are_missing_and_asked_for_once() {
    let fixture = Fixture::new().at(NOW);
    fixture.miss("logger", meter(), "2050-01-15T08:10:00Z", "2050-01-15T12:30:00Z");
    let requests = logger(&fixture, |_| {
        let hours = [("50011513", 9.0), ("50011512", 8.0), ("50011511", 7.0), ("50011510", 6.0), ("50011509", 5.0)];
        rows("hours", &[&hours[..], &[("50011508", 4.0), ("00000000", 0.0)]].concat())
    });
    fixture.until("it is filled", |it| it.asked() == 1).await;
    // The row of 8 h ends before the gap; the row of 13 h is still being written.
    let hours = [
        ("2050-01-15T12:00:00Z", 8000.0),
        ("2050-01-15T11:00:00Z", 7000.0),
        ("2050-01-15T10:00:00Z", 6000.0),
        ("2050-01-15T09:00:00Z", 5000.0),
    ];
    assert_eq!(filled(&fixture), expected(&hours));
    fixture.until("it is shown", |it| it.fact("readings_filled") == Some(Fact::Number(4.0))).await;
    let last = Fact::Text("2050-01-15T08:10:00Z to 2050-01-15T12:30:00Z".to_owned());
    assert_eq!(fixture.fact("last_gap"), Some(last));
    let polls = requests.lines().len();
    fixture.until("polls go on", |_| requests.lines().len() > polls + 5).await;
    assert_eq!(history_requests(&requests), ["GET /api/v1/hist/hours HTTP/1.1"]);
    assert_decoded_again(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_and_the_history_of_a_meter_behind_transformers_have_their_ratios() {
    let (fixture, transformers) = (Fixture::new().at(NOW), Transformers::new(20.0, 3.0).unwrap());
    fixture.miss("logger", meter(), "2050-01-15T10:10:00Z", "2050-01-15T12:30:00Z");
    let _logger = logger_behind(&fixture, transformers, |_| {
        rows("hours", &[("50011513", 9.0), ("50011512", 8.0), ("50011511", 7.0), ("50011510", 6.0)])
    });
    fixture.until("it is filled", |it| it.asked() == 1).await;
    assert_eq!(filled(&fixture), expected(&[("2050-01-15T12:00:00Z", 480_000.0), ("2050-01-15T11:00:00Z", 420_000.0)]));
    assert_eq!(fixture.values(Obis([1, 0, 1, 7, 0, 255])), [2220.0]);
    let facts = ["current_factor", "voltage_factor"].map(|name| fixture.fact(name));
    assert_eq!(facts, [Some(Fact::Number(20.0)), Some(Fact::Number(3.0))]);
    assert_decoded_again_behind(&fixture, transformers);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_months_fill_what_is_older_than_the_hours() {
    let fixture = Fixture::new().at(NOW);
    fixture.miss("logger", meter(), "2049-12-20T08:10:00Z", "2050-01-15T12:30:00Z");
    let requests = logger(&fixture, |period| match period {
        "hours" => rows(period, &[("50011513", 9.0), ("50011512", 8.0)]),
        "days" => rows(period, &[("50011513", 9.0), ("50011423", 7.0), ("50010221", 3.0), ("50010123", 2.0)]),
        _ => rows(period, &[("50011513", 9.0), ("49123123", 1.0), ("49113023", 0.5)]),
    });
    fixture.until("it is filled", |it| it.asked() == 1).await;
    let found = [
        ("2050-01-15T12:00:00Z", 8000.0),
        ("2050-01-14T23:00:00Z", 7000.0),
        // The logger was switched off on 2 January at 21 h.
        ("2050-01-01T23:00:00Z", 2000.0),
        ("2049-12-31T23:00:00Z", 1000.0),
    ];
    assert_eq!(filled(&fixture), expected(&found));
    assert_eq!(history_requests(&requests).len(), 3);
    assert_decoded_again(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_row_before_the_logger_was_off_is_left_out() {
    let fixture = Fixture::new().at(NOW);
    fixture.miss("logger", meter(), "2050-01-15T08:10:00Z", "2050-01-15T12:30:00Z");
    let _logger = logger(&fixture, |_| rows("hours", &[("50011513", 9.0), ("50011509", 5.0), ("50011508", 4.0)]));
    fixture.until("it was asked for", |it| it.asked() == 1).await;
    assert_eq!(filled(&fixture), [], "its last telegram may have come long before the end of its hour");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_gap_the_history_is_not_asked_for() {
    let fixture = Fixture::new().at(NOW);
    let requests = logger(&fixture, |period| rows(period, &[("50011513", 9.0), ("50011512", 8.0)]));
    fixture.until("several polls are done", |_| requests.lines().len() > 12).await;
    assert_eq!(history_requests(&requests), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_fails_is_shown_tried_again_and_stops_no_reading() {
    let fixture = Fixture::new().at(NOW);
    fixture.miss("logger", meter(), "2050-01-15T08:10:00Z", "2050-01-15T12:30:00Z");
    let (is_repaired, mut count) = (Arc::new(AtomicBool::new(false)), 0);
    let works = Arc::clone(&is_repaired);
    let _logger = logger(&fixture, move |_| {
        if !works.load(Ordering::SeqCst) {
            return (500, "low heap".to_owned());
        }
        count += 1;
        match count {
            1 => (200, "{\"error\":{\"message\":\"history is off\"}}".to_owned()),
            2 => (0, String::new()),
            _ => rows("hours", &[("50011513", 9.0), ("50011512", 8.0), ("50011508", 4.0)]),
        }
    });
    let is_shown = |it: &Fixture| matches!(it.fact("history"), Some(Fact::Text(text)) if text.contains("500"));
    fixture.until("it is shown", is_shown).await;
    assert_eq!(fixture.state(), SourceState::Running);
    is_repaired.store(true, Ordering::SeqCst);
    fixture.until("it is filled", |it| it.asked() == 1).await;
    assert_eq!(filled(&fixture), expected(&[("2050-01-15T12:00:00Z", 8000.0)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logger_without_history_leaves_the_gap_open() {
    let fixture = Fixture::new().at(NOW);
    fixture.miss("logger", meter(), "2050-01-15T08:10:00Z", "2050-01-15T12:30:00Z");
    let _logger = logger(&fixture, |_| (404, "<html></html>".to_owned()));
    fixture.until("it was asked for", |it| it.asked() == 1).await;
    assert!(fixture.coverage.gaps()[0].0.is_open());
    assert_eq!((filled(&fixture), fixture.state()), (Vec::new(), SourceState::Running));
}
