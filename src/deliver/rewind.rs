//! Setting a sink back: what a replay is.
//!
//! The pump sends everything from the given record on again, in journal order, up
//! to now; so a correction always follows what it corrects. With a source named,
//! the other sources' records are skipped up to where the sink was safe when the
//! rewind was asked for. Known limits: where two sources bring the same meter, a
//! rewind of one of them can put its value over a later one of the other (rewind
//! without a source then); and the filter is not kept over a restart, or over a
//! second rewind: then the other sources' records are sent again too, which is
//! harmless.

use crate::journal::{CursorError, Sequence, SourceId};

/// Where to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewind {
    /// The first record to be sent again. Older than retained: the oldest.
    pub from: Sequence,
    /// Only this source's records are sent again.
    pub source: Option<SourceId>,
}

/// What a rewind did; durable when it is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewound {
    /// The first record that is sent again.
    pub from: Sequence,
    /// The first record that had not been safe before.
    pub until: Sequence,
}

/// Why a rewind was not made, or not yet.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RewindError {
    /// The place is not known yet.
    #[error("the sink has not found its place yet ({0}); mend that first")]
    NotStarted(String),
    /// The cursor cannot be stored.
    #[error("the rewind could not be made durable, so it was not made: {0}")]
    Cursor(#[from] CursorError),
    /// Its thread is busy with the sink.
    #[error("the sink is busy with a request and will rewind after it; ask for its status to see when")]
    Busy,
    /// It is being stopped.
    #[error("the sink is being stopped; rewind it offline, or after the next start")]
    Stopped,
}

/// What a rewind of one source leaves out on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceFilter {
    pub(super) source: SourceId,
    /// The first record that goes to the sink whoever brought it.
    pub(super) until: Sequence,
}

impl SourceFilter {
    pub(super) fn leaves_out(&self, sequence: Sequence, source: SourceId) -> bool {
        sequence < self.until && source != self.source
    }
}
