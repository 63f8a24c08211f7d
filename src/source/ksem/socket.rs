//! A WebSocket of a device: frames of values, several a second.
//!
//! Invariants: the token is the first message and the only one that is sent; a silent device is connected
//! again; information about the device is read beside the frames and never delays them.

use super::access::Access;
use super::information::{self, Information};
use super::login::Session;
use super::poll::LAST_STATUS_NOT_OK;
use super::resource::{Resource, Topic};
use crate::clock::Clock;
use crate::http::WebSocket;
use crate::reading::{MeterId, UnixNanos};
use crate::source::intake::Intake;
use crate::source::parts::Parts;
use crate::source::stream::{broke, silent};
use crate::source::{Connected, Decoded, Inlet, Reporter, SourceError};
use crate::vendor::ksem::gdr::{self, Configuration};
use crate::vendor::ksem::{VENDOR, status_not_ok};
use crate::wire::batch::Original;
use bytes::Bytes;
use hyper::StatusCode;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The format of a frame and of its context.
pub(super) const FORMAT: &str = "ksem-gdr";
/// The media type of a frame.
const CONTENT_TYPE: &str = "application/protobuf";
/// A connection without a frame for this long counts as broken.
const SILENCE_MAX: Duration = if cfg!(test) { Duration::from_secs(5) } else { Duration::from_secs(30) };

/// The WebSocket of a topic.
#[derive(Debug)]
pub(super) struct Socket {
    access: Access,
    topic: Topic,
    information: Option<Information>,
    intake: Intake,
    /// The configuration that was kept last, and its version.
    kept: Option<(Configuration, String)>,
    clock: Clock,
}

impl Socket {
    pub(super) fn new(
        access: Access,
        topic: Topic,
        information: Option<Information>,
        inlet: Inlet,
        clock: Clock,
    ) -> Self {
        Self { access, topic, information, intake: Intake::new(inlet), kept: None, clock }
    }

    /// The version of the context of a connection's frames: the configuration. Empty without one.
    async fn context(&mut self, connection: &mut Frames) -> Result<String, SourceError> {
        let Some((body, configuration)) = &connection.configuration else { return Ok(String::new()) };
        // The device writes the time into it, so that the bytes are others every time.
        if let Some((_, version)) = self.kept.as_ref().filter(|(kept, _)| kept == configuration) {
            return Ok(version.clone());
        }
        let device = &connection.serial;
        let original =
            Original { bytes: body, content_type: CONTENT_TYPE, format: FORMAT, device, ..Original::default() };
        let version = self.intake.keep_context(original).await?;
        self.kept = Some((configuration.clone(), version.clone()));
        Ok(version)
    }

    /// Takes frames until `future` is ready; `None` if the connection ends before.
    async fn take_until<T>(
        &mut self,
        future: impl Future<Output = T>,
        connection: &mut Frames,
        (origin, context): (&str, &str),
        reporter: &mut Reporter,
    ) -> Result<Option<T>, SourceError> {
        let mut future = pin!(future);
        loop {
            let frame = tokio::select! {
                frame = connection.next() => frame?,
                ready = &mut future => return Ok(Some(ready)),
            };
            let Some(frame) = frame else { return Ok(None) };
            connection.note_frame(self.access.session());
            let received = self.clock.now();
            let decoded = connection.decode(&frame, received);
            let original = Original {
                bytes: &frame,
                content_type: CONTENT_TYPE,
                origin,
                format: FORMAT,
                device: &connection.serial,
                context,
                ..Original::default()
            };
            self.intake.take(decoded, &original, received, reporter).await?;
        }
    }

    /// The frames of a connection, until it ends.
    async fn frames(&mut self, mut connection: Frames, reporter: &mut Reporter) -> Result<(), SourceError> {
        self.intake.begin();
        let origin = Resource::Socket(self.topic).path();
        let context = self.context(&mut connection).await?;
        loop {
            let next = self.information.as_ref().map(Information::next);
            let due = async move {
                match next {
                    Some((subject, at)) => {
                        tokio::time::sleep_until(at.into()).await;
                        subject
                    }
                    None => std::future::pending().await,
                }
            };
            let message = (origin.as_str(), context.as_str());
            let Some(subject) = self.take_until(due, &mut connection, message, reporter).await? else {
                return connection.ended(self.access.session());
            };
            // A connection may outlive its token.
            let requests = self.access.authorized().await;
            let answer = information::answer(requests, subject, self.clock.clone());
            let Some(answer) = self.take_until(answer, &mut connection, message, reporter).await? else {
                return connection.ended(self.access.session());
            };
            if let Some(information) = &mut self.information {
                information.take(answer, &mut self.access, reporter).await?;
                connection.serial = self.access.serial().await?;
                reporter.publish();
            }
        }
    }
}

