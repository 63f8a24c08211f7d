//! Requests to the API: budget, credentials, repeats.
//!
//! What is asked (GET, DELETE) is repeated after any failure that may pass; a
//! POST only where the server said that it did nothing with it. Waits are long
//! and jittered, and end with the [`Pause`].

use super::account::{Account, Reach};
use super::answer::{ApiError, Verdict, date, verdict};
use super::budget::Budget;
use super::login::{Authorization, Failed};
use super::pause::Pause;
use crate::clock::Clock;
use crate::deliver::Backoff;
use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::Counter;
use oauth2::{HttpRequest, HttpResponse};
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{HeaderValue, Method, Request, header};

/// One request at most.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer's body at most: a list of ten thousand devices is below it.
const ANSWER_BYTES_MAX: u64 = 32 << 20;
/// Attempts of one request at most.
const ATTEMPTS_MAX: u32 = 6;
/// The waits between them.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dated {
    /// What it says.
    pub body: Vec<u8>,
    /// When the server gave it, to the second, by the server's own clock.
    pub date: Option<UnixNanos>,
}

/// The client of one account.
#[derive(Debug)]
pub struct Client {
    account: Account,
    agent: ureq::Agent,
    authorization: Authorization,
    budget: Budget,
    patience: Duration,
    pause: Arc<Pause>,
    clock: Clock,
    counts: Counts,
}

impl Client {
    /// A client that shares this budget and waits for the server at most `patience` in one request, all
    /// repeats together.
    #[must_use]
    pub fn new(account: Account, budget: Budget, patience: Duration, pause: Arc<Pause>, clock: Clock) -> Self {
        Self {
            agent: agent(),
            authorization: Authorization::new(&account.api, &account.login),
            budget,
            counts: Counts::new(&account.name),
            account,
            patience,
            pause,
            clock,
        }
    }

    /// The account's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.account.name
    }

    /// Whose devices the account sees.
    pub(super) fn reach(&self) -> Reach {
        self.account.reach
    }

    /// Asks for something.
    ///
    /// # Errors
    /// [`ApiError`], after repeats.
    pub fn get(&mut self, path: &str) -> Result<Vec<u8>, ApiError> {
        self.get_dated(path).map(|answer| answer.body)
    }

    /// Asks for something that ages.
    ///
    /// # Errors
    /// [`ApiError`], after repeats.
    pub fn get_dated(&mut self, path: &str) -> Result<Dated, ApiError> {
        self.call(&Method::GET, path, &[])
    }

    /// Removes something; what is gone already is removed, too.
    ///
    /// # Errors
    /// [`ApiError`], after repeats.
    pub fn delete(&mut self, path: &str) -> Result<(), ApiError> {
        match self.call(&Method::DELETE, path, &[]) {
            Err(ApiError::Refused(said)) if said.starts_with("404") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Makes something.
    ///
    /// # Errors
    /// [`ApiError`]; `Unknown` where it may have been made.
    pub fn post(&mut self, path: &str, json: &[u8]) -> Result<(), ApiError> {
        self.call(&Method::POST, path, json).map(drop)
    }

    fn call(&mut self, method: &Method, path: &str, body: &[u8]) -> Result<Dated, ApiError> {
        let may_repeat = *method != Method::POST;
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT).unwrap_or(Backoff::STANDARD);
        let give_up_at = self.clock.monotonic() + self.patience;
        let mut tries = 0;
        loop {
            tries += 1;
            let (verdict, answer) = self.attempt(method, path, body)?;
            let (after, error) = match verdict {
                Verdict::Done => return Ok(answer),
                Verdict::Never(ApiError::Login(_)) if tries == 1 && self.authorization.forget_token() => continue,
                Verdict::Never(error) => return Err(error),
                Verdict::Perhaps(said) if may_repeat => (None, ApiError::Away(said)),
                Verdict::Perhaps(said) => return Err(ApiError::Unknown(said)),
                Verdict::Later { after, error } => (after, error),
            };
            let wait = backoff.next_wait().max(after.unwrap_or_default());
            if tries >= ATTEMPTS_MAX || self.clock.monotonic() + wait > give_up_at {
                return Err(error);
            }
            self.pause.wait(wait)?;
        }
    }

    /// One attempt, within the budget.
    fn attempt(&mut self, method: &Method, path: &str, body: &[u8]) -> Result<(Verdict, Dated), ApiError> {
        let carrier = Carrier {
            agent: &self.agent,
            budget: &self.budget,
            pause: &self.pause,
            clock: &self.clock,
            counts: &self.counts,
        };
        let now = self.clock.monotonic();
        let fetched = self.authorization.header(now, |request| carrier.fetch_token(request));
        let authorization = match fetched {
            Ok(header) => header,
            // What a token needs may pass as well as what a request needs.
            Err(error @ (ApiError::Away(_) | ApiError::Busy(_))) => {
                return Ok((Verdict::Later { after: None, error }, Dated::default()));
            }
            Err(error) => return Err(error),
        };
        let request = self.request(method, path, body, authorization)?;
        let (verdict, answer) = carrier.carry(request)?;
        Ok((self.without_secrets(verdict, body), answer))
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: &[u8],
        authorization: HeaderValue,
    ) -> Result<Request<Vec<u8>>, ApiError> {
        let builder = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.account.api))
            .header(header::AUTHORIZATION, authorization)
            .header(header::ACCEPT, "application/json");
        let builder = if body.is_empty() { builder } else { builder.header(header::CONTENT_TYPE, "application/json") };
        builder.body(body.to_vec()).map_err(|error| ApiError::Refused(error.to_string()))
    }

    /// A server may repeat what it was sent.
    fn without_secrets(&self, verdict: Verdict, body: &[u8]) -> Verdict {
        let hide = |said: String| {
            if !body.is_empty() || said.contains(self.authorization.secret()) {
                said.split(':').next().unwrap_or_default().to_owned()
            } else {
                said
            }
        };
        match verdict {
            Verdict::Perhaps(said) => Verdict::Perhaps(hide(said)),
            Verdict::Never(ApiError::Refused(said)) => Verdict::Never(ApiError::Refused(hide(said))),
            Verdict::Never(ApiError::Login(said)) => Verdict::Never(ApiError::Login(hide(said))),
            Verdict::Never(ApiError::Forbidden(said)) => Verdict::Never(ApiError::Forbidden(hide(said))),
            Verdict::Later { after, error: ApiError::Busy(said) } => {
                Verdict::Later { after, error: ApiError::Busy(hide(said)) }
            }
            other => other,
        }
    }
}

/// What carries a request, a token's too, and counts it.
struct Carrier<'a> {
    agent: &'a ureq::Agent,
    budget: &'a Budget,
    pause: &'a Pause,
    clock: &'a Clock,
    counts: &'a Counts,
}

impl Carrier<'_> {
    /// Waits for the budget, sends, reads. An error only where nothing more is to be done.
    fn carry(&self, request: Request<Vec<u8>>) -> Result<(Verdict, Dated), ApiError> {
        let (verdict, _, answer) = self.exchange(request)?;
        Ok((verdict, answer))
    }

    fn fetch_token(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
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

    fn exchange(&self, request: Request<Vec<u8>>) -> Result<(Verdict, ureq::http::StatusCode, Dated), ApiError> {
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
            Err(error) => {
                (Verdict::Perhaps(error.to_string()), ureq::http::StatusCode::SERVICE_UNAVAILABLE, Dated::default())
            }
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
