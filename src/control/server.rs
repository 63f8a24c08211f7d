//! The server of the control socket.
//!
//! Each client has a thread. Commands are carried out one after the other, except those
//! that may wait for a server of a vendor: such a wait holds up no other command.

use super::{Answer, Command, Handler, socket_path};
use crate::clock::Clock;
use parking_lot::{Condvar, Mutex};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The maximum length of a request.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// The maximum time in which a client must send its request.
const REQUEST_TIMEOUT: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(5) };

/// The minimum time for commands to end at a stop, even beyond the deadline.
const STOP_GRACE: Duration = if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(1) };
/// Clients served at once; more wait in the listen queue.
const CLIENTS_MAX: usize = 8;

/// The running control socket.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    clients: Arc<Clients>,
    clock: Clock,
}

/// The clients that are served now.
#[derive(Debug, Default)]
struct Clients {
    state: Mutex<ClientsState>,
    changed: Condvar,
    /// Held by a command that must not run beside another.
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct ClientsState {
    served: usize,
    is_stopping: bool,
    is_accepting: bool,
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
        let clients = Arc::new(Clients::default());
        clients.state.lock().is_accepting = true;
        let accepting = Arc::clone(&clients);
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || accepting.accept_all(&listener, &handler))
            .map_err(failed)?;
        Ok(Self { path, clients, clock: Clock::system() })
    }

    /// Accepts no further command, waits for the current ones until the deadline, and removes
    /// the socket.
    pub fn stop(self, until: Instant) {
        self.clients.state.lock().is_stopping = true;
        // A last connection wakes the accept call. If the socket file was removed from outside,
        // this fails; the thread then ends with the process.
        if let Err(error) = UnixStream::connect(&self.path) {
            tracing::warn!(%error, "cannot connect to the control socket to stop it");
        } else if !self.clients.wait_for_end(until.max(self.clock.monotonic() + STOP_GRACE)) {
            tracing::warn!("a command did not end by the deadline; its client gets no answer");
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "cannot remove the control socket");
        }
    }
}

impl Clients {
    fn accept_all(self: Arc<Self>, listener: &UnixListener, handler: &Handler) {
        for stream in listener.incoming() {
            if !self.begin() {
                break;
            }
            let (clients, handler) = (Arc::clone(&self), Arc::clone(handler));
            let serve = move || {
                let served = Served(clients);
                let result = stream.and_then(|stream| answer(stream, &handler, &served.0.turn));
                if let Err(error) = result {
                    tracing::debug!(%error, "a client of the control socket disconnected early");
                }
            };
            if let Err(error) = std::thread::Builder::new().name("command".to_owned()).spawn(serve) {
                tracing::warn!(%error, "cannot start a thread for a command");
            }
        }
        self.state.lock().is_accepting = false;
        self.changed.notify_all();
    }

    /// Waits for a free place and takes it; false at a stop.
    fn begin(&self) -> bool {
        let mut state = self.state.lock();
        while state.served >= CLIENTS_MAX && !state.is_stopping {
            self.changed.wait(&mut state);
        }
        if state.is_stopping {
            return false;
        }
        state.served += 1;
        true
    }

    /// Whether all clients ended by then.
    fn wait_for_end(&self, until: Instant) -> bool {
        self.changed.notify_all();
        let mut state = self.state.lock();
        while state.served > 0 || state.is_accepting {
            if self.changed.wait_until(&mut state, until).timed_out() {
                return false;
            }
        }
        true
    }
}

/// The place of a client; released on drop.
struct Served(Arc<Clients>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.state.lock().served -= 1;
        self.0.changed.notify_all();
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

fn answer(mut stream: UnixStream, handler: &Handler, turn: &Mutex<()>) -> std::io::Result<()> {
    let line = read_request(&mut stream)?;
    if line.is_empty() {
        return Ok(());
    }
    let answer = match serde_json::from_slice::<Command>(&line) {
        Ok(command) => {
            let _turn = (!command.may_wait_for_a_server()).then(|| turn.lock());
            handler(command)
        }
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
