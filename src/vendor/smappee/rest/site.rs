//! A service location: its name, its measurements, sensors, plugs and appliances.
//!
//! Learned from the metering configuration and from the info, which name the same things. Rules:
//! - The index of a transformer in rows is its `consumptionIndex`. A channel with neither this index nor a
//!   `powerTopicIndex` is not published; it costs only itself.
//! - Grid measurements belong to the site itself, each phase once. Any other transformer is a meter of its own.
//! - The ids of its meters are made of its UUID, which is a password and is not kept.
//! - Whether something produces is said by a measurement of type PRODUCTION, not by values: at night they are 0.

use super::super::location::{Location as Public, VENDOR};
use super::super::registers::Phase;
use crate::reading::MeterId;
use crate::vendor::document::{Members, MessageError, Scalar, elements, text_of};
use std::collections::BTreeMap;

/// More transformers have no site.
const INDEX_MAX: i64 = 1000;

/// A service location that an account sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Its number.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The serial number of its monitor; empty if it has no active one.
    pub serial: String,
    /// Its public id, which is made of its UUID.
    pub public: Option<Public>,
}

/// Reads the list of service locations. An entry without a number is left out, because nothing can be requested of it.
///
/// # Errors
/// When it is no such list.
pub fn locations(bytes: &[u8]) -> Result<Vec<Location>, MessageError> {
    let members = Members::read(text_of(bytes)?)?;
    if !matches!(members.get("serviceLocations"), Some(Scalar::Nested(_))) {
        return Err(MessageError::Shape("a list of service locations"));
    }
    let location = |members: Members<'_>| {
        let text = |name: &str| members.string(name).unwrap_or_default();
        Some(Location {
            id: members.get("serviceLocationId")?.whole(0)?.to_string(),
            name: text("name"),
            serial: text("deviceSerialNumber"),
            public: public(&members),
        })
    };
    Ok(objects(&members, "serviceLocations").filter_map(location).collect())
}

/// The role of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// At the connection to the grid.
    Grid,
    /// Photovoltaics and other generators.
    Production,
    /// Anything else: a part of the house.
    Submeter,
}

/// A measurement of one or several transformers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// Its name.
    pub name: String,
    /// Its type as sent: GRID, PRODUCTION, CONSUMPTION, SUBMETER.
    pub kind: String,
    /// Its role.
    pub role: Role,
    /// The indices of its published transformers in rows, and their phases, if known.
    pub channels: Vec<(usize, Option<Phase>)>,
}

/// A sensor with up to two inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensor {
    /// Its number.
    pub id: String,
    /// Its name; often the serial number.
    pub name: String,
    /// Its inputs.
    pub channels: Vec<SensorChannel>,
}

/// An input of a sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorChannel {
    /// Its number, from 1.
    pub number: u8,
    /// Its name.
    pub name: String,
    /// Pulses for one unit.
    pub pulses_per_unit: Option<f64>,
    /// The unit: `m3` or `l`.
    pub unit: String,
    /// `gas` or `water`, in letters of any case.
    pub medium: String,
}

/// An appliance, a plug or a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Its number.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its type as sent.
    pub kind: String,
    /// Its serial number, if it has one.
    pub serial: String,
}

/// The meter and the phase of a transformer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Empty for the site itself.
    pub(super) channel: String,
    pub(super) phase: Option<Phase>,
}

/// A service location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Site {
    /// Its number.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The serial number of its monitor.
    pub serial: String,
    /// Its IANA time zone.
    pub time_zone: String,
    /// Price of a kilowatt-hour as sent.
    pub price: String,
    /// Its currency.
    pub currency: String,
    /// ONE, TWO, `THREE_STAR` or `THREE_DELTA`.
    pub phases: String,
    /// Its measurements.
    pub measurements: Vec<Measurement>,
    /// Its gas and water sensors.
    pub sensors: Vec<Sensor>,
    /// Its plugs and switches.
    pub actuators: Vec<Thing>,
    /// Its appliances.
    pub appliances: Vec<Thing>,
    public: Option<Public>,
    targets: BTreeMap<usize, Target>,
}

