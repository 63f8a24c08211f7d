//! Quotas of the webhook on the built program: undecodable bodies, connections and the
//! journal's share.

use crate::support::load::now_ns;
use crate::support::service::{ACCOUNT, PASSWORD, PATH, Service, Setup, USER};
use crate::support::stores::{assert_exactly, of_sqlite};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use meterline_load::{Body, Connection, Expected, Reading};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A field that no message has, so that large bodies cost the sinks nothing.
const UNKNOWN_FIELD: u8 = 0x7a;
const LARGE_BYTES: usize = 1 << 20;

/// Bodies of the account beside the flood, each on a connection of its own.
const BODIES: u8 = 20;

fn head(bytes: usize) -> Vec<u8> {
    let credentials = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    format!("POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {credentials}\r\nContent-Length: {bytes}\r\n\r\n")
        .into_bytes()
}

fn connect(service: &Service) -> TcpStream {
    TcpStream::connect(service.webhook_address()).unwrap()
}

/// The whole answer to a body, as text.
fn answer_to(service: &Service, body: &[u8]) -> String {
    let mut socket = connect(service);
    socket.write_all(&[head(body.len()), body.to_vec()].concat()).unwrap();
    let mut came = [0; 4096];
    let count = socket.read(&mut came).unwrap();
    String::from_utf8_lossy(&came[..count]).into_owned()
}

fn body(number: u8, time_ns: i64) -> Body {
    let time_ns = time_ns - time_ns % 100;
    let values = vec![([1, 0, 1, 8, 0, 255], f64::from(number))];
    Body::new(0, vec![Reading { meter: [number; 16], time_ns, values }])
}

#[test]
fn a_refused_body_says_where_it_breaks_and_is_a_dead_letter() {
    let service = Setup { account: "on_undecodable = \"refuse\"", ..Setup::default() }.start();
    let answer = answer_to(&service, b"\x0a\xff");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("byte 1"), "{answer}");
    let letters = service.text_of(&["dead-letters", "list"]);
    assert!(letters.contains("refused-body") && letters.contains("byte 1"), "{letters}");
    assert_eq!(service.metric("meterline_bodies_refused_total{source=\"acme\",kept=\"yes\"}"), 1.0);
    assert_eq!(service.metric("meterline_dead_letters{kind=\"refused-body\"}"), 1.0);
    assert_eq!(service.next_sequence(), 1, "it is in no journal");
}

#[test]
fn beyond_its_quota_an_account_has_unreadable_bodies_refused_and_others_taken() {
    let service = Setup { account: "undecodable_max = \"5B\"", ..Setup::default() }.start();
    for wanted in ["200", "200", "400"] {
        let answer = answer_to(&service, b"\x0a\xff");
        assert!(answer.starts_with(&format!("HTTP/1.1 {wanted} ")), "{answer}");
    }
    let readable = body(1, now_ns());
    assert_eq!(Connection::new(&service.target()).post(&readable.bytes).unwrap().status, 200);
    service.wait_drained();
    assert_exactly("SQLite", &Expected::of([&readable]), &of_sqlite(&service.sqlite_file()));
    assert_eq!(service.metric("meterline_bodies_refused_total{source=\"acme\",kept=\"no\"}"), 1.0);
}

/// Threads that attack the service until it is dropped.
struct Flood {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    fn of(service: &Service) -> Self {
        let mut flood = Self { stop: Arc::default(), threads: Vec::new() };
        for _ in 0..8 {
            flood.repeat(service, large_bodies);
        }
        for _ in 0..60 {
            flood.repeat(service, half_a_body);
        }
        for _ in 0..8 {
            flood.repeat(service, silence);
        }
        flood.repeat(service, answers_not_read);
        flood
    }

    /// Connects again and again, however the connection ends.
    fn repeat(&mut self, service: &Service, act: fn(TcpStream, &AtomicBool) -> std::io::Result<()>) {
        let (address, stop) = (service.webhook_address(), Arc::clone(&self.stop));
        self.threads.push(thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // The service decides how the connection ends.
                let _ended = TcpStream::connect(address).and_then(|socket| {
                    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
                    socket.set_write_timeout(Some(Duration::from_millis(100)))?;
                    act(socket, &stop)
                });
            }
        }));
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

/// Whole large bodies, one after the other.
fn large_bodies(mut socket: TcpStream, stop: &AtomicBool) -> std::io::Result<()> {
    // A reading without values comes first: a body without any known field is undecodable.
    let reading = Reading { meter: [99; 16], time_ns: now_ns() / 100 * 100, values: Vec::new() };
    let mut large = Body::new(0, vec![reading]).bytes;
    let bytes = u32::try_from(LARGE_BYTES - large.len() - 6).unwrap();
    // The length in five bytes, as any number of seven bits may be written.
    large.push(UNKNOWN_FIELD);
    large.extend(
        [0, 7, 14, 21, 28]
            .map(|shift| u8::try_from(bytes >> shift & 0x7f).unwrap() | if shift < 28 { 0x80 } else { 0 }),
    );
    large.resize(LARGE_BYTES, 0);
    while !stop.load(Ordering::Relaxed) {
        socket.write_all(&head(LARGE_BYTES))?;
        socket.write_all(&large)?;
        if socket.read(&mut [0; 4096])? == 0 {
            break;
        }
    }
    Ok(())
}

