//! DSMR-loggers: devices that read a meter's P1 port and answer over HTTP.
//!
//! A logger passes on the telegram itself, or, with less precision, its values as JSON. The telegram is
//! preferred while it comes; a logger that gives none is asked for its values. Knows the requests;
//! `vendor/p1` and `vendor/dsmr_logger` decode. Read-only: no request but those in `ALLOWED`.

use super::allowed::Allowed;
use super::device::{HttpDevice, with_path};
use super::p1::{self, Telegrams, UNNAMED};
use super::parts::Parts;
use super::{Decoded, Decoder, Inlet, Keep, Polled, Recorded, Reporter, Schedule, SourceError, Sources};
use crate::clock::Clock;
use crate::http::{Bounds, CaFile};
use crate::ingest::Entrance;
use crate::reading::{MeterId, UnixNanos};
use crate::vendor::dsmr_logger::{Document, Identity};
use crate::vendor::p1::{Frame, VENDOR, next_frame};
use crate::wire::batch::Original;
use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{StatusCode, Uri};
use std::time::Duration;

/// The kind of source.
const KIND: &str = "dsmr-logger";
/// The format of its documents.
const FORMAT: &str = "dsmr-logger";
/// The limits of one request: a logger waits up to 10 s for the next telegram.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(15), answer_bytes_max: 64 << 10 };
/// The waits after a failure.
const BACKOFF: (Duration, Duration) =
    (if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(10) }, Duration::from_mins(5));
/// After this number of telegrams in a row that did not come, the logger is asked for its values alone.
const TELEGRAMS_FAILED_MAX: u32 = 3;
/// It is asked for a telegram again after this number of polls.
const TELEGRAM_AGAIN_AFTER: u32 = 360;

/// The requests that a logger may be sent. Its settings and months accept PUT and POST without a login.
const ALLOWED: Allowed = Allowed(&[
    "GET /api/v2/sm/telegram",
    "GET /api/v2/sm/info",
    "GET /api/v2/sm/actual",
    "GET /api/v1/sm/telegram",
    "GET /api/v1/sm/info",
    "GET /api/v1/sm/actual",
    "GET /api/v0/sm/actual",
]);

/// The paths of each version of the interface.
const PATHS: [Paths; 3] = [
    Paths { telegram: "/api/v2/sm/telegram", info: "/api/v2/sm/info", actual: "/api/v2/sm/actual" },
    Paths { telegram: "/api/v1/sm/telegram", info: "/api/v1/sm/info", actual: "/api/v1/sm/actual" },
    Paths { telegram: "", info: "", actual: "/api/v0/sm/actual" },
];

/// The paths of one version; empty if it has none.
#[derive(Debug)]
struct Paths {
    telegram: &'static str,
    info: &'static str,
    actual: &'static str,
}

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
}

impl Logger {
    /// Starts its source.
    pub fn start(&self, sources: &Sources, entrance: &Entrance, clock: &Clock) {
        let schedule = Schedule { every: self.every, first_within: self.every, backoff: BACKOFF };
        let inlet = Inlet::new(&self.name, KIND, entrance.clone(), self.keep);
        let (ca_file, authorization) = (self.ca_file.as_ref(), self.authorization.clone());
        let device = sources.device(&self.name, BOUNDS, ca_file, ALLOWED, authorization);
        let reader = Reader::new(&self.name, self.url.clone(), device);
        let poll = Poll { reader, inlet, clock: clock.clone(), kept: None };
        sources.start_polled(&self.name, KIND, schedule, poll);
    }

    /// The decoders of its messages. The context of a document is the logger's info.
    pub fn decoders(&self) -> [(&'static str, Decoder); 2] {
        let name = self.name.clone();
        let decode = move |recorded: &Recorded<'_>| {
            let identity = recorded.context.map(identity_of).transpose()?.unwrap_or_default();
            decode(recorded.original.bytes, &identity, &name, recorded.received)
        };
        let telegrams = Telegrams::new(&self.name, None, true);
        [(FORMAT, Box::new(decode)), (p1::FORMAT, telegrams.into_decoder())]
    }

    /// Requests the values once, for the operator. Both results are sentences.
    ///
    /// # Errors
    /// When the values cannot be read.
    pub async fn connect(&self, clock: Clock) -> Result<String, SourceError> {
        let (ca_file, authorization) = (self.ca_file.as_ref(), self.authorization.clone());
        let device = HttpDevice::once(&self.name, BOUNDS, ca_file, ALLOWED, authorization, clock.clone());
        let message = Reader::new(&self.name, self.url.clone(), device).read(&clock).await?;
        Ok(format!("returns {} values by {}", message.decoded.values(), message.origin))
    }
}

/// A message of a logger.
struct Message {
    origin: &'static str,
    format: &'static str,
    body: Bytes,
    decoded: Decoded,
}

/// Decodes a document of the meter with this identity. The error is a sentence.
fn decode(body: &[u8], identity: &Identity, source: &str, received: UnixNanos) -> Result<Decoded, String> {
    let document = Document::read(body, identity).map_err(|error| error.to_string())?;
    let is_known = document.identity().equipment_id.is_some() || document.identity().identification.is_some();
    let mut parts = document.at().map_or_else(|| Parts::new(received), |at| Parts::with_events(received, at));
    document.visit(|part| {
        parts.add(part, |channel| {
            if is_known {
                MeterId::named(VENDOR, &document.native_id(channel))
            } else {
                MeterId::of_channel(UNNAMED, source, channel)
            }
        });
    });
    Ok(parts.into_decoded())
}

/// The identity that a logger's info gives. The error is a sentence.
fn identity_of(info: &[u8]) -> Result<Identity, String> {
    let info = Document::read(info, &Identity::default());
    info.map(|info| info.identity().clone()).map_err(|error| format!("the logger's info: {error}"))
}

