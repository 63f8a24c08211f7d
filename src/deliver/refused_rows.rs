//! Rows that a sink's server can never store: kept as dead letters, synced,
//! before the sink's cursor may pass their record.

use super::sink::SinkError;
use crate::dead_letters::{DeadLetter, DeadLetters, Kind, Row};
use crate::journal::{Journal, Sequence};

/// Keeps a sink's refused rows.
#[derive(Debug, Clone)]
pub struct RefusedRows {
    sink: String,
    journal: Journal,
    letters: DeadLetters,
}

impl RefusedRows {
    /// For the sink of that name, fed from `journal`.
    #[must_use]
    pub fn new(sink: impl Into<String>, journal: Journal, letters: DeadLetters) -> Self {
        Self { sink: sink.into(), journal, letters }
    }

    /// Keeps a row with the record it came in; it is synced when this returns. A
    /// row that is kept already is not kept twice.
    ///
    /// # Errors
    /// When it cannot be kept; the sink must not go on then.
    pub fn keep(&self, sequence: Sequence, row: Row, reason: &str) -> Result<(), SinkError> {
        let letter = letter_of(&self.journal, sequence, Kind::RefusedRow, &self.sink, Some(row), reason)
            .map_err(|error| SinkError::waiting(format!("a refused row's record cannot be read: {error}")))?;
        let added = self.letters.add(&letter);
        added
            .map(drop)
            .map_err(|error| SinkError::blocked(format!("a row that the server refuses cannot be kept: {error}")))
    }
}

/// A letter about a record, or a row of it, that a sink could not take.
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
