//! The topics of a monitor and of the cloud: `servicelocation/UUID/...`.
//!
//! Segments are compared as a whole. `smappee/PUBLIC-ID/...` is the same topic without the secret, as the
//! journal and the pages have it.

use super::location::Location;
use std::borrow::Cow;
use std::fmt;
use uuid::Uuid;

/// The first segment of a topic as sent.
const SENT: &str = "servicelocation";
/// The first segment of a topic whose second one is the public id.
const HIDDEN: &str = "smappee";

/// A topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    /// The location.
    pub location: Location,
    /// The kind of its messages.
    pub kind: Kind,
}

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Values of every second.
    Realtime,
    /// Means of five minutes.
    Aggregated,
    /// The same of switches.
    AggregatedSwitch,
    /// Pulses of gas and water sensors.
    AggregatedGateway,
    /// Values of the cloud.
    Power,
    /// A part of the configuration.
    Configuration(Document),
    /// The state of the plug of this node.
    PlugState(u32),
    /// Whether the plug of this node is connected.
    PlugConnection(u32),
    /// Whether people are present.
    Presence,
    /// A report of an automation.
    Report(Report),
    /// A command to a device. It is never read, and never sent.
    Command,
    /// Messages that clients send: the request for live values.
    Client,
    /// Another name, also one without a published form: `powerquality`, `h1vector`, `nilm`,
    /// `networkstatistics`, `devices`, `etc/...`, `outputmodule/...`.
    Unknown,
}

/// A part of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// The monitor: serial number, firmware.
    Config,
    /// The inputs of the first generation.
    ChannelConfig,
    /// The measurements of the second generation.
    ChannelConfigV2,
    /// Gas and water sensors, and switches.
    SensorConfig,
    /// Plugs.
    HomeControlConfig,
    /// The answer of the REST API. No topic carries it; the journal has it under such a name.
    MeteringConfiguration,
}

/// A report of an automation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Report {
    /// A trigger.
    Trigger,
    /// A trigger of an appliance.
    ApplianceTrigger,
    /// The value of a trigger.
    TriggerValue,
    /// A schedule.
    Scheduler,
}

/// Kinds with a name of one or two segments.
const NAMES: [(&str, Kind); 21] = [
    ("realtime", Kind::Realtime),
    ("aggregated", Kind::Aggregated),
    ("aggregated5min", Kind::Aggregated),
    ("aggregatedSwitch", Kind::AggregatedSwitch),
    ("aggregatedGW", Kind::AggregatedGateway),
    ("power", Kind::Power),
    ("config", Kind::Configuration(Document::Config)),
    ("channelConfig", Kind::Configuration(Document::ChannelConfig)),
    ("channelConfigV2", Kind::Configuration(Document::ChannelConfigV2)),
    ("sensorConfig", Kind::Configuration(Document::SensorConfig)),
    ("homeControlConfig", Kind::Configuration(Document::HomeControlConfig)),
    ("meteringConfiguration", Kind::Configuration(Document::MeteringConfiguration)),
    ("presence", Kind::Presence),
    ("trigger", Kind::Report(Report::Trigger)),
    ("trigger/appliance", Kind::Report(Report::ApplianceTrigger)),
    ("triggervalue", Kind::Report(Report::TriggerValue)),
    ("scheduler", Kind::Report(Report::Scheduler)),
    ("triggerpush", Kind::Command),
    ("action/setcurrent", Kind::Command),
    ("tracking", Kind::Client),
    ("homeassistant/heartbeat", Kind::Client),
];

impl Topic {
    /// Reads a topic; `None` if it is not one of this vendor.
    pub fn parse(topic: &str) -> Option<Self> {
        let (id, rest) = split(topic)?;
        Some(Self { location: id.location(), kind: Kind::of(rest) })
    }

    /// The topic without the secret, from which [`Topic::parse`] gives the same topic; `None` if it is not
    /// one of this vendor.
    pub fn hidden(topic: &str) -> Option<String> {
        let (id, rest) = split(topic)?;
        let slash = if rest.is_empty() { "" } else { "/" };
        Some(format!("{HIDDEN}/{}{slash}{rest}", id.location()))
    }

    /// The secret in the topic, as it is written there.
    pub fn secret(topic: &str) -> Option<&str> {
        split(topic).and_then(|(id, _)| id.sent)
    }
}

impl fmt::Display for Topic {
    /// The topic in short: `smappee/3f9c1a2b/realtime`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.location.to_string();
        write!(f, "{HIDDEN}/{}/{}", id.split('-').next().unwrap_or_default(), self.kind.name())
    }
}

/// The second segment of a topic.
struct Id<'a> {
    uuid: Uuid,
    /// As it is written, if it is the secret.
    sent: Option<&'a str>,
}

impl Id<'_> {
    /// It costs a hash of the secret.
    fn location(&self) -> Location {
        if self.sent.is_some() { Location::of_uuid(self.uuid) } else { Location::of_public_id(self.uuid) }
    }
}

/// The second segment and the rest of a topic.
fn split(topic: &str) -> Option<(Id<'_>, &str)> {
    let (first, rest) = topic.split_once('/')?;
    let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
    // Not every form that `Uuid` parses is one of a topic.
    let uuid: Uuid = if id.len() == 36 { id.parse().ok()? } else { return None };
    match first {
        SENT => Some((Id { uuid, sent: Some(id) }, rest)),
        HIDDEN => Some((Id { uuid, sent: None }, rest)),
        _ => None,
    }
}

impl Kind {
    /// The kind of the rest of a topic.
    pub(super) fn of(rest: &str) -> Self {
        if let Some((_, kind)) = NAMES.iter().find(|(name, _)| *name == rest) {
            return *kind;
        }
        let mut segments = rest.split('/');
        match [segments.next(), segments.next(), segments.next(), segments.next()] {
            [Some("plug"), Some(node), Some(name), None] => match (node.parse(), name) {
                (_, "setstate") => Self::Command,
                (Ok(node), "state") => Self::PlugState(node),
                (Ok(node), "connectionState") => Self::PlugConnection(node),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    /// Its name: the end of the topic.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::PlugState(node) => format!("plug/{node}/state").into(),
            Self::PlugConnection(node) => format!("plug/{node}/connectionState").into(),
            Self::Command => "command".into(),
            Self::Client => "client".into(),
            Self::Unknown => "unknown".into(),
            kind => NAMES.iter().find(|(_, it)| *it == kind).map_or("", |(name, _)| name).into(),
        }
    }
}
