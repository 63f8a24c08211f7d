//! The registry of OBIS codes: the name, unit and kind of each register.
//!
//! [`entry`] is a pure lookup: listed codes come from a table, electricity codes
//! from the grid of quantity, phase and measure in `electricity`. An unknown code
//! is stored unchanged, with an unknown unit.
//!
//! Units of smart-me's webhook: the vendor's documentation gives its sample of 1.8.0
//! in mWh; two receivers in use and the values themselves show Wh (and W, V, A), so
//! this is used here. For heat, cold and water the webhook's units are unknown. The
//! values that the REST API gives for them are in Wh and m3.
//!
//! Values of that API without a published code get codes in OBIS's manufacturer
//! range (C from 128 on).

mod electricity;
mod quantity;

pub use electricity::Register;
pub use quantity::{Kind, Unit};

use super::obis::Obis;
use std::fmt;

/// The properties of a register.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// The register.
    pub code: Obis,
    /// Its name in plain words.
    pub name: Name,
    /// The unit its values are stored in.
    pub unit: Unit,
    /// How to interpret its values.
    pub kind: Kind,
}

/// A register's name; formatted only when printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// The name of a listed code.
    Listed(&'static str),
    /// An electricity register, named by its parts.
    Electricity(Register),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(name) => f.write_str(name),
            Self::Electricity(register) => register.fmt(f),
        }
    }
}

/// The entry of a code, if it is known.
pub fn entry(code: Obis) -> Option<Entry> {
    match LISTED.binary_search_by_key(&code, |entry| entry.code) {
        Ok(found) => LISTED.get(found).copied(),
        Err(_) => {
            let (register, unit, kind) = electricity::register(code)?;
            Some(Entry { code, name: Name::Electricity(register), unit, kind })
        }
    }
}

