//! A whole request at the webhook, on a real listener and a real journal. The first byte chooses what the others are:
//! all bytes of a connection, or a body that a valid request brings whole, in chunks or compressed.
//!
//! Claims: nothing panics and the listener goes on; a body of a valid request has an answer, and with a 200 its bytes
//! are the newest record of the journal, inflated and otherwise unchanged; a connection of any other bytes ends, and a
//! body that came without the password is in no record.

use super::scratch;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use meterline::clock::Clock;
use meterline::ingest::{Ingest, SourceOptions};
use meterline::journal::{Journal, Options, Retention, Sequence};
use meterline::source::webhook::{Account, Config, Credentials, Webhook};
use meterline::wire::PayloadFormat;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// Of "meter:correct horse" in the Basic scheme.
const CREDENTIALS: &str = "bWV0ZXI6Y29ycmVjdCBob3JzZQ==";
/// A connection that is not answered and not closed within this time is a fault.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a chunk, so that most bodies have several.
const CHUNK_BYTES: usize = 7;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    static SERVICE: LazyLock<Mutex<Service>> = LazyLock::new(|| Mutex::new(Service::start()));
    let service = SERVICE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((choice, rest)) = bytes.split_first() else { return };
    let before = service.journal.next();
    match choice % 6 {
        0 => drop(service.answer(rest, true)),
        // Beyond the password the head is any bytes, too.
        1 => drop(service.answer(&[&head("")[..], rest].concat(), true)),
        2 => service.take(&whole(rest, ""), rest),
        3 => service.take(&chunked(rest, ""), rest),
        4 => service.take(&whole(&gzip(rest), "Content-Encoding: gzip\r\n"), rest),
        _ => service.take(&chunked(&deflate(rest), "Content-Encoding: deflate\r\n"), rest),
    }
    if choice % 6 == 0 && !has_credentials(rest) {
        assert_eq!(service.journal.next(), before, "a record of a request without the password");
    }
    assert_eq!(service.webhook.died(), None);
}

fn has_credentials(bytes: &[u8]) -> bool {
    bytes.windows(CREDENTIALS.len()).any(|window| window == CREDENTIALS.as_bytes())
}

struct Service {
    runtime: Runtime,
    journal: Journal,
    webhook: Webhook,
}

impl Service {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let clock = Clock::system();
        let mut options = Options::new(scratch::directory("request"));
        // Two full segments are replaced by others, so that a long run needs no more room.
        (options.segment_bytes, options.cap_bytes) = (4 << 20, 16 << 20);
        (options.record_bytes_max, options.retain) = (2 << 20, Retention { bytes: 4 << 20, age_ns: i64::MAX });
        let (journal, _) = Journal::open(options).expect("a new journal opens");
        let ingest = Ingest::new(journal.clone(), None, clock.clone());
        let account = Account {
            name: "building".to_owned(),
            path: "/smart-me".to_owned(),
            credentials: vec![Credentials::new("meter", "correct horse")],
            source: SourceOptions::default(),
            format: PayloadFormat::SmartMe,
        };
        let config = Config::new(SocketAddr::from(([127, 0, 0, 1], 0)), vec![account]);
        let webhook = runtime.block_on(Webhook::start(config, &ingest, clock)).expect("the webhook starts");
        Self { runtime, journal, webhook }
    }

    /// Sends the bytes of a connection, with the end of its sending side if that is all; returns what comes back until
    /// the other side ends it.
    fn answer(&self, bytes: &[u8], is_end: bool) -> Vec<u8> {
        let exchange = async {
            let mut socket = TcpStream::connect(self.webhook.local_addr()).await.expect("the listener accepts");
            // The other side may close the connection before it has read everything.
            let sent = async |socket: &mut TcpStream| {
                socket.write_all(bytes).await?;
                if is_end { socket.shutdown().await } else { Ok(()) }
            };
            sent(&mut socket).await.ok();
            let mut came = Vec::new();
            socket.read_to_end(&mut came).await.ok();
            came
        };
        let ended = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange).await });
        ended.expect("the connection ends")
    }

    /// Sends a valid request with this body.
    fn take(&self, request: &[u8], body: &[u8]) {
        let before = self.journal.next();
        let answer = self.answer(request, false);
        let status = answer.get(9..12).map(|status| String::from_utf8_lossy(status).into_owned()).unwrap_or_default();
        let after = self.journal.next();
        match &status[..] {
            "200" if body.is_empty() => assert_eq!(after, before, "an empty body is not journaled"),
            "200" => {
                assert_eq!(after, Sequence(before.0 + 1));
                let mut reader = self.journal.reader(before).expect("the journal can be read");
                let record = reader.read().expect("the record can be read").expect("the record is there");
                assert!(record.payload.to_vec() == body, "the record has other bytes than the body");
            }
            // Beyond the quota of undecodable bodies, or too large.
            "400" | "413" => assert_eq!(after, before),
            _ => panic!("an answer of {status:?} to a valid request: {:?}", String::from_utf8_lossy(&answer)),
        }
    }
}

fn head(lines: &str) -> Vec<u8> {
    let head = format!("POST /smart-me HTTP/1.1\r\nHost: meterline\r\nAuthorization: Basic {CREDENTIALS}\r\n{lines}");
    head.into_bytes()
}

/// A request with the length of its body. The connection is closed after it.
fn whole(body: &[u8], lines: &str) -> Vec<u8> {
    let lines = format!("Connection: close\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
    [&head(&lines)[..], body].concat()
}

/// A request with its body in chunks.
fn chunked(body: &[u8], lines: &str) -> Vec<u8> {
    let mut request = head(&format!("Connection: close\r\n{lines}Transfer-Encoding: chunked\r\n\r\n"));
    for chunk in body.chunks(CHUNK_BYTES) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes all bytes")
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes all bytes")
}
