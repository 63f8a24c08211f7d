//! The one HTTP server that plays devices.
//!
//! One connection at a time, as small devices have it, and answers without a length. It checks
//! method and target of each request against the vendor's list. When it is dropped, a request that
//! was not on the list, and a panic of the device's own code, fail the test.

use super::AllowList;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A client that sends no whole request for this long is left.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests that are remembered.
const REQUESTS_MAX: usize = 10_000;

/// The reaction of a device to a request.
pub enum Answer {
    /// Answers with this status and body.
    Whole(u16, Vec<u8>),
    /// Closes the connection without an answer.
    Broken,
    /// Passes the connection on, on a thread of its own: a WebSocket, an answer in slow parts.
    Taken(Box<dyn FnOnce(TcpStream) + Send>),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(status, _) => write!(f, "Whole({status})"),
            Self::Broken => f.write_str("Broken"),
            Self::Taken(_) => f.write_str("Taken"),
        }
    }
}

impl From<(u16, String)> for Answer {
    /// Status 0 breaks the connection.
    fn from((status, body): (u16, String)) -> Self {
        if status == 0 { Self::Broken } else { Self::Whole(status, body.into_bytes()) }
    }
}

/// A device with an HTTP interface; it ends when it is dropped.
#[must_use = "the device ends when it is dropped"]
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<TcpListener>>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<(Instant, String)>,
    forbidden: Vec<String>,
}

impl HttpServer {
    /// Starts a device that may get the requests of this list. `answer` gets each request, head and
    /// body.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start<A: Into<Answer>>(
        allowed: AllowList,
        answer: impl FnMut(&str) -> A + Send + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, stop, seen) = (listener.local_addr()?, Arc::default(), Arc::default());
        let device = Device { allowed, answer, seen: Arc::clone(&seen), stop: Arc::clone(&stop) };
        let thread = std::thread::Builder::new().name("device".to_owned()).spawn(move || device.serve(listener))?;
        Ok(Self { address, seen, stop, thread: Some(thread) })
    }

    /// Its address, without path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Every request so far: head and body.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.seen).requests.iter().map(|(_, request)| request.clone()).collect()
    }

    /// The request line of each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|request| first_line(request).to_owned()).collect()
    }

    /// The arrivals of requests with this text in their request line.
    #[must_use]
    pub fn arrivals(&self, text: &str) -> Vec<Instant> {
        let seen = lock(&self.seen);
        seen.requests.iter().filter(|(_, request)| first_line(request).contains(text)).map(|(at, _)| *at).collect()
    }

    fn end(&mut self) -> std::thread::Result<TcpListener> {
        self.stop.store(true, Ordering::SeqCst);
        // Ends the wait for the next connection.
        drop(TcpStream::connect(self.address));
        match self.thread.take() {
            Some(thread) => thread.join(),
            None => Err(Box::new("the device has ended")),
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        let ended = self.end();
        if std::thread::panicking() {
            return;
        }
        match ended {
            // The port stays taken, so that a late request reaches no other device.
            Ok(listener) => std::mem::forget(listener),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        let forbidden = std::mem::take(&mut lock(&self.seen).forbidden);
        assert!(forbidden.is_empty(), "requests that the vendor's list does not hold: {forbidden:?}");
    }
}

struct Device<F> {
    allowed: AllowList,
    answer: F,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

impl<A: Into<Answer>, F: FnMut(&str) -> A> Device<F> {
    fn serve(mut self, listener: TcpListener) -> TcpListener {
        while let Ok((stream, _)) = listener.accept() {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            self.exchange(stream);
        }
        listener
    }

    fn exchange(&mut self, mut stream: TcpStream) {
        let Some(request) = received(&mut stream) else { return };
        let line = first_line(&request);
        if !self.allowed.allows(line) {
            lock(&self.seen).forbidden.push(line.to_owned());
            return;
        }
        let answer = (self.answer)(&request).into();
        let mut seen = lock(&self.seen);
        if seen.requests.len() < REQUESTS_MAX {
            seen.requests.push((now(), request));
        }
        drop(seen);
        match answer {
            Answer::Whole(status, body) => {
                let head = format!("HTTP/1.0 {status} Answer\r\n\r\n");
                // A client that left is no fault of the device.
                stream.write_all(&[head.as_bytes(), &body].concat()).ok();
            }
            Answer::Broken => {}
            Answer::Taken(take) => drop(std::thread::spawn(move || take(stream))),
        }
    }
}

/// A whole request; `None` if the client sends none.
fn received(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut part = [0; 2048];
        match stream.read(&mut part) {
            Ok(read) if read > 0 => request.extend_from_slice(&part[..read]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&request).into_owned())
}

/// Whether a request has its head and its body.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

fn first_line(request: &str) -> &str {
    request.lines().next().unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "the service's Clock does not exist in a device")]
fn now() -> Instant {
    Instant::now()
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
