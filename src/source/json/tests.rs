//! Devices that answer or send over real sockets, into a real journal.

use super::*;
use crate::ingest::SourceOptions;
use crate::reading::MeterId;
use crate::source::tests::fixture::{Fixture, readings};
use crate::source::{Fact, Redecoder, SourceState};
use crate::vendor::json::{Register, Time};
use meterline_load::devices::{AllowList, HttpServer, SerialServer};
use std::io::Write as _;
use std::sync::Arc;

fn device(address: Address) -> Device {
    let register = Register { pointer: "/kwh".to_owned(), obis: "1.8.0".parse().unwrap(), factor: 1e3 };
    let time = Some(Time { pointer: "/at".to_owned(), unit_ns: 1_000_000_000 });
    let mapping = Mapping { meter: MeterId::named("json", "cellar"), time, values: vec![register] };
    Device {
        name: "cellar".to_owned(),
        address,
        ca_file: None,
        every: Duration::from_millis(10),
        keep: Keep::All,
        mapping,
    }
}

fn start(fixture: &Fixture, address: Address) {
    device(address).start(&fixture.sources, &fixture.entrance("cellar"), fixture.describer("cellar"), &fixture.clock);
}

/// Every journaled value, with its time in seconds.
fn stored(fixture: &Fixture) -> Vec<(i64, f64)> {
    fixture.stored().into_iter().map(|(seconds, _, value)| (seconds, value)).collect()
}

fn present() -> i64 {
    Clock::system().now().0 / 1_000_000_000
}

fn document(at: i64, kwh: f64) -> String {
    format!("{{\"at\":{at},\"kwh\":{kwh}}}")
}

/// Plays a device with these answers, one after the other, the last one repeatedly.
fn serve(answers: Vec<(u16, String)>) -> (Address, HttpServer) {
    let mut answers = answers.into_iter().peekable();
    let device = HttpServer::start(AllowList::only("GET /status?pin=hunter2"), move |_| {
        if answers.len() > 1 { answers.next().unwrap() } else { answers.peek().cloned().unwrap() }
    })
    .unwrap();
    let uri = format!("{}status?pin=hunter2", device.url()).parse().unwrap();
    let authorization = crate::http::basic_authorization("u", &crate::secret::Secret::new("hunter2"));
    (Address::Http(uri, authorization), device)
}

