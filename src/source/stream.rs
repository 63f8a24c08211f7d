//! A device that sends bytes over a connection, and is sent nothing: a line of JSON, a telegram behind a
//! serial server. The connection is TCP or a WebSocket, whose messages are parts of the bytes.
//!
//! Knows no vendor. Invariants: a message is bounded. A silent device is reconnected.

use super::describer::Described;
use super::device::HttpDevice;
use super::intake::Intake;
use super::{Connected, Decoded, Describer, Inlet, Reporter, SourceError};
use crate::clock::Clock;
use crate::http::WebSocket;
use crate::reading::UnixNanos;
use crate::wire::batch::Original;
use hyper::Uri;
use std::io;
use std::ops::Range;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time limit of a connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A device that is asked once sends its first message within this time, and one of this number can be decoded.
const FIRST_WITHIN: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 30 });
const TRIED_MAX: usize = 3;
/// The error of a connection that ends before the first message.
const CLOSED: &str = "the device closed the connection without a message";
/// Bytes read at once.
const READ_BYTES: usize = 4 << 10;

/// The messages of a vendor.
pub(super) trait Messages: Send + Sync + 'static {
    /// Their media type.
    const CONTENT_TYPE: &'static str;
    /// Their format.
    const FORMAT: &'static str;
    /// The longest message, with the blanks before it.
    const BYTES_MAX: usize;

    /// The first message of the received bytes, and where the rest begins. `None` if more bytes are
    /// needed.
    fn split(received: &[u8], at_end: bool) -> Option<(Range<usize>, usize)>;

    /// Decodes a message that was received at this time. The error is a sentence.
    fn decode(&mut self, message: &[u8], received: UnixNanos) -> Result<Decoded, String>;

    /// The descriptions of the meters in a message that was decoded.
    fn described(&self, message: &[u8]) -> Described;
}

/// Where a device sends.
#[derive(Debug)]
pub(super) enum Peer {
    /// A TCP server at `host:port`.
    Tcp(String),
    /// A WebSocket at this address.
    WebSocket(Box<HttpDevice>, Uri),
}

impl Peer {
    /// Connects to it.
    ///
    /// # Errors
    /// When there is no connection.
    pub(super) async fn connected(&self) -> Result<Connection, SourceError> {
        match self {
            Self::Tcp(address) => connected(address).await.map(Connection::Tcp),
            Self::WebSocket(device, uri) => {
                let opened = device.open(uri).await?;
                opened.map(|socket| Connection::WebSocket(Box::new(socket))).map_err(not_opened)
            }
        }
    }
}

/// A connection to a device.
#[derive(Debug)]
pub(super) enum Connection {
    Tcp(TcpStream),
    WebSocket(Box<WebSocket>),
}

impl Connection {
    /// Appends the next bytes; false at the end.
    async fn read(&mut self, received: &mut Vec<u8>) -> io::Result<bool> {
        match self {
            Self::Tcp(stream) => Ok(stream.read_buf(received).await? > 0),
            Self::WebSocket(socket) => {
                let message = socket.next().await?;
                received.extend_from_slice(message.as_deref().unwrap_or_default());
                Ok(message.is_some())
            }
        }
    }
}

/// A device that sends messages.
#[derive(Debug)]
pub(super) struct Stream<M> {
    peer: Peer,
    silence_max: Duration,
    messages: M,
    intake: Intake,
    describer: Describer,
    clock: Clock,
}

impl<M: Messages> Stream<M> {
    /// A stream from this peer. A connection without a message for `silence_max` counts as broken.
    pub(super) fn new(
        peer: Peer,
        silence_max: Duration,
        messages: M,
        inlet: Inlet,
        describer: Describer,
        clock: Clock,
    ) -> Self {
        Self { peer, silence_max, messages, intake: Intake::new(inlet), describer, clock }
    }

    async fn take(&mut self, message: &[u8], reporter: &mut Reporter) -> Result<(), SourceError> {
        let received = self.clock.now();
        let decoded = self.messages.decode(message, received);
        let original =
            Original { bytes: message, content_type: M::CONTENT_TYPE, format: M::FORMAT, ..Original::default() };
        if self.intake.take(decoded, &original, received, reporter).await? {
            self.describer.describe(reporter, || self.messages.described(message)).await;
        }
        Ok(())
    }
}

impl<M: Messages> Connected for Stream<M> {
    async fn connect(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let mut connection = self.peer.connected().await?;
        self.intake.begin();
        let mut received = Vec::with_capacity(READ_BYTES);
        loop {
            let found = next_message::<M>(&mut connection, &mut received, self.silence_max).await?;
            let Some((message, rest)) = found else { return Ok(()) };
            self.take(&received[message], reporter).await?;
            received.drain(..rest);
        }
    }
}

/// Reads until the received bytes hold a message. Returns its place; `None` at the end of the connection.
async fn next_message<M: Messages>(
    connection: &mut Connection,
    received: &mut Vec<u8>,
    silence_max: Duration,
) -> Result<Option<(Range<usize>, usize)>, SourceError> {
    let read = async {
        loop {
            if let Some(found) = M::split(received, false) {
                return Ok(Some(found));
            }
            if received.len() > M::BYTES_MAX {
                return Err(io::Error::other(format!("{} bytes hold no message", received.len())));
            }
            if !connection.read(received).await? {
                return Ok(M::split(received, true));
            }
        }
    };
    timeout(silence_max, read).await.map_err(|_| silent(silence_max))?.map_err(broke)
}

/// The first message of a device.
pub(super) async fn first_message<M: Messages>(peer: &Peer) -> Result<Vec<u8>, SourceError> {
    let mut received = Vec::new();
    let found = next_message::<M>(&mut peer.connected().await?, &mut received, FIRST_WITHIN).await?;
    let (message, _) = found.ok_or_else(|| failing(CLOSED))?;
    Ok(received[message].to_vec())
}

/// Decodes the first whole message of a device: a connection may begin in the middle of one.
pub(super) async fn first_decoded<M: Messages>(
    peer: &Peer,
    messages: &mut M,
    clock: &Clock,
) -> Result<(Decoded, Described), SourceError> {
    let mut connection = peer.connected().await?;
    let mut received = Vec::new();
    let mut why = CLOSED.to_owned();
    for _ in 0..TRIED_MAX {
        let found = next_message::<M>(&mut connection, &mut received, FIRST_WITHIN).await?;
        let Some((message, rest)) = found else { break };
        let message = &received[message];
        match messages.decode(message, clock.now()) {
            Ok(decoded) => return Ok((decoded, messages.described(message))),
            Err(error) => why = error,
        }
        received.drain(..rest);
    }
    Err(failing(why))
}

/// Connects to `host:port`.
pub(super) async fn connected(address: &str) -> Result<TcpStream, SourceError> {
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    let stream =
        stream.map_err(|_| failing(format!("cannot connect to {address}: no answer for {CONNECT_TIMEOUT:?}")))?;
    stream.map_err(|error| failing(format!("cannot connect to {address}: {error}")))
}

/// The error of a connection on which nothing comes.
pub(super) fn silent(silence: Duration) -> SourceError {
    failing(format!("the device sent no message for {silence:?}"))
}

/// The error of a connection that ended in the middle.
#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
pub(super) fn broke(error: io::Error) -> SourceError {
    failing(format!("the connection broke: {error}"))
}

/// The error of an answer that opens no WebSocket.
pub(super) fn not_opened(status: hyper::StatusCode) -> SourceError {
    failing(format!("the device answered {status} and opens no WebSocket"))
}

fn failing(why: impl Into<String>) -> SourceError {
    SourceError::Failing(why.into())
}
