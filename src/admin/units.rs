//! Values as people read them: kW from 1,000 W on, three significant digits, and the full value beside.

use crate::reading::registry::Unit;

/// A value with its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// Three significant digits.
    pub(super) number: String,
    pub(super) unit: &'static str,
    /// All digits, in the base unit.
    pub(super) full: String,
}

/// The value in the unit that fits its size.
pub(super) fn shown(value: f64, unit: Unit) -> Shown {
    let scale = Scale::of(value.abs(), unit);
    Shown { number: scale.number(value), unit: scale.unit, full: full(value, unit) }
}

/// A counter as it is on a meter's display: in kilo, with all digits down to the base unit.
pub(super) fn counter(value: f64, unit: Unit) -> Shown {
    let scale = Scale::of(1e3, unit);
    let whole = scale.apply(value);
    let text = format!("{:.3}", whole.abs());
    let (before, after) = text.split_once('.').unwrap_or((&text, ""));
    let after = after.trim_end_matches('0');
    let point = if after.is_empty() { "" } else { "." };
    let sign = if whole < 0.0 { "−" } else { "" };
    Shown { number: format!("{sign}{}{point}{after}", grouped(before)), unit: scale.unit, full: full(value, unit) }
}

/// Digits with a comma at each thousand.
fn grouped(digits: &str) -> String {
    let mut number = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            number.push(',');
        }
        number.push(digit);
    }
    number
}

/// All digits in the base unit.
fn full(value: f64, unit: Unit) -> String {
    if unit == Unit::Unknown {
        return format!("{value}, unit not published");
    }
    let symbol = Scale::base(unit).unit;
    if symbol.is_empty() { value.to_string() } else { format!("{value} {symbol}") }
}

/// A prefix for all values of a chart or table, such as kilo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    divisor: f64,
    pub(super) unit: &'static str,
}

/// Units with prefixes: base, kilo, mega, giga.
const PREFIXED: [(Unit, [&str; 4]); 7] = [
    (Unit::Watt, ["W", "kW", "MW", "GW"]),
    (Unit::WattHour, ["Wh", "kWh", "MWh", "GWh"]),
    (Unit::Var, ["var", "kvar", "Mvar", "Gvar"]),
    (Unit::VarHour, ["varh", "kvarh", "Mvarh", "Gvarh"]),
    (Unit::VoltAmpere, ["VA", "kVA", "MVA", "GVA"]),
    (Unit::VoltAmpereHour, ["VAh", "kVAh", "MVAh", "GVAh"]),
    (Unit::Pascal, ["Pa", "kPa", "MPa", "GPa"]),
];

impl Scale {
    /// The scale for values up to this size.
    pub(super) fn of(size: f64, unit: Unit) -> Self {
        let Some((_, names)) = PREFIXED.iter().find(|(known, _)| *known == unit) else { return Self::base(unit) };
        // From 999.5 on, three digits would show 1000.
        let steps = [(999.5e6, 1e9), (999.5e3, 1e6), (999.5, 1e3)];
        let at = steps.iter().position(|(from, _)| size >= *from);
        at.map_or_else(|| Self::base(unit), |at| Self { divisor: steps[at].1, unit: names[3 - at] })
    }

    fn base(unit: Unit) -> Self {
        let symbol = match unit {
            Unit::CubicMetre => "m³",
            Unit::CubicMetrePerHour => "m³/h",
            Unit::DegreeCelsius => "°C",
            Unit::Degree => "°",
            other => other.symbol(),
        };
        Self { divisor: 1.0, unit: symbol }
    }

    /// The value in this scale.
    pub(super) fn apply(self, value: f64) -> f64 {
        value / self.divisor
    }

    /// Three significant digits in this scale, without zeros at the end of a fraction.
    pub(super) fn number(self, value: f64) -> String {
        digits(self.apply(value))
    }
}

/// Three significant digits; whole numbers from 100 on, with a comma at the thousands.
pub(super) fn digits(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        _ if size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{size:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut number = String::new();
    if value < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        number.push('−');
    }
    number.push_str(&grouped(whole));
    if !fraction.is_empty() {
        number.push('.');
        number.push_str(fraction);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_shown_as_people_read_them() {
        let cases = [
            (0.0, Unit::Watt, "0 W"),
            (452.34, Unit::Watt, "452 W"),
            (999.4, Unit::Watt, "999 W"),
            (999.6, Unit::Watt, "1 kW"),
            (3_419.0, Unit::Watt, "3.42 kW"),
            (-3_419.0, Unit::Watt, "−3.42 kW"),
            (18_249.0, Unit::WattHour, "18.2 kWh"),
            (1_234_567.0, Unit::WattHour, "1.23 MWh"),
            (0.1204, Unit::CubicMetrePerHour, "0.12 m³/h"),
            (-0.0001, Unit::DegreeCelsius, "0 °C"),
            (12_345.6, Unit::CubicMetre, "12,346 m³"),
            (7.0, Unit::One, "7"),
            (7.0, Unit::Unknown, "7 ?"),
        ];
        for (value, unit, wanted) in cases {
            let found = shown(value, unit);
            assert_eq!(format!("{} {}", found.number, found.unit).trim_end(), wanted);
        }
        assert_eq!(shown(3_419.25, Unit::Watt).full, "3419.25 W");
        assert_eq!(shown(3_419.25, Unit::Unknown).full, "3419.25, unit not published");
        let counters = [(225_923_104.0, Unit::WattHour, "225,923.104 kWh"), (12.5, Unit::CubicMetre, "12.5 m³")];
        for (value, unit, wanted) in counters {
            let found = counter(value, unit);
            assert_eq!(format!("{} {}", found.number, found.unit), wanted);
        }
    }

    proptest! {
        #[test]
        fn the_number_shown_is_within_half_a_percent_or_half_a_thousandth(value in -1e12..1e12_f64) {
            let found = shown(value, Unit::Watt);
            let factor = match found.unit { "W" => 1.0, "kW" => 1e3, "MW" => 1e6, _ => 1e9 };
            let number: f64 = found.number.replace('−', "-").replace(',', "").parse().unwrap();
            prop_assert!((number * factor - value).abs() <= (value.abs() * 0.005_01).max(0.000_501), "{value} {found:?}");
        }
    }
}
