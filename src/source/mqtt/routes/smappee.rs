//! Smappee's monitors at their own broker, at ours or at the vendor's cloud.
//!
//! A monitor is known by the secret UUID of its location, or by its serial number, which its retained
//! configuration says. Invariants: the UUID leaves this file only in a topic to subscribe or to publish to;
//! what is stored and shown has the public id. Live values are thinned before they are decoded; the cloud's are
//! also compared every 30 s. The locations that are followed are bounded.

mod cloud;

pub use cloud::Cloud;

use super::message::{Context, Found, Message, Readings, Thinning, UNREADABLE, Unreadable};
use crate::reading::UnixNanos;
use crate::secret::Secret;
use crate::source::mqtt::publication::Publication;
use crate::source::parts::Parts;
use crate::source::{Decoded, Inlet, Recorded};
use crate::vendor::MessageError;
use crate::vendor::smappee::{Document, Kind, Location, Monitor, Outcome, Topic, hide, with_document};
use cloud::Live;
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;
use uuid::Uuid;

/// Locations that are followed, including locations of other owners: those are forgotten before it is exceeded.
const LOCATIONS_MAX: usize = 20_000;
/// The first segment of every topic.
pub(super) const ROOT: &str = "servicelocation";

/// The monitors behind a broker.
#[derive(Debug, Clone, Default)]
pub struct Monitors {
    /// Whether every monitor at this broker is ours.
    pub all: bool,
    /// Their locations.
    pub locations: Vec<Secret>,
    /// Their serial numbers.
    pub serials: Vec<String>,
    /// The monitors at the vendor's cloud, which wants to be asked for live values.
    pub cloud: Vec<Cloud>,
}

impl Monitors {
    /// The topic filters of these monitors.
    pub(super) fn filters(&self) -> Vec<String> {
        if self.all || !self.serials.is_empty() {
            return vec![format!("{ROOT}/+/#")];
        }
        self.locations.iter().map(|location| format!("{ROOT}/{}/#", location.expose())).collect()
    }
}

/// The monitors and their state.
#[derive(Debug)]
pub(super) struct State {
    all: bool,
    serials: Vec<String>,
    locations: HashMap<Location, Follows>,
    /// Bytes of the documents of all locations whose owner is not known.
    undecided_bytes: usize,
    live: Live,
}

/// The format of its messages in the journal.
pub(super) const FORMAT: &str = "smappee-mqtt";

/// A monitor with the version of its configuration.
#[derive(Debug)]
struct Ours {
    monitor: Monitor,
    /// The version of the kept configuration; `None` before the first message.
    version: Option<String>,
    /// The configuration that is not kept yet: it waits for a message that needs it, because its parts come
    /// one by one.
    unkept: Option<Vec<u8>>,
}

/// A location whose owner is not known yet.
#[derive(Debug)]
struct Undecided {
    monitor: Monitor,
    /// The parts of its configuration that have come.
    documents: Vec<(Document, Vec<u8>)>,
}

/// Bytes of one part, and of all parts of all locations, that are kept while an owner is not known. Every client
/// of the broker can send them.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;
const UNDECIDED_BYTES_MAX: usize = 16 << 20;

/// A location that was heard or is configured.
#[derive(Debug)]
enum Follows {
    /// It is ours.
    Ours(Box<Ours>),
    /// Its serial number is not known yet.
    Undecided(Box<Undecided>),
    /// It belongs to another owner.
    Other,
}

impl State {
    pub(super) fn new(monitors: &Monitors) -> Self {
        let uuids = monitors.locations.iter().filter_map(|location| Uuid::parse_str(location.expose()).ok());
        let ours = uuids.map(Location::of_uuid).map(|it| (it, Follows::Ours(Box::new(Ours::new(it)))));
        Self {
            all: monitors.all,
            serials: monitors.serials.clone(),
            locations: ours.collect(),
            undecided_bytes: 0,
            live: Live::new(&monitors.cloud),
        }
    }

