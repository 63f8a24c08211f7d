//! A device on the local network that answers HTTP requests.
//!
//! Read-only: the only method is GET. Small devices have few sockets, so none stays open between
//! requests. Knows no vendor. Errors hold no path and no answer, which may hold credentials.

use super::SourceError;
use crate::base::Stop;
use crate::clock::Clock;
use crate::http::{self, Bounds, Budget, Client, Outcome, Requester};
use bytes::Bytes;
use hyper::Uri;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderValue};

/// A device.
#[derive(Debug, Clone)]
pub(super) struct HttpDevice {
    requester: Requester,
    authorization: Option<HeaderValue>,
}

impl HttpDevice {
    /// A device with these credentials.
    pub(super) fn new(requester: Requester, authorization: Option<HeaderValue>) -> Self {
        Self { requester, authorization }
    }

    /// A device that is requested once, outside of the running service.
    pub(super) fn once(name: &str, bounds: Bounds, authorization: Option<HeaderValue>, clock: Clock) -> Self {
        let requester = Requester::new(name, Client::new(bounds), Budget::unlimited(), Stop::default(), clock);
        Self::new(requester, authorization)
    }

    /// Replaces the credentials.
    pub(super) fn authorize(&mut self, authorization: Option<HeaderValue>) {
        self.authorization = authorization;
    }

    /// The body of the answer.
    ///
    /// # Errors
    /// [`SourceError::Misconfigured`] if the device rejects the credentials, else
    /// [`SourceError::Failing`].
    pub(super) async fn get(&self, uri: &Uri) -> Result<Bytes, SourceError> {
        let mut request = hyper::Request::get(uri.clone()).header(CONNECTION, "close");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(http::no_body()).map_err(|error| SourceError::Failing(error.to_string()))?;
        let exchange = self.requester.send(request).await?;
        match (exchange.outcome, exchange.answer) {
            (Outcome::Done, Ok(answer)) => Ok(answer.into_body()),
            (Outcome::Unauthorized | Outcome::Forbidden, _) => Err(SourceError::Misconfigured {
                why: "the device rejects the credentials: check username and password_file".to_owned(),
                retry_in: None,
            }),
            (_, Ok(answer)) => Err(SourceError::Failing(format!("the device answered {}", answer.status()))),
            (_, Err(error)) => Err(SourceError::Failing(error.to_string())),
        }
    }
}
