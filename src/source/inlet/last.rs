//! The last reading of a meter, as far as the next ones are compared with it.

use crate::reading::UnixNanos;

/// The times of the last readings, journaled or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    /// Of the last one.
    pub(super) seen: UnixNanos,
    /// Of the last one that was journaled.
    pub(super) kept: UnixNanos,
    /// Whether the journaled one had a doubted zero. The same time may come again with the true value.
    pub(super) lacks_zero: bool,
}

impl Last {
    /// A reading with all its values.
    pub(super) fn whole(at: UnixNanos) -> Self {
        Self::sifted(at, false)
    }

    /// A reading of this time, and whether doubted zeros were left out.
    pub(super) fn sifted(at: UnixNanos, lacks_zero: bool) -> Self {
        Self { seen: at, kept: at, lacks_zero }
    }

    /// Whether a reading of this time is known with all its values.
    pub(super) fn has(&self, at: UnixNanos) -> bool {
        !self.lacks_zero && (self.seen == at || self.kept == at)
    }
}
