//! The failure of a command: a message and an exit code.

use crate::config::Faults;
use std::process::ExitCode;

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command could not be carried out.
    #[error("{0}")]
    Failed(String),
    /// The configuration, or a file that it names, has an error.
    #[error("{0}")]
    Configuration(String),
    /// The command has printed its result, and the result shows an error.
    #[error("{message}")]
    Shown {
        /// The error in one sentence.
        message: String,
        /// The exit code.
        code: u8,
    },
}

impl Failure {
    /// Returns a failure with this message.
    pub fn failed(message: impl ToString) -> Self {
        Self::Failed(message.to_string())
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Configuration(_) => 3,
            Self::Shown { code, .. } => *code,
        })
    }

    /// Whether the command has printed its result.
    pub(super) fn is_shown(&self) -> bool {
        matches!(self, Self::Shown { .. })
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        let count = faults.0.len();
        let noun = if count == 1 { "error" } else { "errors" };
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
