//! GET requests with the token, retried within bounds.
//!
//! A rejected token is replaced once. Waits that the server asks for are kept by the budget. No error holds an
//! answer or a path: only the status, or the server's origin.

use super::error::{CloudError, said};
use super::login::Login;
use crate::base::Backoff;
use crate::http::{self, Bounds, HttpError, Outcome, Requester};
use crate::source::allowed::Allowed;
use crate::source::device::with_path;
use bytes::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use hyper::{StatusCode, Uri};
use std::time::Duration;

/// The limits of one request. A day of five-minute rows with a hundred transformers has 2 MB.
pub(super) const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(60), answer_bytes_max: 32 << 20 };
/// The requests that the cloud is sent: all read, except the one for a token.
pub(super) const ALLOWED: Allowed = Allowed(&[
    "POST /dev/v3/oauth2/token",
    "GET /dev/v3/servicelocation",
    "GET /dev/v3/servicelocation/*/info",
    "GET /dev/v3/servicelocation/*/meteringconfiguration",
    "GET /dev/v3/servicelocation/*/consumption?aggregation=*&from=*&to=*",
    "GET /dev/v3/servicelocation/*/sensor/*/consumption?aggregation=*&from=*&to=*",
    "GET /dev/v3/servicelocation/*/switch/*/consumption?aggregation=*&from=*&to=*",
    "GET /dev/v3/servicelocation/*/events?applianceId=*&maxNumber=*&from=*&to=*",
    "GET /dev/v3/servicelocation/*/actuator/*/state",
    "GET /dev/v3/servicelocation/*/actuator/*/connectionstate",
    "GET /dev/v3/servicelocation/*/costanalysis?aggregation=*&from=*&to=*",
]);
/// Largest number of attempts of one request.
const ATTEMPTS_MAX: u32 = 3;
/// The waits between attempts.
const FIRST_WAIT: Duration = if cfg!(test) { Duration::from_millis(10) } else { Duration::from_secs(2) };
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait for the budget or for what the server asks.
const PATIENCE: Duration = Duration::from_mins(2);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A client of one account.
#[derive(Debug)]
pub(super) struct Client {
    requester: Requester,
    base: Uri,
    allowed: Allowed,
    login: Login,
}

impl Client {
    pub(super) fn new(requester: Requester, base: Uri, allowed: Allowed, login: Login) -> Self {
        Self { requester, base, allowed, login }
    }

    /// The body of the answer to a GET.
    ///
    /// # Errors
    /// After retries.
    pub(super) async fn get(&mut self, path: &str) -> Result<Bytes, CloudError> {
        let uri = with_path(&self.base, path)?;
        let requester = self.requester.until(self.requester.now() + PATIENCE);
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT).unwrap_or(Backoff::STANDARD);
        let (mut attempts, mut is_renewed) = (0, false);
        loop {
            let header = self.login.header(&requester, &self.base, self.allowed).await?;
            let request = hyper::Request::get(uri.clone()).header(AUTHORIZATION, header).header(ACCEPT, JSON);
            let request = request.body(http::no_body()).map_err(|error| CloudError::Broken(error.to_string()))?;
            if !self.allowed.permits(request.method(), request.uri()) {
                return Err(CloudError::Broken("the request is not on the list of requests for Smappee".to_owned()));
            }
            let exchange = requester.send(request).await?;
            let said = said(&exchange.answer);
            let error = match (exchange.outcome, exchange.answer) {
                (Outcome::Done, Ok(answer)) => return Ok(answer.into_body()),
                (Outcome::Unauthorized, _) if !is_renewed => {
                    is_renewed = true;
                    self.login.forget();
                    continue;
                }
                (Outcome::Unauthorized, _) => {
                    let why = "it rejects a token that it has just given";
                    return Err(CloudError::Away(why.to_owned()));
                }
                (Outcome::Forbidden | Outcome::Refused, Ok(answer)) if is_not_shown(answer.status()) => {
                    return Err(CloudError::NotShown(said));
                }
                (Outcome::Forbidden | Outcome::Refused, _) => return Err(CloudError::Refused(said)),
                (_, Err(HttpError::NoBudget)) => return Err(CloudError::Away(said)),
                (Outcome::Later(_), _) => CloudError::Away(said),
                (Outcome::Uncertain | Outcome::Done, _) => {
                    CloudError::Broken(format!("Smappee's cloud failed: {said}"))
                }
            };
            attempts += 1;
            if attempts >= ATTEMPTS_MAX {
                return Err(error);
            }
            requester.stop().sleep(backoff.next_wait()).await?;
        }
    }
}

fn is_not_shown(status: StatusCode) -> bool {
    matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}
