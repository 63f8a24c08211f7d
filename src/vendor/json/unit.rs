//! Converts units as people write them to the registry's base units.

use crate::reading::registry::Unit;

/// Decimal prefixes. They are case-sensitive: mW is not MW.
const PREFIXES: [(&str, f64); 9] =
    [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("d", 1e-1), ("c", 1e-2), ("m", 1e-3), ("u", 1e-6), ("µ", 1e-6)];
/// Other units, with their factor to a base unit.
const ALIASES: [(&str, Unit, f64); 9] = [
    ("J", Unit::WattHour, 1.0 / 3600.0),
    ("Ws", Unit::WattHour, 1.0 / 3600.0),
    ("m³", Unit::CubicMetre, 1.0),
    ("l", Unit::CubicMetre, 1e-3),
    ("m³/h", Unit::CubicMetrePerHour, 1.0),
    ("l/h", Unit::CubicMetrePerHour, 1e-3),
    ("°C", Unit::DegreeCelsius, 1.0),
    ("bar", Unit::Pascal, 1e5),
    ("%", Unit::One, 1e-2),
];

/// The factor from unit `text` to the base unit; `None` for another quantity or an unknown unit.
pub fn factor(text: &str, base: Unit) -> Option<f64> {
    let symbol = |name: &str| {
        let alias = ALIASES.iter().find(|(alias, unit, _)| *alias == name && *unit == base);
        alias.map(|(.., factor)| *factor).or_else(|| (name == base.symbol()).then_some(1.0))
    };
    // The empty prefix comes first: the m of m3 is not the prefix milli. A prefix alone is no unit.
    let unit = |prefix: &str| text.strip_prefix(prefix).filter(|unit| prefix.is_empty() || !unit.is_empty());
    PREFIXES.iter().find_map(|(prefix, factor)| Some(factor * symbol(unit(prefix)?)?))
}
