//! Posting bodies as the vendor's cloud does: HTTP/1.1, keep-alive, Basic
//! credentials sent without a challenge. Bodies of a lane stay in order on one connection.

use crate::body::Body;
use crate::http::{Http, SendError};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::Request;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The receiver's address and credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    authorization: Option<String>,
}

impl Target {
    /// A receiver without credentials.
    #[must_use]
    pub fn open(url: impl Into<String>) -> Self {
        Self { url: url.into(), authorization: None }
    }

    /// A receiver with Basic credentials.
    #[must_use]
    pub fn with_credentials(url: impl Into<String>, user: &str, password: &str) -> Self {
        let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
        Self { url: url.into(), authorization: Some(format!("Basic {pair}")) }
    }
}

impl fmt::Debug for Target {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("url", &self.url).finish_non_exhaustive()
    }
}

/// One keep-alive connection; opened at the first body, and again when it broke.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    http: Result<Http, SendError>,
}

/// The receiver's answer to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
}

impl Answer {
    /// Whether the receiver took the body.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Connection {
    /// A connection that is opened at the first body.
    #[must_use]
    pub fn new(target: &Target) -> Self {
        Self { target: target.clone(), http: Http::new() }
    }

    /// Posts a body and waits for the answer.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn post(&self, body: &[u8]) -> Result<Answer, SendError> {
        let http = self.http.as_ref().map_err(Clone::clone)?;
        // An empty body gets no length from the client, and a webhook may want one.
        let mut request = Request::post(&self.target.url)
            .header("Content-Type", "application/octet-stream")
            .header("Content-Length", body.len());
        if let Some(authorization) = &self.target.authorization {
            request = request.header("Authorization", authorization);
        }
        let answer = http.send(request, body.to_vec())?;
        Ok(Answer { status: answer.status().as_u16() })
    }
}

/// The result of a post: an answer, or the error.
pub type Outcome = Result<Answer, SendError>;

/// Posts all bodies, lanes spread over `connections`, and returns the results in the
/// order of `bodies`; `None` for bodies not sent because `stop` was set. A body that is not answered with success is not sent again.
#[must_use]
pub fn send_all(target: &Target, bodies: &[Body], connections: u32, stop: &AtomicBool) -> Vec<Option<Outcome>> {
    let connections = connections.max(1);
    let mut outcomes = vec![None; bodies.len()];
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..connections).map(|own| scope.spawn(move || send_own(target, bodies, own, connections, stop))).collect();
        for (index, outcome) in workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()) {
            outcomes[index] = Some(outcome);
        }
    });
    outcomes
}

fn send_own(target: &Target, bodies: &[Body], own: u32, connections: u32, stop: &AtomicBool) -> Vec<(usize, Outcome)> {
    let connection = Connection::new(target);
    let own = bodies.iter().enumerate().filter(|(_, body)| body.lane % connections == own);
    own.take_while(|_| !stop.load(Ordering::Relaxed))
        .map(|(index, body)| (index, connection.post(&body.bytes)))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
