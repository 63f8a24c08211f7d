//! DSMR-loggers: devices that read a meter's P1 port and answer over HTTP.
//!
//! A logger passes on the telegram itself, or, with less precision, its values as JSON. The telegram is
//! preferred while it comes; a logger that gives none is asked for its values (`reader`). `history` fills gaps.
//! Read-only: no request but the ones in `ALLOWED`. `vendor/p1` and `vendor/dsmr_logger` decode.

mod about;
mod history;
mod reader;

use super::allowed::Allowed;
use super::device::HttpDevice;
use super::p1::{self, Telegrams};
use super::{
    Arrivals, Contact, Decoder, Describer, Inlet, Keep, Polled, Probe, Recorded, Reporter, Schedule, SourceError,
    Sources,
};
use crate::clock::Clock;
use crate::http::{Bounds, CaFile};
use crate::ingest::Entrance;
use crate::vendor::Transformers;
use crate::wire::batch::Original;
use about::About;
use bytes::Bytes;
use history::History;
use hyper::Uri;
use hyper::header::HeaderValue;
pub use reader::MeterOptions;
use reader::Reader;
pub(super) use reader::{FORMAT, decode_again, decoded};
use std::time::Duration;

/// The kind of source.
const KIND: &str = "dsmr-logger";
/// The limits of one request: a logger waits up to 10 s for the next telegram.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(15), answer_bytes_max: 64 << 10 };
/// The waits after a failure.
const BACKOFF: (Duration, Duration) =
    (if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(10) }, Duration::from_mins(5));
/// The requests that a logger may be sent. Its settings and months accept PUT and POST without a login.
const ALLOWED: Allowed = Allowed(&[
    "GET /api/v2/sm/telegram",
    "GET /api/v2/sm/info",
    "GET /api/v2/sm/actual",
    "GET /api/v2/dev/info",
    "GET /api/v1/sm/telegram",
    "GET /api/v1/sm/info",
    "GET /api/v1/sm/actual",
    "GET /api/v1/dev/info",
    "GET /api/v0/sm/actual",
    "GET /api/v2/hist/hours",
    "GET /api/v2/hist/days",
    "GET /api/v2/hist/months",
    "GET /api/v1/hist/hours",
    "GET /api/v1/hist/days",
    "GET /api/v1/hist/months",
]);

/// A configured logger.
#[derive(Debug, Clone)]
pub struct Logger {
    /// The name of the source.
    pub name: String,
    /// The address of the device, without path.
    pub url: Uri,
    /// The authority that signed its certificate, if not a public one.
    pub ca_file: Option<CaFile>,
    /// Its credentials, if it wants some.
    pub authorization: Option<HeaderValue>,
    /// The polling interval.
    pub every: Duration,
    /// The readings that are journaled.
    pub keep: Keep,
    /// The transformers in front of its meter.
    pub transformers: Transformers,
}

impl Logger {
    /// Starts its source.
    pub fn start(
        &self,
        sources: &Sources,
        entrance: &Entrance,
        arrivals: Arrivals,
        describer: Describer,
        clock: &Clock,
    ) {
        let schedule = Schedule { every: self.every, first_within: self.every, backoff: BACKOFF };
        let inlet = Inlet::new(&self.name, KIND, entrance.clone(), self.keep);
        let (ca_file, authorization) = (self.ca_file.as_ref(), self.authorization.clone());
        let device = sources.device(&self.name, BOUNDS, ca_file, ALLOWED, authorization);
        // Readings of the past have an inlet of their own.
        let filled = Inlet::new(&self.name, history::KIND, entrance.clone(), Keep::All);
        let history = History::new(arrivals, filled, sources.stop_signal().clone(), clock.clone());
        let reader = Reader::new(self.meter(), self.url.clone(), device);
        let poll =
            Poll { reader, inlet, about: About::default(), describer, history, clock: clock.clone(), kept: None };
        sources.start_polled(&self.name, KIND, schedule, poll);
    }

    /// The decoders of its messages.
    pub fn decoders(&self) -> [(&'static str, Decoder); 2] {
        let meter = self.meter();
        let decode = move |recorded: &Recorded<'_>| match history::period_of(recorded.original.origin) {
            Some(period) => history::decode_again(recorded, period, &meter),
            None => decode_again(recorded, &meter),
        };
        let telegrams = Telegrams::new(&self.name, None, true, self.transformers);
        [(FORMAT, Box::new(decode)), (p1::FORMAT, telegrams.into_decoder())]
    }

    /// Requests the values once, for the operator. Both results are sentences.
    ///
    /// # Errors
    /// When the values cannot be read.
    pub async fn connect(&self, clock: Clock) -> Result<Contact, SourceError> {
        let (mut reader, mut about) = (self.reader_once(&clock), About::default());
        let message = reader.read(&clock).await?;
        about.ask(&reader, &clock).await?;
        let decoded = message.decoded.as_ref().map_err(|why| SourceError::Failing(why.clone()))?;
        let answer = format!("returns {} values by {}", decoded.values(), message.origin);
        Ok(Contact::of(answer, decoded, &about.descriptions(&reader, &message), message.received))
    }

    /// Requests the values once.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn probe(&self, clock: Clock) -> Result<Probe, SourceError> {
        let message = self.reader_once(&clock).read(&clock).await?;
        Ok(Probe::of(message.origin, message.decoded.map_err(SourceError::Failing)?))
    }

    fn meter(&self) -> MeterOptions {
        MeterOptions { name: self.name.clone(), transformers: self.transformers }
    }

    fn reader_once(&self, clock: &Clock) -> Reader {
        let (ca_file, authorization) = (self.ca_file.as_ref(), self.authorization.clone());
        let device = HttpDevice::once(&self.name, BOUNDS, ca_file, ALLOWED, authorization, clock.clone());
        Reader::new(self.meter(), self.url.clone(), device)
    }
}

/// The polling of a logger.
#[derive(Debug)]
struct Poll {
    reader: Reader,
    inlet: Inlet,
    about: About,
    describer: Describer,
    history: History,
    clock: Clock,
    /// The logger's info that was kept last, and its version.
    kept: Option<(Bytes, String)>,
}

impl Poll {
    /// The version of the context of a document: the logger's info. Empty without one.
    async fn context(&mut self) -> Result<&str, SourceError> {
        let info = &self.reader.info;
        if self.kept.as_ref().is_none_or(|(kept, _)| kept != info) {
            self.kept = Some((info.clone(), self.reader.keep_info(&self.inlet).await?));
        }
        Ok(self.kept.as_ref().map_or("", |(_, version)| version))
    }
}

impl Polled for Poll {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let message = self.reader.read(&self.clock).await?;
        reporter.set("read_by", message.origin);
        let is_document = message.format == FORMAT;
        let context = if is_document { self.context().await?.to_owned() } else { String::new() };
        let original = Original {
            bytes: &message.body,
            content_type: if is_document { "application/json" } else { "text/plain" },
            origin: message.origin,
            format: message.format,
            context: &context,
            ..Original::default()
        };
        self.inlet.offer_read(&message.decoded, &original, message.received, reporter).await?;
        self.about.ask(&self.reader, &self.clock).await?;
        self.describer.describe(reporter, || self.about.descriptions(&self.reader, &message)).await;
        self.history.fill(&mut self.reader, reporter).await
    }
}

#[cfg(test)]
mod tests;
