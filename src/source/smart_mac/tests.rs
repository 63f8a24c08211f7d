//! A meter that answers over a real socket, into a real journal.

use super::*;
use crate::reading::{Obis, UnixNanos};
use crate::source::tests::fixture::Fixture;
use crate::source::{Fact, SourceState};
use meterline_load::devices::{AllowList, Answer, HttpServer};
use std::io::Write as _;

pub(super) const DEVICE: &str = "1728053249";

pub(super) fn meter(url: Uri) -> Meter {
    Meter {
        name: "workshop".to_owned(),
        url,
        device: DEVICE.to_owned(),
        pin: Secret::new("012345"),
        every: Duration::from_millis(20),
        keep: Keep::All,
        options: Options::default(),
        cloud: None,
    }
}

fn start(fixture: &Fixture, answer: impl FnMut(&str) -> (u16, String) + Send + 'static) -> HttpServer {
    let server = HttpServer::start(AllowList::smart_mac(), answer).unwrap();
    start_meter(fixture, &meter(server.url().parse().unwrap()));
    server
}

pub(super) fn start_meter(fixture: &Fixture, meter: &Meter) {
    let (entrance, describer) = (fixture.entrance("workshop"), fixture.describer("workshop"));
    meter.start(&fixture.sources, &entrance, fixture.arrivals(), describer, &fixture.clock);
}

fn present() -> i64 {
    let UnixNanos(now) = Clock::system().now();
    now / 1_000_000_000
}

/// An answer of a meter with one phase; a line break of its page is raw.
fn answer(at: i64, watts: &str) -> String {
    format!(
        "{{\"devid\":\"{DEVICE}\",\"time\":\"{at}\",\"pout\":\"0\",\"data\":{{\"W\":{{\"name\":\"Power\",\"unit\":\"W\",\
         \"value\":\"{watts}\"}},\"br0\":{{\"name\":\"\n\"}}}}}}"
    )
}

const POWER: Obis = Obis([1, 0, 1, 7, 0, 255]);

