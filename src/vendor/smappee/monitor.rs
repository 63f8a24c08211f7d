//! A location as its messages show it: the entry for sources and for recorded messages.
//!
//! Invariants: the ids of meters depend on the location alone; a message that cannot be read changes
//! nothing; a plug's state is given once, although its topic is retained.

use super::configuration::{Applied, Configuration};
use super::context;
use super::descriptions::{Description, descriptions};
use super::location::Location;
use super::small::{self, Property};
use super::topic::Kind;
use super::{aggregated, gateway, power, realtime};
use crate::reading::MeterId;
use crate::vendor::document::text_of;
use crate::vendor::{MessageError, Part};
use std::collections::HashMap;

/// Largest message, also of a broker's connection. A day of five-minute values of a monitor after an outage has
/// 2 MB.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// Largest part of a configuration: it waits in memory until it is kept. A channel of the published form has 250 bytes.
const CONFIGURATION_BYTES_MAX: usize = 128 << 10;
/// Ids of meters that are remembered. Beyond it they are made again.
const IDS_MAX: usize = 2048;
/// States of plugs that are remembered. Beyond it they are given again.
const PLUGS_MAX: usize = 512;

const LEFT_OUT: &str = "entries without an index, or beyond the bounds, are left out";

/// A location.
#[derive(Debug, Clone)]
pub struct Monitor {
    location: Location,
    configuration: Configuration,
    ids: HashMap<String, MeterId>,
    /// Since when a plug's property holds.
    plugs: HashMap<(u32, Property), i64>,
}

/// The result of a message that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has values, or texts.
    Read,
    /// It is a part of the configuration, and changed it.
    Configured,
    /// It repeats a part of the configuration, or a plug's state.
    Repeated,
    /// It is a report of an automation: its parts are texts.
    Reported,
    /// It is a command, or a client's message.
    Ignored,
    /// Its topic is not known.
    Unknown,
}

impl Monitor {
    /// A location without any configuration.
    pub fn new(location: Location) -> Self {
        Self { location, configuration: Configuration::default(), ids: HashMap::new(), plugs: HashMap::new() }
    }

    /// A location with the configuration of this context (see [`super::with_document`]).
    ///
    /// # Errors
    /// When the context cannot be read.
    pub fn of_context(location: Location, context: &[u8]) -> Result<Self, MessageError> {
        Ok(Self { configuration: context::configuration(context)?, ..Self::new(location) })
    }

    /// Takes a part of the configuration, recognized by its members, or a whole context.
    ///
    /// # Errors
    /// When it is neither.
    pub fn configure(&mut self, message: &[u8]) -> Result<(), MessageError> {
        match Configuration::detect(message) {
            Some(document) => self.configuration.apply(document, message).map(|_| ()),
            None => {
                let configuration = context::configuration(message)?;
                if configuration == Configuration::default() {
                    return Err(MessageError::Shape("a part of a configuration"));
                }
                self.configuration = configuration;
                Ok(())
            }
        }
    }

    /// The location.
    pub fn location(&self) -> Location {
        self.location
    }

    /// Its configuration.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Its meters, each channel once.
    pub fn descriptions(&self) -> Vec<Description> {
        descriptions(&self.configuration)
    }

    /// The native id of a channel: the serial number, or the public id while that is unknown.
    pub fn native_id(&self, channel: &str) -> String {
        let device = match self.configuration.serial.as_str() {
            "" => self.location.to_string(),
            serial => serial.to_owned(),
        };
        if channel.is_empty() { device } else { format!("{device}:{channel}") }
    }

    /// Reads a message of this kind, and calls `each` for every part, with the meter of its channel.
    ///
    /// # Errors
    /// When the message cannot be read at all. The error holds nothing of it.
    pub fn read(
        &mut self,
        kind: Kind,
        message: &[u8],
        mut each: impl FnMut(MeterId, Part<'_>),
    ) -> Result<Outcome, MessageError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(MessageError::Shape("a message of at most 4 MiB"));
        }
        let Self { location, configuration, ids, plugs } = self;
        let site = location.meter("");
        // Values of a channel follow each other, so most of them need no look-up.
        let mut last = (String::new(), site);
        let each = &mut |part: Part<'_>| {
            let meter = match &part {
                Part::Value(value) if value.channel.is_empty() => site,
                Part::Value(value) => {
                    if value.channel != last.0 {
                        last.0.clear();
                        last.0.push_str(&value.channel);
                        last.1 = id(*location, ids, &value.channel);
                    }
                    last.1
                }
                _ => site,
            };
            each(meter, part);
        };
        let mut plug = |node, property, text: &str| match small::since(text) {
            Some(since) if plugs.get(&(node, property)) == Some(&since) => Ok(Outcome::Repeated),
            since => {
                small::plug(node, property, text, each)?;
                if plugs.len() < PLUGS_MAX || plugs.contains_key(&(node, property)) {
                    since.map(|since| plugs.insert((node, property), since));
                }
                Ok(Outcome::Read)
            }
        };
        let read = |()| Outcome::Read;
        match kind {
            Kind::Configuration(_) if message.len() > CONFIGURATION_BYTES_MAX => {
                Err(MessageError::Shape("a configuration of at most 128 KiB"))
            }
            Kind::Configuration(document) => {
                let Applied { is_changed, left_out } = configuration.apply(document, message)?;
                if left_out > 0 {
                    let part = format!("{}: {left_out} entries", kind.name()).into();
                    each(Part::Unreadable { part, why: LEFT_OUT.into() });
                }
                Ok(if is_changed { Outcome::Configured } else { Outcome::Repeated })
            }
            Kind::Realtime => realtime::read(configuration, text_of(message)?, each).map(read),
            Kind::Aggregated => aggregated::read(configuration, text_of(message)?, each).map(read),
            Kind::AggregatedSwitch => gateway::read_switches(text_of(message)?, each).map(read),
            Kind::AggregatedGateway => gateway::read(configuration, text_of(message)?, each).map(read),
            Kind::Power => power::read(configuration, text_of(message)?, each).map(read),
            Kind::PlugState(node) => plug(node, Property::State, text_of(message)?),
            Kind::PlugConnection(node) => plug(node, Property::Connection, text_of(message)?),
            Kind::Presence => small::presence(text_of(message)?, each).map(read),
            Kind::Report(report) => small::report(report, text_of(message)?, each).map(|()| Outcome::Reported),
            Kind::Command | Kind::Client => Ok(Outcome::Ignored),
            Kind::Unknown => Ok(Outcome::Unknown),
        }
    }
}

/// The id of a channel's meter.
fn id(location: Location, ids: &mut HashMap<String, MeterId>, channel: &str) -> MeterId {
    if let Some(id) = ids.get(channel) {
        return *id;
    }
    let id = location.meter(channel);
    if ids.len() < IDS_MAX {
        ids.insert(channel.to_owned(), id);
    }
    id
}
