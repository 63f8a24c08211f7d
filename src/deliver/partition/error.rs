//! Why a partition cannot be read.

use crate::deliver::status::SinkState;

/// A failure of the brokers, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(in crate::deliver) struct PartitionError {
    pub(in crate::deliver) state: SinkState,
    pub(in crate::deliver) message: String,
    /// Whether the topic is another one than the cursor's.
    pub(in crate::deliver) is_other_log: bool,
}

impl PartitionError {
    pub(super) fn waiting(message: String) -> Self {
        Self { state: SinkState::Waiting, message, is_other_log: false }
    }

    pub(super) fn blocked(message: String) -> Self {
        Self { state: SinkState::Blocked, message, is_other_log: false }
    }

    /// The cursor means nothing here: the pump finds its first position again.
    pub(super) fn of_other_log(message: String) -> Self {
        Self { is_other_log: true, ..Self::waiting(message) }
    }
}
