//! `Device`: an entry of smart-me's device list, with its last measured values.
//!
//! Source: the API's description of `GET /Devices` and observed answers: fields that do
//! not apply are absent, `CounterReading` is import minus export, and `ValueDate` is the
//! time of measurement. Enumeration numbers are kept as they are; clients in the field
//! disagree on some.

mod kinds;
mod left_out;
mod registers;
#[cfg(test)]
mod tests;
mod units;

pub use kinds::{EnergyType, Family, SubType};
pub use left_out::LeftOut;

use super::fields::{Fields, ReadError};
use crate::reading::{MeterId, Sample, UnixNanos};
use kinds::Kind;

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
    /// The values that are not in the samples, and why.
    pub left_out: Vec<LeftOut>,
}

impl Device {
    /// Decodes the answer of `GET /Devices` and similar calls. Skips devices without an id.
    ///
    /// # Errors
    /// When the answer is not a list of objects.
    pub fn list(answer: &[u8]) -> Result<Vec<Self>, ReadError> {
        Ok(Fields::list(answer)?.iter().filter_map(Self::of).collect())
    }

    /// The parts of such an answer as they were sent: the text of each device.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn entries(answer: &[u8]) -> Result<Vec<(MeterId, &str)>, ReadError> {
        let entries = Fields::entries(answer)?.into_iter();
        Ok(entries.filter_map(|(fields, text)| Some((MeterId::from(fields.uuid("id")?), text))).collect())
    }

    /// Whether the device measures anything; gateways do not.
    pub fn measures(&self) -> bool {
        !Kind { energy: self.energy_type, sub: self.sub_type, family: self.family }.is_gateway()
    }

    fn of(fields: &Fields) -> Option<Self> {
        let kind = Kind {
            energy: EnergyType::read(fields, "deviceenergytype").unwrap_or_default(),
            sub: SubType::read(fields, "metersubtype").unwrap_or_default(),
            family: Family::read(fields, "familytype").unwrap_or_default(),
        };
        let (samples, mut left_out) = registers::read(fields, kind);
        left_out.extend(unreadable(fields));
        Some(Self {
            id: MeterId::from(fields.uuid("id")?),
            name: fields.text("name").map(str::to_owned),
            serial: fields.integer("serial"),
            additional_serial: fields.text("additionalmeterserialnumber").map(str::to_owned),
            energy_type: kind.energy,
            sub_type: kind.sub,
            family: kind.family,
            value_date: fields.time("valuedate"),
            samples,
            counter_unit: fields.text("counterreadingunit").map(str::to_owned),
            left_out,
        })
    }
}

/// Fields beside the values that are present and cannot be read; without them the values
/// have no meaning or no time.
fn unreadable(fields: &Fields) -> impl Iterator<Item = LeftOut> + use<> {
    let is_read = [
        ("deviceenergytype", EnergyType::read(fields, "deviceenergytype").is_some()),
        ("metersubtype", SubType::read(fields, "metersubtype").is_some()),
        ("familytype", Family::read(fields, "familytype").is_some()),
        ("valuedate", fields.time("valuedate").is_some() || fields.text("valuedate").is_some_and(is_no_time)),
    ];
    let present = is_read.map(|(name, is_read)| (name, is_read || !fields.has(name)));
    present.into_iter().filter(|(_, is_read)| !is_read).map(|(name, _)| LeftOut::Unreadable(name))
}

/// Whether this is the sender's value for "never".
fn is_no_time(text: &str) -> bool {
    text.starts_with("0001-01-01")
}
