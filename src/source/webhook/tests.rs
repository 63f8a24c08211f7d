//! The webhook at its socket: raw requests in, answers out, on a real journal.

mod answers;
mod bodies;
pub(super) mod compressed;
mod framing;
mod heads;
mod http2;
mod limits;
mod outage;
mod secrets;
mod stop;
mod tls;
mod unauthenticated;

use super::*;
use crate::clock::Clock;
use crate::ingest::{Ingest, SourceOptions};
use crate::journal::{Journal, Options, RecordHeader, Sequence};
use crate::wire::PayloadFormat;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use meterline_load::{Body, Reading};
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

const PATH: &str = "/smart-me/a-path-unguessable";
const USER: &str = "meter";
const PASSWORD: &str = "correct horse";
/// The time limit of every wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// The deadline of a stop.
fn soon() -> std::time::Instant {
    Clock::system().monotonic() + PATIENCE
}

struct Fixture {
    webhook: Webhook,
    ingest: Ingest,
    journal: Journal,
    clock: Clock,
    _directory: TempDir,
}

/// A webhook with one account, changed as the test needs it.
async fn fixture_with(change: impl FnOnce(&mut Config)) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Options::new(directory.path())).unwrap();
    fixture_on(journal, directory, change).await
}

async fn fixture_on(journal: Journal, directory: TempDir, change: impl FnOnce(&mut Config)) -> Fixture {
    let clock = Clock::system();
    let ingest = Ingest::new(journal.clone(), None, clock.clone());
    let mut config = Config::new(SocketAddr::from(([127, 0, 0, 1], 0)), vec![account("building", PATH, PASSWORD)]);
    change(&mut config);
    let webhook = Webhook::start(config, &ingest, clock.clone()).await.unwrap();
    Fixture { webhook, ingest, journal, clock, _directory: directory }
}

async fn fixture() -> Fixture {
    fixture_with(|_| {}).await
}

fn account(name: &str, path: &str, password: &str) -> Account {
    Account {
        name: name.to_owned(),
        path: path.to_owned(),
        credentials: vec![Credentials::new(USER, password)],
        source: SourceOptions::default(),
        format: PayloadFormat::SmartMe,
    }
}

impl Fixture {
    async fn connect(&self) -> Client {
        Client { socket: TcpStream::connect(self.webhook.local_addr()).await.unwrap(), came: Vec::new() }
    }

    /// Sends one request on a connection of its own.
    async fn ask(&self, request: &[u8]) -> Reply {
        let mut client = self.connect().await;
        client.send(request).await;
        client.reply().await
    }

    /// A body of one sample, measured now.
    fn body(&self, value: f64) -> Vec<u8> {
        let time_ns = self.clock.now().0 / 100 * 100;
        let values = vec![([1, 0, 1, 8, 0, 255], value)];
        Body::new(0, vec![Reading { meter: [9; 16], time_ns, values }]).bytes
    }

    /// The records in the journal.
    fn records(&self) -> Vec<(RecordHeader, Vec<u8>)> {
        let mut reader = self.journal.reader(Sequence::FIRST).unwrap();
        let mut records = Vec::new();
        while let Some(record) = reader.read().unwrap() {
            records.push((record.header, record.payload.to_vec()));
        }
        records
    }
}

/// A client that sends exactly the bytes it is given.
struct Client<S = TcpStream> {
    socket: S,
    came: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// The next answer.
    async fn reply(&mut self) -> Reply {
        tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(reply) = self.take_reply() {
                    return reply;
                }
                assert!(self.socket.read_buf(&mut self.came).await.unwrap() > 0, "closed after {:?}", self.text());
            }
        })
        .await
        .unwrap()
    }

    fn take_reply(&mut self) -> Option<Reply> {
        let end = self.came.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.came[..end].to_vec()).unwrap();
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let body = self.came.get(end..end + length)?.to_vec();
        self.came.drain(..end + length);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Reply { status, head, body })
    }

    /// Waits until the server has closed the connection; returns the remaining bytes.
    async fn closed(mut self) -> Vec<u8> {
        let read = tokio::time::timeout(PATIENCE, self.socket.read_to_end(&mut self.came)).await;
        // A reset closes it as well.
        let _closed = read.expect("the connection is closed in time");
        self.came
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.came).into_owned()
    }
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    fn sentence(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The value of an Authorization header.
fn basic(password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{password}")))
}

fn authorization(password: &str) -> String {
    format!("Authorization: {}\r\n", basic(password))
}

/// A request's head with valid credentials and these further lines.
fn head(method: &str, path: &str, lines: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: meterline\r\n{}{lines}\r\n", authorization(PASSWORD)).into_bytes()
}

/// A whole POST with valid credentials.
fn post(body: &[u8], lines: &str) -> Vec<u8> {
    let mut request = head("POST", PATH, &format!("Content-Length: {}\r\n{lines}", body.len()));
    request.extend_from_slice(body);
    request
}
