//! Flex values: values under a name instead of an OBIS code, such as the flow of energy in the house.
//!
//! Names with a common quantity have its code. The others have codes in the manufacturers' range
//! (0-0:128.20 to 128.22), one for each name; the sign stays as sent. An unknown name is a text.

use super::field::{Fields, FrameError};
use crate::reading::Obis;
use crate::reading::registry::Unit;
use crate::vendor::decimal::Decimal;
use std::borrow::Cow;

/// A flex value.
#[derive(Debug, Clone, Copy)]
pub(super) enum FlexValue<'a> {
    Number(i64),
    Text(&'a str),
}

/// The meaning of a flex value.
pub(super) enum Content<'a> {
    Value(Obis, f64, Unit),
    Text(Cow<'a, str>),
}

/// The definition of a flex value by the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The name of the value.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// Whether it is a text.
    pub is_text: bool,
    /// Its unit.
    pub unit: FlexUnit,
    /// The value is multiplied by ten to this power.
    pub decimal_power: i32,
}

/// A unit of the configuration. Numbers that are not known are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlexUnit(pub u64);

impl FlexUnit {
    /// The base unit and the factor to it. `None` if the unit is not known, or is none of the registry's.
    pub fn base(self) -> Option<(Unit, f64)> {
        Some(match self.0 {
            1 => (Unit::Ampere, 1.0),
            2 => (Unit::Volt, 1.0),
            3 => (Unit::Watt, 1.0),
            4 => (Unit::Hertz, 1.0),
            5 => (Unit::VoltAmpere, 1.0),
            6 => (Unit::Var, 1.0),
            7 => (Unit::WattHour, 1.0),
            8 => (Unit::WattHour, 1e3),
            9 => (Unit::Second, 1.0),
            10 => (Unit::Second, 60.0),
            11 => (Unit::Second, 3600.0),
            12 => (Unit::Second, 86_400.0),
            13 => (Unit::Second, 604_800.0),
            16 => (Unit::DegreeCelsius, 1.0),
            // Months and years have no fixed length; kelvin and Fahrenheit have another zero.
            _ => return None,
        })
    }
}

const fn own(d: u8, e: u8) -> Obis {
    Obis([0, 0, 128, d, e, 255])
}

/// Name, register, power of ten to the base unit, base unit. Signs as sent: the grid's power is positive
/// for import, the battery's for charging, the photovoltaic one is negative while producing.
const KNOWN: [(&str, Obis, i8, Unit); 34] = [
    ("gridPowerTotal", Obis([1, 0, 16, 7, 0, 255]), -3, Unit::Watt),
    ("gridFrequency", Obis([1, 0, 14, 7, 0, 255]), -3, Unit::Hertz),
    ("gridPowerFactor", Obis([1, 0, 13, 7, 0, 255]), -3, Unit::One),
    ("pvPowerTotal", own(20, 1), -3, Unit::Watt),
    ("pvPowerACSum", own(20, 2), -3, Unit::Watt),
    ("housePowerTotal", own(20, 3), -3, Unit::Watt),
    ("batteryPowerTotal", own(20, 4), -3, Unit::Watt),
    ("batteryPowerACSum", own(20, 5), -3, Unit::Watt),
    ("inverterPowerTotal", own(20, 6), -3, Unit::Watt),
    ("wallboxPowerTotal", own(20, 7), -3, Unit::Watt),
    ("homeConsumptionGrid", own(20, 8), -3, Unit::Watt),
    ("homeConsumptionBattery", own(20, 9), -3, Unit::Watt),
    ("homeConsumptionPV", own(20, 10), -3, Unit::Watt),
    ("wallboxConsumptionPV", own(20, 11), -3, Unit::Watt),
    ("wallboxConsumptionGrid", own(20, 12), -3, Unit::Watt),
    ("wallboxConsumptionBattery", own(20, 13), -3, Unit::Watt),
    ("smartGridLimit", own(20, 14), -3, Unit::Watt),
    ("batteryChargeLimit", own(20, 15), -3, Unit::Watt),
    ("batteryDischargeLimit", own(20, 16), -3, Unit::Watt),
    ("inverterCurtailment", own(20, 17), 0, Unit::One),
    // Firmware has both spellings.
    ("auxiliaryPowerTotal", own(20, 18), -3, Unit::Watt),
    ("auxillaryPowerTotal", own(20, 18), -3, Unit::Watt),
    ("total_dc_power", own(20, 19), -3, Unit::Watt),
    ("battery_power", own(20, 20), -3, Unit::Watt),
    ("sumInverterControlValues", own(20, 21), 0, Unit::Unknown),
    // Whole percent; each on a channel of its own.
    ("systemStateOfCharge", own(21, 0), -2, Unit::One),
    ("battery_soc", own(21, 0), -2, Unit::One),
    ("state_of_charge", own(21, 0), -2, Unit::One),
    ("evse_status", own(22, 1), 0, Unit::One),
    ("evse_hw_imax", own(22, 2), -3, Unit::Ampere),
    ("ev_imax_default", own(22, 3), 0, Unit::Unknown),
    ("evse_session_duration", own(22, 4), 0, Unit::Second),
    ("evse_error_code", own(22, 5), 0, Unit::One),
    ("evse_status_code", own(22, 6), 0, Unit::One),
];

impl<'a> FlexValue<'a> {
    /// Reads a FlexValue. Its number is a plain varint: a negative one is in two's complement, not zigzag.
    pub(super) fn read(message: &'a [u8]) -> Result<Self, FrameError> {
        let (mut number, mut text) = (0, "");
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => number = field.varint()?.cast_signed(),
                2 => text = field.text()?,
                _ => {}
            }
        }
        Ok(if text.is_empty() { Self::Number(number) } else { Self::Text(text) })
    }

    pub(super) fn content(self, name: &str, definition: Option<&Definition>) -> Content<'a> {
        let number = match self {
            Self::Text(text) => return Content::Text(text.into()),
            Self::Number(_) if definition.is_some_and(|known| known.is_text) => return Content::Text("".into()),
            Self::Number(number) => number,
        };
        let Some((_, obis, power, unit)) = KNOWN.iter().find(|(known, ..)| *known == name) else {
            return Content::Text(number.to_string().into());
        };
        // The configuration knows better, if it has a unit of the same quantity.
        let defined = definition.and_then(|known| Some((known.unit.base()?, i8::try_from(known.decimal_power).ok()?)));
        let value = match defined {
            Some(((base, factor), power)) if base == *unit => Decimal::new(number, power).to_f64() * factor,
            _ => Decimal::new(number, *power).to_f64(),
        };
        Content::Value(*obis, value, *unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::registry::entry;

    #[test]
    fn every_name_has_a_register_with_its_unit() {
        for (name, obis, _, unit) in KNOWN {
            assert_eq!(entry(obis).map(|entry| entry.unit), Some(unit), "{name}");
        }
    }
}
