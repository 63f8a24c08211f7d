//! Requests to the API with credentials and retries.
//!
//! GET and DELETE are retried after any temporary failure; a POST only if the server did
//! not execute it. Waits have jitter, are bounded by the client's patience, and end with
//! the stop signal. Invariant: no error repeats a secret, even if the server echoes it.

use super::account::{Account, Reach};
use super::error::ApiError;
use super::login::Access;
use crate::base::{Backoff, Stop};
use crate::http::{self, Exchange, Outcome, Requester};
use crate::reading::UnixNanos;
use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};
use std::time::Duration;

/// Largest number of attempts of one request.
const ATTEMPTS_MAX: u32 = 6;
/// The waits between attempts.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(2);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A client of one account.
#[derive(Debug, Clone)]
pub struct Client {
    account: Account,
    access: Access,
    patience: Duration,
}

/// The body and the time of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatedAnswer {
    /// The body.
    pub body: Bytes,
    /// The time of the answer by the server's clock, to the second.
    pub date: Option<UnixNanos>,
}

/// The result of one attempt.
enum Attempt {
    Done(DatedAnswer),
    /// Not executed: retry after this wait, if the server names one.
    Later(Option<Duration>, ApiError),
    /// Maybe executed: retry only if it is idempotent.
    Uncertain(String),
}

impl Client {
    /// Creates a client that spends at most `patience` on one request, all retries included.
    pub fn new(account: Account, access: Access, patience: Duration) -> Self {
        Self { account, access, patience }
    }

    /// The signal that ends its waits.
    pub(super) fn stop(&self) -> &Stop {
        self.access.requester().stop()
    }

    /// The longest time that one request takes, all retries included.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// The account's name.
    pub fn name(&self) -> &str {
        &self.account.name
    }

    /// The devices that the account sees.
    pub(super) fn reach(&self) -> Reach {
        self.account.reach
    }

    /// Sends a GET.
    ///
    /// # Errors
    /// [`ApiError`], after retries.
    pub async fn get(&self, path: &str) -> Result<DatedAnswer, ApiError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Sends a DELETE; succeeds if the object does not exist.
    ///
    /// # Errors
    /// [`ApiError`], after retries.
    pub async fn delete(&self, path: &str) -> Result<(), ApiError> {
        match self.call(Method::DELETE, path, Bytes::new()).await {
            Err(ApiError::NotFound(_)) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Sends a POST.
    ///
    /// # Errors
    /// [`ApiError`]; `Unknown` if it may have been executed.
    pub async fn post(&self, path: &str, json: Vec<u8>) -> Result<(), ApiError> {
        self.call(Method::POST, path, json.into()).await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<DatedAnswer, ApiError> {
        let give_up_at = self.access.requester().now() + self.patience;
        let requester = &self.access.requester().until(give_up_at);
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT).unwrap_or(Backoff::STANDARD);
        let mut tries = 0;
        loop {
            tries += 1;
            let (after, error) = match self.attempt(requester, &method, path, &body).await? {
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

    /// One attempt; a second one with a new token if the token was rejected.
    async fn attempt(
        &self,
        requester: &Requester,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Result<Attempt, ApiError> {
        let mut is_renewed = false;
        loop {
            let authorization = match self.access.authorization().header(requester).await {
                Ok(header) => header,
                // A failed token request is retried like the request itself.
                Err(error @ ApiError::Away(_)) => return Ok(Attempt::Later(None, error)),
                Err(error) => return Err(error),
            };
            let request = self.request(method, path, body, authorization.clone())?;
            let exchange = requester.send(request).await?;
            if exchange.outcome == Outcome::Unauthorized
                && !is_renewed
                && self.access.authorization().forget(&authorization)
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
        let said = self.described(&exchange, body, presented);
        match (exchange.outcome, exchange.answer) {
            (Outcome::Done, Ok(answer)) => {
                Ok(Attempt::Done(DatedAnswer { date: http::date(answer.headers()), body: answer.into_body() }))
            }
            (Outcome::Later(after), _) => Ok(Attempt::Later(after, ApiError::Away(said))),
            (Outcome::Uncertain | Outcome::Done, _) => Ok(Attempt::Uncertain(said)),
            (Outcome::Unauthorized, _) => Err(ApiError::Login(said)),
            (Outcome::Forbidden, _) => Err(ApiError::Forbidden(said)),
            (Outcome::Refused, _) if status == Some(StatusCode::NOT_FOUND) => Err(ApiError::NotFound(said)),
            (Outcome::Refused, _) => Err(ApiError::Refused(said)),
        }
    }

    /// The answer in one line. Only the status, if the server may have echoed a secret: the
    /// whole body is searched, because the line may show only a part of it.
    fn described(&self, exchange: &Exchange, sent: &Bytes, presented: &HeaderValue) -> String {
        match &exchange.answer {
            Ok(answer) if exchange.outcome != Outcome::Done => {
                let text = String::from_utf8_lossy(answer.body());
                if sent.is_empty() && !self.access.authorization().is_in(&text, presented) {
                    http::described(&exchange.answer)
                } else {
                    answer.status().to_string()
                }
            }
            _ => http::described(&exchange.answer),
        }
    }
}
