//! Reads a logger: its telegram, or its values and its identity, by the version of the interface that it has.

use crate::clock::Clock;
use crate::reading::{MeterId, UnixNanos};
use crate::source::device::{HttpDevice, with_path};
use crate::source::p1::{self, Telegrams, UNNAMED};
use crate::source::parts::Parts;
use crate::source::stream::Messages as _;
use crate::source::{Decoded, Inlet, Recorded, SourceError};
use crate::vendor::Transformers;
use crate::vendor::dsmr_logger::{Document, Identity};
use crate::vendor::p1::VENDOR;
use crate::wire::batch::Original;
use bytes::Bytes;
use hyper::{StatusCode, Uri};

/// The format of its documents.
pub(in crate::source) const FORMAT: &str = "dsmr-logger";
/// After this number of telegrams in a row that did not come, the logger is asked for its values alone.
const TELEGRAMS_FAILED_MAX: u32 = 3;
/// It is asked for a telegram again after this number of polls.
const TELEGRAM_AGAIN_AFTER: u32 = 360;

/// The paths of each version of the interface.
const PATHS: [Paths; 3] = [
    Paths {
        telegram: "/api/v2/sm/telegram",
        info: "/api/v2/sm/info",
        actual: "/api/v2/sm/actual",
        history: "/api/v2/hist/",
        logger: "/api/v2/dev/info",
    },
    Paths {
        telegram: "/api/v1/sm/telegram",
        info: "/api/v1/sm/info",
        actual: "/api/v1/sm/actual",
        history: "/api/v1/hist/",
        logger: "/api/v1/dev/info",
    },
    Paths { telegram: "", info: "", actual: "/api/v0/sm/actual", history: "", logger: "" },
];

/// The paths of one version; empty if it has none.
#[derive(Debug)]
pub(super) struct Paths {
    telegram: &'static str,
    info: &'static str,
    actual: &'static str,
    /// The name of a period follows.
    pub(super) history: &'static str,
    /// The logger's own description.
    pub(super) logger: &'static str,
}

/// A message of a logger.
pub(super) struct Message {
    /// The path that it came from.
    pub(super) origin: &'static str,
    pub(super) format: &'static str,
    pub(super) body: Bytes,
    pub(super) received: UnixNanos,
    /// The values, or why they cannot be read.
    pub(super) decoded: Result<Decoded, String>,
}

/// The user's knowledge of the meter behind a logger.
#[derive(Debug, Clone)]
pub struct MeterOptions {
    /// Its native id while it sends none.
    pub name: String,
    /// The transformers in front of it.
    pub transformers: Transformers,
}

/// Decodes a document of the meter with this identity. The error is a sentence.
fn decode(body: &[u8], identity: &Identity, options: &MeterOptions, received: UnixNanos) -> Result<Decoded, String> {
    let document = Document::read(body, identity).map_err(|error| error.to_string())?;
    if !document.has_fields() {
        return Err("the answer has no fields of a DSMR-logger".to_owned());
    }
    Ok(decoded(&document, options, received))
}

/// The readings of a document.
pub(in crate::source) fn decoded(document: &Document, options: &MeterOptions, received: UnixNanos) -> Decoded {
    let parts = document.at().map_or_else(|| Parts::new(received), |at| Parts::with_events(received, at));
    let mut parts = parts.behind(options.transformers);
    document.visit(|part| {
        parts.add(part, |channel| meter(document.identity(), &options.name, channel));
    });
    let mut decoded = parts.into_decoded();
    decoded.facts.extend(document.remarks().map(|(name, remark)| (name, remark.into())));
    decoded
}

/// Decodes a document of the journal again. Its context is the logger's info. The error is a sentence.
pub(in crate::source) fn decode_again(recorded: &Recorded<'_>, options: &MeterOptions) -> Result<Decoded, String> {
    decode(recorded.original.bytes, &recorded_identity(recorded)?, options, recorded.received)
}

/// The identity of the meter of a message of the journal.
pub(super) fn recorded_identity(recorded: &Recorded<'_>) -> Result<Identity, String> {
    Ok(recorded.context.map(identity_of).transpose()?.unwrap_or_default())
}

/// The id of the meter with this identity, or of a device behind it.
pub(super) fn meter(identity: &Identity, source: &str, channel: &str) -> MeterId {
    if identity.equipment_id.is_some() || identity.identification.is_some() {
        MeterId::named(VENDOR, &identity.native_id(channel))
    } else {
        MeterId::of_channel(UNNAMED, source, channel)
    }
}

/// The identity that a logger's info gives. The error is a sentence.
fn identity_of(info: &[u8]) -> Result<Identity, String> {
    let info = Document::read(info, &Identity::default());
    info.map(|info| info.identity().clone()).map_err(|error| format!("the logger's info: {error}"))
}

/// Reads a logger.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) url: Uri,
    pub(super) device: HttpDevice,
    pub(super) telegrams: Telegrams,
    /// Telegrams in a row that did not come.
    telegrams_failed: u32,
    /// Polls until a telegram is asked for again.
    polls_until_telegram: u32,
    /// The version of the interface that answered.
    version: Option<usize>,
    pub(super) identity: Option<Identity>,
    /// The answer that gave it; empty if the logger has none.
    pub(super) info: Bytes,
    pub(super) options: MeterOptions,
}

impl Reader {
    pub(super) fn new(options: MeterOptions, url: Uri, device: HttpDevice) -> Self {
        // The device checks what it reads, and some versions send no checksum on.
        let telegrams = Telegrams::new(&options.name, None, true, options.transformers);
        Self {
            url,
            device,
            telegrams,
            telegrams_failed: 0,
            polls_until_telegram: 0,
            version: None,
            identity: None,
            info: Bytes::new(),
            options,
        }
    }

    /// Keeps the logger's info as the context of its documents. Returns its version, empty without one.
    pub(super) async fn keep_info(&self, inlet: &Inlet) -> Result<String, SourceError> {
        if self.info.is_empty() {
            return Ok(String::new());
        }
        let content_type = "application/json";
        inlet.keep_context(Original { bytes: &self.info, content_type, format: FORMAT, ..Original::default() }).await
    }

    pub(super) async fn read(&mut self, clock: &Clock) -> Result<Message, SourceError> {
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
            let received = clock.now();
            let decoded = self.telegrams.decode(&body, received);
            let (origin, format) = (paths.telegram, p1::FORMAT);
            return Ok(decoded.is_ok().then_some(Message { origin, format, body, received, decoded }));
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
            let received = clock.now();
            let decoded = decode(&body, &identity, &self.options, received);
            return Ok(Message { origin: paths.actual, format: FORMAT, body, received, decoded });
        }
        // New firmware may have another version of the interface.
        self.version = None;
        let status = refusal.map_or_else(String::new, |status| status.to_string());
        Err(SourceError::Failing(format!("the device has no known interface of a DSMR-logger: {status}")))
    }

    /// The paths of the version that answered.
    pub(super) fn paths(&self) -> Option<&'static Paths> {
        PATHS.get(self.version?)
    }

    /// The versions to try: all, or the one that answered before.
    fn versions(&self) -> impl Iterator<Item = (usize, &'static Paths)> + use<> {
        let known = self.version;
        PATHS.iter().enumerate().filter(move |(version, _)| known.is_none_or(|known| known == *version))
    }

    /// The identity of the meter, requested once. Without it the readings would be another meter's.
    pub(super) async fn identity(&mut self, paths: &Paths) -> Result<Identity, SourceError> {
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