impl Site {
    /// A location of the list, before its configuration is known.
    pub fn of(location: &Location) -> Self {
        let Location { id, name, serial, public } = location.clone();
        Self { id, name, serial, public, ..Self::default() }
    }

    /// A location of which only the number is known.
    pub fn numbered(id: String) -> Self {
        Self { id, ..Self::default() }
    }

    /// Adds the content of an info or a metering configuration. Members that are absent stay as they are.
    ///
    /// # Errors
    /// When it is no JSON object, or of another location.
    pub fn learn(&mut self, bytes: &[u8]) -> Result<(), MessageError> {
        let members = Members::read(text_of(bytes)?)?;
        let id = members.string("serviceLocationId").ok_or(MessageError::Shape("a description of a location"))?;
        if !self.id.is_empty() && self.id != id {
            return Err(MessageError::Shape("about the location that was asked for"));
        }
        self.id = id;
        self.public = public(&members).or(self.public);
        let texts = [
            ("name", &mut self.name),
            ("timezone", &mut self.time_zone),
            ("electricityCost", &mut self.price),
            ("electricityCurrency", &mut self.currency),
            ("phaseType", &mut self.phases),
            ("deviceSerialNumber", &mut self.serial),
        ];
        for (name, place) in texts {
            *place = members.string(name).unwrap_or_else(|| std::mem::take(place));
        }
        let has = |name: &str| members.get(name).is_some();
        if has("measurements") {
            self.measurements = objects(&members, "measurements").map(|it| measurement(&it)).collect();
            self.targets = targets(&self.measurements);
        }
        if has("sensors") {
            self.sensors = objects(&members, "sensors").filter_map(|it| sensor(&it)).collect();
        }
        if has("actuators") {
            self.actuators = objects(&members, "actuators").filter_map(|it| thing(&it)).collect();
        }
        if has("appliances") {
            self.appliances = objects(&members, "appliances").filter_map(|it| thing(&it)).collect();
        }
        Ok(())
    }

    /// The id of the meter of a channel. Without the site's UUID its number stands for it, which gives other ids.
    pub fn meter(&self, channel: &str) -> MeterId {
        let numbered = || Public::of_public_id(MeterId::named(VENDOR, &self.id).uuid());
        self.public.unwrap_or_else(numbered).meter(channel)
    }

    /// The vendor's id of a channel as it is shown: the site's meter stands for its UUID.
    pub fn native_id(&self, channel: &str) -> String {
        let site = self.meter("");
        if channel.is_empty() { site.to_string() } else { format!("{site}:{channel}") }
    }

    /// Whether its UUID is known, without which its meters are not the same as over MQTT.
    pub fn has_uuid(&self) -> bool {
        self.public.is_some()
    }

    /// The channels of transformers that are meters of their own, with their measurement and phase.
    pub fn transformers(&self) -> impl Iterator<Item = (String, &Measurement, Option<Phase>)> {
        self.measurements.iter().flat_map(move |measurement| {
            let targets = measurement.channels.iter().map(|(index, _)| self.target(*index));
            let own = targets.filter(|target| !target.channel.is_empty());
            own.map(move |target| (target.channel, measurement, target.phase))
        })
    }

    pub(super) fn target(&self, index: usize) -> Target {
        self.targets.get(&index).cloned().unwrap_or_else(|| Target { channel: format!("ct:{index}"), phase: None })
    }

    pub(super) fn sensor_channel(&self, sensor: &str, number: u8) -> Option<&SensorChannel> {
        let sensor = self.sensors.iter().find(|known| known.id == sensor)?;
        sensor.channels.iter().find(|channel| channel.number == number)
    }

    pub(super) fn is_delta(&self) -> bool {
        self.phases == "THREE_DELTA"
    }

