//! `Device`: what smart-me's list of devices says of one of them, and what it measured
//! last.
//!
//! Source: the API's description of `GET /Devices`, and what was seen on the wire:
//! what does not apply is left out, `CounterReading` is import minus export, and
//! `ValueDate` is when it was measured. Numbers of enumerations are kept as they are;
//! clients in the field disagree on some.

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
    /// Its id: the webhook's `DeviceId`.
    pub id: MeterId,
    /// The name its owner gave it.
    pub name: Option<String>,
    /// Its serial number.
    pub serial: Option<i64>,
    /// A second one: of the meter that a module reads.
    pub additional_serial: Option<String>,
    /// What it measures; 0 where that is not said.
    pub energy_type: EnergyType,
    /// What in particular; 0 where that is not said.
    pub sub_type: SubType,
    /// Which product it is; 0 where that is not said, as for all M-Bus meters.
    pub family: Family,
    /// When it was measured what is here; absent where it never was.
    pub value_date: Option<UnixNanos>,
    /// Registers and values, in base units, each register once.
    pub samples: Vec<Sample>,
    /// The unit of its main counter, as it is written there.
    pub counter_unit: Option<String>,
    /// Texts of units that are not known; what they belong to is not in the samples.
    pub unknown_units: Vec<String>,
}

impl Device {
    /// Reads the answer of `GET /Devices` and its like. A device without an id is left
    /// out: there is nothing that it could be told by.
    ///
    /// # Errors
    /// When it is no list of objects.
    pub fn list(answer: &[u8]) -> Result<Vec<Self>, ReadError> {
        Ok(Fields::list(answer)?.iter().filter_map(Self::of).collect())
    }

    /// Whether it measures anything; gateways do not.
    #[must_use]
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
