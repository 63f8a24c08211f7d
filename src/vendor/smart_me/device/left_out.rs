//! Values of the device list that give no sample.

use std::fmt;

/// A value that gives no sample, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Its unit is unknown; `(none)` if it has none.
    UnknownUnit(String),
    /// This field is present, but not of the documented kind: a text instead of a number, say.
    Unreadable(&'static str),
    /// The tariffs do not add up to the total, so that their meaning is unknown.
    Tariffs,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUnit(unit) => write!(f, "the unit {unit} is unknown"),
            Self::Unreadable(field) => write!(f, "the field {field} cannot be read"),
            Self::Tariffs => f.write_str("the tariffs do not add up to the total"),
        }
    }
}
