//! KOSTAL's Smart Energy Meter, TQ-Systems' Energy Manager EM4xx and ABL's eMS home: the JSON interface,
//! polled, or WebSockets with protobuf frames.
//!
//! Read-only: no request but those in `ALLOWED`, where the login is the only one with a body. Nothing below
//! `/api/e-mobility` is ever opened: a device that sees an outside controller stops controlling its charging
//! station. `access` knows the login and the identity, `poll` and `socket` bring values, `information` what
//! the device says about itself. `vendor/ksem` decodes.

mod access;
mod describe;
mod information;
mod login;
mod poll;
mod probe;
mod resource;
mod socket;

pub use login::Login;
pub use probe::recognize;
pub use resource::Topic;

use super::allowed::Allowed;
use super::device::HttpDevice;
use super::{Arrivals, Contact, Decoded, Decoder, Describer, Inlet, Keep, Schedule, SourceError, Sources};
use crate::base::Finding;
use crate::clock::Clock;
use crate::http::{Bounds, CaFile};
use crate::ingest::Entrance;
use crate::vendor::ksem::gdr::Configuration;
use access::Access;
use hyper::Uri;
use information::Information;
use poll::Poll;
use socket::Socket;
use std::time::Duration;

/// The kind of source.
const KIND: &str = "ksem";
/// The kind of a source that brings the energy flow beside the meter's values.
const FLOW_KIND: &str = "ksem energy flow";
/// The limits of one request.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(10), answer_bytes_max: 64 << 10 };
/// The waits after a failure. The device's own page opens a closed WebSocket again after 5 s.
const BACKOFF: (Duration, Duration) =
    (if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(5) }, Duration::from_mins(5));
/// WebSockets open at a random time within this period, so that many do not open at once.
const FIRST_WITHIN: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(10) };
/// The requests that a device may be sent.
const ALLOWED: Allowed = Allowed(&[
    "POST /api/web-login/token",
    "GET /api/json/*/values/smart-meter",
    "GET /api/device-settings",
    "GET /api/device-settings/devicestatus",
    "GET /api/device-settings/deviceusage",
    "GET /api/device-settings/local-time",
    "GET /api/data-transfer/protobuf/gdr/local/config/smart-meter",
    "GET /api/data-transfer/protobuf/gdr/local/config/kostal-energyflow/sumvalues",
    "GET /api/data-transfer/ws/protobuf/gdr/local/values/smart-meter",
    "GET /api/data-transfer/ws/protobuf/gdr/local/values/kostal-energyflow/sumvalues",
    "GET /api/device-settings/network",
    "GET /api/modbus/config",
    "GET /api/modbus/presets",
    "GET /api/modbus/groups",
    "GET /api/modbus/sensors",
    "GET /api/tariffs/contract",
    "GET /api/tariffs/data/*/*/*",
]);

/// A configured device.
#[derive(Debug, Clone)]
pub struct Device {
    /// The name of the source.
    pub name: String,
    /// Its address, without path.
    pub url: Uri,
    /// The authority that signed its certificate, if not a public one.
    pub ca_file: Option<CaFile>,
    /// How to log in.
    pub login: Login,
    /// Its serial number, if it does not give it with this login.
    pub serial: Option<String>,
    /// Where its values come from.
    pub interface: Interface,
    /// The readings that are journaled.
    pub keep: Keep,
}

/// Where a device's values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interface {
    /// The JSON interface.
    Json {
        /// The name of the device within its interface, usually `local`.
        device: String,
        /// The polling interval.
        every: Duration,
    },
    /// A WebSocket for each of these topics.
    WebSocket(Vec<Topic>),
}

