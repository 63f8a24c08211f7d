//! Asking a running service.

use super::{Answer, Command, socket_path};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A command waits this long for its turn and its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The same where the source asks its own server, with repeats.
const ANSWER_TIMEOUT_ELSEWHERE: Duration = Duration::from_mins(5);

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket is there but cannot be used.
    #[error("the running service cannot be asked through {path}: {source}")]
    Unreachable {
        /// The socket.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// What came back is no answer of this program.
    #[error("the running service gave an answer this program does not understand (is it another version?): {0}")]
    Unclear(#[from] serde_json::Error),
}

/// Whether a service answers on this data directory's socket.
#[must_use]
pub fn is_served(data_directory: &Path) -> bool {
    UnixStream::connect(socket_path(data_directory)).is_ok()
}

/// Sends one command and waits for its answer.
///
/// # Errors
/// When the socket cannot be used or the answer is not understood.
pub fn ask(data_directory: &Path, command: &Command) -> Result<Answer, ControlError> {
    let path = socket_path(data_directory);
    let patience = match command {
        Command::Source { .. } => ANSWER_TIMEOUT_ELSEWHERE,
        _ => ANSWER_TIMEOUT,
    };
    let line = exchange(&path, &serde_json::to_string(command)?, patience)
        .map_err(|source| ControlError::Unreachable { path: path.display().to_string(), source })?;
    Ok(serde_json::from_str(&line)?)
}

fn exchange(path: &Path, question: &str, patience: Duration) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(question.as_bytes())?;
    stream.write_all(b"\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}
