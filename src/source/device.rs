//! A device on the local network that answers HTTP requests.
//!
//! Read-only: it sends no request that is not on the list of its source. Small devices have few
//! sockets, so none stays open between requests. Knows no vendor. Errors hold no path and no answer: these may
//! hold credentials.

use super::SourceError;
use super::allowed::Allowed;
use crate::base::Stop;
use crate::clock::Clock;
use crate::http::{
    self, Bounds, Budget, CaFile, Client, Exchange, HttpError, Outcome, Request, Requester, Response, WebSocket,
};
use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderValue};
use hyper::{Method, StatusCode, Uri};

/// A device.
#[derive(Debug, Clone)]
pub(super) struct HttpDevice {
    requester: Requester,
    allowed: Allowed,
    authorization: Option<HeaderValue>,
}

impl HttpDevice {
    /// A device that may be sent these requests, with these credentials.
    pub(super) fn new(requester: Requester, allowed: Allowed, authorization: Option<HeaderValue>) -> Self {
        Self { requester, allowed, authorization }
    }

    /// A device that is requested once, outside of the running service.
    pub(super) fn once(
        name: &str,
        bounds: Bounds,
        ca_file: Option<&CaFile>,
        allowed: Allowed,
        authorization: Option<HeaderValue>,
        clock: Clock,
    ) -> Self {
        let client = Client::trusting(bounds, ca_file);
        let requester = Requester::new(name, client, Budget::unlimited(), Stop::default(), clock);
        Self::new(requester, allowed, authorization)
    }

    /// Replaces the credentials.
    pub(super) fn authorize(&mut self, authorization: HeaderValue) {
        self.authorization = Some(authorization);
    }

    /// The body of the answer.
    ///
    /// # Errors
    /// [`SourceError::Misconfigured`] if the device rejects the credentials, else
    /// [`SourceError::Failing`].
    pub(super) async fn get(&self, uri: &Uri) -> Result<Bytes, SourceError> {
        self.get_if_found(uri).await?.map_err(answered)
    }

    /// The body of the answer, or its status if the device answers with another one than 2xx.
    ///
    /// # Errors
    /// As [`Self::get`], but not for a status.
    pub(super) async fn get_if_found(&self, uri: &Uri) -> Result<Result<Bytes, StatusCode>, SourceError> {
        let mut request = hyper::Request::get(uri.clone()).header(CONNECTION, "close");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(http::no_body()).map_err(|error| SourceError::Failing(error.to_string()))?;
        let exchange = self.send(request).await?;
        match (exchange.outcome, exchange.answer) {
            (Outcome::Done, Ok(answer)) => Ok(Ok(answer.into_body())),
            (outcome, answer) => refusal(outcome, answer).map(Err),
        }
    }

    /// A WebSocket at this address, or the status if the device answers with another one than 101.
    ///
    /// # Errors
    /// As [`Self::get`], but not for a status.
    pub(super) async fn open(&self, uri: &Uri) -> Result<Result<WebSocket, StatusCode>, SourceError> {
        self.check(&Method::GET, uri)?;
        match self.requester.open(uri, self.authorization.as_ref()).await? {
            Ok(socket) => Ok(Ok(socket)),
            Err(exchange) => refusal(exchange.outcome, exchange.answer).map(Err),
        }
    }

    /// The credentials in use.
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// Sends a request as it is, without the credentials. Every request passes here.
    ///
    /// # Errors
    /// When it is not on the list of requests that this device may be sent. Nothing was sent then.
    pub(super) async fn send(&self, request: Request) -> Result<Exchange, SourceError> {
        self.check(request.method(), request.uri())?;
        Ok(self.requester.send(request).await?)
    }

    fn check(&self, method: &Method, uri: &Uri) -> Result<(), SourceError> {
        if self.allowed.permits(method, uri) {
            return Ok(());
        }
        let why = "the configured values make a request that meterline does not send to such a device";
        Err(SourceError::Misconfigured { why: why.to_owned(), retry_in: None })
    }
}

/// The status of an answer that is no success.
fn refusal(outcome: Outcome, answer: Result<Response, HttpError>) -> Result<StatusCode, SourceError> {
    match (outcome, answer) {
        (Outcome::Unauthorized | Outcome::Forbidden, _) => Err(SourceError::Misconfigured {
            why: "the device rejects the credentials: check username and password_file, or token_file".to_owned(),
            retry_in: None,
        }),
        (_, Ok(answer)) => Ok(answer.status()),
        (_, Err(error)) => Err(SourceError::Failing(error.to_string())),
    }
}

/// The error for another status than 2xx.
pub(super) fn answered(status: StatusCode) -> SourceError {
    SourceError::Failing(format!("the device answered {status}"))
}

/// The base address with this path and query.
///
/// # Errors
/// When they are no part of a URL. The error does not show them, because a query may hold a PIN.
pub(super) fn with_path(base: &Uri, path: &str) -> Result<Uri, SourceError> {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    let has_path = parts.path_and_query.is_some();
    let uri = Uri::from_parts(parts).ok().filter(|_| has_path);
    uri.ok_or_else(|| SourceError::Failing("the configured values cannot be part of a URL".to_owned()))
}