    /// Whether its measurements are known, and none produces.
    pub(super) fn has_no_production(&self) -> bool {
        !self.measurements.is_empty() && self.measurements.iter().all(|it| it.role != Role::Production)
    }
}

/// The meters and phases of all transformers.
fn targets(measurements: &[Measurement]) -> BTreeMap<usize, Target> {
    let mut targets = BTreeMap::new();
    let mut taken = [false; 3];
    for measurement in measurements {
        for (index, phase) in &measurement.channels {
            let is_site = measurement.role == Role::Grid
                && phase
                    .and_then(|phase| taken.get_mut(usize::from(phase)))
                    .is_some_and(|it| !std::mem::replace(it, true));
            let channel = if is_site { String::new() } else { format!("ct:{index}") };
            targets.entry(*index).or_insert(Target { channel, phase: *phase });
        }
    }
    targets
}

/// The public id. The UUID, a password, is not kept.
fn public(members: &Members<'_>) -> Option<Public> {
    members.string("serviceLocationUuid")?.parse().ok().map(Public::of_uuid)
}

/// The objects of an array.
fn objects<'a>(members: &Members<'a>, name: &str) -> impl Iterator<Item = Members<'a>> + use<'a> {
    let array = match members.get(name) {
        Some(Scalar::Nested(array)) => elements(array).unwrap_or_default(),
        _ => Vec::new(),
    };
    array.into_iter().filter_map(|item| Members::read(item.get()).ok())
}

fn measurement(members: &Members<'_>) -> Measurement {
    let text = |name: &str| members.string(name).unwrap_or_default();
    let kind = text("type");
    let role = match kind.to_ascii_uppercase().as_str() {
        "GRID" => Role::Grid,
        "PRODUCTION" => Role::Production,
        _ => Role::Submeter,
    };
    let raw: Vec<_> = objects(members, "channels").collect();
    let count = raw.len();
    let channels = raw.iter().enumerate().filter_map(|(place, channel)| {
        let index = channel.get("consumptionIndex")?.whole(0).filter(|index| (0..INDEX_MAX).contains(index))?;
        let phase = channel.get("phase").or_else(|| channel.get("phaseId")).and_then(phase);
        // Three transformers of one measurement are its three phases, in their order.
        let phase = phase.or_else(|| if count == 3 { Phase::try_from(place).ok() } else { None });
        Some((usize::try_from(index).ok()?, phase))
    });
    Measurement { name: text("name"), kind: kind.clone(), role, channels: channels.collect() }
}

/// A phase as a number from 0, or by its letter or name.
fn phase(scalar: &Scalar<'_>) -> Option<Phase> {
    let number = scalar.whole(0).and_then(|number| Phase::try_from(number).ok());
    let named = || match scalar.text().to_ascii_uppercase().as_str() {
        "A" | "L1" | "PHASEA" => Some(0),
        "B" | "L2" | "PHASEB" => Some(1),
        "C" | "L3" | "PHASEC" => Some(2),
        _ => None,
    };
    number.or_else(named).filter(|phase| *phase < 3)
}

fn sensor(members: &Members<'_>) -> Option<Sensor> {
    let channels = objects(members, "channels").zip(1..).map(|(channel, place)| {
        let text = |name: &str| channel.string(name).unwrap_or_default();
        SensorChannel {
            number: channel.get("channel").and_then(|number| number.whole(0)?.try_into().ok()).unwrap_or(place),
            name: text("name"),
            pulses_per_unit: channel.get("ppu").and_then(|ppu| ppu.number(0)).filter(|ppu| *ppu > 0.0),
            unit: text("uom"),
            medium: text("type"),
        }
    });
    let name = members.string("name").unwrap_or_default();
    Some(Sensor { id: members.string("id")?, name, channels: channels.collect() })
}

fn thing(members: &Members<'_>) -> Option<Thing> {
    let text = |name: &str| members.string(name).unwrap_or_default();
    Some(Thing { id: members.string("id")?, name: text("name"), kind: text("type"), serial: text("serialNumber") })
}
