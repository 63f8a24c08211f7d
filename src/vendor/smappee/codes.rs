//! Registers of the monitors and of the cloud, and the names of their fields with an index.
//!
//! Group E names the interval of sums and means ([`Interval`]).

use crate::reading::Obis;
use crate::reading::registry::{Interval, Unit};
use std::borrow::Cow;

/// A phase of the supply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The first.
    L1,
    /// The second.
    L2,
    /// The third.
    L3,
}

impl Phase {
    /// The phases in their order.
    pub(super) const ALL: [Self; 3] = [Self::L1, Self::L2, Self::L3];

    /// The phase of a number from 0.
    pub(super) fn of_number(number: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// The phase of a name: `A`, `L1`, `PHASE_A`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_uppercase()).collect();
        match plain.trim_start_matches("PHASE") {
            "A" | "L1" => Some(Self::L1),
            "B" | "L2" => Some(Self::L2),
            "C" | "L3" => Some(Self::L3),
            _ => None,
        }
    }

    /// Its number from 1.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::L1 => 1,
            Self::L2 => 2,
            Self::L3 => 3,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
        }
    }
}

/// A register with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Code {
    pub(super) obis: Obis,
    pub(super) unit: Unit,
}

/// A quantity of each phase and of their sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Quantity {
    /// In the grid of electricity: C of the sum, D, and the unit.
    Electricity(u8, u8, Unit),
    /// In the manufacturer range: D, with E as the phase, and the unit.
    Own(u8, Unit),
    /// Of intervals, without a published code: D, to which the phase is added, and the unit.
    Series(u8, Unit),
}

impl Quantity {
    /// The register of a phase, or of the sum, also of an interval of five minutes.
    pub(super) fn at(self, phase: Option<Phase>) -> Code {
        self.of(phase, Interval::Recording)
    }

    /// The register of a phase, or of the sum, in an interval.
    pub(super) fn of(self, phase: Option<Phase>, interval: Interval) -> Code {
        let (number, e) = (phase.map_or(0, Phase::number), interval.group());
        match self {
            Self::Electricity(c, d, unit) => Code { obis: Obis([1, 0, c + 20 * number, d, e, 255]), unit },
            Self::Own(d, unit) => own(d, number, unit),
            Self::Series(d, unit) => Code { obis: Obis([0, 0, SERIES, d + number, e, 255]), unit },
        }
    }
}

/// D of the last average.
const AVERAGE: u8 = 5;
/// D of the sum of an interval.
const SUM: u8 = 29;
/// C of sums and means without a published code.
const SERIES: u8 = 129;

/// Signed: import minus export.
pub(super) const POWER: Quantity = Quantity::Electricity(16, 7, Unit::Watt);
pub(super) const REACTIVE_POWER: Quantity = Quantity::Electricity(3, 7, Unit::Var);
pub(super) const APPARENT_POWER: Quantity = Quantity::Electricity(9, 7, Unit::VoltAmpere);
pub(super) const CURRENT: Quantity = Quantity::Electricity(11, 7, Unit::Ampere);
pub(super) const VOLTAGE: Quantity = Quantity::Electricity(12, 7, Unit::Volt);
pub(super) const ENERGY_IMPORT: Quantity = Quantity::Electricity(1, 8, Unit::WattHour);
pub(super) const ENERGY_EXPORT: Quantity = Quantity::Electricity(2, 8, Unit::WattHour);
pub(super) const MEAN_POWER: Quantity = Quantity::Electricity(16, AVERAGE, Unit::Watt);
pub(super) const MEAN_IMPORT: Quantity = Quantity::Electricity(1, AVERAGE, Unit::Watt);
pub(super) const MEAN_EXPORT: Quantity = Quantity::Electricity(2, AVERAGE, Unit::Watt);
pub(super) const MEAN_REACTIVE_POWER: Quantity = Quantity::Electricity(3, AVERAGE, Unit::Var);
pub(super) const MEAN_APPARENT_POWER: Quantity = Quantity::Electricity(9, AVERAGE, Unit::VoltAmpere);
pub(super) const MEAN_CURRENT: Quantity = Quantity::Electricity(11, AVERAGE, Unit::Ampere);
pub(super) const MEAN_VOLTAGE: Quantity = Quantity::Electricity(12, AVERAGE, Unit::Volt);
pub(super) const MEAN_POWER_FACTOR: Quantity = Quantity::Electricity(13, AVERAGE, Unit::One);
pub(super) const INTERVAL_IMPORT: Quantity = Quantity::Electricity(1, SUM, Unit::WattHour);
pub(super) const INTERVAL_EXPORT: Quantity = Quantity::Electricity(2, SUM, Unit::WattHour);
/// Signed: import minus export.
pub(super) const INTERVAL_ENERGY: Quantity = Quantity::Electricity(16, SUM, Unit::WattHour);
pub(super) const INTERVAL_REACTIVE_ENERGY: Quantity = Quantity::Electricity(3, SUM, Unit::VarHour);
/// From the grid and from the house's own production.
pub(super) const HOUSE_ENERGY: Quantity = Quantity::Series(1, Unit::WattHour);
pub(super) const SOLAR_ENERGY: Quantity = Quantity::Series(2, Unit::WattHour);
pub(super) const ALWAYS_ON_ENERGY: Quantity = Quantity::Series(3, Unit::WattHour);
/// In the currency of the location.
pub(super) const COST: Quantity = Quantity::Series(4, Unit::Unknown);
pub(super) const MEAN_TEMPERATURE: Quantity = Quantity::Series(6, Unit::DegreeCelsius);
pub(super) const MEAN_HUMIDITY: Quantity = Quantity::Series(7, Unit::One);
pub(super) const MEAN_BATTERY: Quantity = Quantity::Series(8, Unit::One);
pub(super) const MEAN_LINE_VOLTAGE: Quantity = Quantity::Series(10, Unit::Volt);
pub(super) const LINE_VOLTAGE: Quantity = Quantity::Own(24, Unit::Volt);
/// Since the restart of the monitor: never a register for billing.
pub(super) const VOLATILE_IMPORT: Quantity = Quantity::Own(26, Unit::WattHour);
pub(super) const VOLATILE_EXPORT: Quantity = Quantity::Own(27, Unit::WattHour);

