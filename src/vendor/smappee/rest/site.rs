//! A service location: its name, its measurements, sensors, plugs and appliances.
//!
//! Learned from the metering configuration and from the info, which name the same things. Rules:
//! - The index of a transformer in rows is its `consumptionIndex`. Its meter is the one that it has over MQTT.
//! - The ids of its meters are made of its UUID, which is a password and is not kept.
//! - Whether something produces is said by a measurement of type PRODUCTION, not by values: at night they are 0.

use super::super::channel_map::ChannelMap;
use super::super::configuration::Configuration;
use super::super::location::{Location as Public, VENDOR};
use super::super::topic::Document as Kind;
use super::kept::Kept;
use crate::reading::MeterId;
use crate::vendor::document::{Members, MessageError, Scalar, elements, text_of};

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
    /// Its gas and water sensors.
    pub sensors: Vec<Sensor>,
    /// Its plugs and switches.
    pub actuators: Vec<Thing>,
    /// Its appliances.
    pub appliances: Vec<Thing>,
    public: Option<Public>,
    metering: Configuration,
    kept: Kept,
}

impl Site {
    /// A location of the list, before its configuration is known.
    pub fn of(location: &Location) -> Self {
        let Location { id, name, serial, public } = location.clone();
        Self { id, name, serial, public, ..Self::default() }
    }

    /// A location that is known only by its number.
    pub fn numbered(id: String) -> Self {
        Self { id, ..Self::default() }
    }

    /// The location of this public id, with a kept configuration.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_context(public: Public, context: Option<&[u8]>) -> Result<Self, MessageError> {
        let mut site = Self { public: Some(public), ..Self::default() };
        context.map_or(Ok(()), |context| site.learn(context))?;
        Ok(site)
    }

    /// Adds the content of an info, a metering configuration or a kept one. Members that are absent stay as they are.
    ///
    /// # Errors
    /// When it is no JSON object, or of another location.
    pub fn learn(&mut self, bytes: &[u8]) -> Result<(), MessageError> {
        let members = Members::read(text_of(bytes)?)?;
        let id = members.get("serviceLocationId").filter(|id| !matches!(id, Scalar::Nested(_)));
        let id = id.ok_or(MessageError::Shape("a description of a location"))?.text().into_owned();
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
            Configuration::default().apply(Kind::MeteringConfiguration, bytes)?;
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
        self.kept.learn(&members);
        // The kept part alone decodes, so a later decoder has the same.
        if let Some(kept) = self.kept.metering() {
            self.metering = Configuration::default();
            self.metering.apply(Kind::MeteringConfiguration, &kept)?;
        }
        Ok(())
    }

    /// The id of the meter of a channel. Without the site's UUID its number stands for it, which gives other ids.
    pub fn meter(&self, channel: &str) -> MeterId {
        let numbered = || Public::of_public_id(MeterId::named(VENDOR, &self.id).uuid());
        self.public.unwrap_or_else(numbered).meter(channel)
    }

    /// The vendor's id of a channel as it is shown: the serial number of its monitor. While that is unknown, the
    /// site's meter stands for its UUID, which is a secret.
    pub fn native_id(&self, channel: &str) -> String {
        let site = if self.serial.is_empty() { self.meter("").to_string() } else { self.serial.clone() };
        if channel.is_empty() { site } else { format!("{site}:{channel}") }
    }

    /// Whether its UUID is known, without which its meters are not the same as over MQTT.
    pub fn has_uuid(&self) -> bool {
        self.public.is_some()
    }

    /// Its transformers, which MQTT has, too.
    pub fn transformers(&self) -> &ChannelMap {
        &self.metering.channels
    }

    /// The configuration that its answers are read with, as it may be kept: [`Self::of_context`] reads them alike. It is
    /// also a metering configuration: a [`super::super::Monitor`] that reads it has the same transformers. `None` if
    /// nothing that values depend on was learned.
    pub fn context(&self) -> Option<Vec<u8>> {
        self.kept.bytes()
    }

    pub(super) fn sensor_channel(&self, sensor: &str, number: u8) -> Option<&SensorChannel> {
        let sensor = self.sensors.iter().find(|known| known.id == sensor)?;
        sensor.channels.iter().find(|channel| channel.number == number)
    }

    pub(super) fn is_delta(&self) -> bool {
        self.phases == "THREE_DELTA"
    }
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
