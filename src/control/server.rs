//! The socket of a running service.

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

/// Longest question.
const QUESTION_BYTES_MAX: usize = 64 * 1024;
/// A client that does not finish its question by then is left.
const QUESTION_TIMEOUT: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(5) };

/// The running control socket. Commands are carried out one after the other.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Why the control socket could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the control socket {path}: {source}")]
pub struct StartError {
    path: String,
    source: std::io::Error,
}

impl Control {
    /// Makes the socket, readable and writable by its owner alone, and serves it.
    /// The caller holds the data directory's lock, so a socket left behind is stale.
    ///
    /// # Errors
    /// When the socket cannot be made.
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

    /// Finishes the command under way and removes the socket.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        // The accept call is woken by a last connection. Where somebody removed the
        // socket that is not possible; the thread then ends with the process.
        match UnixStream::connect(&self.path) {
            Ok(_) if self.thread.join().is_err() => tracing::error!("the control socket's thread had panicked"),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the control socket cannot be reached"),
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the control socket could not be removed");
        }
    }
}

/// Binds inside a directory that only the owner may enter, then moves the socket
/// to its place, so that it is never open to others, not even for a moment.
fn bind_for_owner(path: &Path) -> std::io::Result<UnixListener> {
    let nursery = path.with_extension("new");
    if nursery.exists() {
        std::fs::remove_dir_all(&nursery)?;
    }
    std::fs::create_dir(&nursery)?;
    std::fs::set_permissions(&nursery, std::fs::Permissions::from_mode(0o700))?;
    let fresh = nursery.join("s");
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path)?;
    std::fs::remove_dir(&nursery)?;
    Ok(listener)
}

fn serve(listener: &UnixListener, handler: &Handler, stopping: &AtomicBool) {
    for stream in listener.incoming() {
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        let result = stream.and_then(|stream| answer(stream, handler));
        if let Err(error) = result {
            tracing::debug!(%error, "a control client left early");
        }
    }
}

fn answer(mut stream: UnixStream, handler: &Handler) -> std::io::Result<()> {
    let line = question(&mut stream)?;
    if line.is_empty() {
        return Ok(());
    }
    let answer = match serde_json::from_slice::<Command>(&line) {
        Ok(command) => handler(command),
        Err(error) => Answer::Refused { why: format!("not understood: {error}") },
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    stream.set_write_timeout(Some(QUESTION_TIMEOUT))?;
    stream.write_all(text.as_bytes())
}

/// The bytes up to the end of the line, or up to where the client stopped; all of
/// them within the time limit, however slowly they come.
fn question(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let clock = Clock::system();
    let until = clock.monotonic() + QUESTION_TIMEOUT;
    let mut line = Vec::new();
    let mut piece = [0; 4096];
    while !line.ends_with(b"\n") && line.len() < QUESTION_BYTES_MAX {
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