impl Device {
    /// Starts its sources.
    pub fn start(
        &self,
        sources: &Sources,
        entrance: &Entrance,
        arrivals: Arrivals,
        describer: Describer,
        clock: &Clock,
    ) {
        let device = || sources.device(&self.name, BOUNDS, self.ca_file.as_ref(), ALLOWED, None);
        let access = || self.access(device(), clock.clone());
        let inlet = |kind| Inlet::new(&self.name, kind, entrance.clone(), self.keep);
        match &self.interface {
            Interface::Json { device, every } => {
                let schedule = Schedule { every: *every, first_within: *every, backoff: BACKOFF };
                let information = self.information(entrance, arrivals, describer, clock);
                let (device, inlet, clock) = (device.clone(), inlet(KIND), clock.clone());
                let poll = Poll { access: access(), device, every: *every, information, inlet, clock };
                sources.start_polled(&self.name, KIND, schedule, poll);
            }
            Interface::WebSocket(topics) => {
                let schedule = Schedule { every: Duration::ZERO, first_within: FIRST_WITHIN, backoff: BACKOFF };
                // One of them also brings what the device says about itself.
                let mut information = Some(self.information(entrance, arrivals, describer, clock));
                let mut kind = KIND;
                for topic in topics {
                    let socket = Socket::new(access(), *topic, information.take(), inlet(kind), clock.clone());
                    sources.start_connected(&self.name, kind, schedule, socket);
                    kind = FLOW_KIND;
                }
            }
        }
    }

    fn access(&self, device: HttpDevice, clock: Clock) -> Access {
        Access::new(self.url.clone(), self.login.clone(), self.serial.clone(), device, clock)
    }

    fn information(&self, entrance: &Entrance, arrivals: Arrivals, describer: Describer, clock: &Clock) -> Information {
        let inlet = Inlet::new(&self.name, KIND, entrance.clone(), Keep::All);
        let has_flow = matches!(&self.interface, Interface::WebSocket(topics) if topics.contains(&Topic::EnergyFlow));
        Information::new(&self.name, has_flow, inlet, arrivals, describer, clock.clone())
    }

    /// The decoders of its messages. The context of a frame is the configuration.
    pub fn decoders(&self) -> [(&'static str, Decoder); 4] {
        [
            (poll::FORMAT, Box::new(|it| poll::decode(it.original.bytes, it.original.device, it.received))),
            (
                socket::FORMAT,
                Box::new(|it| {
                    // A frame that names no configuration was decoded without one.
                    let context = it.context.filter(|_| !it.original.context.is_empty());
                    let context = context.map(Configuration::read).transpose().map_err(|error| error.to_string())?;
                    socket::decode(it.original.bytes, context.as_ref(), it.original.device, it.received)
                }),
            ),
            (
                information::USAGE_FORMAT,
                Box::new(|it| information::decode_usage(it.original.bytes, it.original.device, it.received)),
            ),
            (
                information::PRICES_FORMAT,
                Box::new(|it| {
                    let tariff = information::tariff_of(it.original.origin);
                    information::decode_prices(it.original.bytes, tariff, it.original.device, it.received)
                }),
            ),
        ]
    }

    /// Requests the values once, for the operator. Both results are sentences.
    ///
    /// # Errors
    /// When the values cannot be read.
    pub async fn connect(&self, clock: Clock) -> Result<Contact, SourceError> {
        let device = HttpDevice::once(&self.name, BOUNDS, self.ca_file.as_ref(), ALLOWED, None, clock.clone());
        let mut access = self.access(device, clock.clone());
        let decoded = self.read_once(&mut access, &clock).await?;
        let described = access.described(&self.name).await?;
        Ok(Contact::of(format!("returns {} values", decoded.values()), &decoded, &described, clock.now()))
    }

    /// Reads the values once.
    async fn read_once(&self, access: &mut Access, clock: &Clock) -> Result<Decoded, SourceError> {
        let topics = match &self.interface {
            Interface::Json { device, .. } => {
                return poll::read(access, device, clock).await?.decoded.map_err(SourceError::Failing);
            }
            Interface::WebSocket(topics) => topics,
        };
        let mut all = Decoded::default();
        for topic in topics {
            all.readings.extend(socket::read_once(access, *topic, clock).await?.readings);
        }
        Ok(all)
    }

    /// Warnings about its token.
    pub fn findings(&self, clock: &Clock) -> Vec<Finding> {
        self.login.finding(&self.name, clock.now()).into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
