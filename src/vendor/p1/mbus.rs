//! Devices on a meter's M-Bus: which register their counter is.
//!
//! The channel's number is the order of installation, so the device's kind decides, never the
//! number. The kinds have the numbers of EN 13757-3, as the P1 standards use them.

use crate::reading::Obis;
use crate::reading::registry::Unit;

/// A channel, from the lines that describe it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Channel<'a> {
    /// The kind of its device.
    pub(super) kind: Option<u8>,
    /// The device's id as sent.
    pub(super) id: Option<&'a [u8]>,
    /// The preferred counter line.
    pub(super) counter: Option<u8>,
}

/// Gas, at the conditions of the meter's index.
const GAS: Obis = Obis([7, 0, 3, 0, 0, 255]);
const COLD_WATER: Obis = Obis([8, 0, 1, 0, 0, 255]);
const HOT_WATER: Obis = Obis([9, 0, 1, 0, 0, 255]);
const HEAT: Obis = Obis([6, 0, 1, 0, 0, 255]);
const HEAT_VOLUME: Obis = Obis([6, 0, 2, 0, 0, 255]);
const COLD: Obis = Obis([5, 0, 1, 0, 0, 255]);
const COLD_VOLUME: Obis = Obis([5, 0, 2, 0, 0, 255]);
const ELECTRICITY: Obis = Obis([1, 0, 1, 8, 0, 255]);

/// The register of cold in this unit.
pub(super) fn cold(unit: Unit) -> Option<Obis> {
    match unit {
        Unit::WattHour => Some(COLD),
        Unit::CubicMetre => Some(COLD_VOLUME),
        _ => None,
    }
}

impl Channel<'_> {
    /// The register of its counter in this unit. `None` if kind and unit name no medium.
    pub(super) fn register(&self, unit: Unit) -> Option<Obis> {
        use Unit::{CubicMetre, WattHour};
        Some(match (self.kind, unit) {
            (Some(2), WattHour) => ELECTRICITY,
            (Some(3), CubicMetre) => GAS,
            // DSMR 4.2.2 has 5 for heat and 6 for cold; Warmtelink has 12 for heat.
            (Some(4 | 5 | 12 | 13), WattHour) => HEAT,
            (Some(4 | 5 | 12 | 13), CubicMetre) => HEAT_VOLUME,
            (Some(6 | 10 | 11), WattHour) => COLD,
            (Some(10 | 11), CubicMetre) => COLD_VOLUME,
            (Some(6), CubicMetre) => HOT_WATER,
            (Some(7), CubicMetre) => COLD_WATER,
            _ => return None,
        })
    }
}
