//! The kinds of answers, and the names that are known.

/// The kind of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The list of service locations.
    Locations,
    /// Info or metering configuration of a location.
    Site,
    /// Rows of a location.
    Consumption,
    /// Rows of a gas and water sensor.
    Sensor,
    /// Rows of a switch.
    Switch,
    /// Events of appliances.
    Events,
    /// A cost analysis.
    Cost,
    /// A plug's state or connection state.
    State,
}

/// Members without a value that are known.
const TEXTS: [&str; 3] = ["state", "selfConsumption", "selfSufficiency"];

/// Whether the text of this name is a member that is not known, and not an element of an array without a value.
pub fn is_unknown(raw_code: &str) -> bool {
    !raw_code.contains('[') && !TEXTS.contains(&raw_code)
}
