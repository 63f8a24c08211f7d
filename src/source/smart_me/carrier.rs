//! What carries a request to the API, a token's too: within the budget, counted.

use super::answer::{ApiError, Verdict, date, verdict};
use super::budget::Budget;
use super::pause::Pause;
use crate::clock::Clock;
use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::Counter;
use oauth2::{HttpRequest, HttpResponse};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::http::{Request, StatusCode};

/// One request at most.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer's body at most: a list of ten thousand devices is below it.
const ANSWER_BYTES_MAX: u64 = 32 << 20;

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dated {
    /// What it says.
    pub body: Vec<u8>,
    /// When the server gave it, to the second, by the server's own clock.
    pub date: Option<UnixNanos>,
}

/// Connections of its own, and a budget that may be shared.
#[derive(Debug)]
pub(super) struct Carrier {
    agent: ureq::Agent,
    budget: Budget,
    pause: Arc<Pause>,
    clock: Clock,
    counts: Counts,
}

/// How one request for a token went, where the library does not know.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failed(pub(super) ApiError);

impl Carrier {
    pub(super) fn new(account: &str, budget: Budget, pause: Arc<Pause>, clock: Clock) -> Self {
        Self { agent: agent(), budget, pause, clock, counts: Counts::new(account) }
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.monotonic()
    }

    pub(super) fn pause(&self) -> &Pause {
        &self.pause
    }

    /// Waits for the budget, sends, reads. An error only where nothing more is to be done.
    pub(super) fn carry(&self, request: Request<Vec<u8>>) -> Result<(Verdict, Dated), ApiError> {
        let (verdict, _, answer) = self.exchange(request)?;
        Ok((verdict, answer))
    }

    /// The same for what the OAuth library sends.
    pub(super) fn fetch_token(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
        let (verdict, status, answer) = self.exchange(request).map_err(Failed)?;
        match verdict {
            Verdict::Later { error, .. } => Err(Failed(error)),
            Verdict::Perhaps(said) => Err(Failed(ApiError::Away(said))),
            // The library reads what the server says of a refusal.
            Verdict::Done | Verdict::Never(_) => {
                let mut response = HttpResponse::new(answer.body);
                *response.status_mut() = status;
                Ok(response)
            }
        }
    }

    fn exchange(&self, request: Request<Vec<u8>>) -> Result<(Verdict, StatusCode, Dated), ApiError> {
        while let Err(wait) = self.budget.begin(self.clock.monotonic()) {
            self.pause.wait(wait)?;
        }
        let outcome = self.agent.run(request).and_then(|mut answer| {
            let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
            Ok((answer.status(), answer.headers().clone(), body))
        });
        let now = self.clock.monotonic();
        self.budget.end(now);
        let (verdict, status, answer) = match outcome {
            Ok((status, headers, body)) => {
                let words = String::from_utf8_lossy(body.get(..1024).unwrap_or(&body)).into_owned();
                (verdict(status, &headers, &words), status, Dated { body, date: date(&headers) })
            }
            Err(error) => (Verdict::Perhaps(error.to_string()), StatusCode::SERVICE_UNAVAILABLE, Dated::default()),
        };
        if let Verdict::Later { after: Some(after), .. } = &verdict {
            self.budget.hold(now + *after);
        }
        self.counts.count(&verdict);
        Ok((verdict, status, answer))
    }
}

#[derive(Debug)]
struct Counts {
    done: Counter,
    later: Counter,
    failed: Counter,
    refused: Counter,
}

impl Counts {
    fn new(account: &str) -> Self {
        let counter = |outcome: &str| {
            let labels = [("account", account.to_owned()), ("outcome", outcome.to_owned())];
            metrics::counter("meterline_smart_me_requests_total", &labels)
        };
        Self { done: counter("done"), later: counter("later"), failed: counter("failed"), refused: counter("refused") }
    }

    fn count(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Done => &self.done,
            Verdict::Later { .. } => &self.later,
            Verdict::Perhaps(_) => &self.failed,
            Verdict::Never(_) => &self.refused,
        }
        .increment(1);
    }
}

/// A client with connections of its own. Redirects are not followed: a key must
/// not go to another host.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(REQUEST_TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("meterline/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}
