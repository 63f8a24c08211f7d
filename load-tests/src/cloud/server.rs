//! The listener: one thread with a runtime of its own, which ends with it.

use super::answers::answer;
use super::request::{Asked, Fault, Received};
use super::state::State;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// The error page of a gateway for the server behind it.
const GATEWAY_PAGE: &str = "<!DOCTYPE html><html><head><title>524: A timeout occurred</title></head></html>";

#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(state: Arc<Mutex<State>>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("cloud".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = listen(listener, state) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

async fn listen(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let service = service_fn(|request| respond(request, Arc::clone(&state)));
    // Only a simulated fault ends a connection with an error.
    http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service).await.ok();
}

async fn respond(request: Request<Incoming>, state: Arc<Mutex<State>>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let now = now();
    let now_ns = state.now_ns.unwrap_or_else(present);
    let is_token = head.uri.path().ends_with("/oauth/token");
    let fault = if is_token { state.token_faults.pop_front() } else { state.faults.pop_front() };
    let asked = Asked {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        authorization: head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()),
        body: &body,
        now,
        now_ns,
    };
    let what = format!("{} {}", head.method, head.uri.path());
    let (account, mut outcome) = match fault {
        None | Some(Fault::None) => {
            let (account, (status, body)) = answer(&mut state, &asked);
            (account, Some(response(status, body)))
        }
        Some(Fault::DoneAndCut) => (answer(&mut state, &asked).0, None),
        Some(Fault::Garbled) => (String::new(), Some(response(StatusCode::OK, GATEWAY_PAGE.into()))),
        Some(Fault::Cut) => (String::new(), None),
        Some(Fault::Status(status, after)) => (String::new(), Some(failed(status, after))),
    };
    let status = outcome.as_ref().map_or(0, |response| response.status().as_u16());
    if let (true, Some(response)) = (state.switches.dates, &mut outcome) {
        response.headers_mut().extend(http_date(now_ns).map(|date| (DATE, date)));
    }
    state.requests.push(Received { at: now, account, what, status });
    outcome.ok_or_else(|| io::Error::other("cut"))
}

fn response(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    if status == StatusCode::FOUND {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        response.headers_mut().extend(HeaderValue::from_bytes(&body).ok().map(|address| (LOCATION, address)));
        return response;
    }
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn failed(status: u16, after: Option<u32>) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut failed = response(status, GATEWAY_PAGE.into());
    if let Some(seconds) = after {
        failed.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    failed
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn http_date(now_ns: i64) -> Option<HeaderValue> {
    let time = Timestamp::from_nanosecond(i128::from(now_ns)).ok()?;
    HeaderValue::from_str(&jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()?).ok()
}

#[expect(clippy::disallowed_methods, reason = "the same")]
fn present() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the service's Clock does not exist in the vendor's cloud")]
fn now() -> Instant {
    Instant::now()
}
