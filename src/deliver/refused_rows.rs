//! Rows that a server can never store. They become dead letters, synced to disk, before
//! the sink's cursor may pass their record.

use super::sink::SinkError;
use crate::dead_letters::{DeadLetter, DeadLetters, Kind, Row};
use crate::journal::{Journal, Sequence};

/// The writer of a sink's refused rows to the dead letters.
#[derive(Debug, Clone)]
pub struct RefusedRows {
    sink: String,
    journal: Journal,
    letters: DeadLetters,
}

impl RefusedRows {
    /// The writer for `sink`, which is fed from `journal`.
    pub fn new(sink: impl Into<String>, journal: Journal, letters: DeadLetters) -> Self {
        Self { sink: sink.into(), journal, letters }
    }

    /// Keeps a row with its record; both are synced when this returns. A row is never
    /// kept twice.
    ///
    /// # Errors
    /// When the row cannot be kept; the sink must then stop.
    pub fn keep(&self, sequence: Sequence, row: Row, reason: &str) -> Result<(), SinkError> {
        let letter = letter_of(&self.journal, sequence, Kind::RefusedRow, &self.sink, Some(row), reason)
            .map_err(|error| SinkError::waiting(format!("the record of a refused row cannot be read: {error}")))?;
        let added = self.letters.add(&letter);
        added
            .map(drop)
            .map_err(|error| SinkError::blocked(format!("a refused row cannot be kept as a dead letter: {error}")))
    }
}

/// A dead letter about a record, or one of its rows, that a sink could not take.
pub(super) fn letter_of(
    journal: &Journal,
    sequence: Sequence,
    kind: Kind,
    sink: &str,
    row: Option<Row>,
    reason: &str,
) -> Result<DeadLetter, crate::journal::ReadError> {
    let mut reader = journal.reader(sequence)?;
    let end = crate::journal::ReadError::Beyond { wanted: sequence, next: journal.next() };
    let record = reader.read()?.ok_or(end)?;
    let source = journal.source_name(record.header.source);
    Ok(DeadLetter {
        kind,
        source: source.map_or_else(String::new, |name| name.to_string()),
        received: record.header.received,
        journal: record.journal,
        sequence,
        format: record.header.format,
        sink: Some(sink.to_owned()),
        row,
        reason: reason.to_owned(),
        body: record.payload.to_vec(),
    })
}
