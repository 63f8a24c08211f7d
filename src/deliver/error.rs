//! The error of a pump: from its sink, from the journal, or its own.

use super::sink::{SinkError, SinkErrorKind};
use super::status::SinkState;
use crate::journal::{ReadError, Sequence};

/// Where the pump continues after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resume {
    /// At the lowest unsafe record.
    AtUnsafe,
    /// At the first record that the sink's store lost.
    At(Sequence),
    /// As at a start: at the lower of the cursor and the store's position.
    AsAtStart,
}

/// Why an iteration failed.
#[derive(Debug)]
pub(super) struct PumpError {
    pub(super) state: SinkState,
    pub(super) message: String,
    pub(super) resume: Resume,
}

impl PumpError {
    pub(super) fn waiting(message: impl Into<String>) -> Self {
        Self { state: SinkState::Waiting, message: message.into(), resume: Resume::AtUnsafe }
    }

    pub(super) fn blocked(message: impl Into<String>) -> Self {
        Self { state: SinkState::Blocked, message: message.into(), resume: Resume::AtUnsafe }
    }
}

impl From<SinkError> for PumpError {
    fn from(error: SinkError) -> Self {
        let (state, resume) = match error.kind {
            SinkErrorKind::Waiting => (SinkState::Waiting, Resume::AtUnsafe),
            SinkErrorKind::Blocked => (SinkState::Blocked, Resume::AtUnsafe),
            SinkErrorKind::Lost { back_to } => (SinkState::Waiting, Resume::At(back_to)),
            SinkErrorKind::Replaced => (SinkState::Waiting, Resume::AsAtStart),
        };
        Self { state, message: error.message, resume }
    }
}

#[cfg(feature = "kafka")]
impl From<super::partition::PartitionError> for PumpError {
    fn from(error: super::partition::PartitionError) -> Self {
        let resume = if error.is_other_log { Resume::AsAtStart } else { Resume::AtUnsafe };
        Self { state: error.state, message: error.message, resume }
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
