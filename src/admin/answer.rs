//! The answers of the admin listener.
//!
//! Pages are made on blocking threads, [`PAGES_MAX`] at a time: a page of many meters takes
//! seconds, and the probes must not wait for it. `/livez` needs no thread and no lock.

use super::hosts::Hosts;
use super::{Views, page};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Pages that are made at once.
pub(super) const PAGES_MAX: usize = 2;
/// Readiness checks at once; they wait for no page.
pub(super) const CHECKS_MAX: usize = 2;
/// The maximum time for a page, with the wait for others.
const PAGE_TIMEOUT: Duration = Duration::from_secs(20);

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An answer with its whole body.
pub(super) type Answer = Response<Full<Bytes>>;

/// The state that all connections share.
#[derive(Debug)]
pub(super) struct Pages {
    views: Views,
    hosts: Hosts,
    pages: Arc<Semaphore>,
    checks: Arc<Semaphore>,
}

impl Pages {
    pub(super) fn new(views: Views, hosts: Hosts) -> Self {
        let permits = |count| Arc::new(Semaphore::new(count));
        Self { views, hosts, pages: permits(PAGES_MAX), checks: permits(CHECKS_MAX) }
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: &Request<Incoming>) -> Answer {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal =
                response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "This listener is read-only: use GET or HEAD.\n");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        match request.uri().path() {
            "/livez" => response(StatusCode::OK, TEXT, "alive\n"),
            "/readyz" => made(&self.checks, self.views.clone(), ready).await,
            _ if !self.hosts.include(request.uri(), request.headers()) => response(
                StatusCode::MISDIRECTED_REQUEST,
                TEXT,
                "This host name is not served. Use an address or localhost, or add the name to hosts in [admin].\n",
            ),
            "/" => made(&self.pages, self.views.clone(), status_page).await,
            "/status.json" => made(&self.pages, self.views.clone(), status_json).await,
            "/metrics" => made(&self.pages, self.views.clone(), metrics).await,
            _ => response(
                StatusCode::NOT_FOUND,
                TEXT,
                "Not found. Pages: / (status page), /status.json, /metrics, /livez, /readyz\n",
            ),
        }
    }
}

/// Makes an answer on a blocking thread. The permit is released when that is done, also if
/// the client is gone.
async fn made(permits: &Arc<Semaphore>, views: Views, make: fn(&Views) -> Answer) -> Answer {
    let making = async {
        let permit = Arc::clone(permits).acquire_owned().await.ok()?;
        let work = move || {
            let answer = make(&views);
            drop(permit);
            answer
        };
        tokio::task::spawn_blocking(work).await.ok()
    };
    match timeout(PAGE_TIMEOUT, making).await {
        Ok(Some(answer)) => answer,
        Ok(None) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "The page failed; the log has the reason.\n"),
        Err(_) => response(StatusCode::SERVICE_UNAVAILABLE, TEXT, "The page takes too long; try again later.\n"),
    }
}

fn ready(views: &Views) -> Answer {
    match (views.ready)() {
        Ok(()) => response(StatusCode::OK, TEXT, "ready\n"),
        Err(why) => response(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready: {why}\n")),
    }
}

fn status_page(views: &Views) -> Answer {
    response(StatusCode::OK, HTML, page::page(&(views.status)()))
}

fn status_json(views: &Views) -> Answer {
    match serde_json::to_string_pretty(&(views.status)()) {
        Ok(json) => response(StatusCode::OK, JSON, json),
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
    }
}

fn metrics(views: &Views) -> Answer {
    response(StatusCode::OK, PROMETHEUS, (views.metrics)())
}

fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