/// Reads a logger.
#[derive(Debug)]
struct Reader {
    url: Uri,
    device: HttpDevice,
    telegrams: Telegrams,
    /// Telegrams in a row that did not come.
    telegrams_failed: u32,
    /// Polls until a telegram is asked for again.
    polls_until_telegram: u32,
    /// The version of the interface that answered.
    version: Option<usize>,
    identity: Option<Identity>,
    /// The answer that gave it; empty if the logger has none.
    info: Bytes,
    name: String,
}

impl Reader {
    fn new(name: &str, url: Uri, device: HttpDevice) -> Self {
        // The device checks what it reads, and some versions send no checksum on.
        let telegrams = Telegrams::new(name, None, true);
        Self {
            url,
            device,
            telegrams,
            telegrams_failed: 0,
            polls_until_telegram: 0,
            version: None,
            identity: None,
            info: Bytes::new(),
            name: name.to_owned(),
        }
    }

    async fn read(&mut self, clock: &Clock) -> Result<Message, SourceError> {
        if let Some(left) = self.polls_until_telegram.checked_sub(1) {
            self.polls_until_telegram = left;
            if left == 0 {
                // The meter may have been exchanged meanwhile, and the values do not hold its id.
                self.identity = None;
            }
            return self.values(clock).await;
        }
        if let Some(message) = self.telegram(clock).await? {
            self.telegrams_failed = 0;
            return Ok(message);
        }
        let message = self.values(clock).await?;
        // The logger answers, so it is the telegram that does not come.
        self.telegrams_failed += 1;
        if self.telegrams_failed == TELEGRAMS_FAILED_MAX {
            (self.telegrams_failed, self.polls_until_telegram) = (0, TELEGRAM_AGAIN_AFTER);
        }
        Ok(message)
    }

    /// The telegram; `None` if the logger gives none, or one that cannot be read. A telegram that is
    /// too long for the logger gets no reply at all.
    async fn telegram(&mut self, clock: &Clock) -> Result<Option<Message>, SourceError> {
        for (version, paths) in self.versions().filter(|(_, paths)| !paths.telegram.is_empty()) {
            let body = match self.device.get_if_found(&with_path(&self.url, paths.telegram)?).await {
                Ok(Ok(body)) => body,
                Ok(Err(_)) => continue,
                Err(SourceError::Failing(_)) => return Ok(None),
                Err(error) => return Err(error),
            };
            self.version = Some(version);
            let Some((_, Frame::Telegram(telegram), _)) = next_frame(&body, true) else { return Ok(None) };
            let decoded = self.telegrams.decoded(&telegram, clock.now()).ok();
            let (origin, format) = (paths.telegram, p1::FORMAT);
            return Ok(decoded.map(|decoded| Message { origin, format, body: body.clone(), decoded }));
        }
        Ok(None)
    }

    /// The values, by the newest version of the interface that the logger has.
    async fn values(&mut self, clock: &Clock) -> Result<Message, SourceError> {
        let mut refusal = None;
        for (version, paths) in self.versions() {
            let body = match self.device.get_if_found(&with_path(&self.url, paths.actual)?).await? {
                Ok(body) => body,
                Err(status) => {
                    refusal = Some(status);
                    continue;
                }
            };
            self.version = Some(version);
            let identity = self.identity(paths).await?;
            let decoded = decode(&body, &identity, &self.name, clock.now()).map_err(SourceError::Failing)?;
            return Ok(Message { origin: paths.actual, format: FORMAT, body, decoded });
        }
        // New firmware may have another version of the interface.
        self.version = None;
        let status = refusal.map_or_else(String::new, |status| status.to_string());
        Err(SourceError::Failing(format!("the device has no known interface of a DSMR-logger: {status}")))
    }

    /// The versions to try: all, or the one that answered before.
    fn versions(&self) -> impl Iterator<Item = (usize, &'static Paths)> + use<> {
        let known = self.version;
        PATHS.iter().enumerate().filter(move |(version, _)| known.is_none_or(|known| known == *version))
    }

    /// The identity of the meter, requested once. Without it the readings would be another meter's.
    async fn identity(&mut self, paths: &Paths) -> Result<Identity, SourceError> {
        if let Some(identity) = &self.identity {
            return Ok(identity.clone());
        }
        let mut identity = Identity::default();
        self.info = Bytes::new();
        if !paths.info.is_empty() {
            match self.device.get_if_found(&with_path(&self.url, paths.info)?).await? {
                Ok(body) => {
                    identity = identity_of(&body).map_err(SourceError::Failing)?;
                    self.info = body;
                }
                Err(StatusCode::NOT_FOUND) => {}
                Err(status) => return Err(SourceError::Failing(format!("the logger's info was answered {status}"))),
            }
        }
        self.identity = Some(identity.clone());
        Ok(identity)
    }
}

/// The polling of a logger.
#[derive(Debug)]
struct Poll {
    reader: Reader,
    inlet: Inlet,
    clock: Clock,
    /// The logger's info that was kept last, and its version.
    kept: Option<(Bytes, String)>,
}

impl Poll {
    /// The version of the context of a document: the logger's info. Empty without one.
    async fn context(&mut self) -> Result<&str, SourceError> {
        let info = &self.reader.info;
        if info.is_empty() {
            return Ok("");
        }
        if self.kept.as_ref().is_none_or(|(kept, _)| kept != info) {
            let original =
                Original { bytes: info, content_type: "application/json", format: FORMAT, ..Original::default() };
            let version = self.inlet.keep_context(original).await?;
            self.kept = Some((info.clone(), version));
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
        self.inlet.offer(&message.decoded, &original, reporter).await
    }
}

#[cfg(test)]
mod tests;
