//! smart-MAIC meters on the local network, polled over HTTP.
//!
//! Read-only: the only request is `getdata` without `pout`, which would switch the relay (`ALLOWED`). The PIN is
//! part of the URL; errors and logs never hold a URL. `cloud` fills gaps.

mod cloud;
mod describe;
mod pace;

pub use cloud::Cloud;

use super::allowed::Allowed;
use super::device::{HttpDevice, answered, with_path};
use super::parts::Parts;
use super::{
    Arrivals, Contact, Decoder, Describer, Inlet, Keep, Polled, Probe, Recorded, Reporter, Schedule, SourceError,
    Sources,
};
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
use describe::described;
use hyper::{StatusCode, Uri};
use pace::Pace;
use std::time::Duration;

/// The kind of source.
const KIND: &str = "smart-mac";
/// The format of the values.
const FORMAT: &str = "smart-mac";
/// The limits of one request. The largest answer seen has 2 kB.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(5), answer_bytes_max: 64 << 10 };
/// The requests that a meter may be sent.
const ALLOWED: Allowed = Allowed(&["GET /?page=getdata&devid=*&devpass=*"]);

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
    /// The vendor's cloud, if gaps are filled from there.
    pub cloud: Option<Cloud>,
}

impl Meter {
    /// Starts its source.
    pub fn start(
        &self,
        sources: &Sources,
        entrance: &Entrance,
        arrivals: Arrivals,
        describer: Describer,
        clock: &Clock,
    ) {
        // A broken answer counts at the device, so the first wait is never shorter than the interval.
        let schedule = Schedule {
            every: self.every,
            first_within: self.every,
            backoff: (self.every, pace::LONGEST.max(self.every)),
        };
        let inlet = Inlet::new(&self.name, KIND, entrance.clone(), self.keep);
        let device = sources.device(&self.name, BOUNDS, None, ALLOWED, None);
        let pace = Pace::new(self.every);
        let (meter, clock_of_poll) = (self.clone(), clock.clone());
        let poll = Poll { meter, device, inlet, describer, pace, requests_too_early: 0, clock: clock_of_poll };
        sources.start_polled(&self.name, KIND, schedule, poll);
        if let Some(cloud) = &self.cloud {
            let (name, device) = (self.name.clone(), self.device.clone());
            let meter = cloud::Meter { name, device, options: self.options.clone(), keep: self.keep };
            cloud.start(meter, sources, entrance, arrivals, clock);
        }
    }

    /// The decoders of its messages.
    pub fn decoders(&self) -> [(&'static str, Decoder); 2] {
        let (options, of_rows) = (self.options.clone(), self.options.clone());
        let decode = move |recorded: &Recorded<'_>| {
            let Original { bytes, device, .. } = recorded.original;
            decode(bytes, device, &options, recorded.received).map(|(decoded, _)| decoded).map_err(|it| it.to_string())
        };
        [(FORMAT, Box::new(decode)), (cloud::FORMAT, Box::new(move |rows| cloud::decode_again(rows, &of_rows)))]
    }

    /// Requests the values once, for the operator. Both results are sentences.
    ///
    /// # Errors
    /// When the values cannot be read.
    pub async fn connect(&self, clock: Clock) -> Result<Contact, SourceError> {
        let device = HttpDevice::once(&self.name, BOUNDS, None, ALLOWED, None, clock.clone());
        let Answer { body, decoded, .. } = self.values(&device, &clock).await?.map_err(answered)?;
        let decoded = decoded.map_err(SourceError::Failing)?;
        let described = described(&self.name, &self.device, &self.options, &body);
        Ok(Contact::of(format!("returns {} values", decoded.values()), &decoded, &described, clock.now()))
    }

    /// Requests the values once.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn probe(&self, clock: Clock) -> Result<Probe, SourceError> {
        let device = HttpDevice::once(&self.name, BOUNDS, None, ALLOWED, None, clock.clone());
        let answer = self.values(&device, &clock).await?.map_err(answered)?;
        Ok(Probe::of("getdata", answer.decoded.map_err(SourceError::Failing)?))
    }

    /// The answer; the status if the request came too early.
    async fn values(&self, device: &HttpDevice, clock: &Clock) -> Result<Result<Answer, StatusCode>, SourceError> {
        let query = format!("/?page=getdata&devid={}&devpass={}", self.device, self.pin.expose());
        let uri = with_path(&self.url, &query)?;
        let body = match device.get_if_found(&uri).await? {
            Ok(body) => body,
            Err(status @ StatusCode::TOO_MANY_REQUESTS) => return Ok(Err(status)),
            // The device answers a wrong devid or PIN with 400.
            Err(status) if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
                return Err(SourceError::Misconfigured {
                    why: format!("the device answered {status}: check devid and pin_file"),
                    retry_in: None,
                });
            }
            Err(status) => return Err(answered(status)),
        };
        let received = clock.now();
        let (decoded, device) = match decode(&body, &self.device, &self.options, received) {
            Ok((decoded, device)) => (Ok(decoded), device),
            // The login form comes with status 200.
            Err(MessageError::WebPage) => {
                return Err(SourceError::Misconfigured {
                    why: "the device answers with its login page: check devid and pin_file".to_owned(),
                    retry_in: None,
                });
            }
            Err(error) => (Err(error.to_string()), None),
        };
        if device.is_some_and(|device| device != self.device) {
            return Err(SourceError::Misconfigured {
                why: "another device answers: check url and devid".to_owned(),
                retry_in: None,
            });
        }
        Ok(Ok(Answer { body, received, decoded }))
    }
}

/// The answer of a device.
struct Answer {
    body: Bytes,
    received: UnixNanos,
    /// The values, or why they cannot be read.
    decoded: Result<Decoded, String>,
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
    let mut decoded = parts.into_decoded();
    decoded.facts.extend(message.remark().map(|(name, remark)| (name, remark.into())));
    Ok((decoded, message.device))
}

/// The polling of a meter.
#[derive(Debug)]
struct Poll {
    meter: Meter,
    device: HttpDevice,
    inlet: Inlet,
    describer: Describer,
    pace: Pace,
    /// Since the start.
    requests_too_early: usize,
    clock: Clock,
}

impl Polled for Poll {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let answer = self.meter.values(&self.device, &self.clock).await?;
        match answer {
            Ok(_) => self.pace.answered(),
            Err(_) => self.pace.refused(),
        }
        let interval = self.pace.interval();
        reporter.set("interval_seconds", interval.as_secs_f64());
        let Answer { body, received, decoded } = match answer {
            Ok(answer) => answer,
            Err(status) => {
                self.requests_too_early += 1;
                reporter.set("requests_too_early", self.requests_too_early);
                let why = format!("the device answered {status}: it is asked every {interval:?} from now on");
                return Err(SourceError::Limited { why, retry_in: interval });
            }
        };
        let original = Original {
            bytes: &body,
            content_type: "application/json",
            origin: "getdata",
            format: FORMAT,
            device: &self.meter.device,
            ..Original::default()
        };
        self.inlet.offer_read(&decoded, &original, received, reporter).await?;
        let Meter { name, device, options, .. } = &self.meter;
        self.describer.describe(reporter, || described(name, device, options, &body)).await;
        Ok(())
    }

    fn interval(&self) -> Option<Duration> {
        Some(self.pace.interval())
    }
}

#[cfg(test)]
mod tests;
