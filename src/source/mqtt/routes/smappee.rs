//! Smappee's monitors at their own broker, at ours or at the vendor's cloud.
//!
//! A monitor is known by the secret UUID of its location, or by its serial number, which its retained
//! configuration says: with a serial number the values are subscribed to once the configuration is kept, so no
//! message is acknowledged before it is known whose it is, also after a restart. Invariants: the UUID leaves
//! this file only in a topic to subscribe or to publish to; what is stored and shown has the public id. Live
//! values are thinned before they are decoded; the cloud's are also compared every 30 s. Their arrays are read
//! with the metering configuration that an account at the cloud keeps as a context; it becomes a part of the
//! monitor's own. The locations that are followed are bounded.

mod cloud;
mod decode;

pub use cloud::Cloud;
pub(super) use decode::decode_again;

use super::message::{Context, Found, Message, Readings, Thinning, UNREADABLE, Unreadable};
use crate::contexts::version_of;
use crate::reading::UnixNanos;
use crate::secret::Secret;
use crate::source::describer::Described;
use crate::source::mqtt::publication::Publication;
use crate::source::{Decoded, Inlet, smappee};
use crate::vendor::smappee::{Document, Kind, Location, Monitor, Outcome, Topic, hide, with_document};
use cloud::Live;
use decode::read;
use lru::LruCache;
use memchr::memmem;
use rumqttc::QoS;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Locations that are followed. Beyond it the least recently heard one is forgotten; its next message brings it back.
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
    /// The accounts at the vendor's cloud. They read the metering configurations of locations, which its live values
    /// lack.
    pub accounts: Vec<String>,
}

impl Monitors {
    /// The topic filters of these monitors. Which values a serial number needs, its configuration tells.
    pub(super) fn filters(&self) -> Vec<(String, QoS)> {
        if self.all {
            return vec![(values_of("+"), QoS::AtLeastOnce)];
        }
        let locations = self.locations.iter().map(|it| (values_of(it.expose()), QoS::AtLeastOnce));
        // At QoS 0 it comes also while the broker waits for acknowledgements.
        let configurations = (!self.serials.is_empty()).then(|| (format!("{ROOT}/+/config"), QoS::AtMostOnce));
        locations.chain(configurations).collect()
    }
}

/// The filter of all messages of a location.
fn values_of(uuid: &str) -> String {
    format!("{ROOT}/{uuid}/#")
}

/// The monitors and their state.
#[derive(Debug)]
pub(super) struct State {
    all: bool,
    serials: Vec<String>,
    locations: HashSet<Location>,
    ours: LruCache<Location, Ours>,
    live: Live,
    accounts: Vec<String>,
}

/// The format of its messages in the journal.
pub(super) const FORMAT: &str = "smappee-mqtt";

/// A monitor with the version of its configuration.
#[derive(Debug)]
struct Ours {
    monitor: Monitor,
    /// The version of the kept configuration; empty without one.
    version: String,
    /// The configuration that is not kept yet.
    unkept: Option<Arc<[u8]>>,
    /// The version of the last message of texts alone, by its kind.
    texts: HashMap<Kind, String>,
    /// Whether its values are to be subscribed to on this connection.
    wants_values: bool,
    /// Whether the configuration changed since its meters were described.
    is_reconfigured: bool,
    /// The version of an account's metering configuration that it has learned since the start; empty without one.
    metering: String,
}

impl State {
    pub(super) fn new(monitors: &Monitors) -> Self {
        let uuids = monitors.locations.iter().filter_map(|location| Uuid::parse_str(location.expose()).ok());
        Self {
            all: monitors.all,
            serials: monitors.serials.clone(),
            locations: uuids.map(Location::of_uuid).collect(),
            ours: LruCache::sparse(NonZeroUsize::new(LOCATIONS_MAX).unwrap_or(NonZeroUsize::MIN)),
            live: Live::new(&monitors.cloud),
            accounts: monitors.accounts.clone(),
        }
    }