pub(super) const TOTAL_POWER: Code = own(23, 10, Unit::Watt);
pub(super) const TOTAL_REACTIVE_POWER: Code = own(23, 11, Unit::Var);
pub(super) const TOTAL_IMPORT: Code = own(23, 12, Unit::WattHour);
pub(super) const TOTAL_EXPORT: Code = own(23, 13, Unit::WattHour);
pub(super) const ALWAYS_ON: Code = own(23, 14, Unit::Watt);
pub(super) const CONSUMPTION_POWER: Code = own(23, 15, Unit::Watt);
pub(super) const SOLAR_POWER: Code = own(23, 16, Unit::Watt);
pub(super) const MONITOR_STATUS: Code = own(23, 17, Unit::One);
pub(super) const PRESENCE: Code = own(23, 18, Unit::One);

pub(super) const SWITCH: Code = listed(96, 3, 10, Unit::One);
pub(super) const PLUG_CONNECTION: Code = own(23, 1, Unit::One);
pub(super) const POWER_CHANGE: Code = own(23, 2, Unit::Watt);
pub(super) const POWER_AFTER_CHANGE: Code = own(23, 3, Unit::Watt);
pub(super) const BATTERY: Code = listed(96, 6, 1, Unit::One);
pub(super) const TEMPERATURE: Code = listed(96, 9, 0, Unit::DegreeCelsius);
pub(super) const HUMIDITY: Code = listed(96, 9, 2, Unit::One);

/// A register of the manufacturer range.
const fn own(d: u8, e: u8, unit: Unit) -> Code {
    listed(128, d, e, unit)
}

/// A register of no medium.
const fn listed(c: u8, d: u8, e: u8, unit: Unit) -> Code {
    Code { obis: Obis([0, 0, c, d, e, 255]), unit }
}

/// Pulses of an interval at an input, from 1.
pub(super) fn pulses(input: u8, interval: Interval) -> Code {
    Code { obis: Obis([1, input, 82, SUM, interval.group(), 255]), unit: Unit::One }
}

/// Gas or water of an interval at an input, from 1.
pub(super) fn volume(is_gas: bool, input: u8, interval: Interval) -> Code {
    let medium = if is_gas { 7 } else { 8 };
    Code { obis: Obis([medium, input, SERIES, 5, interval.group(), 255]), unit: Unit::CubicMetre }
}

/// The name of a field with the index of its channel: `power[5]`.
pub(super) struct Indexed {
    name: &'static str,
    names: [&'static str; 64],
}

impl Indexed {
    /// Of these parts; `indexed!` makes them.
    pub(super) const fn of(name: &'static str, names: [&'static str; 64]) -> Self {
        Self { name, names }
    }

    /// The name with this index. It is made only for an index that no monitor has had.
    pub(super) fn at(&self, index: u32) -> Cow<'static, str> {
        let known = usize::try_from(index).ok().and_then(|at| self.names.get(at));
        known.map_or_else(|| format!("{}[{index}]", self.name).into(), |name| Cow::Borrowed(*name))
    }
}

