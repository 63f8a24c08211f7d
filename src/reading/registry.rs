//! The registry of OBIS codes: the name, unit and kind of each register.
//!
//! [`entry`] is a pure lookup: listed codes come from a table, electricity codes
//! from the grid of quantity, phase and measure in `electricity`. An unknown code
//! is stored unchanged, with an unknown unit.
//!
//! Units of smart-me's webhook: the vendor's documentation gives its sample of 1.8.0
//! in mWh; two receivers in use and the values themselves show Wh (and W, V, A), so
//! this is used here. For heat, cold and water the webhook's units are unknown. The
//! values that the REST API gives for them are in Wh and m3. An operator states such a unit (`units.rs`).
//!
//! One quantity has one code over all vendors: temperature is 0-0:96.9.0, the tariff 0-0:96.14.0, the
//! switch 0-0:96.3.10, gas 7-0:3.0.0, as the standard has them; signed power is 1-0:16.7.0,
//! but smart-me's stays under the webhook's 1-0:1.7.0. Values
//! without a published code get codes in OBIS's manufacturer range (C from 128 on).

mod electricity;
mod interval;
mod main_values;
mod quantity;

pub use electricity::Register;
pub use interval::{Interval, Series};
pub use main_values::{MainValue, main_value, prominence};
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
    /// A sum or mean of an interval without a published code.
    Series(Series),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(name) => f.write_str(name),
            Self::Electricity(register) => register.fmt(f),
            Self::Series(series) => series.fmt(f),
        }
    }
}

/// The entry of a code, if it is known.
pub fn entry(code: Obis) -> Option<Entry> {
    // Most codes are in the grid, whose look-up costs a few comparisons; no code is in both.
    match electricity::register(code) {
        Some((register, unit, kind)) => Some(Entry { code, name: Name::Electricity(register), unit, kind }),
        None => listed_entry(code).or_else(|| series_entry(code)),
    }
}

/// The unit of a code's values.
pub fn unit(code: Obis) -> Unit {
    entry(code).map_or(Unit::Unknown, |entry| entry.unit)
}

/// Whether values of this code are sums or means of an interval.
pub fn is_of_interval(code: Obis) -> bool {
    matches!(code.0, [1, _, _, 5 | 29, _, 255] | [0, 0, 129, _, _, 255])
}

/// Whether a register is a counter.
pub fn is_counter(code: Obis) -> bool {
    entry(code).is_some_and(|entry| entry.kind == Kind::Counter)
}

fn listed_entry(code: Obis) -> Option<Entry> {
    LISTED.binary_search_by_key(&code, |entry| entry.code).ok().and_then(|at| LISTED.get(at)).copied()
}

fn series_entry(code: Obis) -> Option<Entry> {
    let (series, unit, kind) = interval::series(code)?;
    Some(Entry { code, name: Name::Series(series), unit, kind })
}

/// The position of a switch.
pub const SWITCH: Obis = Obis([0, 0, 96, 3, 10, 255]);

/// Whether meters send this register only when something happens: pulses that were counted, a plug that
/// came back, people who arrived, an appliance that was switched on.
pub fn is_occasional(code: Obis) -> bool {
    matches!(code.0, [7 | 8, _, 129, 5, 0, _] | [1, _, 82, 29, 0, _] | [0, 0, 128, 23, 1 | 2 | 18, _])
}

