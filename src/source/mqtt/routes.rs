//! From topics to the decoders of vendors, by exact segments.
//!
//! Invariant: a topic has at most one route. Looking it up costs the same for any number of devices.

mod dsmr_logger;
mod json;
mod message;
mod smappee;
mod smart_mac;

pub use dsmr_logger::Logger;
pub use json::Document;
pub use smappee::{Cloud, Monitors};
pub use smart_mac::Meter;

pub(super) use message::{Context, Found, Message, Readings, Unreadable};

use super::publication::Publication;
use crate::contexts::Contexts;
use crate::reading::UnixNanos;
use crate::source::describer::Described;
use crate::source::{Decoder, Inlet, Recorded};
use crate::vendor::smappee::hide;
use rumqttc::QoS;
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

/// A configured device behind a broker.
#[derive(Debug, Clone)]
pub enum Route {
    /// A topic with JSON documents.
    Json(Document),
    /// A smart-MAIC meter.
    SmartMac(Meter),
    /// A DSMR-logger.
    DsmrLogger(Logger),
    /// Smappee's monitors.
    Smappee(Monitors),
}

/// The decoders of the messages that can be decoded alone.
pub(super) fn decoders(routes: &[Route], contexts: &Contexts) -> [(&'static str, Decoder); 4] {
    let (mut documents, mut meters, mut loggers) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut accounts = Vec::new();
    for route in routes {
        match route {
            Route::Json(document) => documents.extend([(document.topic.clone(), document.clone())]),
            Route::SmartMac(meter) => meters.extend(meter.parents().map(|parent| (parent, meter.clone()))),
            Route::DsmrLogger(logger) => loggers.extend([(logger.topic.clone(), logger.meter.clone())]),
            Route::Smappee(monitors) => accounts.clone_from(&monitors.accounts),
        }
    }
    let document = move |recorded: &Recorded<'_>| {
        let document = documents.get(recorded.original.origin).ok_or("no [[mqtt.json]] table has this topic now")?;
        document.decode_again(recorded)
    };
    let meter = move |recorded: &Recorded<'_>| {
        let (parent, key) = recorded.original.origin.rsplit_once('/').unwrap_or_default();
        let meter = meters.get(parent).ok_or("no [[mqtt.smart_mac]] table has this topic now")?;
        meter.decode_again(key, recorded)
    };
    let logger = move |recorded: &Recorded<'_>| {
        let meter = loggers.get(recorded.original.origin).ok_or("no [[mqtt.dsmr_logger]] table has this topic now")?;
        dsmr_logger::decode_again(recorded, meter)
    };
    let contexts = contexts.clone();
    let monitor = move |recorded: &Recorded<'_>| smappee::decode_again(recorded, &accounts, &contexts);
    [
        (json::FORMAT, Box::new(document)),
        (smart_mac::FORMAT, Box::new(meter)),
        (dsmr_logger::FORMAT, Box::new(logger)),
        (smappee::FORMAT, Box::new(monitor)),
    ]
}

impl Route {
    /// The key among the routes of a broker: its topic, or the end of it.
    pub fn topic(&self) -> &str {
        match self {
            Self::Json(document) => &document.topic,
            Self::SmartMac(meter) => &meter.device,
            Self::DsmrLogger(logger) => &logger.topic,
            Self::Smappee(_) => smappee::ROOT,
        }
    }
}

/// A device and its state.
#[derive(Debug)]
enum Device {
    Json(Document),
    SmartMac(smart_mac::State),
    DsmrLogger(dsmr_logger::State),
}

/// The routes of a broker.
#[derive(Debug, Default)]
pub(super) struct Router {
    devices: Vec<Device>,
    smappee: Option<smappee::State>,
    /// Devices by their topic.
    topics: HashMap<String, usize>,
    /// Devices by the topic above theirs.
    parents: HashMap<String, usize>,
    filters: Vec<(String, QoS)>,
}