    /// Takes a message of a topic below [`ROOT`].
    pub(super) fn take(&mut self, message: &Message<'_>, inlet: &mut Inlet, now: Instant) -> Found {
        let Some(topic) = Topic::parse(message.topic) else { return Found::Unknown };
        let hidden = hide(message.topic, message.payload);
        let is_cloud = topic.kind == Kind::Power && self.live.is_due(topic.location, now);
        let Some(ours) = self.ours(topic, &hidden, inlet) else { return Found::LeftOut("other_monitor") };
        if message.is_retained && topic.kind == Kind::Presence {
            return Found::LeftOut("retained");
        }
        let (meter, is_live) = (topic.location.meter(""), matches!(topic.kind, Kind::Realtime | Kind::Power));
        // Without a usable time of its own, its readings have the receive time.
        let at = is_live.then(|| time_of(message.payload).unwrap_or(message.received));
        let is_thinned = at.is_some_and(|at| !inlet.admits(meter, at));
        if is_thinned && !is_cloud {
            return Found::Thinned;
        }
        ours.remember(inlet);
        let outcome = read(&mut ours.monitor, topic.kind, &hidden, message.received);
        let origin = Topic::hidden(message.topic).unwrap_or_default();
        match outcome {
            Err(_) if is_thinned => Found::Thinned,
            Err(error) => {
                let message = of_location(Decoded::default(), &origin, (topic.location, ours.context()), hidden);
                Found::Unreadable(Unreadable::new(format!("{topic}: {error}"), message))
            }
            Ok((Outcome::Read | Outcome::Reported, decoded)) => {
                let context = ours.context();
                if is_cloud {
                    self.live.note(topic.location, &decoded, now);
                }
                if is_thinned {
                    return Found::Thinned;
                }
                if let Some(at) = at {
                    inlet.mark_seen(meter, at);
                }
                found(decoded, origin, (topic.location, context), hidden.into_owned())
            }
            Ok((Outcome::Configured, _)) => {
                if let Kind::Configuration(document) = topic.kind {
                    ours.configured(document, &hidden, inlet);
                }
                Found::LeftOut("ignored")
            }
            Ok((Outcome::Repeated | Outcome::Ignored, _)) => Found::LeftOut("ignored"),
            Ok((Outcome::Unknown, _)) => Found::Unknown,
        }
    }

    /// The configuration of a location was kept as this version.
    pub(super) fn kept(&mut self, device: &str, version: &str) {
        let location = Uuid::parse_str(device).map(Location::of_public_id);
        if let Ok(location) = location
            && let Some(Follows::Ours(ours)) = self.locations.get_mut(&location)
        {
            (ours.version, ours.unkept) = (Some(version.to_owned()), None);
        }
    }

    /// The monitor of a topic, if it is ours. A configuration may decide that.
    fn ours(&mut self, topic: Topic, hidden: &[u8], inlet: &Inlet) -> Option<&mut Ours> {
        let Self { all, serials, locations, undecided_bytes, .. } = self;
        if !locations.contains_key(&topic.location) {
            if locations.len() >= LOCATIONS_MAX && !*all {
                // Every client of the broker can name locations. They lock out none of ours.
                locations.retain(|_, follows| matches!(follows, Follows::Ours(_)));
                *undecided_bytes = 0;
            }
            if locations.len() >= LOCATIONS_MAX {
                return None;
            }
            let location = topic.location;
            // After a restart the messages of the session come before the retained configuration: the kept
            // one tells whose they are. Another serial number in it decides nothing: monitors move.
            let mut ours = Ours::new(location);
            ours.remember(inlet);
            let is_known = serials.contains(&ours.monitor.configuration().serial);
            let follows = if *all || is_known {
                Follows::Ours(Box::new(ours))
            } else {
                Follows::Undecided(Box::new(Undecided { monitor: Monitor::new(location), documents: Vec::new() }))
            };
            locations.insert(topic.location, follows);
        }
        let follows = locations.get_mut(&topic.location)?;
        if let Follows::Undecided(undecided) = follows
            && let Kind::Configuration(document) = topic.kind
        {
            let Undecided { monitor, documents } = &mut **undecided;
            // One that cannot be read is counted when it is ours.
            let is_read = monitor.read(topic.kind, hidden, |_, _| {}).is_ok();
            let serial = &monitor.configuration().serial;
            if serials.contains(serial) {
                let mut ours = Ours::new(topic.location);
                for (document, message) in std::mem::take(documents) {
                    *undecided_bytes -= message.len();
                    ours.apply(document, &message);
                }
                *follows = Follows::Ours(Box::new(ours));
            } else if is_read && document == Document::Config && !serial.is_empty() {
                *undecided_bytes -= documents.iter().map(|(_, message)| message.len()).sum::<usize>();
                *follows = Follows::Other;
            } else if is_read && hidden.len() <= DOCUMENT_BYTES_MAX {
                // The newest of each kind.
                if let Some(known) = documents.iter().position(|(known, _)| *known == document) {
                    *undecided_bytes -= documents.remove(known).1.len();
                }
                if *undecided_bytes + hidden.len() <= UNDECIDED_BYTES_MAX {
                    *undecided_bytes += hidden.len();
                    documents.push((document, hidden.to_vec()));
                }
            }
        }
        match follows {
            Follows::Ours(ours) => Some(ours),
            Follows::Undecided(_) | Follows::Other => None,
        }
    }

    /// The number of monitors that are ours and were configured or heard.
    pub(super) fn monitors(&self) -> usize {
        self.locations.values().filter(|follows| matches!(follows, Follows::Ours(_))).count()
    }

    /// A connection has begun: the cloud has to be asked again.
    pub(super) fn connected(&mut self, now: Instant) {
        self.live.connected(now);
    }

