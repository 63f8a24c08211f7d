//! Why a pump cannot go on: a sink's error, a journal's, its own.

use super::sink::{SinkError, SinkTrouble};
use super::status::SinkState;
use crate::journal::ReadError;

/// Why a lap could not be done.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) state: SinkState,
    pub(super) message: String,
}

impl Trouble {
    pub(super) fn waiting(message: impl Into<String>) -> Self {
        Self { state: SinkState::Waiting, message: message.into() }
    }

    pub(super) fn blocked(message: impl Into<String>) -> Self {
        Self { state: SinkState::Blocked, message: message.into() }
    }
}

impl From<SinkError> for Trouble {
    fn from(error: SinkError) -> Self {
        let state = match error.trouble {
            SinkTrouble::Waiting => SinkState::Waiting,
            SinkTrouble::Blocked => SinkState::Blocked,
        };
        Self { state, message: error.message }
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged { .. } | ReadError::Beyond { .. } => Self::blocked(error.to_string()),
            ReadError::Retained { .. } | ReadError::Io { .. } => Self::waiting(error.to_string()),
        }
    }
}
