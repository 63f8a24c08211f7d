//! Posting bodies as the vendor's cloud does: HTTP/1.1, keep-alive, Basic
//! credentials sent unasked. Bodies of a lane stay in order on one connection.

use crate::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long one POST may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where to post, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    authorization: Option<String>,
}

impl Target {
    /// A receiver that wants no credentials.
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
    agent: ureq::Agent,
}

/// The receiver's answer to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// From the first byte sent to the whole answer.
    pub latency: Duration,
}

impl Answer {
    /// Whether the receiver took the body.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// There was no answer: the receiver may or may not have the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError(pub String);

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer: {}", self.0)
    }
}

impl std::error::Error for SendError {}

impl Connection {
    /// A connection that is opened at the first body.
    #[must_use]
    pub fn new(target: &Target) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            .max_idle_age(TIMEOUT)
            .build()
            .new_agent();
        Self { target: target.clone(), agent }
    }

    /// Posts a body and waits for the answer.
    ///
    /// # Errors
    /// When there is none.
    pub fn post(&self, body: &[u8]) -> Result<Answer, SendError> {
        let start = now();
        let mut request = self.agent.post(&self.target.url).header("Content-Type", "application/octet-stream");
        if let Some(authorization) = &self.target.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut response = request.send(body).map_err(|error| SendError(error.to_string()))?;
        // The connection is free for the next body only once the answer is read.
        response.body_mut().read_to_vec().map_err(|error| SendError(error.to_string()))?;
        Ok(Answer { status: response.status().as_u16(), latency: start.elapsed() })
    }
}

/// What became of a body.
pub type Outcome = Result<Answer, SendError>;

/// Posts all bodies, lanes spread over `connections`, and returns what became of
/// each, in the order of `bodies`; `None` for those not sent because `stop` was
/// set. A body that is not answered with success is not sent again.
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

/// The load generator's clock, for latencies.
#[expect(clippy::disallowed_methods, reason = "the service's Clock does not exist in the vendor's cloud")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
pub(crate) mod tests;
