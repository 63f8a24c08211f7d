//! The answers of the admin listener.
//!
//! Pages are made on blocking threads, [`PAGES_MAX`] at a time: a page of many meters takes
//! seconds, and the probes must not wait for it. Pages that ask the store have as many of their own: a store that
//! hangs holds up neither `/metrics` nor the list of troubles. `/livez` needs no thread and no lock.

use super::access::{Access, Decision};
use super::events::{self, CLIENTS_MAX, Events};
use super::flow::FlowPage;
use super::frame::{Frame, View};
use super::hosts::Hosts;
use super::parameters::Parameters;
use super::response::{Answer, TEXT, html, response};
use super::status::Status;
use super::{Views, login, meter, now, runbook};
use crate::base::Stop;
use crate::clock::Clock;
use crate::reading::MeterId;
use askama::Template;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_DISPOSITION, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

/// Pages that are made at once, of those that ask the store and of the others.
pub(super) const PAGES_MAX: usize = 2;
/// Readiness checks at once; they wait for no page.
pub(super) const CHECKS_MAX: usize = 2;
/// The maximum time for a page, with the wait for others.
const PAGE_TIMEOUT: Duration = Duration::from_secs(20);

const CSV: &str = "text/csv; charset=utf-8";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");
const ICON: &str = include_str!("assets/icon.svg");
const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// The state that all connections share.
#[derive(Debug)]
pub(super) struct Pages {
    views: Views,
    hosts: Hosts,
    access: Access,
    pages: Arc<Semaphore>,
    /// Of pages that ask the store.
    stored: Arc<Semaphore>,
    checks: Arc<Semaphore>,
    /// Live clients.
    live: Arc<Semaphore>,
}

impl Pages {
    pub(super) fn new(views: Views, hosts: Hosts, access: Access) -> Self {
        let permits = |count| Arc::new(Semaphore::new(count));
        Self {
            views,
            hosts,
            access,
            pages: permits(PAGES_MAX),
            stored: permits(PAGES_MAX),
            checks: permits(CHECKS_MAX),
            live: permits(CLIENTS_MAX),
        }
    }

    /// Answers a request of this peer; `is_known` is set if it may see everything.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: IpAddr, is_known: &AtomicBool) -> Answer {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/livez" if is_read => response(StatusCode::OK, TEXT, "alive\n"),
            "/readyz" if is_read => made(&self.checks, self.views.clone(), ready).await,
            _ if !self.access.serves(peer) => response(
                StatusCode::FORBIDDEN,
                TEXT,
                "Pages are not served to your address. Add its network to behind_proxy or plain_http_networks in \
                 [admin].\n",
            ),
            _ if !self.hosts.include(request.uri(), request.headers()) => response(
                StatusCode::MISDIRECTED_REQUEST,
                TEXT,
                "This host name is not served. Use an address or localhost, or add the name to hosts in [admin].\n",
            ),
            "/login" | "/logout" if *request.method() == Method::POST => {
                login::posted(&self.access, request, peer).await
            }
            _ if !is_read => {
                let mut refusal =
                    response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "These pages are read-only: use GET or HEAD.\n");
                refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                refusal
            }
            "/login" => login::page(&self.access, Parameters::of(request.uri().query()).get("next"), request.headers()),
            "/style.css" => response(StatusCode::OK, "text/css; charset=utf-8", STYLE),
            "/script.js" => response(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT),
            "/icon.svg" => response(StatusCode::OK, "image/svg+xml", ICON),
            _ => match self.access.decide(request.headers(), peer).await {
                Decision::Allowed => {
                    is_known.store(true, Ordering::Relaxed);
                    self.page(&request).await
                }
                Decision::LoginNeeded => {
                    let page = request.uri().path_and_query().map_or("/", |page| page.as_str());
                    login::needed(request.headers(), page)
                }
                Decision::WrongToken => login::wrong_token(),
            },
        }
    }

    /// Answers a request that may see everything.
    async fn page(&self, request: &Request<Incoming>) -> Answer {
        let (path, parameters) = (request.uri().path().to_owned(), Parameters::of(request.uri().query()));
        if path == "/events" {
            return self.live(&parameters);
        }
        let asks_store = matches!(path.as_str(), "/" | "/meters") || path.starts_with("/meter/");
        let permits = if asks_store { &self.stored } else { &self.pages };
        let asked = Asked(Stop::default(), self.views.clock.clone());
        let left = asked.0.clone();
        let views = Views { is_logged_in: self.access.has_session(request.headers()), ..self.views.clone() };
        made(permits, views, move |views| {
            let views = Views { history: views.history.for_page(&left), ..views.clone() };
            view(&views, &path, &parameters)
        })
        .await
    }
}

