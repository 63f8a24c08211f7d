//! `Device`: an entry of smart-me's device list, with its last measured values.
//!
//! Source: the API's description of `GET /Devices` and observed answers: fields that do
//! not apply are absent, `CounterReading` is import minus export, and `ValueDate` is the
//! time of measurement. Enumeration numbers are kept as they are; clients in the field
//! disagree on some.

mod kinds;
mod registers;
#[cfg(test)]
mod tests;
mod units;

pub use kinds::{EnergyType, Family, SubType};

use super::fields::{Fields, ReadError};
use crate::reading::{MeterId, Sample, UnixNanos};

/// A device of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// The device id: the webhook's `DeviceId`.
    pub id: MeterId,
    /// The name given by the owner.
    pub name: Option<String>,
    /// The serial number.
    pub serial: Option<i64>,
    /// The serial number of the meter that a module reads.
    pub additional_serial: Option<String>,
    /// The measured medium; 0 if not given.
    pub energy_type: EnergyType,
    /// The subtype; 0 if not given.
    pub sub_type: SubType,
    /// The product family; 0 if not given, as for all M-Bus meters.
    pub family: Family,
    /// The time of measurement; `None` if nothing was ever measured.
    pub value_date: Option<UnixNanos>,
    /// Registers and values in base units, each register at most once.
    pub samples: Vec<Sample>,
    /// The unit of the main counter, as sent.
    pub counter_unit: Option<String>,
    /// Unknown units; their values are not in the samples.
    pub unknown_units: Vec<String>,
}

impl Device {
    /// Decodes the answer of `GET /Devices` and similar calls. Skips devices without an id.
    ///
    /// # Errors
    /// When the answer is not a list of objects.
    pub fn list(answer: &[u8]) -> Result<Vec<Self>, ReadError> {
        Ok(Fields::list(answer)?.iter().filter_map(Self::of).collect())
    }

    /// Whether the device measures anything; gateways do not.
    pub fn measures(&self) -> bool {
        !matches!(self.energy_type, EnergyType::MBUS_GATEWAY | EnergyType::RS485_GATEWAY)
    }

    fn of(fields: &Fields) -> Option<Self> {
        let energy_type = EnergyType(fields.integer("deviceenergytype").unwrap_or_default());
        let sub_type = SubType(fields.integer("metersubtype").unwrap_or_default());
        let (samples, unknown_units) = registers::read(fields, energy_type, sub_type);
        Some(Self {
            id: MeterId::from(fields.uuid("id")?),
            name: fields.text("name").map(str::to_owned),
            serial: fields.integer("serial"),
            additional_serial: fields.text("additionalmeterserialnumber").map(str::to_owned),
            energy_type,
            sub_type,
            family: Family(fields.integer("familytype").unwrap_or_default()),
            value_date: fields.time("valuedate"),
            samples,
            counter_unit: fields.text("counterreadingunit").map(str::to_owned),
            unknown_units,
        })
    }
}
