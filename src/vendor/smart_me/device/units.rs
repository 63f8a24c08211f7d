//! smart-me's units and their factors to base units.

/// A physical quantity. Base units: Wh, W, m3, m3/h, degC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    Energy,
    Power,
    Volume,
    Flow,
    Temperature,
}

/// Every known unit: its quantity and its factor to the base unit. The vendor documents
/// only kW, kWh, m3, m3/h and degC; the rest are common variants.
const UNITS: [(&str, Quantity, f64); 16] = [
    ("Wh", Quantity::Energy, 1.0),
    ("kWh", Quantity::Energy, 1e3),
    ("MWh", Quantity::Energy, 1e6),
    ("GWh", Quantity::Energy, 1e9),
    ("W", Quantity::Power, 1.0),
    ("kW", Quantity::Power, 1e3),
    ("MW", Quantity::Power, 1e6),
    ("m3", Quantity::Volume, 1.0),
    ("m³", Quantity::Volume, 1.0),
    ("l", Quantity::Volume, 1e-3),
    ("m3/h", Quantity::Flow, 1.0),
    ("m³/h", Quantity::Flow, 1.0),
    ("l/h", Quantity::Flow, 1e-3),
    ("degC", Quantity::Temperature, 1.0),
    ("°C", Quantity::Temperature, 1.0),
    ("C", Quantity::Temperature, 1.0),
];

/// Parses a unit, case-sensitively: mW is not MW.
pub(super) fn unit(text: &str) -> Option<(Quantity, f64)> {
    let text = text.trim();
    UNITS.iter().find(|(known, ..)| *known == text).map(|(_, quantity, factor)| (*quantity, *factor))
}