/// A page that a client waits for. When the client has gone, the queries end.
struct Asked(Stop, Clock);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.by(self.1.monotonic());
    }
}

impl Pages {
    /// The live values of some meters, while fewer than [`CLIENTS_MAX`] clients have them.
    fn live(&self, parameters: &Parameters) -> Answer {
        let Ok(permit) = Arc::clone(&self.live).try_acquire_owned() else {
            let sentence =
                format!("{CLIENTS_MAX} clients have live values, the maximum; the page works without them.\n");
            return response(StatusCode::SERVICE_UNAVAILABLE, TEXT, sentence);
        };
        let meters = match events::meters(parameters.get("meters")) {
            Ok(meters) => meters,
            Err(why) => return response(StatusCode::BAD_REQUEST, TEXT, why),
        };
        let mut answer = response(StatusCode::OK, EVENTS, "");
        *answer.body_mut() = Events::new(&self.views, meters, permit).boxed_unsync();
        answer
    }
}

/// Makes an answer on a blocking thread. The permit is released when that is done, also if
/// the client is gone.
async fn made(permits: &Arc<Semaphore>, views: Views, make: impl FnOnce(&Views) -> Answer + Send + 'static) -> Answer {
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

/// The views and files that are made of a snapshot.
fn view(views: &Views, path: &str, parameters: &Parameters) -> Answer {
    match path {
        "/" => html(&now::page(views, View::Now, parameters)),
        "/meters" => html(&now::page(views, View::Meters, parameters)),
        "/flow" => html(&FlowPage::new(&(views.status)(), views.is_logged_in)),
        "/trouble" => trouble(views),
        "/openapi.json" => response(StatusCode::OK, JSON, OPENAPI),
        "/status.json" => json(&(views.status)()),
        "/metrics" => metrics(views),
        _ if path.starts_with("/runbook/") && runbook_section(path).is_some() => {
            response(StatusCode::OK, TEXT, runbook_section(path).unwrap_or_default())
        }
        _ => meter(views, path, parameters).unwrap_or_else(|| {
            response(
                StatusCode::NOT_FOUND,
                TEXT,
                "Not found. Pages: /, /meters, /flow, /trouble, /status.json, /openapi.json, /metrics, /livez, /readyz\n",
            )
        }),
    }
}

/// A meter's page, its data as CSV, its newest values as JSON: `/meter/ID`, `/meter/ID.csv`, `/meter/ID.json`. `None` if it
/// is none of them, or the meter is unknown.
fn meter(views: &Views, path: &str, parameters: &Parameters) -> Option<Answer> {
    let name = path.strip_prefix("/meter/")?;
    let (id, end) = name.split_once('.').unwrap_or((name, ""));
    let id = MeterId::from(id.parse::<Uuid>().ok()?);
    Some(match end {
        "" => html(&meter::page(views, id, parameters)?),
        "csv" => {
            let lines = match meter::csv(views, id, parameters)? {
                Ok(lines) => lines,
                Err((status, why)) => return Some(response(status, TEXT, format!("{why}\n"))),
            };
            let mut answer = response(StatusCode::OK, CSV, lines);
            let file = HeaderValue::from_str(&format!("attachment; filename=\"meter-{id}.csv\"")).ok()?;
            answer.headers_mut().insert(CONTENT_DISPOSITION, file);
            answer
        }
        "json" => json(&meter::json(views, id)?),
        _ => return None,
    })
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    frame: Frame,
    status: Status,
}

fn trouble(views: &Views) -> Answer {
    let status = (views.status)();
    html(&TroublePage { frame: Frame::new(View::Trouble, "Trouble", &status, views.is_logged_in), status })
}

fn json(data: &impl Serialize) -> Answer {
    match serde_json::to_string_pretty(data) {
        Ok(json) => response(StatusCode::OK, JSON, json),
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
    }
}

fn runbook_section(path: &str) -> Option<&'static str> {
    runbook::section(path.strip_prefix("/runbook/")?)
}

fn metrics(views: &Views) -> Answer {
    response(StatusCode::OK, PROMETHEUS, (views.metrics)())
}
