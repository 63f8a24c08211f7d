//! Measuring transformers in front of a meter.
//!
//! A meter behind them may send what it measures itself: 57.7 V in place of 230 V, or 5 A in place of 300 A. Current
//! and voltage have a ratio each; power and energy have both. Invariant: without a configured ratio every value stays
//! as sent. Neither the values nor the registers of the ratios say whether the meter has applied them already.

use super::Value;
use crate::reading::registry::Unit;

/// The ratios of the transformers in front of a meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transformers {
    current: f64,
    voltage: f64,
}

/// Larger ratios do not exist: 4000 A to 1 A, 400 kV to 100 V.
const RATIO_MAX: f64 = 10_000.0;

impl Transformers {
    /// No transformers, or a meter that has applied their ratios.
    pub const NONE: Self = Self { current: 1.0, voltage: 1.0 };

    /// Transformers with these ratios: 60 for 300 A to 5 A. `None` if one is not a number above 0 and up to 10,000.
    pub fn new(current: f64, voltage: f64) -> Option<Self> {
        let is_ratio = |ratio: f64| ratio > 0.0 && ratio <= RATIO_MAX;
        (is_ratio(current) && is_ratio(voltage)).then_some(Self { current, voltage })
    }

    /// The ratios of current and voltage.
    pub fn ratios(self) -> (f64, f64) {
        (self.current, self.voltage)
    }

    /// The value on the side of the supply. A device on the M-Bus is not behind the transformers, and a limit of the
    /// current, which P1 has for each phase, is a setting.
    pub fn applied(self, value: Value<'_>) -> Value<'_> {
        let is_measured = matches!(value.obis.0, [1, _, c, d, ..] if !matches!((c, d), (31 | 51 | 71, 4)));
        if !value.channel.is_empty() || !is_measured {
            return value;
        }
        let factor = match value.unit {
            Unit::Ampere => self.current,
            Unit::Volt => self.voltage,
            Unit::Watt | Unit::WattHour | Unit::Var | Unit::VarHour | Unit::VoltAmpere | Unit::VoltAmpereHour => {
                self.current * self.voltage
            }
            _ => 1.0,
        };
        Value { value: value.value * factor, ..value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Flags, Obis};
    use crate::vendor::At;

    fn applied(channel: &'static str, obis: [u8; 6], value: f64, unit: Unit) -> f64 {
        let (at, flags, obis) = (At::Receipt, Flags::NONE, Obis(obis));
        let value = Value { channel: channel.into(), at, flags, obis, value, unit, raw_code: "".into() };
        Transformers::new(60.0, 4.0).unwrap().applied(value).value
    }

    #[test]
    fn current_and_voltage_have_a_ratio_each_and_power_and_energy_have_both() {
        assert_eq!(applied("", [1, 0, 31, 7, 0, 255], 2.5, Unit::Ampere), 150.0);
        assert_eq!(applied("", [1, 0, 91, 7, 0, 255], 0.5, Unit::Ampere), 30.0);
        assert_eq!(applied("", [1, 0, 32, 7, 0, 255], 57.5, Unit::Volt), 230.0);
        for (c, d, unit) in [
            (1, 8, Unit::WattHour),
            (2, 7, Unit::Watt),
            (1, 6, Unit::Watt),
            (16, 24, Unit::Watt),
            (3, 8, Unit::VarHour),
            (23, 7, Unit::Var),
            (9, 7, Unit::VoltAmpere),
            (9, 8, Unit::VoltAmpereHour),
        ] {
            assert_eq!(applied("", [1, 0, c, d, 0, 255], 10.0, unit), 2400.0, "{c}.{d}");
        }
        assert_eq!(applied("", [1, 1, 1, 8, 1, 255], 10.0, Unit::WattHour), 2400.0);
    }

    #[test]
    fn what_is_not_behind_the_transformers_stays_as_sent() {
        for (channel, obis, unit) in [
            // A submeter on the M-Bus, and other media.
            ("1", [1, 0, 1, 8, 0, 255], Unit::WattHour),
            ("2", [7, 0, 3, 0, 0, 255], Unit::CubicMetre),
            ("", [6, 0, 1, 0, 0, 255], Unit::WattHour),
            // Limits, ratios, states, factors, counts, durations.
            ("", [1, 0, 31, 4, 0, 255], Unit::Ampere),
            ("", [1, 0, 71, 4, 0, 255], Unit::Ampere),
            ("", [0, 0, 17, 0, 0, 255], Unit::Watt),
            ("", [1, 0, 0, 4, 2, 255], Unit::One),
            ("", [0, 0, 96, 14, 0, 255], Unit::One),
            ("", [1, 0, 13, 7, 0, 255], Unit::One),
            ("", [1, 0, 14, 7, 0, 255], Unit::Hertz),
            ("", [1, 0, 81, 7, 1, 255], Unit::Degree),
            ("", [1, 0, 32, 32, 0, 255], Unit::One),
            ("", [0, 0, 96, 7, 19, 255], Unit::Second),
        ] {
            assert_eq!(applied(channel, obis, 7.0, unit), 7.0, "{obis:?}");
        }
    }

    #[test]
    fn a_ratio_is_a_number_above_0_up_to_10_000() {
        for ratio in [0.0, -60.0, f64::NAN, f64::INFINITY, RATIO_MAX + 1.0] {
            assert_eq!(Transformers::new(ratio, 1.0), None, "{ratio}");
            assert_eq!(Transformers::new(1.0, ratio), None, "{ratio}");
        }
        assert!(Transformers::new(RATIO_MAX, 0.5).is_some());
        assert_eq!(Transformers::new(1.0, 1.0), Some(Transformers::NONE));
    }
}
