//! A device that sends messages over a TCP connection, and is sent nothing: a line of JSON, a
//! telegram behind a serial server.
//!
//! Knows no vendor. Invariants: a message is bounded. One that cannot be decoded is counted and
//! skipped; too many in a row end the connection. A reading that ingest refuses is tried again
//! before the next message is read. A silent device is reconnected.

use super::describer::Described;
use super::{Connected, Decoded, Describer, Inlet, Reporter, SourceError, SourceState};
use crate::clock::Clock;
use crate::reading::UnixNanos;
use crate::wire::batch::Original;
use std::io;
use std::ops::Range;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time limit of a connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait before a refused reading is tried again.
const RETRY_WAIT: Duration = if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(5) };
/// This number of undecodable messages in a row ends the connection.
const SKIPPED_IN_A_ROW_MAX: u32 = 10;
/// A device that is asked once sends its first message within this time, and one of this number can be decoded.
const FIRST_WITHIN: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 30 });
const TRIED_MAX: usize = 3;
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

/// A device that sends messages.
#[derive(Debug)]
pub(super) struct Stream<M> {
    /// `host:port`.
    address: String,
    silence_max: Duration,
    messages: M,
    inlet: Inlet,
    describer: Describer,
    clock: Clock,
    skipped: usize,
    skipped_in_a_row: u32,
}

impl<M: Messages> Stream<M> {
    /// A stream from this address. A connection without a message for `silence_max` counts as broken.
    pub(super) fn new(
        address: String,
        silence_max: Duration,
        messages: M,
        inlet: Inlet,
        describer: Describer,
        clock: Clock,
    ) -> Self {
        Self { address, silence_max, messages, inlet, describer, clock, skipped: 0, skipped_in_a_row: 0 }
    }

    async fn take(&mut self, message: &[u8], reporter: &mut Reporter) -> Result<(), SourceError> {
        let decoded = match self.messages.decode(message, self.clock.now()) {
            Ok(decoded) => decoded,
            Err(why) => return self.skip(why, reporter),
        };
        self.skipped_in_a_row = 0;
        let original =
            Original { bytes: message, content_type: M::CONTENT_TYPE, format: M::FORMAT, ..Original::default() };
        // Meanwhile the device's messages wait in the connection.
        while let Err(error) = self.inlet.offer(&decoded, &original, reporter).await {
            let SourceError::Failing(why) = error else { return Err(error) };
            reporter.report(SourceState::Failing, Some(why));
            tokio::time::sleep(RETRY_WAIT).await;
        }
        self.describer.describe(reporter, || self.messages.described(message)).await;
        reporter.report(SourceState::Running, None);
        Ok(())
    }

    fn skip(&mut self, why: String, reporter: &mut Reporter) -> Result<(), SourceError> {
        self.skipped += 1;
        self.skipped_in_a_row += 1;
        reporter.set("messages_skipped", self.skipped);
        reporter.set("last_message_error", why.as_str());
        if self.skipped_in_a_row == SKIPPED_IN_A_ROW_MAX {
            return Err(SourceError::Failing(format!("the device sends messages that cannot be read: {why}")));
        }
        // A single bad message is no failure of a stream that runs.
        if reporter.state() != SourceState::Running {
            reporter.report(SourceState::Failing, Some(why));
        }
        Ok(())
    }
}

impl<M: Messages> Connected for Stream<M> {
    async fn connect(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let mut stream = connected(&self.address).await?;
        self.skipped_in_a_row = 0;
        let mut received = Vec::with_capacity(READ_BYTES);
        loop {
            let found = next_message::<M>(&mut stream, &mut received, self.silence_max).await?;
            let Some((message, rest)) = found else { return Ok(()) };
            self.take(&received[message], reporter).await?;
            received.drain(..rest);
        }
    }
}

/// The place of the first message in the received bytes, of which more are read until there is one; `None` at the
/// end of the connection.
async fn next_message<M: Messages>(
    stream: &mut TcpStream,
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
            if stream.read_buf(received).await? == 0 {
                return Ok(M::split(received, true));
            }
        }
    };
    let found: Result<io::Result<_>, _> = timeout(silence_max, read).await;
    let found = found.map_err(|_| failing(format!("the device sent no message for {silence_max:?}")))?;
    found.map_err(|error| failing(format!("the connection broke: {error}")))
}

/// The first message of a device at `host:port`.
pub(super) async fn first_message<M: Messages>(address: &str) -> Result<Vec<u8>, SourceError> {
    let mut received = Vec::new();
    let found = next_message::<M>(&mut connected(address).await?, &mut received, FIRST_WITHIN).await?;
    let (message, _) = found.ok_or_else(|| failing("the device closed the connection without a message"))?;
    Ok(received[message].to_vec())
}

/// Decodes the first whole message of a device at `host:port`: a connection may begin in the middle of one.
pub(super) async fn first_decoded<M: Messages>(
    address: &str,
    messages: &mut M,
    clock: &Clock,
) -> Result<(Decoded, Described), SourceError> {
    let mut stream = connected(address).await?;
    let mut received = Vec::new();
    let mut why = String::new();
    for _ in 0..TRIED_MAX {
        let found = next_message::<M>(&mut stream, &mut received, FIRST_WITHIN).await?;
        let Some((message, rest)) = found else { break };
        let message = &received[message];
        match messages.decode(message, clock.now()) {
            Ok(decoded) => return Ok((decoded, messages.described(message))),
            Err(error) => why = error,
        }
        received.drain(..rest);
    }
    Err(failing(if why.is_empty() { "the device closed the connection without a message".to_owned() } else { why }))
}

/// Connects to `host:port`.
pub(super) async fn connected(address: &str) -> Result<TcpStream, SourceError> {
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    let stream = stream.map_err(|_| failing("the connect timed out"))?;
    stream.map_err(|error| failing(format!("cannot connect: {error}")))
}

fn failing(why: impl Into<String>) -> SourceError {
    SourceError::Failing(why.into())
}