    /// The requests for live values that are due.
    pub(super) fn publications(&mut self, client_id: &str, now: Instant) -> Vec<Publication> {
        self.live.due(client_id, now)
    }

    /// Why live values are not to be trusted, in one sentence.
    pub(super) fn stale(&self, now: Instant) -> Option<String> {
        self.live.stale(now)
    }
}

impl Ours {
    fn new(location: Location) -> Self {
        Self { monitor: Monitor::new(location), version: None, unkept: None }
    }

    /// After a restart: the configuration that was kept last, until the retained one comes.
    fn remember(&mut self, inlet: &Inlet) {
        if self.version.is_some() || self.unkept.is_some() {
            return;
        }
        let location = self.monitor.location();
        let newest = inlet.newest_context(&location.to_string());
        let known = newest.and_then(|(version, bytes)| Some((version, Monitor::of_context(location, &bytes).ok()?)));
        self.version = Some(String::new());
        if let Some((version, monitor)) = known {
            (self.version, self.monitor) = (Some(version), monitor);
        }
    }

    /// A part of the configuration changed.
    fn configured(&mut self, document: Document, message: &[u8], inlet: &Inlet) {
        let before = self.unkept.take().or_else(|| {
            let newest = inlet.newest_context(&self.monitor.location().to_string());
            newest.map(|(_, bytes)| bytes.to_vec())
        });
        self.unkept = with_document(&before.unwrap_or_default(), document, message).ok();
    }

    /// A part of the configuration that came before the owner was known.
    fn apply(&mut self, document: Document, message: &[u8]) {
        let kind = Kind::Configuration(document);
        if matches!(self.monitor.read(kind, message, |_, _| {}), Ok(Outcome::Configured)) {
            let before = self.unkept.take().unwrap_or_default();
            self.unkept = with_document(&before, document, message).ok();
        }
    }

    /// The context of a message that was read now.
    fn context(&self) -> Context {
        match &self.unkept {
            Some(context) => Context::New(context.clone()),
            None => Context::Kept(self.version.clone().unwrap_or_default()),
        }
    }
}

/// Reads a message into readings.
fn read(
    monitor: &mut Monitor,
    kind: Kind,
    hidden: &[u8],
    received: UnixNanos,
) -> Result<(Outcome, Decoded), MessageError> {
    let mut parts = Parts::new(received);
    let outcome = monitor.read(kind, hidden, |meter, part| parts.add(part, |_| meter))?;
    Ok((outcome, parts.into_decoded()))
}

/// Decodes a message of the journal again.
pub(super) fn decode_again(recorded: &Recorded<'_>) -> Result<Decoded, String> {
    let topic = Topic::parse(recorded.original.origin).ok_or("the record has no topic of a monitor")?;
    let monitor = match recorded.context {
        Some(context) => Monitor::of_context(topic.location, context),
        None => Ok(Monitor::new(topic.location)),
    };
    let decoded = monitor.and_then(|mut it| read(&mut it, topic.kind, recorded.original.bytes, recorded.received));
    decoded.map(|(_, decoded)| decoded).map_err(|error| error.to_string())
}

/// A message with values, or one that is kept for its texts.
fn found(decoded: Decoded, origin: String, (location, context): (Location, Context), hidden: Vec<u8>) -> Found {
    if decoded.readings.is_empty() && decoded.unreadable == 0 {
        return Found::Kept { origin, original: hidden };
    }
    let is_unreadable = decoded.readings.is_empty();
    let readings = of_location(decoded, &origin, (location, context), hidden.into());
    if is_unreadable { Found::Unreadable(Unreadable::new(UNREADABLE, readings)) } else { Found::Readings(readings) }
}

/// A message of a location with its context.
fn of_location(decoded: Decoded, origin: &str, of: (Location, Context), hidden: Cow<'_, [u8]>) -> Readings {
    let (readings, (location, context)) = (Readings::new(decoded, origin), of);
    let (device, original) = (location.to_string(), Some(hidden.into_owned()));
    Readings { thinning: Thinning::Done, format: FORMAT, device, context, original, ..readings }
}

/// The time of live values, found without reading the message. In the forms seen it is a number of
/// milliseconds.
fn time_of(payload: &[u8]) -> Option<UnixNanos> {
    const MEMBER: &[u8] = b"\"utcTimeStamp\"";
    let start = payload.windows(MEMBER.len()).rposition(|window| window == MEMBER)?;
    let rest = payload.get(start + MEMBER.len()..)?;
    let digits = rest
        .iter()
        .skip_while(|byte| matches!(byte, b':' | b'"') || byte.is_ascii_whitespace())
        .take_while(|byte| byte.is_ascii_digit());
    let mut millis: i64 = 0;
    for digit in digits {
        millis = millis.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
    }
    if millis == 0 { None } else { millis.checked_mul(1_000_000).map(UnixNanos) }
}

#[cfg(test)]
mod tests;
