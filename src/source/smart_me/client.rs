//! Requests to the API: credentials and repeats.
//!
//! GET and DELETE are repeated after any failure that may pass; a POST only where the
//! server did nothing with it. Waits are jittered, bounded by the client's patience, and
//! end with the stop signal. Invariant: no error repeats a secret, whatever the server
//! writes into its answer.

use super::account::{Account, Reach};
use super::error::ApiError;
use super::login::Authorization;
use crate::base::{Backoff, Stop};
use crate::clock::Clock;
use crate::http::{self, Bounds, Budget, Exchange, Outcome, Requester};
use crate::reading::UnixNanos;
use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// One request at most; and a body that is larger than a list of ten thousand devices.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(30), answer_bytes_max: 32 << 20 };
/// Attempts of one request at most.
const ATTEMPTS_MAX: u32 = 6;
/// The waits between them.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(2);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What all clients of an account share: connections, the request budget and one login,
/// so that a token is fetched once an account. A clone is the same.
#[derive(Debug, Clone)]
pub struct Access {
    requester: Requester,
    authorization: Arc<Authorization>,
}

impl Access {
    /// The access of an account. The login of a person is kept in this data directory.
    #[must_use]
    pub fn new(account: &Account, data_directory: &Path, stop: Stop, clock: Clock) -> Self {
        let budget = Budget::new(account.requests_per_minute);
        let requester = Requester::new(&account.name, http::Client::new(BOUNDS), budget, stop, clock);
        Self { requester, authorization: Arc::new(Authorization::new(account, data_directory)) }
    }

    pub(super) fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Whether somebody is logged in, as far as that can be told without a request.
    ///
    /// # Errors
    /// [`ApiError::LoggedOut`].
    pub fn check_login(&self) -> Result<(), ApiError> {
        self.authorization.check_login()
    }
}

/// A client of one account.
#[derive(Debug, Clone)]
pub struct Client {
    account: Account,
    access: Access,
    patience: Duration,
}

/// An answer's body and time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dated {
    /// The body.
    pub body: Bytes,
    /// When the server gave it, to the second, by the server's own clock.
    pub date: Option<UnixNanos>,
}

/// What to do after one attempt.
enum Attempt {
    Done(Dated),
    /// Again, not before this time where the server names one: it was not carried out.
    Later(Option<Duration>, ApiError),
    /// Again where that does no harm: it may have been carried out.
    Uncertain(String),
}

impl Client {
    /// A client that waits for the server at most `patience` in one request, all repeats
    /// together.
    #[must_use]
    pub fn new(account: Account, access: Access, patience: Duration) -> Self {
        Self { account, access, patience }
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
    pub async fn get(&self, path: &str) -> Result<Dated, ApiError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Removes something; it is no error if it is gone already.
    ///
    /// # Errors
    /// [`ApiError`], after repeats.
    pub async fn delete(&self, path: &str) -> Result<(), ApiError> {
        match self.call(Method::DELETE, path, Bytes::new()).await {
            Err(ApiError::NotFound(_)) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Makes something.
    ///
    /// # Errors
    /// [`ApiError`]; `Unknown` where it may have been made.
    pub async fn post(&self, path: &str, json: Vec<u8>) -> Result<(), ApiError> {
        self.call(Method::POST, path, json.into()).await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Dated, ApiError> {
        let requester = &self.access.requester;
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT).unwrap_or(Backoff::STANDARD);
        let give_up_at = requester.now() + self.patience;
        let mut tries = 0;
        loop {
            tries += 1;
            let (after, error) = match self.attempt(&method, path, &body).await? {
                Attempt::Done(answer) => return Ok(answer),
                Attempt::Later(after, error) => (after, error),
                Attempt::Uncertain(said) if method == Method::POST => return Err(ApiError::Unknown(said)),
                Attempt::Uncertain(said) => (None, ApiError::Away(said)),
            };
            let wait = backoff.next_wait().max(after.unwrap_or_default());
            if tries >= ATTEMPTS_MAX || requester.now() + wait > give_up_at {
                return Err(error);
            }
            requester.stop().sleep(wait).await?;
        }
    }

    /// One attempt; one more where a token was refused, with the next token.
    async fn attempt(&self, method: &Method, path: &str, body: &Bytes) -> Result<Attempt, ApiError> {
        let mut is_renewed = false;
        loop {
            let authorization = match self.access.authorization.header(&self.access.requester).await {
                Ok(header) => header,
                // The trouble of a token's request passes like that of the request itself.
                Err(error @ ApiError::Away(_)) => return Ok(Attempt::Later(None, error)),
                Err(error) => return Err(error),
            };
            let request = self.request(method, path, body, authorization.clone())?;
            let exchange = self.access.requester.send(request).await?;
            if exchange.outcome == Outcome::Unauthorized
                && !is_renewed
                && self.access.authorization.forget(&authorization).await
            {
                is_renewed = true;
                continue;
            }
            return self.result(exchange, body, &authorization);
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: &Bytes,
        authorization: HeaderValue,
    ) -> Result<http::Request, ApiError> {
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.account.api))
            .header(header::AUTHORIZATION, authorization)
            .header(header::ACCEPT, JSON);
        let request = if body.is_empty() { request } else { request.header(header::CONTENT_TYPE, JSON) };
        request.body(body.clone().into()).map_err(|error| ApiError::Refused(error.to_string()))
    }

    fn result(&self, exchange: Exchange, body: &Bytes, presented: &HeaderValue) -> Result<Attempt, ApiError> {
        let status = exchange.answer.as_ref().map(hyper::Response::status).ok();
        let said = self.without_secrets(http::described(&exchange.answer), body, presented);
        match (exchange.outcome, exchange.answer) {
            (Outcome::Done, Ok(answer)) => {
                Ok(Attempt::Done(Dated { date: http::date(answer.headers()), body: answer.into_body() }))
            }
            (Outcome::Later(after), _) => Ok(Attempt::Later(after, ApiError::Away(said))),
            (Outcome::Uncertain | Outcome::Done, _) => Ok(Attempt::Uncertain(said)),
            (Outcome::Unauthorized, _) => Err(ApiError::Login(said)),
            (Outcome::Forbidden, _) => Err(ApiError::Forbidden(said)),
            (Outcome::Refused, _) if status == Some(StatusCode::NOT_FOUND) => Err(ApiError::NotFound(said)),
            (Outcome::Refused, _) => Err(ApiError::Refused(said)),
        }
    }

    /// A server may repeat what it was sent: then only the status is kept.
    fn without_secrets(&self, said: String, body: &Bytes, presented: &HeaderValue) -> String {
        if !body.is_empty() || self.access.authorization.is_in(&said, presented) {
            said.split(':').next().unwrap_or_default().to_owned()
        } else {
            said
        }
    }
}
