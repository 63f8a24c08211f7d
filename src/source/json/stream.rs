//! A device that sends one JSON document per line over a TCP connection.
//!
//! Invariants: the length of a line is bounded. A line that cannot be decoded is counted and
//! skipped; too many in a row end the connection. A reading that ingest refuses is tried again before the next line is read. A
//! silent device is reconnected.

use super::intake::{DOCUMENT_BYTES_MAX, Intake};
use crate::source::{Connected, Reporter, SourceError, SourceState};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time limit of a connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without a line for this long counts as broken, or three times the interval
/// of the device if that is longer.
const SILENCE_MAX: Duration = Duration::from_mins(5);
/// The wait before a refused reading is tried again.
const RETRY_WAIT: Duration = if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(5) };

/// This number of undecodable lines in a row ends the connection.
const SKIPPED_IN_A_ROW_MAX: u32 = 10;
const NOT_DECODABLE: &str = "the device sends lines that are not the configured document: see last_line_error";

/// A device that sends documents.
#[derive(Debug)]
pub(super) struct JsonStream {
    address: SocketAddr,
    silence_max: Duration,
    intake: Intake,
    lines_skipped: usize,
    skipped_in_a_row: u32,
}

impl JsonStream {
    /// A stream from this address, with about one line per interval.
    pub(super) fn new(address: SocketAddr, every: Duration, intake: Intake) -> Self {
        Self { address, silence_max: SILENCE_MAX.max(every * 3), intake, lines_skipped: 0, skipped_in_a_row: 0 }
    }

    async fn take(&mut self, line: &[u8], reporter: &mut Reporter) -> Result<(), SourceError> {
        let decoded = match self.intake.decode(line) {
            Ok(decoded) => decoded,
            Err(why) => {
                self.lines_skipped += 1;
                self.skipped_in_a_row += 1;
                reporter.set("lines_skipped", self.lines_skipped);
                reporter.set("last_line_error", why);
                if self.skipped_in_a_row == SKIPPED_IN_A_ROW_MAX {
                    return Err(failing(NOT_DECODABLE));
                }
                // A single bad line is no failure of a stream that runs.
                if reporter.state() != SourceState::Running {
                    reporter.report(SourceState::Failing, Some(NOT_DECODABLE.to_owned()));
                }
                return Ok(());
            }
        };
        self.skipped_in_a_row = 0;
        // Meanwhile the device's lines wait in the connection.
        while let Err(error) = self.intake.store(&decoded, line, reporter).await {
            let SourceError::Failing(why) = error else { return Err(error) };
            reporter.report(SourceState::Failing, Some(why));
            tokio::time::sleep(RETRY_WAIT).await;
        }
        reporter.report(SourceState::Running, None);
        Ok(())
    }
}

impl Connected for JsonStream {
    async fn connect(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let stream = connected(self.address).await.map_err(failing)?;
        self.skipped_in_a_row = 0;
        let mut lines = BufReader::new(stream);
        loop {
            let line = timeout(self.silence_max, next_line(&mut lines)).await;
            let line = line.map_err(|_| failing(format!("the device sent no line for {:?}", self.silence_max)))?;
            let Some(line) = line.map_err(|error| failing(format!("the connection broke: {error}")))? else {
                return Ok(());
            };
            self.take(&line, reporter).await?;
        }
    }
}

/// Connects to the device. The error is a sentence.
pub(super) async fn connected(address: SocketAddr) -> Result<TcpStream, String> {
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(stream) => stream.map_err(|error| format!("cannot connect to {address}: {error}")),
        Err(_) => Err(format!("cannot connect to {address}: it does not answer")),
    }
}

/// The next line that is not blank; `None` at the end.
async fn next_line(lines: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    loop {
        let mut line = Vec::new();
        let bytes_max = u64::try_from(DOCUMENT_BYTES_MAX).unwrap_or(u64::MAX);
        let read = lines.take(bytes_max + 1).read_until(b'\n', &mut line).await?;
        if read > DOCUMENT_BYTES_MAX {
            return Err(io::Error::other(format!("a line is longer than {DOCUMENT_BYTES_MAX} bytes")));
        }
        match line.trim_ascii() {
            [] if read == 0 => return Ok(None),
            [] => {}
            text => return Ok(Some(text.to_vec())),
        }
    }
}

fn failing(why: impl Into<String>) -> SourceError {
    SourceError::Failing(why.into())
}
