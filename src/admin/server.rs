//! The HTTP/1.1 server of the admin listener: read-only, on its own thread.

use super::{Views, page};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections served at once; more wait in the listen queue.
pub const CONNECTIONS_MAX: usize = 64;
/// A connection is closed if a request header is not complete in this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

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
    /// Binds and serves until [`Admin::stop`].
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start(listen: SocketAddr, views: Views) -> Result<Self, StartError> {
        let failed = |source| StartError { address: listen, source };
        let listener = std::net::TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(serve(listener, views, stopped)))
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

async fn serve(listener: std::net::TcpListener, views: Views, mut stopped: watch::Receiver<bool>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot serve the admin listener"),
    };
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            Some(_) = connections.join_next() => continue,
            accepted = async { (permits.clone().acquire_owned().await, listener.accept().await) } => accepted,
        };
        let (Ok(permit), Ok((stream, _))) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let views = views.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&views, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a client of the admin listener closed the connection early");
            }
            drop(permit);
        });
    }
}

fn answer(views: &Views, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal =
            response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "This listener is read-only: use GET or HEAD.\n");
        refusal.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match request.uri().path() {
        "/" => response(StatusCode::OK, HTML, page::page(&(views.status)())),
        "/status.json" => match serde_json::to_string_pretty(&(views.status)()) {
            Ok(json) => response(StatusCode::OK, JSON, json),
            Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
        },
        "/metrics" => response(StatusCode::OK, PROMETHEUS, (views.metrics)()),
        "/livez" => response(StatusCode::OK, TEXT, "alive\n"),
        "/readyz" => match (views.ready)() {
            Ok(()) => response(StatusCode::OK, TEXT, "ready\n"),
            Err(why) => response(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready: {why}\n")),
        },
        _ => response(
            StatusCode::NOT_FOUND,
            TEXT,
            "Not found. Pages: / (status page), /status.json, /metrics, /livez, /readyz\n",
        ),
    }
}

fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}