fn ok(body: &str) -> (u16, String) {
    (200, body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_polled_with_its_credentials_and_an_unchanged_reading_is_journaled_once() {
    let (fixture, now) = (Fixture::new(), present());
    let (address, device) =
        serve(vec![ok(&document(now, 1.5)), ok(&document(now, 1.5)), ok("nonsense"), ok(&document(now + 1, 1.6))]);
    start(&fixture, address);
    fixture.until("both readings are there", |fixture| stored(fixture) == [(now, 1500.0), (now + 1, 1600.0)]).await;
    fixture.until("it is running again", |fixture| fixture.state() == SourceState::Running).await;
    let decoders = self::device(Address::Tcp(String::new())).decoders();
    assert_eq!(fixture.assert_decoded_again("cellar", decoders), 2);
    let head = device.requests()[0].to_ascii_lowercase();
    assert!(head.starts_with("get /status?pin=hunter2 ") && head.contains("authorization: basic"), "{head}");
    let shown = format!("{:?}", fixture.sources);
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_refuses_the_credentials_is_misconfigured_and_writes_nothing() {
    let fixture = Fixture::new();
    let (address, _device) = serve(vec![(401, "hunter2".to_owned())]);
    start(&fixture, address);
    fixture.until("it is misconfigured", |fixture| fixture.state() == SourceState::Misconfigured).await;
    assert_eq!(stored(&fixture), []);
    let description = fixture.sources.descriptions()[0].clone();
    assert!(description.why.as_ref().is_some_and(|why| why.contains("password_file") && !why.contains("hunter2")));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_stream_are_journaled_and_it_is_connected_again_after_its_end_and_after_a_line_too_long() {
    let (fixture, now) = (Fixture::new(), present());
    let server = SerialServer::start().unwrap();
    start(&fixture, Address::Tcp(server.address().unwrap().to_string()));
    for (number, bytes) in [
        (1, format!("\r\n{}\r\n{}\n", document(now, 1.0), document(now, 1.0))),
        (2, format!("{}\n{}\n", document(now + 1, 2.0), "x".repeat(DOCUMENT_BYTES_MAX))),
        (3, format!("{}\n", document(now + 2, 3.0))),
    ] {
        let mut stream = server.accept().unwrap();
        stream.write_all(bytes.as_bytes()).ok();
        fixture.until("its readings are there", |fixture| stored(fixture).len() == number).await;
    }
    assert_eq!(stored(&fixture), [(now, 1000.0), (now + 1, 2000.0), (now + 2, 3000.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_skips_an_undecodable_line_with_a_count_and_repeats_a_line_that_ingest_refused() {
    let (fixture, now) = (Fixture::new(), present());
    let server = SerialServer::start().unwrap();
    start(&fixture, Address::Tcp(server.address().unwrap().to_string()));
    let mut stream = server.accept().unwrap();
    stream.write_all(b"nonsense\n{\"other\":1}\n").unwrap();
    fixture.until("both are counted", |fixture| fixture.fact("messages_skipped") == Some(Fact::Number(2.0))).await;
    assert_eq!(fixture.state(), SourceState::Failing);
    // A clock that is not set can judge no times.
    fixture.clock.set_offset(-Clock::system().now().0);
    stream.write_all(format!("{}\n", document(now, 1.0)).as_bytes()).unwrap();
    let is_refused =
        |fixture: &Fixture| fixture.sources.descriptions()[0].why.as_ref().is_some_and(|it| it.contains("clock"));
    fixture.until("it is refused", is_refused).await;
    assert_eq!(stored(&fixture), []);
    fixture.clock.set_offset(0);
    fixture.until("it is there", |fixture| stored(fixture) == [(now, 1000.0)]).await;
    fixture.until("it is running", |fixture| fixture.state() == SourceState::Running).await;
    // One bad line changes no state, many in a row end the connection.
    stream.write_all(format!("nonsense\n{}\n", document(now + 1, 2.0)).as_bytes()).unwrap();
    fixture.until("the next is there", |fixture| stored(fixture).len() == 2).await;
    assert_eq!(fixture.state(), SourceState::Running);
    stream.write_all("nonsense\n".repeat(10).as_bytes()).unwrap();
    fixture.until("it is failing", |fixture| fixture.state() == SourceState::Failing).await;
    assert!(server.accept().is_ok(), "it is connected again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_cannot_be_read_spends_its_quota_once_however_often_ingest_refuses_it() {
    let fixture = Fixture::new();
    let server = SerialServer::start().unwrap();
    let options = SourceOptions { undecodable_bytes_max: 10, ..SourceOptions::default() };
    let device = device(Address::Tcp(server.address().unwrap().to_string()));
    let (entrance, describer) = (fixture.entrance_with("cellar", options), fixture.describer("cellar"));
    fixture.clock.set_offset(-Clock::system().now().0);
    device.start(&fixture.sources, &entrance, describer, &fixture.clock);
    let mut stream = server.accept().unwrap();
    stream.write_all(b"nonsense\n").unwrap();
    let description = |it: &Fixture| Arc::clone(&it.sources.descriptions()[0]);
    fixture.until("it is refused", |it| description(it).why.as_ref().is_some_and(|why| why.contains("clock"))).await;
    for _ in 0..2 {
        let refused = description(&fixture);
        fixture.until("it is refused again", |it| !Arc::ptr_eq(&refused, &description(it))).await;
    }
    fixture.clock.set_offset(0);
    fixture.until("it is counted", |it| it.fact("messages_skipped") == Some(Fact::Number(1.0))).await;
    assert_eq!(fixture.kept(), ["nonsense"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_without_a_configured_value_is_a_failure_that_says_so() {
    let fixture = Fixture::new();
    let (address, _device) = serve(vec![ok(&format!("{{\"at\":{},\"other\":1}}", present()))]);
    assert!(!format!("{address:?}").contains("hunter2"));
    start(&fixture, address);
    fixture.until("it is failing", |fixture| fixture.state() == SourceState::Failing).await;
    assert!(fixture.sources.descriptions()[0].why.as_ref().is_some_and(|why| why.contains("check the pointers")));
    // The documents are kept, so the right pointer reads them later.
    let mut device = device(Address::Tcp(String::new()));
    device.mapping.values[0].pointer = "/other".to_owned();
    let mut redecoder = Redecoder::new(fixture.contexts.clone());
    redecoder.add("cellar", device.decoders());
    let (received, payload) = &fixture.records()[0];
    let again = readings(&redecoder.decode("cellar", *received, payload).unwrap());
    assert_eq!(again[0].3, [("1.8.0".parse().unwrap(), 1000.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_described_by_the_name_of_its_source_over_both_transports() {
    let (fixture, now) = (Fixture::new(), present());
    let (address, _device) = serve(vec![ok(&document(now, 1.5))]);
    start(&fixture, address);
    fixture.until("it is described", |it| it.versions().len() == 1).await;
    let version = fixture.versions().remove(0);
    assert_eq!((version.meter, version.description.name.as_str()), (MeterId::named("json", "cellar"), "cellar"));

    let fixture = Fixture::new();
    let server = SerialServer::start().unwrap();
    start(&fixture, Address::Tcp(server.address().unwrap().to_string()));
    let mut stream = server.accept().unwrap();
    stream.write_all(format!("{}\n", document(now, 1.0)).as_bytes()).unwrap();
    fixture.until("it is described", |it| it.versions().len() == 1).await;
}