    /// Takes a message of a topic below [`ROOT`].
    pub(super) fn take(&mut self, message: &Message<'_>, inlet: &mut Inlet, now: Instant) -> Found {
        let Some(topic) = Topic::parse(message.topic) else { return Found::Unknown };
        let is_cloud = topic.kind == Kind::Power && self.live.is_due(topic.location, now);
        let metering = self.new_metering(topic, inlet);
        let Some(ours) = self.ours(topic, message.payload, inlet) else { return Found::LeftOut("other_monitor") };
        if let Some((version, configuration)) = metering {
            ours.learn_metering(version, &configuration, inlet);
        }
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
        let hidden = hide(message.topic, message.payload);
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
                let are_repeated =
                    is_of_texts(&decoded) && ours.repeats_texts(topic.kind, &hidden, message.is_retained);
                if is_cloud {
                    self.live.note(topic.location, &decoded, now);
                }
                if is_thinned {
                    return Found::Thinned;
                }
                if are_repeated {
                    return Found::LeftOut("retained");
                }
                if let Some(at) = at {
                    inlet.mark_seen(meter, at);
                }
                found(decoded, &origin, (topic.location, context), hidden)
            }
            Ok((outcome @ (Outcome::Configured | Outcome::Repeated | Outcome::Ignored), _)) => {
                let Kind::Configuration(document) = topic.kind else { return Found::LeftOut("ignored") };
                if outcome == Outcome::Configured {
                    ours.configured(document, &hidden, inlet);
                }
                let wants_values = std::mem::take(&mut ours.wants_values);
                if outcome != Outcome::Configured && !wants_values {
                    return Found::LeftOut("ignored");
                }
                let uuid = Topic::secret(message.topic).filter(|_| wants_values);
                let configuration = of_location(Decoded::default(), &origin, (topic.location, ours.context()), hidden);
                let filter = uuid.map(|uuid| Secret::new(values_of(uuid)));
                Found::Configured { configuration: configuration.into(), filter }
            }
            Ok((Outcome::Unknown, _)) => Found::Unknown,
        }
    }

    /// The configuration of a location was kept as this version.
    pub(super) fn kept(&mut self, device: &str, version: &str) {
        let location = Uuid::parse_str(device).map(Location::of_public_id);
        if let Ok(location) = location
            && let Some(ours) = self.ours.peek_mut(&location)
            // Another one does not read its messages any more.
            && ours.unkept.take_if(|context| version_of(context) == version).is_some()
        {
            version.clone_into(&mut ours.version);
        }
    }

    /// The monitor of a topic, if it is ours. Its configuration decides that, or the kept one: after a restart the
    /// messages of the session come first. Another serial number decides nothing: monitors move.
    fn ours(&mut self, topic: Topic, payload: &[u8], inlet: &Inlet) -> Option<&mut Ours> {
        let location = topic.location;
        if !self.ours.contains(&location) {
            let mut ours = Ours::remembered(location, inlet);
            ours.wants_values = !self.all && !self.locations.contains(&location);
            let is_found = || self.is_named(&ours.monitor) || self.is_claimed(topic, payload);
            if ours.wants_values && !is_found() {
                return None;
            }
            self.ours.put(location, ours);
        }
        self.ours.get_mut(&location)
    }

    /// The metering configuration that the arrays of the cloud's live values need, if an account has read another one
    /// than is known.
    fn new_metering(&self, topic: Topic, inlet: &Inlet) -> Option<(String, Arc<[u8]>)> {
        if topic.kind != Kind::Power {
            return None;
        }
        let known = self.ours.peek(&topic.location).map_or("", |ours| ours.metering.as_str());
        inlet.newest_context_of(&self.accounts, &topic.location.to_string(), known)
    }

    /// Whether a message is a configuration with one of the serial numbers.
    fn is_claimed(&self, topic: Topic, payload: &[u8]) -> bool {
        let mut monitor = Monitor::new(topic.location);
        topic.kind == Kind::Configuration(Document::Config)
            && monitor.read(topic.kind, payload, |_, _| {}).is_ok()
            && self.is_named(&monitor)
    }

    fn is_named(&self, monitor: &Monitor) -> bool {
        self.serials.contains(&monitor.configuration().serial)
    }

    /// The number of monitors that are ours and were heard.
    pub(super) fn monitors(&self) -> usize {
        self.ours.len()
    }

    /// Whether a configuration changed since [`Self::described`].
    pub(super) fn is_reconfigured(&self) -> bool {
        self.ours.iter().any(|(_, ours)| ours.is_reconfigured)
    }

    /// The meters of our monitors with their descriptions. The same ones are in the same order.
    pub(super) fn described(&mut self) -> Described {
        let described = self.ours.iter_mut().flat_map(|(_, ours)| {
            ours.is_reconfigured = false;
            smappee::of_monitor(&ours.monitor)
        });
        let mut described: Described = described.collect();
        described.sort_by_key(|(meter, _)| *meter);
        described
    }

    /// A connection has begun: it has no subscriptions, and the cloud has to be asked again.
    pub(super) fn connected(&mut self, now: Instant) {
        for (location, ours) in &mut self.ours {
            ours.wants_values = !self.all && !self.locations.contains(location);
        }
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
    /// After a restart, the configuration that was kept last, until the retained one comes.
    fn remembered(location: Location, inlet: &Inlet) -> Self {
        let newest = inlet.newest_context(&location.to_string());
        let known = newest.and_then(|(version, bytes)| Some((version, Monitor::of_context(location, &bytes).ok()?)));
        let is_reconfigured = known.is_some();
        let (version, monitor) = known.unwrap_or_else(|| (String::new(), Monitor::new(location)));
        Self {
            monitor,
            version,
            unkept: None,
            texts: HashMap::new(),
            wants_values: false,
            is_reconfigured,
            metering: String::new(),
        }
    }

    /// Whether a retained message of texts equals the last one of its kind: the broker sends it again after each
    /// connect.
    fn repeats_texts(&mut self, kind: Kind, message: &[u8], is_retained: bool) -> bool {
        let version = version_of(message);
        let is_same = self.texts.get(&kind) == Some(&version);
        self.texts.insert(kind, version);
        is_same && is_retained
    }

    /// Takes the metering configuration that an account has read.
    fn learn_metering(&mut self, version: String, message: &[u8], inlet: &Inlet) {
        const DOCUMENT: Document = Document::MeteringConfiguration;
        let outcome = self.monitor.read(Kind::Configuration(DOCUMENT), message, |_, _| {});
        if let Ok(Outcome::Configured) = outcome {
            self.configured(DOCUMENT, message, inlet);
        }
        self.metering = version;
    }

    /// A part of the configuration changed.
    fn configured(&mut self, document: Document, message: &[u8], inlet: &Inlet) {
        let before = self.unkept.take().or_else(|| {
            let newest = inlet.newest_context(&self.monitor.location().to_string());
            newest.map(|(_, bytes)| bytes)
        });
        self.is_reconfigured = true;
        self.unkept = with_document(before.as_deref().unwrap_or_default(), document, message).ok().map(Into::into);
    }

    /// The context of a message that was read now.
    fn context(&self) -> Context {
        match &self.unkept {
            Some(context) => Context::New(Arc::clone(context)),
            None => Context::Kept(self.version.clone()),
        }
    }
}

