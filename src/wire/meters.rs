//! `meterline.v1.MeterBatch` (`proto/meterline/v1/meter.proto`): what is known of
//! meters, on its way through the journal like readings.
//!
//! [`versions`] reads a body, [`encode`] makes one, both with prost's types: they are
//! few, and only programs of ours write them. An item that names no meter, or a time
//! before 1970 or after 2261, is no version and passed over: no store could keep it.

use super::error::{DecodeError, DecodeErrorKind, Fault as _};
use super::reading::meter_id;
use crate::proto::v1;
use crate::reading::{MeterId, UnixNanos};
use prost::Message as _;
use serde::{Deserialize, Serialize};

/// The end of the year 2261: the last whole year of nanoseconds in 64 bits.
const TIME_NS_MAX: i64 = 9_214_646_399_999_999_999;

/// What a vendor says of a meter. Texts are empty and numbers 0 where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// What its owner calls it.
    pub name: String,
    /// Its serial number, as the vendor writes it.
    pub serial: String,
    /// That of the meter behind it, where it is a module on another's meter.
    pub meter_serial: String,
    /// Whose numbers these are.
    pub vendor: String,
    /// The make of the device.
    pub family: VendorCode,
    /// What is measured.
    pub energy_type: VendorCode,
    /// The kind within that.
    pub sub_type: VendorCode,
    /// The gateway that reads it.
    pub gateway: String,
    /// The unit of its main counter, as the vendor writes it.
    pub unit: String,
}

/// A number of the vendor's, kept even where its word is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VendorCode {
    /// The vendor's number.
    pub number: i64,
    /// Its word; empty where it is not known.
    pub name: String,
}

/// What is known of a meter for a stretch of time; `meter` and `valid_from` name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Whose it is.
    pub meter: MeterId,
    /// Where in the network it measures.
    pub metering_point: String,
    /// What its vendor says of it.
    pub description: Description,
    /// The account that described it.
    pub source: String,
    /// From when on it holds; 1970 for as far back as there are readings.
    pub valid_from: UnixNanos,
    /// From when on it holds no more; `None` while it holds.
    pub valid_to: Option<UnixNanos>,
}

/// The body of these versions.
#[must_use]
pub fn encode<'a>(versions: impl IntoIterator<Item = &'a Version>) -> Vec<u8> {
    v1::MeterBatch { meters: versions.into_iter().map(Version::to_message).collect() }.encode_to_vec()
}

/// The versions in a body, in its order.
///
/// # Errors
/// When it is no such message.
pub fn versions(body: &[u8]) -> Result<Vec<Version>, DecodeError> {
    let batch = v1::MeterBatch::decode(body).map_err(|_| DecodeError::new(DecodeErrorKind::NotMeters, 0))?;
    Ok(batch.meters.into_iter().filter_map(Version::of_message).collect())
}

impl Version {
    /// As it is on the wire, in the journal and in Kafka.
    #[must_use]
    pub fn to_message(&self) -> v1::Meter {
        let Description { name, serial, meter_serial, vendor, family, energy_type, sub_type, gateway, unit } =
            self.description.clone();
        v1::Meter {
            meter: self.meter.as_bytes().to_vec(),
            metering_point: self.metering_point.clone(),
            name,
            serial,
            meter_serial,
            vendor,
            family: family.number,
            family_name: family.name,
            energy_type: energy_type.number,
            energy_type_name: energy_type.name,
            sub_type: sub_type.number,
            sub_type_name: sub_type.name,
            gateway,
            unit,
            source: self.source.clone(),
            valid_from_ns: self.valid_from.0,
            valid_to_ns: self.valid_to.map_or(0, |at| at.0),
        }
    }

    /// `None` where it names no version.
    fn of_message(message: v1::Meter) -> Option<Self> {
        let times = [message.valid_from_ns, message.valid_to_ns];
        if times.iter().any(|time| !(0..=TIME_NS_MAX).contains(time)) {
            return None;
        }
        Some(Self {
            meter: meter_id(&message.meter)?,
            metering_point: message.metering_point,
            description: Description {
                name: message.name,
                serial: message.serial,
                meter_serial: message.meter_serial,
                vendor: message.vendor,
                family: VendorCode { number: message.family, name: message.family_name },
                energy_type: VendorCode { number: message.energy_type, name: message.energy_type_name },
                sub_type: VendorCode { number: message.sub_type, name: message.sub_type_name },
                gateway: message.gateway,
                unit: message.unit,
            },
            source: message.source,
            valid_from: UnixNanos(message.valid_from_ns),
            valid_to: Some(message.valid_to_ns).filter(|time| *time != 0).map(UnixNanos),
        })
    }
}

#[cfg(test)]
mod tests;
