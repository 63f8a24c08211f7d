//! The server of the control socket.

use super::{Answer, Command, Handler, socket_path};
use crate::clock::Clock;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The maximum length of a request.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// The maximum time in which a client must send its request.
const REQUEST_TIMEOUT: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(5) };

/// The running control socket. It carries out commands one after the other.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// The error of a failed start.
#[derive(Debug, thiserror::Error)]
#[error("cannot create the control socket {path}: {source}; check that data_directory is writable")]
pub struct StartError {
    path: String,
    source: std::io::Error,
}

impl Control {
    /// Creates the socket, which only its owner may use, and serves it. The caller holds the
    /// data directory's lock, so an existing socket is stale and is replaced.
    ///
    /// # Errors
    /// When the socket cannot be created.
    pub fn start(data_directory: &Path, handler: Handler) -> Result<Self, StartError> {
        let path = socket_path(data_directory);
        let failed = |source| StartError { path: path.display().to_string(), source };
        let listener = bind_for_owner(&path).map_err(failed)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopping);
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || serve(&listener, &handler, &seen))
            .map_err(failed)?;
        Ok(Self { path, stopping, thread })
    }

    /// Finishes the current command and removes the socket.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        // A last connection wakes the accept call. If the socket file was removed from outside,
        // this fails; the thread then ends with the process.
        match UnixStream::connect(&self.path) {
            Ok(_) if self.thread.join().is_err() => tracing::error!("the control socket's thread has panicked"),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot connect to the control socket to stop it"),
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "cannot remove the control socket");
        }
    }
}

/// Binds the socket inside a directory that only the owner may enter, then moves it to its
/// path. So it is never accessible to others, not even for a moment.
fn bind_for_owner(path: &Path) -> std::io::Result<UnixListener> {
    let staging = path.with_extension("new");
    if staging.exists() {
        std::fs::remove_dir_all(&staging)?;
    }
    std::fs::create_dir(&staging)?;
    std::fs::set_permissions(&staging, std::fs::Permissions::from_mode(0o700))?;
    let fresh = staging.join("s");
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path)?;
    std::fs::remove_dir(&staging)?;
    Ok(listener)
}

fn serve(listener: &UnixListener, handler: &Handler, stopping: &AtomicBool) {
    for stream in listener.incoming() {
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        let result = stream.and_then(|stream| answer(stream, handler));
        if let Err(error) = result {
            tracing::debug!(%error, "a client of the control socket disconnected early");
        }
    }
}

fn answer(mut stream: UnixStream, handler: &Handler) -> std::io::Result<()> {
    let line = read_request(&mut stream)?;
    if line.is_empty() {
        return Ok(());
    }
    let answer = match serde_json::from_slice::<Command>(&line) {
        Ok(command) => handler(command),
        Err(error) => Answer::Refused {
            why: format!("invalid command: {error}; the service and the command may have different versions"),
        },
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
    stream.write_all(text.as_bytes())
}

/// Reads up to the end of the line or of the stream. The time limit covers the whole request.
fn read_request(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let clock = Clock::system();
    let until = clock.monotonic() + REQUEST_TIMEOUT;
    let mut line = Vec::new();
    let mut piece = [0; 4096];
    while !line.ends_with(b"\n") && line.len() < REQUEST_BYTES_MAX {
        let left = until.saturating_duration_since(clock.monotonic());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece)? {
            0 => break,
            count => line.extend_from_slice(&piece[..count]),
        }
    }
    Ok(line)
}
