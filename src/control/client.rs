//! The client of the control socket.

use super::{Answer, Command, socket_path};
use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The maximum wait for an answer, including the wait for earlier commands.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The same for an action of a source, which may retry requests to the vendor's server.
const SOURCE_ANSWER_TIMEOUT: Duration = Duration::from_mins(5);

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket cannot be used.
    #[error("cannot reach the running service through {path}: {source}; run the command as the service's user")]
    Unreachable {
        /// The path of the socket.
        path: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The answer cannot be parsed.
    #[error(
        "cannot parse the answer of the running service: {0}; the service and the command may have different versions"
    )]
    Unclear(#[from] serde_json::Error),
}

/// Whether a service answers on this data directory's socket, or may: a socket that another
/// user may not open is no proof that no service runs.
pub fn is_served(data_directory: &Path) -> bool {
    match UnixStream::connect(socket_path(data_directory)) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused),
    }
}

/// The message that no service runs in this data directory.
#[must_use]
pub fn not_served(data_directory: &Path) -> String {
    format!(
        "no service is running for {}; start it with `meterline run`, or choose the data directory with --data",
        data_directory.display()
    )
}

/// Sends one command and waits for its answer.
///
/// # Errors
/// When the socket cannot be used or the answer cannot be parsed.
pub fn ask(data_directory: &Path, command: &Command) -> Result<Answer, ControlError> {
    let path = socket_path(data_directory);
    let timeout = match command {
        Command::Source { .. } => SOURCE_ANSWER_TIMEOUT,
        _ => ANSWER_TIMEOUT,
    };
    let line = exchange(&path, &serde_json::to_string(command)?, timeout)
        .map_err(|source| ControlError::Unreachable { path: path.display().to_string(), source })?;
    Ok(serde_json::from_str(&line)?)
}

/// Sends one command that is answered with data.
///
/// # Errors
/// A message: why there is no answer, or why the service refuses.
pub fn ask_data(data_directory: &Path, command: &Command) -> Result<Value, String> {
    ask(data_directory, command).map_err(|error| error.to_string())?.data()
}

fn exchange(path: &Path, request: &str, timeout: Duration) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(request.as_bytes())?;
    stream.write_all(b"\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}
