//! The error of a pump: from its sink, from the journal, or its own.

use super::sink::{SinkError, SinkErrorKind};
use super::status::SinkState;
use crate::journal::{ReadError, Sequence};

/// Why an iteration failed.
#[derive(Debug)]
pub(super) struct PumpError {
    pub(super) state: SinkState,
    pub(super) message: String,
    /// The first record that the sink's store lost, if any.
    pub(super) back_to: Option<Sequence>,
}

impl PumpError {
    pub(super) fn waiting(message: impl Into<String>) -> Self {
        Self { state: SinkState::Waiting, message: message.into(), back_to: None }
    }

    pub(super) fn blocked(message: impl Into<String>) -> Self {
        Self { state: SinkState::Blocked, message: message.into(), back_to: None }
    }
}

impl From<SinkError> for PumpError {
    fn from(error: SinkError) -> Self {
        let state = match error.kind {
            SinkErrorKind::Waiting => SinkState::Waiting,
            SinkErrorKind::Blocked => SinkState::Blocked,
            SinkErrorKind::Lost { .. } => SinkState::Waiting,
        };
        let back_to = match error.kind {
            SinkErrorKind::Lost { back_to } => Some(back_to),
            SinkErrorKind::Waiting | SinkErrorKind::Blocked => None,
        };
        Self { state, message: error.message, back_to }
    }
}

impl From<ReadError> for PumpError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged { .. } | ReadError::TooNew { .. } | ReadError::Beyond { .. } => {
                Self::blocked(error.to_string())
            }
            ReadError::Retained { .. } | ReadError::Io { .. } => Self::waiting(error.to_string()),
        }
    }
}