/// A large body that is sent very slowly.
fn half_a_body(mut socket: TcpStream, stop: &AtomicBool) -> std::io::Result<()> {
    socket.write_all(&head(LARGE_BYTES))?;
    while !stop.load(Ordering::Relaxed) {
        socket.write_all(b"x")?;
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Endless requests whose answers are not read.
fn answers_not_read(mut socket: TcpStream, stop: &AtomicBool) -> std::io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        socket.write_all(&head(0))?;
    }
    Ok(())
}

/// A connection on which nothing is ever sent.
fn silence(mut socket: TcpStream, stop: &AtomicBool) -> std::io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        match socket.read(&mut [0; 16]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    Ok(())
}

#[test]
fn a_flood_and_a_slow_reader_of_one_account_leave_another_only_200s() {
    let service = Setup {
        webhook: "connections_max = 64\nbody_max = \"1MiB\"\naccount_in_flight_max = \"3MiB\"\nin_flight_max = \"6MiB\"",
        others: &["other"],
        ..Setup::default()
    }
    .start();
    let flood = Flood::of(&service);
    let answers = |account: &str, answer: &str| {
        service.metric(&format!("meterline_webhook_requests_total{{account=\"{account}\",answer=\"{answer}\"}}"))
    };
    crate::support::wait::until("the flood is refused something", Duration::from_secs(60), || {
        answers(ACCOUNT, "503") > 0.0 && answers(ACCOUNT, "200") > 10.0
    });
    let bodies: Vec<Body> = (1..=BODIES).map(|number| body(number, now_ns())).collect();
    for body in &bodies {
        // A connection of its own, which it must get in the middle of the flood.
        let answer = Connection::new(&service.target_of("other")).post(&body.bytes);
        assert_eq!(answer.map(|answer| answer.status), Ok(200));
    }
    drop(flood);
    assert_eq!(answers("other", "200"), f64::from(BODIES));
    service.wait_drained();
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&service.sqlite_file()));
}

/// Bodies of one account until it is refused.
fn fill(service: &Service) -> (Vec<Body>, u64) {
    let connection = Connection::new(&service.target());
    let mut taken = Vec::new();
    for number in 0..4_000 {
        let body = large(number, now_ns());
        let answer = connection.post(&body.bytes).unwrap();
        match answer.status {
            200 => taken.push(body),
            503 => return (taken, number),
            other => panic!("{other} instead of 200 or 503; {}", service.log()),
        }
    }
    panic!("it never gets full");
}

/// A body of one reading and some 60 kB that no sink stores.
fn large(number: u64, time_ns: i64) -> Body {
    let mut meter = [7; 16];
    meter[..8].copy_from_slice(&number.to_le_bytes());
    let values = vec![([1, 0, 1, 8, 0, 255], 1.0)];
    let mut body = Body::new(0, vec![Reading { meter, time_ns: time_ns - time_ns % 100, values }]);
    body.bytes.extend_from_slice(&[UNKNOWN_FIELD, 0xe0, 0xd4, 0x03]);
    body.bytes.resize(body.bytes.len() + 60_000, 0);
    body
}

#[test]
fn while_a_sink_is_away_one_account_fills_its_share_of_the_journal_and_another_is_taken() {
    let mut server = crate::support::questdb::Server::start();
    let url = server.client().url().to_owned();
    let service = Setup {
        questdb: Some((url, "shares".to_owned())),
        others: &["other"],
        tables: "[journal]\ncap = \"160MiB\"\nsegment = \"32MiB\"",
        ..Setup::default()
    }
    .start();
    server.stop();
    let (mut bodies, refused_at) = fill(&service);
    assert!(refused_at > 200, "an account alone gets most of it: {refused_at}");
    let status = service.status();
    assert_eq!(status["ingest"][0]["held_back"], true, "{status}");
    assert_eq!(status["not_ready"], serde_json::Value::Null, "ingest is open for others");
    for number in 1..=BODIES {
        let body = body(number, now_ns());
        let answer = Connection::new(&service.target_of("other")).post(&body.bytes);
        assert_eq!(answer.map(|answer| answer.status), Ok(200));
        bodies.push(body);
    }
    assert!(service.metric("meterline_journal_refused_total{reason=\"share\"}") >= 1.0);
    server.start_again();
    service.wait_drained();
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&service.sqlite_file()));
    crate::support::wait::until("the account has room again", Duration::from_secs(60), || {
        service.status()["ingest"][0]["held_back"] == false
    });
}
