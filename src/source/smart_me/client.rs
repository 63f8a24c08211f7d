//! Requests to the API: credentials and repeats.
//!
//! What is asked (GET, DELETE) is repeated after any failure that may pass; a
//! POST only where the server said that it did nothing with it. Waits are long
//! and jittered, and end with the [`Pause`].

use super::account::{Account, Reach};
use super::answer::{ApiError, Verdict};
use super::budget::Budget;
use super::carrier::{Carrier, Dated};
use super::login::Authorization;
use super::pause::Pause;
use crate::base::Backoff;
use crate::clock::Clock;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{HeaderValue, Method, Request, header};

/// Attempts of one request at most.
const ATTEMPTS_MAX: u32 = 6;
/// The waits between them.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// What all clients of an account share: its budget, and one login, so that a token is
/// fetched once an account. A clone is the same.
#[derive(Debug, Clone)]
pub struct Access {
    budget: Budget,
    authorization: Arc<Authorization>,
}

impl Access {
    /// The access of an account whose login, where somebody has to log in, is kept in
    /// this data directory.
    #[must_use]
    pub fn new(account: &Account, data_directory: &Path) -> Self {
        let budget = Budget::new(account.requests_per_minute);
        Self { budget, authorization: Arc::new(Authorization::new(account, data_directory)) }
    }

    /// Whether somebody is logged in, as far as that can be told without asking; what
    /// is wrong is said in the log, once.
    ///
    /// # Errors
    /// [`ApiError::LoggedOut`].
    pub fn look(&self) -> Result<(), ApiError> {
        self.authorization.look()
    }
}

/// A client of one account.
#[derive(Debug)]
pub struct Client {
    account: Account,
    authorization: Arc<Authorization>,
    carrier: Carrier,
    patience: Duration,
}

impl Client {
    /// A client that shares this access and waits for the server at most `patience` in one request, all
    /// repeats together.
    #[must_use]
    pub fn new(account: Account, access: Access, patience: Duration, pause: Arc<Pause>, clock: Clock) -> Self {
        let carrier = Carrier::new(&account.name, access.budget, pause, clock);
        Self { account, authorization: access.authorization, carrier, patience }
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

    /// Waits, unless a stop ends it.
    pub(super) fn wait(&self, duration: Duration) -> Result<(), ApiError> {
        Ok(self.carrier.pause().wait(duration)?)
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
        let give_up_at = self.carrier.now() + self.patience;
        let mut tries = 0;
        loop {
            tries += 1;
            let (verdict, answer) = self.attempt(method, path, body)?;
            let (after, error) = match verdict {
                Verdict::Done => return Ok(answer),
                Verdict::Never(error) => return Err(error),
                Verdict::Perhaps(said) if may_repeat => (None, ApiError::Away(said)),
                Verdict::Perhaps(said) => return Err(ApiError::Unknown(said)),
                Verdict::Later { after, error } => (after, error),
            };
            let wait = backoff.next_wait().max(after.unwrap_or_default());
            if tries >= ATTEMPTS_MAX || self.carrier.now() + wait > give_up_at {
                return Err(error);
            }
            self.carrier.pause().wait(wait)?;
        }
    }

    /// One attempt, within the budget; one more where a token was refused, with the next.
    fn attempt(&self, method: &Method, path: &str, body: &[u8]) -> Result<(Verdict, Dated), ApiError> {
        let mut is_renewed = false;
        loop {
            let authorization = match self.authorization.header(&self.carrier) {
                Ok(header) => header,
                // What a token needs may pass as well as what a request needs.
                Err(error @ (ApiError::Away(_) | ApiError::Busy(_))) => {
                    return Ok((Verdict::Later { after: None, error }, Dated::default()));
                }
                Err(error) => return Err(error),
            };
            let request = self.request(method, path, body, authorization.clone())?;
            let (verdict, answer) = self.carrier.carry(request)?;
            if !is_renewed
                && matches!(verdict, Verdict::Never(ApiError::Login(_)))
                && self.authorization.forget(&authorization)
            {
                is_renewed = true;
                continue;
            }
            return Ok((self.without_secrets(verdict, body, &authorization), answer));
        }
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
    fn without_secrets(&self, verdict: Verdict, body: &[u8], presented: &HeaderValue) -> Verdict {
        let hide = |said: String| {
            if !body.is_empty() || self.authorization.is_in(&said, presented) {
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