/// Codes outside the electricity grid, sorted by their bytes.
const LISTED: [Entry; 53] = [
    listed([0, 0, 17, 0, 0, 255], "power limit", Unit::Watt, Kind::Gauge),
    listed([0, 0, 24, 4, 0, 255], "valve position", Unit::One, Kind::Gauge),
    listed([0, 0, 96, 3, 10, 255], "switch position", Unit::One, Kind::Gauge),
    listed([0, 0, 96, 7, 9, 255], "long power failures", Unit::One, Kind::Counter),
    listed([0, 0, 96, 7, 19, 255], "duration of a long power failure", Unit::Second, Kind::IntervalEndingAt),
    listed([0, 0, 96, 7, 21, 255], "power failures", Unit::One, Kind::Counter),
    listed([0, 0, 96, 14, 0, 255], "active tariff", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 1, 0, 255], "temperature", Unit::DegreeCelsius, Kind::Gauge),
    listed([0, 0, 128, 2, 0, 255], "flow rate", Unit::CubicMetrePerHour, Kind::Gauge),
    listed([0, 0, 128, 3, 0, 255], "active tariff", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 4, 0, 255], "charging station state", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 5, 1, 255], "analog output 1", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 5, 2, 255], "analog output 2", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 6, 1, 255], "digital input 1", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 6, 2, 255], "digital input 2", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 7, 0, 255], "switch", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 8, 0, 255], "energy, medium unknown", Unit::WattHour, Kind::Gauge),
    listed([0, 0, 128, 9, 0, 255], "volume, medium unknown", Unit::CubicMetre, Kind::Gauge),
    listed([0, 0, 128, 10, 0, 255], "power of a non-electricity meter", Unit::Watt, Kind::Gauge),
    listed([1, 0, 0, 4, 2, 255], "ratio of the current transformer", Unit::One, Kind::Gauge),
    listed([1, 0, 0, 4, 3, 255], "ratio of the voltage transformer", Unit::One, Kind::Gauge),
    listed([1, 0, 31, 4, 0, 255], "current limit", Unit::Ampere, Kind::Gauge),
    listed([1, 0, 32, 32, 0, 255], "voltage sags L1", Unit::One, Kind::Counter),
    listed([1, 0, 32, 36, 0, 255], "voltage swells L1", Unit::One, Kind::Counter),
    listed([1, 0, 52, 32, 0, 255], "voltage sags L2", Unit::One, Kind::Counter),
    listed([1, 0, 52, 36, 0, 255], "voltage swells L2", Unit::One, Kind::Counter),
    listed([1, 0, 72, 32, 0, 255], "voltage sags L3", Unit::One, Kind::Counter),
    listed([1, 0, 72, 36, 0, 255], "voltage swells L3", Unit::One, Kind::Counter),
    listed([1, 0, 90, 7, 0, 255], "current, sum of the phases", Unit::Ampere, Kind::Gauge),
    listed([1, 0, 91, 7, 0, 255], "current N", Unit::Ampere, Kind::Gauge),
    listed([1, 0, 92, 7, 0, 255], "voltage N", Unit::Volt, Kind::Gauge),
    listed([1, 1, 31, 4, 0, 255], "current limit, channel 1", Unit::Ampere, Kind::Gauge),
    listed([1, 1, 31, 4, 128, 255], "current limit of export, channel 1", Unit::Ampere, Kind::Gauge),
    listed([4, 0, 128, 0, 0, 255], "heat cost units", Unit::One, Kind::Counter),
    listed([5, 0, 1, 0, 0, 255], "cold energy", Unit::Unknown, Kind::Counter),
    listed([5, 1, 1, 0, 0, 255], "cold energy, channel 1", Unit::Unknown, Kind::Counter),
    listed([5, 0, 2, 0, 0, 255], "volume of cold", Unit::CubicMetre, Kind::Counter),
    listed([6, 0, 1, 0, 0, 255], "heat energy", Unit::Unknown, Kind::Counter),
    listed([6, 0, 2, 0, 0, 255], "volume of heat", Unit::CubicMetre, Kind::Counter),
    listed([6, 1, 1, 0, 0, 255], "heat energy, channel 1", Unit::Unknown, Kind::Counter),
    listed([7, 0, 3, 0, 0, 255], "gas volume", Unit::CubicMetre, Kind::Counter),
    listed([7, 0, 128, 0, 0, 255], "gas volume", Unit::CubicMetre, Kind::Counter),
    listed([8, 0, 1, 0, 0, 255], "cold water volume", Unit::Unknown, Kind::Counter),
    listed([8, 1, 1, 0, 0, 255], "cold water volume, channel 1", Unit::Unknown, Kind::Counter),
    listed([9, 0, 1, 0, 0, 255], "hot water volume", Unit::Unknown, Kind::Counter),
    listed([9, 1, 1, 0, 0, 255], "hot water volume, channel 1", Unit::Unknown, Kind::Counter),
    listed([15, 0, 128, 0, 0, 255], "compressed air volume", Unit::CubicMetre, Kind::Counter),
    listed([99, 0, 12, 0, 0, 255], "switch states, one bit each", Unit::One, Kind::Gauge),
    listed([99, 0, 12, 0, 1, 255], "switch L1", Unit::One, Kind::Gauge),
    listed([99, 0, 12, 0, 2, 255], "switch L2", Unit::One, Kind::Gauge),
    listed([99, 0, 12, 0, 3, 255], "switch L3", Unit::One, Kind::Gauge),
    listed([99, 0, 12, 1, 1, 255], "digital output 1", Unit::One, Kind::Gauge),
    listed([99, 0, 12, 1, 2, 255], "digital output 2", Unit::One, Kind::Gauge),
];

const fn listed(code: [u8; 6], name: &'static str, unit: Unit, kind: Kind) -> Entry {
    Entry { code: Obis(code), name: Name::Listed(name), unit, kind }
}

#[cfg(test)]
mod tests;
