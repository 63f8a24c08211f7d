//! A device that answers HTTP requests with a JSON document, or sends one document per line
//! over a TCP connection.
//!
//! Knows the transport; `vendor/json` decodes the document. One device is one meter.
//! Read-only: it sends a GET or nothing at all.

mod connect;
mod intake;
mod stream;

use intake::{DOCUMENT_BYTES_MAX, Intake};
use stream::JsonStream;

use super::{Inlet, Keep, Polled, Reporter, Schedule, SourceError, Sources};
use crate::clock::Clock;
use crate::http::{self, Bounds, Budget, CaFile, Outcome, Requester};
use crate::ingest::Entrance;
use crate::vendor::json::Mapping;
use bytes::Bytes;
use hyper::Uri;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderValue};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// The source kinds.
const KIND: &str = "json";
const STREAM_KIND: &str = "json stream";
/// The limits of one request.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(10), answer_bytes_max: DOCUMENT_BYTES_MAX };
/// Devices start at a random time within this period, so that many do not start at once.
const FIRST_WITHIN: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(10) };
/// The waits after a failure.
const FIRST_WAIT: Duration = if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(5) };
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// A configured device.
#[derive(Debug, Clone)]
pub struct Device {
    /// The name of the source, and the meter's native id.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// The authorities that it trusts instead of the built-in ones.
    pub ca_file: Option<CaFile>,
    /// The polling interval.
    pub every: Duration,
    /// The readings that are journaled.
    pub keep: Keep,
    /// The mapping of its document to registers.
    pub mapping: Mapping,
}

/// The address of a device.
#[derive(Clone)]
pub enum Address {
    /// Polled by GET, with this Authorization header if it needs one.
    Http(Uri, Option<HeaderValue>),
    /// Sends one document per line.
    Tcp(SocketAddr),
}

impl fmt::Debug for Address {
    /// Shows no path and no query, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(uri, _) => write!(f, "Http({:?})", uri.authority()),
            Self::Tcp(address) => write!(f, "Tcp({address})"),
        }
    }
}

impl Device {
    /// Starts its source.
    pub fn start(&self, sources: &Sources, entrance: &Entrance, clock: &Clock) {
        let schedule = Schedule {
            every: self.every,
            first_within: FIRST_WITHIN.min(self.every),
            backoff: (FIRST_WAIT, LONGEST_WAIT),
        };
        let intake = |kind| {
            let inlet = Inlet::new(&self.name, kind, entrance.clone(), self.keep);
            Intake::new(self.mapping.clone(), inlet, clock.clone())
        };
        match &self.address {
            Address::Http(uri, authorization) => {
                let requester = sources.requester(&self.name, BOUNDS, Budget::unlimited(), self.ca_file.as_ref());
                let (uri, authorization) = (uri.clone(), authorization.clone());
                let json = Json { uri, authorization, requester, intake: intake(KIND) };
                sources.start_polled(&self.name, KIND, schedule, json);
            }
            Address::Tcp(address) => {
                let stream = JsonStream::new(*address, self.every, intake(STREAM_KIND));
                sources.start_connected(&self.name, STREAM_KIND, schedule, stream);
            }
        }
    }
}

/// A device that is polled over HTTP.
struct Json {
    uri: Uri,
    authorization: Option<HeaderValue>,
    requester: Requester,
    intake: Intake,
}

impl Polled for Json {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let body = requested(&self.requester, &self.uri, self.authorization.as_ref()).await?;
        let document = self.intake.decode(&body).map_err(SourceError::Failing)?;
        self.intake.store(&document, &body, reporter).await
    }
}

/// The document that the device returns.
async fn requested(
    requester: &Requester,
    uri: &Uri,
    authorization: Option<&HeaderValue>,
) -> Result<Bytes, SourceError> {
    // Small devices have few sockets, so none stays open between polls.
    let mut request = hyper::Request::get(uri.clone()).header(CONNECTION, "close");
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let request = request.body(http::no_body()).map_err(|error| SourceError::Failing(error.to_string()))?;
    let exchange = requester.send(request).await?;
    match (exchange.outcome, exchange.answer) {
        (Outcome::Done, Ok(answer)) => Ok(answer.into_body()),
        (Outcome::Unauthorized | Outcome::Forbidden, _) => Err(SourceError::Misconfigured {
            why: "the device rejects the credentials: check username and password_file".to_owned(),
            retry_in: None,
        }),
        // The body may echo the credentials.
        (_, Ok(answer)) => Err(SourceError::Failing(format!("the device answered {}", answer.status()))),
        (_, Err(error)) => Err(SourceError::Failing(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