#[tokio::test(flavor = "multi_thread")]
async fn a_meter_is_asked_for_its_values_alone_and_the_pin_is_never_shown() {
    let (fixture, now) = (Fixture::new(), present());
    let mut at = now - 100;
    let requests = start(&fixture, move |_| {
        at += 1;
        (200, answer(at, " 5 86 "))
    });
    fixture.until("two readings are there", |it| it.values(POWER).len() >= 2).await;
    assert!(fixture.values(POWER).iter().all(|watts| *watts == 586.0));
    let expected = format!("GET /?page=getdata&devid={DEVICE}&devpass=012345 HTTP/1.1");
    assert!(requests.lines().iter().all(|line| *line == expected), "{:?}", requests.lines());
    assert!(fixture.assert_decoded_again("workshop", meter(Uri::from_static("http://h/")).decoders()) >= 2);
    let shown = format!("{:?} {:?}", fixture.sources, meter(Uri::from_static("http://h/")));
    assert!(!shown.contains("012345"), "{shown}");
    assert!(!fixture.holds(b"012345"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repaired_answer_is_a_fact_of_the_meter() {
    for (line_break, fact) in [("\n", Some("characters that cannot stand in its texts were replaced")), ("", None)] {
        let (fixture, answer) = (Fixture::new(), answer(present(), "586").replace('\n', line_break));
        let _device = start(&fixture, move |_| (200, answer.clone()));
        fixture.until("it is running", |it| it.state() == SourceState::Running).await;
        assert_eq!((fixture.fact("repaired"), fixture.values(POWER)), (fact.map(Fact::from), vec![586.0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_page_or_another_device_is_a_fault_of_the_configuration() {
    for (body, hint) in [
        ("<html><title>MAIC Login</title></html>".to_owned(), "pin_file"),
        (answer(present(), "1").replace(DEVICE, "1"), "another device answers"),
    ] {
        let fixture = Fixture::new();
        let _device = start(&fixture, move |_| (200, body.clone()));
        fixture.until("it is misconfigured", |it| it.state() == SourceState::Misconfigured).await;
        let why = fixture.sources.descriptions()[0].why.clone().unwrap();
        assert!(why.contains(hint), "{why}");
        assert_eq!(fixture.stored(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_and_a_broken_answer_are_tried_again_later() {
    let (fixture, now) = (Fixture::new(), present());
    let mut answers = vec![(200, answer(now, "1")), (200, answer(now, "1")[..80].to_owned()), (429, String::new())];
    let _device = start(&fixture, move |_| if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() });
    fixture.until("the reading is there", |it| it.values(POWER) == [1.0]).await;
    fixture.until("it is running", |it| it.state() == SourceState::Running).await;
    assert_eq!(fixture.kept(), [&answer(now, "1")[..80]], "for a decoder that can read it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_trickles_without_end_is_given_up_and_the_next_one_is_read() {
    let (fixture, now) = (Fixture::new(), present());
    let (given_up, is_given_up) = std::sync::mpsc::channel();
    let mut slow = Some(given_up);
    let server = HttpServer::start(AllowList::smart_mac(), move |_: &str| match slow.take() {
        // A byte now and then: the connection is never silent.
        Some(given_up) => Answer::Taken(Box::new(move |mut stream| {
            stream.write_all(b"HTTP/1.0 200 Answer\r\n\r\n").ok();
            while stream.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
            given_up.send(()).ok();
        })),
        None => (200, answer(now, "1")).into(),
    })
    .unwrap();
    start_meter(&fixture, &meter(server.url().parse().unwrap()));
    is_given_up.recv_timeout(Duration::from_secs(20)).unwrap();
    fixture.until("the next is there", |it| it.values(POWER) == [1.0]).await;
    fixture.until("it is running", |it| it.state() == SourceState::Running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_answers_429_is_asked_less_often_and_then_again_more_often() {
    let (fixture, now) = (Fixture::new(), present());
    let mut count = 0;
    let requests = start(&fixture, move |_| {
        count += 1;
        if count <= 3 { (429, String::new()) } else { (200, answer(now - 1000 + count, "1")) }
    });
    let interval = |it: &Fixture| match it.fact("interval_seconds") {
        Some(Fact::Number(seconds)) => seconds,
        _ => 0.0,
    };
    fixture.until("it is refused three times", |it| interval(it) == 0.16).await;
    fixture.until("the reading is there", |it| !it.values(POWER).is_empty()).await;
    assert_eq!(fixture.fact("requests_too_early"), Some(Fact::Number(3.0)));
    fixture.until("it is asked more often", |it| interval(it) == 0.12).await;
    assert!(requests.lines().len() >= 3 + 20, "after twenty answers");
    assert_eq!(fixture.state(), SourceState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_request_is_a_fault_of_the_configuration() {
    let fixture = Fixture::new();
    let _device = start(&fixture, |_| (400, answer(present(), "1")));
    fixture.until("it is misconfigured", |it| it.state() == SourceState::Misconfigured).await;
    assert_eq!(fixture.stored(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devid_or_pin_that_would_add_a_parameter_is_never_sent() {
    for (device, pin) in [("1728053249&pout=1", "012345"), (DEVICE, "1&pout=1"), (DEVICE, "1;pout=1"), (DEVICE, "")] {
        let fixture = Fixture::new();
        let server = HttpServer::start(AllowList::smart_mac(), |_| (200, String::new())).unwrap();
        let url = server.url().parse().unwrap();
        start_meter(&fixture, &Meter { device: device.to_owned(), pin: Secret::new(pin), ..meter(url) });
        fixture.until("it is misconfigured", |it| it.state() == SourceState::Misconfigured).await;
        assert_eq!(server.lines(), [""; 0]);
        let why = fixture.sources.descriptions()[0].why.clone().unwrap();
        assert!(why.contains("does not send") && !why.contains("pout"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_and_each_line_that_is_a_meter_are_described() {
    let (fixture, now) = (Fixture::new(), present());
    let body = format!(
        "{{\"devid\":\"{DEVICE}\",\"time\":\"{now}\",\"data\":{{\"V1\":{{\"value\":\"230\"}},\"V2\":{{\"value\":\"231\"}},\
         \"T\":{{\"value\":\"14\"}}}}}}"
    );
    let server = HttpServer::start(AllowList::smart_mac(), move |_| (200, body.clone())).unwrap();
    let lines = Options { wiring: crate::vendor::smart_mac::Wiring::Lines, ..Options::default() };
    start_meter(&fixture, &Meter { options: lines, ..meter(server.url().parse().unwrap()) });
    fixture.until("all are described", |it| it.versions().len() == 3).await;
    let mut described: Vec<_> = fixture.versions().into_iter().map(|it| it.description.to_string()).collect();
    described.sort();
    assert_eq!(
        described,
        [
            "workshop line1, serial 1728053249, vendor smart-mac, model D103, energy electricity, role submeter",
            "workshop line2, serial 1728053249, vendor smart-mac, model D103, energy electricity, role submeter",
            "workshop, serial 1728053249, vendor smart-mac, model D103",
        ]
    );
    assert!(fixture.versions().iter().any(|it| it.meter == MeterId::of_channel(VENDOR, DEVICE, "line2")));
}