macro_rules! indexed {
    ($name:literal) => {
        indexed!(@ $name 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
    };
    (@ $name:literal $($index:literal)+) => {
        Indexed::of($name, [$(concat!($name, "[", $index, "]")),+])
    };
}
pub(super) use indexed;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::registry::entry;

    #[test]
    fn every_register_is_in_the_registry_with_the_same_unit() {
        let of_phases = [
            POWER,
            REACTIVE_POWER,
            APPARENT_POWER,
            CURRENT,
            VOLTAGE,
            ENERGY_IMPORT,
            ENERGY_EXPORT,
            MEAN_POWER,
            MEAN_IMPORT,
            MEAN_EXPORT,
            MEAN_REACTIVE_POWER,
            MEAN_APPARENT_POWER,
            MEAN_CURRENT,
            MEAN_VOLTAGE,
            MEAN_POWER_FACTOR,
            VOLATILE_IMPORT,
            VOLATILE_EXPORT,
        ];
        let sums = of_phases.map(|quantity| quantity.at(None));
        let phases = Phase::ALL
            .iter()
            .flat_map(|phase| of_phases.into_iter().chain([LINE_VOLTAGE]).map(|quantity| quantity.at(Some(*phase))));
        let others = [
            PLUG_CONNECTION,
            TOTAL_POWER,
            TOTAL_REACTIVE_POWER,
            TOTAL_IMPORT,
            TOTAL_EXPORT,
            ALWAYS_ON,
            CONSUMPTION_POWER,
            SOLAR_POWER,
            MONITOR_STATUS,
            PRESENCE,
            SWITCH,
            BATTERY,
            TEMPERATURE,
            HUMIDITY,
            POWER_CHANGE,
            POWER_AFTER_CHANGE,
        ];
        let of_interval = |interval| {
            let of_phases = [INTERVAL_IMPORT, INTERVAL_EXPORT, INTERVAL_ENERGY, INTERVAL_REACTIVE_ENERGY];
            let sums = [HOUSE_ENERGY, SOLAR_ENERGY, ALWAYS_ON_ENERGY, COST].map(|it| it.of(None, interval));
            let means = [MEAN_TEMPERATURE, MEAN_HUMIDITY, MEAN_BATTERY].map(|it| it.of(None, interval));
            let phases = Phase::ALL.map(Some).into_iter().chain([None]);
            let phases = phases.flat_map(move |phase| of_phases.map(|it| it.of(phase, interval)));
            let lines = Phase::ALL.map(|phase| MEAN_LINE_VOLTAGE.of(Some(phase), interval));
            let inputs =
                [pulses(1, interval), pulses(2, interval), volume(true, 1, interval), volume(false, 2, interval)];
            phases.chain(sums).chain(means).chain(lines).chain(inputs)
        };
        let longer = (1..=255).filter_map(Interval::of_group);
        let voltages = longer.flat_map(|it| Phase::ALL.map(|phase| MEAN_VOLTAGE.of(Some(phase), it)));
        let intervals = (0..=255).filter_map(Interval::of_group).flat_map(of_interval);
        let all: Vec<Code> = sums.into_iter().chain(phases).chain(others).chain(voltages).chain(intervals).collect();
        for (at, code) in all.iter().enumerate() {
            let entry = entry(code.obis).unwrap_or_else(|| panic!("{} is listed", code.obis));
            assert_eq!(entry.unit, code.unit, "{}", code.obis);
            assert!(all[..at].iter().all(|other| other.obis != code.obis), "{} is used once", code.obis);
        }
    }

    #[test]
    fn energies_since_a_restart_are_volatile_and_no_register_for_billing() {
        use crate::reading::registry::Kind;
        let phases = Phase::ALL.map(Some).into_iter().chain([None]);
        let volatile = phases.flat_map(|phase| [VOLATILE_IMPORT.at(phase), VOLATILE_EXPORT.at(phase)]);
        for code in volatile.chain([TOTAL_IMPORT, TOTAL_EXPORT]) {
            assert_eq!(entry(code.obis).unwrap().kind, Kind::VolatileCounter, "{}", code.obis);
            assert_ne!(code.obis.0[0], 1, "{}", code.obis);
        }
    }

    #[test]
    fn names_with_an_index_are_made_only_beyond_the_known_ones() {
        const POWER: Indexed = indexed!("power");
        for index in 0..64 {
            assert!(matches!(POWER.at(index), Cow::Borrowed(name) if name == format!("power[{index}]")));
        }
        assert_eq!(POWER.at(4_000_000_000), "power[4000000000]");
    }
}
