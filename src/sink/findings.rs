//! The findings of a check and the steps of a migration, the same for every sink.

#[cfg(any(feature = "kafka", feature = "questdb"))]
use crate::base::{Finding, Level};
use std::fmt;

/// The findings of a check so far.
#[cfg(any(feature = "kafka", feature = "questdb"))]
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

#[cfg(any(feature = "kafka", feature = "questdb"))]
impl Findings {
    pub(super) fn add(&mut self, level: Level, message: String) {
        self.0.push(Finding { level, message });
    }
}

/// One step of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The table, view or topic.
    pub object: String,
    /// The change that was made to it.
    pub did: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.did)
    }
}