/// Codes outside the electricity grid, sorted by their bytes.
const LISTED: [Entry; 132] = [
    // In watts or in volt-amperes, as the meter has it.
    listed([0, 0, 17, 0, 0, 255], "power limit", Unit::Unknown, Kind::Gauge),
    listed([0, 0, 24, 4, 0, 255], "valve position", Unit::One, Kind::Gauge),
    listed([0, 0, 96, 3, 10, 255], "switch position", Unit::One, Kind::Gauge),
    listed([0, 0, 96, 6, 1, 255], "battery level", Unit::One, Kind::Gauge),
    listed([0, 0, 96, 7, 9, 255], "long power failures", Unit::One, Kind::Counter),
    listed([0, 0, 96, 7, 19, 255], "duration of a long power failure", Unit::Second, Kind::IntervalEndingAt),
    listed([0, 0, 96, 7, 21, 255], "power failures", Unit::One, Kind::Counter),
    listed([0, 0, 96, 9, 0, 255], "temperature", Unit::DegreeCelsius, Kind::Gauge),
    listed([0, 0, 96, 9, 2, 255], "relative humidity", Unit::One, Kind::Gauge),
    listed([0, 0, 96, 14, 0, 255], "active tariff", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 2, 0, 255], "flow rate", Unit::CubicMetrePerHour, Kind::Gauge),
    listed([0, 0, 128, 4, 0, 255], "charging station state", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 5, 1, 255], "analog output 1", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 5, 2, 255], "analog output 2", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 6, 1, 255], "digital input 1", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 6, 2, 255], "digital input 2", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 8, 0, 255], "energy, medium unknown", Unit::WattHour, Kind::Gauge),
    listed([0, 0, 128, 9, 0, 255], "volume, medium unknown", Unit::CubicMetre, Kind::Gauge),
    listed([0, 0, 128, 10, 0, 255], "power of a non-electricity meter", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 11, 0, 255], "analog input", Unit::Unknown, Kind::Gauge),
    listed([0, 0, 128, 11, 1, 255], "pressure at the analog input", Unit::Pascal, Kind::Gauge),
    listed([0, 0, 128, 11, 2, 255], "level at the analog input", Unit::Metre, Kind::Gauge),
    listed([0, 0, 128, 11, 3, 255], "voltage of the analog input", Unit::Volt, Kind::Gauge),
    listed([0, 0, 128, 11, 4, 255], "current of the analog input", Unit::Ampere, Kind::Gauge),
    listed([0, 0, 128, 11, 5, 255], "temperature at the analog input", Unit::DegreeCelsius, Kind::Gauge),
    listed([0, 0, 128, 11, 6, 255], "flow rate at the analog input", Unit::CubicMetrePerHour, Kind::Gauge),
    listed([0, 0, 128, 11, 7, 255], "share at the analog input", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 20, 1, 255], "power of photovoltaics, negative while producing", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 2, 255], "AC power of photovoltaics, negative while producing", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 3, 255], "power of the house", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 4, 255], "power of the battery, positive while charging", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 5, 255], "AC power of the battery, positive while charging", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 6, 255], "power of the inverters", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 7, 255], "power of the wallboxes", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 8, 255], "power of the house from the grid", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 9, 255], "power of the house from the battery", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 10, 255], "power of the house from photovoltaics", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 11, 255], "power of the wallboxes from photovoltaics", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 12, 255], "power of the wallboxes from the grid", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 13, 255], "power of the wallboxes from the battery", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 14, 255], "power limit of the grid operator", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 15, 255], "power limit of charging the battery", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 16, 255], "power limit of discharging the battery", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 17, 255], "curtailment of the inverters", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 20, 18, 255], "power of auxiliary devices", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 19, 255], "DC power of an inverter", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 20, 255], "power of a battery at its inverter", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 20, 21, 255], "sum of the inverters' control values", Unit::Unknown, Kind::Gauge),
    listed([0, 0, 128, 21, 0, 255], "state of charge", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 22, 1, 255], "status of the wallbox", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 22, 2, 255], "current limit of the wallbox", Unit::Ampere, Kind::Gauge),
    listed([0, 0, 128, 22, 3, 255], "default current limit of the vehicle", Unit::Unknown, Kind::Gauge),
    listed([0, 0, 128, 22, 4, 255], "duration of the charging session", Unit::Second, Kind::Gauge),
    listed([0, 0, 128, 22, 5, 255], "error of the wallbox", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 22, 6, 255], "status code of the wallbox", Unit::One, Kind::Gauge),
    // 0 disconnected, 1 connected, 2 unreachable.
    listed([0, 0, 128, 23, 1, 255], "connection of a plug", Unit::One, Kind::Gauge),
    listed(
        [0, 0, 128, 23, 2, 255],
        "change of power of an appliance, negative if switched off",
        Unit::Watt,
        Kind::Gauge,
    ),
    listed([0, 0, 128, 23, 3, 255], "power of the house after the change", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 23, 10, 255], "power of the monitor by its own rules", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 23, 11, 255], "reactive power of the monitor by its own rules", Unit::Var, Kind::Gauge),
    listed([0, 0, 128, 23, 12, 255], "import of the monitor since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 23, 13, 255], "export of the monitor since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 23, 14, 255], "power of what is always on", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 23, 15, 255], "power of the house by the vendor's rules", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 23, 16, 255], "power of photovoltaics by the vendor's rules", Unit::Watt, Kind::Gauge),
    listed([0, 0, 128, 23, 17, 255], "status of the monitor", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 23, 18, 255], "presence of people", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 24, 1, 255], "voltage L1-L2", Unit::Volt, Kind::Gauge),
    listed([0, 0, 128, 24, 2, 255], "voltage L2-L3", Unit::Volt, Kind::Gauge),
    listed([0, 0, 128, 24, 3, 255], "voltage L3-L1", Unit::Volt, Kind::Gauge),
    listed([0, 0, 128, 26, 0, 255], "active energy import since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 26, 1, 255], "active energy import L1 since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 26, 2, 255], "active energy import L2 since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 26, 3, 255], "active energy import L3 since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 27, 0, 255], "active energy export since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 27, 1, 255], "active energy export L1 since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 27, 2, 255], "active energy export L2 since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 27, 3, 255], "active energy export L3 since restart", Unit::WattHour, Kind::VolatileCounter),
    listed([0, 0, 128, 30, 1, 255], "processor load of the device", Unit::One, Kind::Gauge),
    listed([0, 0, 128, 30, 2, 255], "processor temperature of the device", Unit::DegreeCelsius, Kind::Gauge),
    listed([0, 0, 128, 30, 3, 255], "free memory of the device", Unit::Byte, Kind::Gauge),
    listed([0, 0, 128, 30, 4, 255], "memory of the device", Unit::Byte, Kind::Gauge),
    listed([0, 0, 128, 30, 5, 255], "free flash for programs of the device", Unit::Byte, Kind::Gauge),
    listed([0, 0, 128, 30, 6, 255], "flash for programs of the device", Unit::Byte, Kind::Gauge),
    listed([0, 0, 128, 30, 7, 255], "free flash for data of the device", Unit::Byte, Kind::Gauge),
    listed([0, 0, 128, 30, 8, 255], "flash for data of the device", Unit::Byte, Kind::Gauge),
    listed([0, 0, 128, 31, 1, 255], "price of the tariff", Unit::Unknown, Kind::IntervalStartingAt),
    listed([0, 0, 128, 31, 2, 255], "difference within the tariff", Unit::Unknown, Kind::IntervalStartingAt),
    listed([0, 1, 96, 3, 10, 255], "switch position, channel 1", Unit::One, Kind::Gauge),
    listed([0, 1, 96, 9, 0, 255], "temperature, sensor 1", Unit::DegreeCelsius, Kind::Gauge),
    listed([0, 2, 96, 3, 10, 255], "switch position, channel 2", Unit::One, Kind::Gauge),
    listed([0, 2, 96, 9, 0, 255], "temperature, sensor 2", Unit::DegreeCelsius, Kind::Gauge),
    listed([0, 3, 96, 3, 10, 255], "switch position, channel 3", Unit::One, Kind::Gauge),
    listed([0, 3, 96, 9, 0, 255], "temperature, sensor 3", Unit::DegreeCelsius, Kind::Gauge),
    listed([0, 4, 96, 3, 10, 255], "switch position, channel 4", Unit::One, Kind::Gauge),
    listed([0, 4, 96, 9, 0, 255], "temperature, sensor 4", Unit::DegreeCelsius, Kind::Gauge),
    listed([0, 5, 96, 9, 0, 255], "temperature, sensor 5", Unit::DegreeCelsius, Kind::Gauge),
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
    listed([1, 1, 82, 8, 0, 255], "pulses, input 1", Unit::One, Kind::Counter),
    listed([1, 2, 82, 8, 0, 255], "pulses, input 2", Unit::One, Kind::Counter),
    listed([4, 0, 128, 0, 0, 255], "heat cost units", Unit::One, Kind::Counter),
    listed([5, 0, 1, 0, 0, 255], "cold energy", Unit::Unknown, Kind::Counter),
    listed([5, 0, 2, 0, 0, 255], "volume of cold", Unit::CubicMetre, Kind::Counter),
    listed([5, 1, 1, 0, 0, 255], "cold energy, channel 1", Unit::Unknown, Kind::Counter),
    listed([6, 0, 1, 0, 0, 255], "heat energy", Unit::Unknown, Kind::Counter),
    listed([6, 0, 2, 0, 0, 255], "volume of heat", Unit::CubicMetre, Kind::Counter),
    listed([6, 1, 1, 0, 0, 255], "heat energy, channel 1", Unit::Unknown, Kind::Counter),
    listed([7, 0, 3, 0, 0, 255], "gas volume", Unit::CubicMetre, Kind::Counter),
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
