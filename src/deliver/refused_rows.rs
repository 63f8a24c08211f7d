//! Rows that a server can never store. They become dead letters, synced to disk, before
//! the sink's cursor may pass their record.

use super::log::Log;
use super::sink::SinkError;
use crate::dead_letters::{DeadLetters, Kind, Row};
use crate::journal::Sequence;

/// The writer of a sink's refused rows to the dead letters.
#[derive(Debug, Clone)]
pub struct RefusedRows {
    sink: String,
    log: Log,
    letters: DeadLetters,
}

impl RefusedRows {
    /// The writer for `sink`, which is fed from `log`.
    pub fn new(sink: impl Into<String>, log: impl Into<Log>, letters: DeadLetters) -> Self {
        Self { sink: sink.into(), log: log.into(), letters }
    }

    /// Keeps a row with its record; both are synced when this returns. A row is never
    /// kept twice.
    ///
    /// # Errors
    /// When the row cannot be kept; the sink must then stop.
    pub fn keep(&self, sequence: Sequence, row: Row, reason: &str) -> Result<(), SinkError> {
        let letter = self.log.letter(sequence, Kind::RefusedRow, &self.sink, Some(row), reason);
        let letter = letter.map_err(|error| {
            SinkError::waiting(format!("the record of a refused row cannot be read: {}", error.message))
        })?;
        let added = self.letters.add(&letter);
        added
            .map(drop)
            .map_err(|error| SinkError::blocked(format!("a refused row cannot be kept as a dead letter: {error}")))
    }
}
