//! A finding of `check`: a part, a severity and a sentence.

use crate::base::Level;
use crate::config::Fault;
use serde::Serialize;

/// The result of one check.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The checked part: configuration, data, journal, a source's table or a sink's name.
    pub part: &'static str,
    /// The severity.
    pub level: Level,
    /// The result and the remedy.
    pub message: String,
}

impl Finding {
    pub(super) fn new(part: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self { part, level, message: message.into() }
    }
}

impl From<&Fault> for Finding {
    fn from(fault: &Fault) -> Self {
        Self::new("configuration", Level::Fault, fault.to_string())
    }
}
