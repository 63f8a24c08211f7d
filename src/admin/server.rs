//! The HTTP/1.1 server of the admin listener: read-only, on its own thread.
//!
//! Invariant: no client can keep another from an answer, and none without a login one that has it. When all connections
//! are in use, the next one displaces the oldest of those without a request that may see everything, or else the oldest;
//! a connection ends after [`LIFETIME`].

#[cfg(test)]
mod tests;

use super::Views;
use super::access::Access;
use super::answer::{CHECKS_MAX, PAGES_MAX, Pages};
use super::events::CLIENTS_MAX;
use super::hosts::Hosts;
use crate::base::Listen;
use crate::clock::Clock;
use crate::config::{self, AdminLogin, AdminTransport};
use crate::source::webhook::{Tls, watch_certificate};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections served at once: one for each client of live values, and as many others.
pub const CONNECTIONS_MAX: usize = 2 * CLIENTS_MAX;
/// A TLS handshake is given up after this time.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection is closed if a request header is not complete in this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// After this time a connection is closed when its answer is written.
const LIFETIME: Duration = Duration::from_secs(60);
/// The time for that answer.
const LAST_ANSWER: Duration = Duration::from_secs(10);
/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The running admin listener.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// The error of a failed start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; change admin.listen, or stop the program that uses the port")]
pub struct StartError {
    address: SocketAddr,
    source: std::io::Error,
}

impl Admin {
    /// Binds and serves until [`Admin::stop`], with this certificate if there is one. Pages are served for
    /// `localhost`, for any address and for the configured host names, probes for any host.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start(
        listen: Listen,
        config: &config::Admin,
        tls: Option<Tls>,
        views: Views,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let address = listen.address();
        let failed = |source| StartError { address, source };
        warn(&config.login, &config.transport);
        let listener = listen.open().map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let access = Access::new(&config.login, &config.transport, address.port(), clock);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.max_blocking_threads(2 * PAGES_MAX + CHECKS_MAX).enable_all().build().map_err(failed)?;
        let pages = Arc::new(Pages::new(views, Hosts::new(config.hosts.clone()), access));
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, tls, pages, stopped));
                // Without a wait for a page that is being made.
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        Ok(Self { address, stop, thread })
    }

    /// Returns the address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and closes the open connections.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the admin listener's thread has panicked");
        }
    }
}

/// Warns of a login that can be read on its way.
fn warn(login: &AdminLogin, transport: &AdminTransport) {
    if let AdminTransport::PlainHttp(networks) = transport
        && (login.password.is_some() || login.token.is_some())
    {
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        tracing::warn!(
            networks = networks.join(", "),
            "the login of the admin pages travels as plain HTTP: who reads along in these networks can use it"
        );
    }
}

async fn serve(
    listener: std::net::TcpListener,
    tls: Option<Tls>,
    pages: Arc<Pages>,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot serve the admin listener"),
    };
    let mut connections = JoinSet::new();
    let watched = tls.clone().map(|tls| tokio::spawn(watch_certificate(tls, stopped.clone())));
    let mut by_age: VecDeque<Open> = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => {
                by_age.retain(|open| !open.task.is_finished());
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if by_age.len() >= CONNECTIONS_MAX
            && let Some(displaced) = displaced(&mut by_age)
        {
            displaced.task.abort();
        }
        let is_known = Arc::new(AtomicBool::new(false));
        let connection = accept(stream, peer.ip(), tls.clone(), Arc::clone(&pages), Arc::clone(&is_known));
        by_age.push_back(Open { task: connections.spawn(connection), is_known });
    }
    if let Some(watched) = watched {
        watched.abort();
    }
}

/// An open connection.
struct Open {
    task: AbortHandle,
    /// Whether one of its requests may see everything.
    is_known: Arc<AtomicBool>,
}

/// Takes the oldest connection that is not known, or else the oldest one.
fn displaced(by_age: &mut VecDeque<Open>) -> Option<Open> {
    let unknown = by_age.iter().position(|open| !open.is_known.load(Ordering::Relaxed));
    by_age.remove(unknown.unwrap_or(0))
}

/// Does the handshake, if there is one, and serves the connection.
async fn accept(stream: TcpStream, peer: IpAddr, tls: Option<Tls>, pages: Arc<Pages>, is_known: Arc<AtomicBool>) {
    let Some(tls) = tls else { return serve_connection(stream, peer, pages, is_known).await };
    match timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve_connection(stream, peer, pages, is_known).await,
        Ok(Err(error)) => tracing::debug!(%error, "a client of the admin listener failed at the TLS handshake"),
        Err(_) => tracing::debug!("a client of the admin listener did not finish the TLS handshake"),
    }
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    pages: Arc<Pages>,
    is_known: Arc<AtomicBool>,
) {
    let service = service_fn(move |request| {
        let (pages, is_known) = (Arc::clone(&pages), Arc::clone(&is_known));
        async move { Ok::<_, Infallible>(pages.answer(request, peer, &is_known).await) }
    });
    let mut connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        () = sleep(LIFETIME) => {
            connection.as_mut().graceful_shutdown();
            timeout(LAST_ANSWER, connection).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a client of the admin listener closed the connection early"),
        Err(_) => tracing::debug!("a client of the admin listener does not read its answer"),
    }
}
