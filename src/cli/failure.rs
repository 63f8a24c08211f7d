//! How a command fails: a sentence and an exit code.

use crate::config::Faults;
use std::process::ExitCode;

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
    /// The configuration, or what it names, is at fault.
    #[error("{0}")]
    Configuration(String),
}

impl Failure {
    /// A failure with a sentence.
    pub fn failed(sentence: impl ToString) -> Self {
        Self::Failed(sentence.to_string())
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Configuration(_) => 3,
        })
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        let count = faults.0.len();
        let noun = if count == 1 { "fault" } else { "faults" };
        Self::Configuration(format!("the configuration has {count} {noun}:\n{faults}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