/// A message with values, or one that is kept for its texts.
fn found(decoded: Decoded, origin: &str, of: (Location, Context), hidden: Cow<'_, [u8]>) -> Found {
    let (are_texts, is_unreadable) = (is_of_texts(&decoded), decoded.readings.is_empty());
    let readings = of_location(decoded, origin, of, hidden);
    match (are_texts, is_unreadable) {
        (true, _) => Found::Texts(Box::new(readings)),
        (false, true) => Found::Unreadable(Unreadable::new(UNREADABLE, readings)),
        (false, false) => Found::Readings(readings),
    }
}

/// Whether a message was read and has texts alone, such as a report of an automation.
fn is_of_texts(decoded: &Decoded) -> bool {
    decoded.readings.is_empty() && decoded.unreadable == 0
}

/// A message of a location with its context.
fn of_location(decoded: Decoded, origin: &str, of: (Location, Context), hidden: Cow<'_, [u8]>) -> Readings {
    let (readings, (location, context)) = (Readings::new(decoded, origin), of);
    let original = if let Cow::Owned(hidden) = hidden { Some(hidden) } else { None };
    let device = location.to_string();
    Readings { thinning: Thinning::Done, format: FORMAT, device, context, original, ..readings }
}

/// The time of live values, found without reading the message. In the forms seen it is a number of
/// milliseconds.
fn time_of(payload: &[u8]) -> Option<UnixNanos> {
    const MEMBER: &[u8] = b"\"utcTimeStamp\"";
    let start = memmem::find(payload, MEMBER)?;
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
