//! A device that answers HTTP requests with a JSON document, or sends one document per line
//! over a TCP connection.
//!
//! Knows the transport; `vendor/json` decodes the document. One device is one meter.
//! Read-only: it sends a GET or nothing at all.

mod connect;
mod document;
mod stream;

use super::allowed::Allowed;
use super::device::HttpDevice;
use super::stream::{Peer, Stream};
use super::{Decoder, Describer, Inlet, Keep, Polled, Recorded, Reporter, Schedule, SourceError, Sources};
use crate::clock::Clock;
use crate::http::{Bounds, CaFile};
use crate::ingest::Entrance;
use crate::vendor::json::Mapping;
use crate::wire::batch::Original;
use document::{DOCUMENT_BYTES_MAX, described};
pub(super) use document::{FORMAT, decode};
use hyper::Uri;
use hyper::header::HeaderValue;
use std::fmt;
use std::time::Duration;
use stream::Lines;

/// A connection without a document for this long counts as broken, or three times the interval
/// of the device if that is longer.
const SILENCE_MAX: Duration = Duration::from_mins(5);
/// The source kinds.
const KIND: &str = "json";
const STREAM_KIND: &str = "json stream";
/// The limits of one request.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(10), answer_bytes_max: DOCUMENT_BYTES_MAX };
/// The requests that a device may be sent: its URL is configured.
const ALLOWED: Allowed = Allowed::ANY_GET;
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
    /// Sends one document per line; `host:port`.
    Tcp(String),
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
    pub fn start(&self, sources: &Sources, entrance: &Entrance, describer: Describer, clock: &Clock) {
        let schedule = Schedule {
            every: self.every,
            first_within: FIRST_WITHIN.min(self.every),
            backoff: (FIRST_WAIT, LONGEST_WAIT),
        };
        let inlet = |kind| Inlet::new(&self.name, kind, entrance.clone(), self.keep);
        match &self.address {
            Address::Http(uri, authorization) => {
                let ca_file = self.ca_file.as_ref();
                let device = sources.device(&self.name, BOUNDS, ca_file, ALLOWED, authorization.clone());
                let (uri, mapping, clock) = (uri.clone(), self.mapping.clone(), clock.clone());
                let json = Json { name: self.name.clone(), uri, device, mapping, inlet: inlet(KIND), describer, clock };
                sources.start_polled(&self.name, KIND, schedule, json);
            }
            Address::Tcp(address) => {
                let (peer, lines) =
                    (Peer::Tcp(address.clone()), Lines { name: self.name.clone(), mapping: self.mapping.clone() });
                let silence_max = SILENCE_MAX.max(self.every * 3);
                let stream = Stream::new(peer, silence_max, lines, inlet(STREAM_KIND), describer, clock.clone());
                sources.start_connected(&self.name, STREAM_KIND, schedule, stream);
            }
        }
    }

    /// The decoders of its documents, by the mapping of today.
    pub fn decoders(&self) -> [(&'static str, Decoder); 1] {
        let mapping = self.mapping.clone();
        let decode = move |recorded: &Recorded<'_>| decode(&mapping, recorded.original.bytes, recorded.received);
        [(FORMAT, Box::new(decode))]
    }
}

/// A device that is polled over HTTP.
struct Json {
    name: String,
    uri: Uri,
    device: HttpDevice,
    mapping: Mapping,
    inlet: Inlet,
    describer: Describer,
    clock: Clock,
}

impl Polled for Json {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let body = self.device.get(&self.uri).await?;
        let received = self.clock.now();
        let decoded = decode(&self.mapping, &body, received);
        // The origin stays empty: the path of a device's URL may hold a token.
        let original =
            Original { bytes: &body, content_type: "application/json", format: FORMAT, ..Original::default() };
        self.inlet.offer_read(&decoded, &original, received, reporter).await?;
        self.describer.describe(reporter, || described(&self.name, &self.mapping)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
