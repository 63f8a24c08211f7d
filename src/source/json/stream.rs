//! A device that sends one JSON document per line over a TCP connection.
//!
//! Invariants: the length of a line is bounded, and a silent device is reconnected.

use super::{DOCUMENT_BYTES_MAX, Intake};
use crate::source::{Connected, Reporter, SourceError, SourceState};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time limit of a connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without a line for this long counts as broken.
const SILENCE_MAX: Duration = Duration::from_mins(5);

/// A device that sends documents.
#[derive(Debug)]
pub(super) struct JsonStream {
    address: SocketAddr,
    intake: Intake,
}

impl JsonStream {
    /// A stream from this address.
    pub(super) fn new(address: SocketAddr, intake: Intake) -> Self {
        Self { address, intake }
    }
}

impl Connected for JsonStream {
    async fn connect(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(self.address)).await;
        let stream = stream.map_err(|_| failing("the connect timed out"))?;
        let mut lines = BufReader::new(stream.map_err(|error| failing(format!("cannot connect: {error}")))?);
        let origin = self.address.to_string();
        loop {
            let line = timeout(SILENCE_MAX, next_line(&mut lines)).await;
            let line = line.map_err(|_| failing(format!("the device sent no line for {SILENCE_MAX:?}")))?;
            let Some(line) = line.map_err(|error| failing(format!("the connection broke: {error}")))? else {
                return Ok(());
            };
            self.intake.take(&line, &origin, reporter).await?;
            reporter.report(SourceState::Running, None);
        }
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
