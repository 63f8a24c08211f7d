//! Rows that a sink's server can never store: kept as dead letters, synced,
//! before the sink's cursor may pass their record.

use super::sink::SinkError;
use crate::clock::Clock;
use crate::dead_letters::{DeadLetters, Letter, Origin, RowLetter, RowValue};
use crate::journal::{Journal, JournalId, ReadError, Record, Sequence};
use crate::reading::{MeterId, Obis, UnixNanos};
use crate::wire::{self, PayloadFormat};

/// A refused row: which sample of which record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRowAt {
    /// The journal of its record.
    pub journal: JournalId,
    /// Its record.
    pub sequence: Sequence,
    /// Its reading, counted in the record as it arrived.
    pub index: u32,
    /// Whose value it is.
    pub meter: MeterId,
    /// Which register's.
    pub obis: Obis,
    /// When it was measured.
    pub at: UnixNanos,
    /// The server's sentence.
    pub reason: String,
}

/// Keeps a sink's refused rows.
#[derive(Debug, Clone)]
pub struct RefusedRows {
    sink: String,
    journal: Journal,
    letters: DeadLetters,
    clock: Clock,
}

impl RefusedRows {
    /// For the sink of that name, fed from `journal`.
    #[must_use]
    pub fn new(sink: impl Into<String>, journal: Journal, letters: DeadLetters, clock: Clock) -> Self {
        Self { sink: sink.into(), journal, letters, clock }
    }

    /// Keeps a row; it is synced when this returns. A row that is kept already is
    /// not kept twice.
    ///
    /// # Errors
    /// When it cannot be kept; the sink must not go on then.
    pub fn keep(&self, row: &RefusedRowAt) -> Result<(), SinkError> {
        let value = self.value_of(row).map_err(|error| SinkError::waiting(error.to_string()))?;
        let letter = Letter::Row(RowLetter {
            sink: self.sink.clone(),
            origin: Origin { journal: row.journal, sequence: row.sequence },
            index: row.index,
            meter: row.meter,
            obis: row.obis,
            at: row.at,
            refused: self.clock.now(),
            reason: row.reason.clone(),
            value,
        });
        let added = self.letters.add(&letter);
        added.map(drop).map_err(|error| SinkError::blocked(format!("a row that the server refuses cannot be kept: {error}")))
    }

    /// The sample itself, so that the letter says all by itself.
    fn value_of(&self, row: &RefusedRowAt) -> Result<Option<RowValue>, ReadError> {
        let mut reader = self.journal.reader(row.sequence)?;
        let Some(record) = reader.read()? else { return Ok(None) };
        let source = self.journal.source_name(record.header.source);
        Ok(value_in(&record, row, source.as_deref().unwrap_or_default()))
    }
}

fn value_in(record: &Record<'_>, row: &RefusedRowAt, source: &str) -> Option<RowValue> {
    let format = PayloadFormat::from_number(record.header.format)?;
    let reading = wire::readings(format, record.payload).ok()?.find(|reading| reading.index == row.index)?;
    // The same register twice in a reading: the later one wins.
    let sample = reading.values.filter_map(Result::ok).filter(|sample| sample.obis == row.obis).last()?;
    let received = record.header.received;
    Some(RowValue { value: sample.value, flags: reading.flags.bits(), source: source.to_owned(), received })
}