impl Router {
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut router = Self::default();
        for route in routes {
            router.add(route);
        }
        router
    }

    fn add(&mut self, route: &Route) {
        let number = self.devices.len();
        let device = match route {
            Route::Json(document) => {
                self.topics.insert(document.topic.clone(), number);
                self.filters.push((document.topic.clone(), QoS::AtLeastOnce));
                Device::Json(document.clone())
            }
            Route::SmartMac(meter) => {
                for parent in meter.parents() {
                    if self.parents.insert(parent.clone(), number) != Some(number) {
                        self.filters.push((format!("{parent}/+"), QoS::AtLeastOnce));
                    }
                }
                Device::SmartMac(smart_mac::State::new(meter.clone()))
            }
            Route::DsmrLogger(logger) => {
                self.parents.insert(logger.topic.clone(), number);
                // A burst is stored as a whole, so one of its messages cannot be acknowledged alone.
                self.filters.push((format!("{}/+", logger.topic), QoS::AtMostOnce));
                Device::DsmrLogger(dsmr_logger::State::new(logger.clone()))
            }
            Route::Smappee(monitors) => {
                self.filters.extend(monitors.filters());
                self.smappee = Some(smappee::State::new(monitors));
                return;
            }
        };
        self.devices.push(device);
    }

    /// The filters to subscribe to.
    pub(super) fn filters(&self) -> &[(String, QoS)] {
        &self.filters
    }

    /// Finds the meaning of a message.
    pub(super) fn take(&mut self, message: &Message<'_>, inlet: &mut Inlet, now: Instant) -> Found {
        if let (Some(state), Some((smappee::ROOT, _))) = (&mut self.smappee, message.topic.split_once('/')) {
            return state.take(message, inlet, now);
        }
        if let Some(Device::Json(document)) = self.topics.get(message.topic).and_then(|at| self.devices.get(*at)) {
            return document.take(message);
        }
        let Some((parent, last)) = message.topic.rsplit_once('/') else { return Found::Unknown };
        match self.parents.get(parent).and_then(|at| self.devices.get_mut(*at)) {
            Some(Device::SmartMac(state)) => state.take(parent, last, message, inlet),
            Some(Device::DsmrLogger(state)) => state.take(last, message),
            Some(Device::Json(_)) | None => Found::Unknown,
        }
    }

    /// The bursts of messages that are complete.
    pub(super) fn due(&mut self, now: UnixNanos) -> Vec<Result<Readings, Unreadable>> {
        let due = |device: &mut Device| match device {
            Device::DsmrLogger(state) => state.due(now),
            Device::Json(_) | Device::SmartMac(_) => None,
        };
        self.devices.iter_mut().filter_map(due).collect()
    }

    /// The payload without the secrets that a vendor puts into its topics and messages.
    pub(super) fn without_secrets<'a>(message: &Message<'a>) -> Cow<'a, [u8]> {
        hide(message.topic, message.payload)
    }

    /// A context of a device was kept as this version.
    pub(super) fn kept(&mut self, device: &str, version: &str) {
        match self.parents.get(device).and_then(|at| self.devices.get_mut(*at)) {
            Some(Device::DsmrLogger(state)) => state.kept(version),
            Some(Device::SmartMac(state)) => state.kept(version),
            Some(Device::Json(_)) | None => {
                if let Some(state) = &mut self.smappee {
                    state.kept(device, version);
                }
            }
        }
    }

    /// The publications that are due.
    pub(super) fn publications(&mut self, client_id: &str, now: Instant) -> Vec<Publication> {
        self.smappee.as_mut().map(|state| state.publications(client_id, now)).unwrap_or_default()
    }

    /// A connection has begun.
    pub(super) fn connected(&mut self, now: Instant) {
        if let Some(state) = &mut self.smappee {
            state.connected(now);
        }
    }

    /// Whether a configuration that describes meters came since [`Self::described`].
    pub(super) fn is_reconfigured(&self) -> bool {
        self.smappee.as_ref().is_some_and(smappee::State::is_reconfigured)
    }

    /// The meters that the devices describe.
    pub(super) fn described(&mut self) -> Described {
        self.smappee.as_mut().map(smappee::State::described).unwrap_or_default()
    }

    /// Why live values are not to be trusted, in one sentence.
    pub(super) fn stale(&self, now: Instant) -> Option<String> {
        self.smappee.as_ref()?.stale(now)
    }

    /// The number of Smappee's monitors that were heard.
    pub(super) fn monitors(&self) -> Option<usize> {
        self.smappee.as_ref().map(smappee::State::monitors)
    }

    /// Notes about the devices for the operator, as names and sentences.
    pub(super) fn notes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.devices.iter().filter_map(|device| match device {
            Device::SmartMac(state) => state.moved().map(|text| ("moved_topic", text)),
            Device::Json(_) | Device::DsmrLogger(_) => None,
        })
    }
}
