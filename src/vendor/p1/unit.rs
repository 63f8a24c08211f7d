//! A number with its unit as meters print them: `004491.266*kWh`, `0001.234kW`, `00010`.

use crate::reading::registry::Unit;
use crate::vendor::decimal::Decimal;

/// A number of a group, and its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quantity {
    /// As printed.
    pub(super) number: Decimal,
    /// `None` without a unit.
    pub(super) unit: Option<Printed>,
}

/// A unit as printed: a power of ten and a divisor away from a base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Printed {
    pub(super) base: Unit,
    power: i8,
    divisor: u32,
}

/// Units without their prefix, in any case, with their base unit, a power of ten and a divisor to it.
const UNITS: [(&[u8], Unit, i8, u32); 18] = [
    (b"Wh", Unit::WattHour, 0, 1),
    (b"varh", Unit::VarHour, 0, 1),
    (b"VAh", Unit::VoltAmpereHour, 0, 1),
    (b"W", Unit::Watt, 0, 1),
    (b"var", Unit::Var, 0, 1),
    (b"VA", Unit::VoltAmpere, 0, 1),
    (b"V", Unit::Volt, 0, 1),
    (b"A", Unit::Ampere, 0, 1),
    (b"Hz", Unit::Hertz, 0, 1),
    (b"J", Unit::WattHour, 0, 3600),
    (b"m3", Unit::CubicMetre, 0, 1),
    (b"dm3", Unit::CubicMetre, -3, 1),
    (b"l", Unit::CubicMetre, -3, 1),
    (b"m3/h", Unit::CubicMetrePerHour, 0, 1),
    (b"l/h", Unit::CubicMetrePerHour, -3, 1),
    (b"s", Unit::Second, 0, 1),
    (b"C", Unit::DegreeCelsius, 0, 1),
    (b"deg", Unit::Degree, 0, 1),
];

impl Quantity {
    /// Parses a group. `None` if it is not a number, is a time, or has an unknown unit.
    pub(super) fn parse(group: &[u8]) -> Option<Self> {
        if let [digits @ .., b'S' | b's' | b'W' | b'w'] = group
            && digits.len() == 12
            && digits.iter().all(u8::is_ascii_digit)
        {
            return None;
        }
        let end =
            group.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+')).unwrap_or(group.len());
        let number = Decimal::parse(group[..end].trim_ascii())?;
        let unit = group[end..].trim_ascii();
        match unit.strip_prefix(b"*").unwrap_or(unit).trim_ascii() {
            [] => Some(Self { number, unit: None }),
            text => Some(Self { number, unit: Some(Printed::parse(text)?) }),
        }
    }
}

impl Printed {
    /// Parses a unit.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let whole = UNITS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(text));
        let find = || {
            let power = prefix(*text.first()?)?;
            let (_, base, shift, divisor) = UNITS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(&text[1..]))?;
            Some(Self { base: *base, power: power + shift, divisor: *divisor })
        };
        whole.map(|(_, base, power, divisor)| Self { base: *base, power: *power, divisor: *divisor }).or_else(find)
    }

    /// The number in the base unit.
    pub(super) fn to_base(self, number: Decimal) -> f64 {
        number.shifted(self.power).divided_by(self.divisor)
    }

    /// The power of ten between a printed number and the base unit.
    pub(super) fn power(self) -> i8 {
        self.power
    }
}

/// Meters print units in any case, so only m and M are distinguished.
fn prefix(byte: u8) -> Option<i8> {
    #[cfg(feature = "test-faults")]
    if matches!(byte, b'k' | b'K') && crate::faults::is_on("p1-forgets-kilo") {
        return Some(0);
    }
    match byte {
        b'k' | b'K' => Some(3),
        b'M' => Some(6),
        b'G' | b'g' => Some(9),
        b'm' => Some(-3),
        _ => None,
    }
}
