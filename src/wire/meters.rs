//! `meterline.v1.MeterBatch` (`proto/meterline/v1/meter.proto`): descriptions of
//! meters, which pass through the journal like readings.
//!
//! [`versions`] decodes a body, [`encode`] makes one, both with prost's types: such
//! bodies are few, and only programs of ours write them. An item without a meter, or
//! with a time before 1970 or after 2261, is skipped: no store could keep it.

mod role;
mod shown;

pub use role::Role;

use super::error::{DecodeError, DecodeErrorKind, Fault as _};
use super::reading::meter_id;
use crate::proto::v1;
use crate::reading::{MeterId, UnixNanos};
use prost::Message as _;
use serde::{Deserialize, Serialize};

/// The end of the year 2261: the last whole year of nanoseconds in 64 bits.
const TIME_NS_MAX: i64 = 9_214_646_399_999_999_999;

/// A vendor's description of a meter. Unknown texts are empty, unknown numbers 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// The name that its owner gave it.
    pub name: String,
    /// Its serial number in the vendor's notation.
    pub serial: String,
    /// The serial number of the meter that it is mounted on, if it is a module.
    pub meter_serial: String,
    /// The vendor.
    pub vendor: String,
    /// Its model in the vendor's notation.
    pub model: String,
    /// The version of its firmware in the vendor's notation.
    pub firmware: String,
    /// The device family.
    pub family: VendorCode,
    /// The type of energy.
    pub energy_type: VendorCode,
    /// The sub-type within the energy type.
    pub sub_type: VendorCode,
    /// The gateway that reads it.
    pub gateway: String,
    /// The customer that it belongs to, in an account for several.
    pub customer: String,
    /// The folders that its owner has put it in, from the outermost, or the site that the vendor names.
    pub site: String,
    /// Its role there.
    pub role: Role,
    /// The phase, if it measures one alone: `L1`, `L2`, `L3`.
    pub phase: String,
    /// The time zone of its site, as the IANA database names it.
    pub time_zone: String,
    /// The tariff of its site: a name, the meaning of its tariffs, or the vendor's contract as JSON.
    pub tariff: String,
    /// The currency of its tariff (ISO 4217).
    pub currency: String,
    /// The unit of its main counter in the vendor's notation.
    pub unit: String,
}

/// A code of the vendor, kept even if its name is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct VendorCode {
    /// The vendor's number.
    pub number: i64,
    /// Its name; empty if unknown.
    pub name: String,
}

/// A meter's description for a period of time, identified by `meter` and `valid_from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The meter.
    pub meter: MeterId,
    /// The place in the grid where it measures.
    pub metering_point: String,
    /// Its description.
    pub description: Description,
    /// The account that described it.
    pub source: String,
    /// The start of its validity; 1970 means since the first reading.
    pub valid_from: UnixNanos,
    /// The end of its validity; `None` while it is valid.
    pub valid_to: Option<UnixNanos>,
}

/// Encodes versions as a body.
pub fn encode<'a>(versions: impl IntoIterator<Item = &'a Version>) -> Vec<u8> {
    v1::MeterBatch { meters: versions.into_iter().map(Version::to_message).collect() }.encode_to_vec()
}

/// Decodes the versions of a body, in its order.
///
/// # Errors
/// When it is not a valid `MeterBatch`.
pub fn versions(body: &[u8]) -> Result<Vec<Version>, DecodeError> {
    let batch = v1::MeterBatch::decode(body).map_err(|_| DecodeError::new(DecodeErrorKind::NotMeters, 0))?;
    Ok(batch.meters.into_iter().filter_map(Version::of_message).collect())
}

impl Version {
    /// The message, as stored in the journal and sent to Kafka.
    pub fn to_message(&self) -> v1::Meter {
        let Description {
            name,
            serial,
            meter_serial,
            vendor,
            model,
            firmware,
            family,
            energy_type,
            sub_type,
            gateway,
            customer,
            site,
            role,
            phase,
            time_zone,
            tariff,
            currency,
            unit,
        } = self.description.clone();
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
            customer,
            site,
            model,
            firmware,
            role: role.number(),
            phase,
            time_zone,
            tariff,
            currency,
            source: self.source.clone(),
            valid_from_ns: self.valid_from.0,
            valid_to_ns: self.valid_to.map_or(0, |at| at.0),
        }
    }

    /// `None` for an invalid item.
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
                model: message.model,
                firmware: message.firmware,
                family: VendorCode { number: message.family, name: message.family_name },
                energy_type: VendorCode { number: message.energy_type, name: message.energy_type_name },
                sub_type: VendorCode { number: message.sub_type, name: message.sub_type_name },
                gateway: message.gateway,
                customer: message.customer,
                site: message.site,
                role: Role::from_number(message.role),
                phase: message.phase,
                time_zone: message.time_zone,
                tariff: message.tariff,
                currency: message.currency,
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
