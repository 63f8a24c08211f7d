//! What a look at a store finds, and what a migration did: said alike by every sink.

#[cfg(any(feature = "kafka", feature = "questdb"))]
use crate::base::{Finding, Level};
use std::fmt;

/// What was looked at so far.
#[cfg(any(feature = "kafka", feature = "questdb"))]
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

#[cfg(any(feature = "kafka", feature = "questdb"))]
impl Findings {
    pub(super) fn add(&mut self, level: Level, message: String) {
        self.0.push(Finding { level, message });
    }
}

/// One thing that a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The table, view or topic.
    pub object: String,
    /// What was done to it.
    pub did: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.did)
    }
}
