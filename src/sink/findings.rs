//! What a look at a store finds, and what a migration did: said alike by every sink.

use serde::Serialize;
use std::fmt;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// Samples are taken; something beside them is not as it should be.
    Warning,
    /// No sample can be stored, or not for good, until it is mended.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What was found, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

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
