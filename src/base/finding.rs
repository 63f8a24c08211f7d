//! A result of `meterline check`: one sentence and its severity.

use serde::Serialize;
use std::fmt;

/// The severity of a finding, the least severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// All is well.
    Good,
    /// The service works, but the operator should change something.
    Warning,
    /// The service does not work, or soon will not, until the operator changes something.
    Fault,
}

/// One result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The severity.
    pub level: Level,
    /// One sentence: the result and the remedy.
    pub message: String,
}

impl Finding {
    /// Creates a finding.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self { level, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