impl Connected for Socket {
    async fn connect(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        self.access.forget_identity();
        let connection = Frames::open(&mut self.access, self.topic).await?;
        reporter.set("device", self.access.identity().join(", "));
        if let Some(end) = self.access.session().token_end() {
            reporter.set("token_valid_until", end);
        }
        self.frames(connection, reporter).await
    }
}

/// Reads the first frame of a topic.
pub(super) async fn read_once(access: &mut Access, topic: Topic, clock: &Clock) -> Result<Decoded, SourceError> {
    let mut connection = Frames::open(access, topic).await?;
    match connection.next().await? {
        Some(frame) => connection.decode(&frame, clock.now()).map_err(SourceError::Failing),
        None => Err(access.session().refused()),
    }
}

/// Decodes a frame of the device with this serial number. The error is a sentence.
pub(super) fn decode(
    frame: &[u8],
    configuration: Option<&Configuration>,
    serial: &str,
    received: UnixNanos,
) -> Result<Decoded, String> {
    let mut parts = Parts::new(received);
    let mut not_ok = None;
    let read = gdr::read(frame, configuration, |part| {
        not_ok = status_not_ok(&part).or_else(|| not_ok.take());
        parts.add(part, |channel| MeterId::of_channel(VENDOR, serial, channel));
    });
    read.map_err(|error| error.to_string())?;
    let mut decoded = parts.into_decoded();
    decoded.facts.extend(not_ok.map(|status| (LAST_STATUS_NOT_OK, status.into())));
    Ok(decoded)
}

/// An open WebSocket with what its frames need.
#[derive(Debug)]
struct Frames {
    socket: WebSocket,
    /// The meter's identity.
    serial: String,
    /// Its bytes and its content, if it defines values.
    configuration: Option<(Bytes, Configuration)>,
    has_frames: bool,
    silent_at: Instant,
}

impl Frames {
    async fn open(access: &mut Access, topic: Topic) -> Result<Self, SourceError> {
        let serial = access.serial().await?;
        // It has units and scales. A device without one has the usual ones.
        let configuration = match access.get(Resource::Configuration(topic)).await {
            Ok(Ok(body)) => Configuration::read(&body).ok().map(|configuration| (body, configuration)),
            // This device has none, or this login may not read it.
            Ok(Err(StatusCode::NOT_FOUND)) | Err(SourceError::Misconfigured { .. }) => None,
            // A fault, or a refusal that does not say so. The registers of the grid meter have fixed scales, and
            // the information names the fault and asks again.
            Ok(Err(StatusCode::INTERNAL_SERVER_ERROR)) if topic == Topic::SmartMeter => None,
            // Without it, values could have another scale.
            Ok(Err(status)) => {
                return Err(SourceError::Failing(format!("the request for the configuration was answered {status}")));
            }
            Err(error) => return Err(error),
        };
        let has_definitions = |configuration: &Configuration| {
            configuration.channels.iter().any(|channel| !channel.definitions.is_empty())
        };
        let configuration = configuration.filter(|(_, configuration)| has_definitions(configuration));
        let socket = access.open(topic).await?;
        Ok(Self { socket, serial, configuration, has_frames: false, silent_at: Instant::now() + SILENCE_MAX })
    }

    /// The next frame; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match timeout_at(self.silent_at, self.socket.next()).await {
            Ok(Ok(frame)) => Ok(frame),
            // Before the first frame, a device that refuses the token may also just hang up.
            Ok(Err(_)) if !self.has_frames => Ok(None),
            Ok(Err(error)) => Err(broke(error)),
            Err(_) => Err(silent(SILENCE_MAX)),
        }
    }

    /// Notes that a frame came: the device accepts the token.
    fn note_frame(&mut self, session: &mut Session) {
        self.silent_at = Instant::now() + SILENCE_MAX;
        self.has_frames = true;
        session.accepted();
    }

    /// The values of a frame. The error is a sentence.
    fn decode(&self, frame: &[u8], received: UnixNanos) -> Result<Decoded, String> {
        let configuration = self.configuration.as_ref().map(|(_, configuration)| configuration);
        decode(frame, configuration, &self.serial, received)
    }

    /// The meaning of the end of the connection: without a frame, the token is refused.
    fn ended(&self, session: &mut Session) -> Result<(), SourceError> {
        if self.has_frames { Ok(()) } else { Err(session.refused()) }
    }
}
