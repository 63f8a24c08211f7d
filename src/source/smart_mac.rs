//! smart-MAIC meters on the local network, polled over HTTP.
//!
//! Read-only: the only request is `getdata` without `pout`, which would switch the relay (`ALLOWED`). The PIN is
//! part of the URL; errors and logs never hold a URL.

use super::allowed::Allowed;
use super::device::{HttpDevice, answered, with_path};
use super::parts::Parts;
use super::{Decoder, Inlet, Keep, Polled, Recorded, Reporter, Schedule, SourceError, Sources};
use crate::clock::Clock;
use crate::http::Bounds;
use crate::ingest::Entrance;
use crate::reading::{MeterId, UnixNanos};
use crate::secret::Secret;
use crate::source::Decoded;
use crate::vendor::MessageError;
use crate::vendor::smart_mac::{Options, VENDOR, read};
use crate::wire::batch::Original;
use bytes::Bytes;
use hyper::{StatusCode, Uri};
use std::time::Duration;

/// The kind of source.
const KIND: &str = "smart-mac";
/// The format of the values.
const FORMAT: &str = "smart-mac";
/// The limits of one request. The largest answer seen has 2 kB.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(5), answer_bytes_max: 64 << 10 };
/// The requests that a meter may be sent.
const ALLOWED: Allowed = Allowed(&["GET /?page=getdata&devid=*&devpass=*"]);
/// The longest wait after failures.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// A configured meter.
#[derive(Debug, Clone)]
pub struct Meter {
    /// The name of the source.
    pub name: String,
    /// The address of the device, without path.
    pub url: Uri,
    /// The id of the device.
    pub device: String,
    /// Its PIN; leading zeros count.
    pub pin: Secret,
    /// The polling interval. A faster one is answered 429: 60 s, for extended devices 6 s.
    pub every: Duration,
    /// The readings that are journaled.
    pub keep: Keep,
    /// The user's knowledge of its lines and inputs.
    pub options: Options,
}

impl Meter {
    /// Starts its source.
    pub fn start(&self, sources: &Sources, entrance: &Entrance, clock: &Clock) {
        // A failure may be a rate limit, so the first wait is never shorter than the interval.
        let schedule = Schedule {
            every: self.every,
            first_within: self.every,
            backoff: (self.every, LONGEST_WAIT.max(self.every)),
        };
        let inlet = Inlet::new(&self.name, KIND, entrance.clone(), self.keep);
        let device = sources.device(&self.name, BOUNDS, None, ALLOWED, None);
        sources.start_polled(
            &self.name,
            KIND,
            schedule,
            Poll { meter: self.clone(), device, inlet, clock: clock.clone() },
        );
    }

    /// The decoders of its messages.
    pub fn decoders(&self) -> [(&'static str, Decoder); 1] {
        let options = self.options.clone();
        let decode = move |recorded: &Recorded<'_>| {
            let Original { bytes, device, .. } = recorded.original;
            decode(bytes, device, &options, recorded.received).map(|(decoded, _)| decoded).map_err(|it| it.to_string())
        };
        [(FORMAT, Box::new(decode))]
    }

    /// Requests the values once, for the operator. Both results are sentences.
    ///
    /// # Errors
    /// When the values cannot be read.
    pub async fn connect(&self, clock: Clock) -> Result<String, SourceError> {
        let device = HttpDevice::once(&self.name, BOUNDS, None, ALLOWED, None, clock.clone());
        let (_, decoded) = self.values(&device, &clock).await?;
        Ok(format!("returns {} values", decoded.values()))
    }

    /// The answer and its values.
    async fn values(&self, device: &HttpDevice, clock: &Clock) -> Result<(Bytes, Decoded), SourceError> {
        let query = format!("/?page=getdata&devid={}&devpass={}", self.device, self.pin.expose());
        let uri = with_path(&self.url, &query)?;
        let body = device.get_if_found(&uri).await?.map_err(|status| match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => answered(status),
            // The device answers a wrong devid or PIN with 400.
            status if status.is_client_error() => SourceError::Misconfigured {
                why: format!("the device answered {status}: check devid and pin_file"),
                retry_in: None,
            },
            status => answered(status),
        })?;
        let decoded = decode(&body, &self.device, &self.options, clock.now());
        let (decoded, device) = decoded.map_err(|error| match error {
            // The login form comes with status 200.
            MessageError::WebPage => SourceError::Misconfigured {
                why: "the device answers with its login page: check devid and pin_file".to_owned(),
                retry_in: None,
            },
            other => SourceError::Failing(other.to_string()),
        })?;
        if device.is_some_and(|device| device != self.device) {
            return Err(SourceError::Misconfigured {
                why: "another device answers: check url and devid".to_owned(),
                retry_in: None,
            });
        }
        Ok((body, decoded))
    }
}

/// Decodes an answer of this device, and returns the id in it, if it has one.
fn decode(
    body: &[u8],
    device: &str,
    options: &Options,
    received: UnixNanos,
) -> Result<(Decoded, Option<String>), MessageError> {
    let mut parts = Parts::new(received);
    let message = read(body, options, |part| parts.add(part, |channel| MeterId::of_channel(VENDOR, device, channel)))?;
    Ok((parts.into_decoded(), message.device))
}

/// The polling of a meter.
#[derive(Debug)]
struct Poll {
    meter: Meter,
    device: HttpDevice,
    inlet: Inlet,
    clock: Clock,
}

impl Polled for Poll {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let (body, decoded) = self.meter.values(&self.device, &self.clock).await?;
        let original = Original {
            bytes: &body,
            content_type: "application/json",
            origin: "getdata",
            format: FORMAT,
            device: &self.meter.device,
            ..Original::default()
        };
        self.inlet.offer(&decoded, &original, reporter).await
    }
}

#[cfg(test)]
mod tests;
