//! The configuration of a location: the monitor, its channels, sensors and plugs.
//!
//! A pure value, built from the monitor's retained messages and the REST API's metering configuration, in
//! any order. Decoding depends on nothing else, so an old message is decoded as then with the messages of
//! then. Invariants: a message that cannot be read changes nothing; its own time is never a time of values.

mod channels;
mod sensors;

use super::channel_map::ChannelMap;
use super::topic::Document;
use crate::vendor::document::{Members, MessageError, Scalar, text_of};
use crate::vendor::record::Record;
pub use sensors::{Input, Medium, Sensor, Switch};

/// The interval of `aggregated` if the monitor does not name one.
const AGGREGATION_SECONDS: u32 = 300;
/// The longest text of the monitor that is kept, in characters.
const TEXT_CHARS_MAX: usize = 100;

/// The configuration of a location. Unknown texts are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The serial number of the monitor: an identity, not a secret.
    pub serial: String,
    /// Its firmware.
    pub firmware: String,
    /// Its time zone.
    pub time_zone: String,
    /// The vendor's number of the location.
    pub location_number: String,
    /// The interval of `aggregated`, in seconds.
    pub aggregation_seconds: u32,
    /// The channels.
    pub channels: ChannelMap,
    /// Gas and water sensors.
    pub sensors: Vec<Sensor>,
    /// Switches, by sensor.
    pub switches: Vec<Switch>,
    /// Plugs and switches, by node.
    pub plugs: Vec<Switch>,
}

/// The result of a part of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Whether it changed anything: monitors repeat theirs at every connection.
    pub is_changed: bool,
    /// Entries beyond the bounds, or without an index.
    pub left_out: usize,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            serial: String::new(),
            firmware: String::new(),
            time_zone: String::new(),
            location_number: String::new(),
            aggregation_seconds: AGGREGATION_SECONDS,
            channels: ChannelMap::default(),
            sensors: Vec::new(),
            switches: Vec::new(),
            plugs: Vec::new(),
        }
    }
}

impl Configuration {
    /// Takes a part of the configuration.
    ///
    /// # Errors
    /// When the message is not JSON, or not such a part.
    pub fn apply(&mut self, document: Document, message: &[u8]) -> Result<Applied, MessageError> {
        let text = text_of(message)?;
        let mut changed = self.clone();
        let left_out = changed.take(document, text)?;
        let is_changed = *self != changed;
        *self = changed;
        Ok(Applied { is_changed, left_out })
    }

    /// Takes a part, and returns the number of left out entries.
    fn take(&mut self, document: Document, text: &str) -> Result<usize, MessageError> {
        Ok(match document {
            Document::Config => {
                self.monitor(text)?;
                0
            }
            Document::ChannelConfig => {
                let list = channels::inputs(text)?;
                self.channels.set_inputs(list.channels);
                list.left_out
            }
            Document::ChannelConfigV2 => {
                let list = channels::measurements(text)?;
                self.channels.set_published(list.channels, list.phase_type);
                list.left_out
            }
            Document::MeteringConfiguration => {
                let list = channels::metering(text)?;
                self.channels.set_metering(list.channels, list.phase_type);
                list.left_out
            }
            Document::SensorConfig => {
                let list = sensors::sensors(text)?;
                (self.sensors, self.switches) = (list.sensors, list.switches);
                list.left_out
            }
            Document::HomeControlConfig => {
                let list = sensors::plugs(text)?;
                self.plugs = list.switches;
                list.left_out
            }
        })
    }

    /// The part of the configuration that this message is, by its members; `None` if it is none.
    pub fn detect(message: &[u8]) -> Option<Document> {
        const MARKS: [(&str, Document); 8] = [
            ("inputChannels", Document::ChannelConfig),
            ("dataProcessingSpecification", Document::ChannelConfigV2),
            ("gwSensors", Document::SensorConfig),
            ("switchSensors", Document::SensorConfig),
            ("switchActuators", Document::HomeControlConfig),
            ("smartplugActuators", Document::HomeControlConfig),
            ("measurements", Document::MeteringConfiguration),
            ("serialNumber", Document::Config),
        ];
        let text = text_of(message).ok()?;
        let members = Members::read(text).ok()?;
        let found = MARKS.iter().find(|(mark, _)| members.get(mark).is_some()).map(|(_, document)| *document);
        // Old firmware wraps it. A context has it among other parts.
        found.or_else(|| members.get("config").filter(|_| members.0.len() == 1).map(|_| Document::Config))
    }

    /// The monitor. Old firmware wraps it in an object.
    fn monitor(&mut self, text: &str) -> Result<(), MessageError> {
        const NAMES: [&str; 6] =
            ["serialNumber", "firmwareVersion", "timeZone", "serviceLocationId", "aggregationPeriodSeconds", "config"];
        let [serial, firmware, time_zone, number, seconds, wrapped] = Record::read(text, &NAMES)?.known;
        if let Scalar::Nested(inner) = wrapped {
            let is_wrapped = inner.starts_with('{') && serial == Scalar::Absent;
            return if is_wrapped { self.monitor(inner) } else { Err(NOT_CONFIG) };
        }
        if serial == Scalar::Absent {
            return Err(NOT_CONFIG);
        }
        let own = |value: &Scalar<'_>| value.text().chars().take(TEXT_CHARS_MAX).collect();
        (self.serial, self.firmware) = (own(&serial), own(&firmware));
        (self.time_zone, self.location_number) = (own(&time_zone), own(&number));
        let seconds = seconds.whole(0).and_then(|seconds| u32::try_from(seconds).ok());
        self.aggregation_seconds =
            seconds.filter(|seconds| (1..=86_400).contains(seconds)).unwrap_or(AGGREGATION_SECONDS);
        Ok(())
    }
}

const NOT_CONFIG: MessageError = MessageError::Shape("the configuration of a monitor: it has no serialNumber");
