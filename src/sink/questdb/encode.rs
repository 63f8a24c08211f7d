//! Encodes samples as the rows of one request.
//!
//! Does not know the server. Invariants: the bytes are whole rows and nothing else; every
//! row's bytes and identity can be found by its number, so that one row can be left out
//! or named; nothing is allocated per sample once the buffers have grown (to the bounds
//! below); rows keep the order in which they were pushed, so that the later one of two
//! rows with the same key wins.

use super::config::TableName;
use crate::deliver::{Delivery, SinkError};
use crate::journal::{JournalId, Sequence};
use crate::reading::{Flags, MeterId, Obis, Sample, UnixNanos};
use crate::wire::Judged;
use questdb::ingress::{Buffer, ColumnName, ProtocolVersion, TableName as IlpTableName, TimestampNanos};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Bytes of one request at most (plus one row); reserved at the start, so that the buffer
/// never moves.
const REQUEST_BYTES_MAX: usize = 8 << 20;
const ROW_BYTES_USUAL: usize = 4 << 10;
/// The server's own limit for the names of tables and columns.
const NAME_BYTES_MAX: usize = 127;
/// Rows of one request that may be refused for their own values. More of them are not a
/// meter's accident, and block the sink.
pub(super) const REFUSED_ROWS_MAX: usize = 100;
/// `255-255:255.255.255*255`
const OBIS_CHARS_MAX: usize = 23;
const UUID_CHARS: usize = 36;

/// A row that can never be stored, with the identity that finds it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// The journal of its record.
    pub journal: JournalId,
    /// Its record.
    pub sequence: Sequence,
    /// The index of its reading in the record as it arrived, from 0.
    pub index: u32,
    /// Its meter.
    pub meter: MeterId,
    /// Its register.
    pub obis: Obis,
    /// When it was measured.
    pub at: UnixNanos,
    /// Why it was refused.
    pub reason: String,
}

/// The callback for refused rows. It returns once the row is durable; the same row comes
/// again when its request is repeated.
pub type RefusedRows = Box<dyn FnMut(RefusedRow) -> Result<(), SinkError> + Send>;

/// The reading of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) journal: JournalId,
    pub(super) sequence: Sequence,
    pub(super) index: u32,
    pub(super) meter: MeterId,
    pub(super) at: UnixNanos,
}

impl Origin {
    fn refused(&self, obis: Obis, reason: &str) -> RefusedRow {
        let Self { journal, sequence, index, meter, at } = *self;
        RefusedRow { journal, sequence, index, meter, obis, at, reason: reason.to_owned() }
    }
}

/// The common part of the rows of one reading.
#[derive(Debug)]
pub(super) struct ReadingRows<'a> {
    pub(super) origin: Origin,
    meter_text: [u8; UUID_CHARS],
    pub(super) source: &'a str,
    pub(super) received: UnixNanos,
    pub(super) flags: Flags,
}

impl<'a> ReadingRows<'a> {
    /// The common part of the rows of a delivery's reading.
    pub(super) fn new(delivery: &Delivery<'a>, reading: &Judged<'_>) -> Self {
        let record = &delivery.record;
        let origin = Origin {
            journal: record.journal,
            sequence: record.sequence,
            index: reading.index,
            meter: reading.meter,
            at: reading.at,
        };
        Self::of(origin, delivery.source, record.header.received, reading.flags)
    }

    /// The same for a held reading.
    pub(super) fn of(origin: Origin, source: &'a str, received: UnixNanos, flags: Flags) -> Self {
        let mut meter_text = [0; UUID_CHARS];
        origin.meter.uuid().as_hyphenated().encode_lower(&mut meter_text);
        Self { origin, meter_text, source, received, flags }
    }

    fn meter(&self) -> &str {
        std::str::from_utf8(&self.meter_text).unwrap_or_default()
    }
}

/// A row in the buffer.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// The end of its bytes; they begin at the end of the row before.
    end: usize,
    /// The index of its reading in [`Rows::origins`].
    origin: usize,
    obis: Obis,
}

/// The rows of the next request.
#[derive(Debug)]
pub(super) struct Rows {
    table: TableName,
    rows_max: usize,
    buffer: Buffer,
    rows: Vec<Row>,
    origins: Vec<Origin>,
    refused: Vec<RefusedRow>,
    first: Option<Sequence>,
}

impl Rows {
    /// An empty request of at most `rows_max` rows into `table`.
    pub(super) fn new(table: TableName, rows_max: usize) -> Self {
        Self {
            table,
            rows_max: rows_max.max(1),
            buffer: Buffer::with_init_capacity_and_max_name_len(
                ProtocolVersion::V2,
                REQUEST_BYTES_MAX + ROW_BYTES_USUAL,
                NAME_BYTES_MAX,
            ),
            rows: Vec::new(),
            origins: Vec::new(),
            refused: Vec::new(),
            first: None,
        }
    }

    /// Adds the row of one sample. One that cannot be encoded goes to [`Rows::refused`].
    pub(super) fn push(&mut self, reading: &ReadingRows<'_>, sample: Sample) {
        let sequence = reading.origin.sequence;
        self.first = Some(self.first.map_or(sequence, |first| first.min(sequence)));
        match self.encode(reading, sample) {
            Ok(()) => {
                if self.origins.last() != Some(&reading.origin) {
                    self.origins.push(reading.origin);
                }
                let origin = self.origins.len() - 1;
                self.rows.push(Row { end: self.buffer.len(), origin, obis: sample.obis });
            }
            Err(error) => self.refused.push(reading.origin.refused(sample.obis, error.msg())),
        }
    }

    /// Encodes a row that is pushed later, so that a panic of the encoder is blamed on the
    /// right record.
    pub(super) fn check_encodes(&mut self, reading: &ReadingRows<'_>, sample: Sample) {
        let end = self.buffer.len();
        // A refusal is reported when the row is pushed.
        if self.encode(reading, sample).is_ok() && self.buffer.len() > end {
            self.buffer.rewind_to_marker().ok();
        }
    }

    /// Whether the request should be sent before another row is pushed.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= self.rows_max
            || self.buffer.len() >= REQUEST_BYTES_MAX
            || self.refused.len() > REFUSED_ROWS_MAX
    }

    /// Rows in it.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The lowest record with a row, refused or not; `None` while it is empty.
    pub(super) fn first(&self) -> Option<Sequence> {
        self.first
    }

    /// Rows that could not be encoded.
    pub(super) fn refused(&self) -> &[RefusedRow] {
        &self.refused
    }

    /// The body of the request without the rows of these numbers (from 0).
    pub(super) fn body_without(&self, left_out: &BTreeSet<usize>) -> Cow<'_, [u8]> {
        let bytes = self.buffer.as_bytes();
        if left_out.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut body = Vec::with_capacity(bytes.len());
        let mut start = 0;
        for (number, row) in self.rows.iter().enumerate() {
            if !left_out.contains(&number) {
                body.extend_from_slice(&bytes[start..row.end]);
            }
            start = row.end;
        }
        Cow::Owned(body)
    }

    /// The number of the row on `line` (from 1) of the body without some rows.
    pub(super) fn number_of_line(&self, line: usize, left_out: &BTreeSet<usize>) -> Option<usize> {
        (0..self.rows.len()).filter(|number| !left_out.contains(number)).nth(line.checked_sub(1)?)
    }

    /// The refused row of a number.
    pub(super) fn refused_row(&self, number: usize, reason: &str) -> Option<RefusedRow> {
        let row = self.rows.get(number)?;
        Some(self.origins.get(row.origin)?.refused(row.obis, reason))
    }

    /// Empties it; its memory stays for the next request.
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        self.rows.clear();
        self.origins.clear();
        self.refused.clear();
        self.first = None;
    }

    /// Writes a row, or leaves the buffer unchanged: a half-written row would break every
    /// later call.
    fn encode(&mut self, reading: &ReadingRows<'_>, sample: Sample) -> questdb::Result<()> {
        #[cfg(feature = "test-faults")]
        crate::faults::panic_at("poison-questdb", sample.value);
        self.buffer.set_marker()?;
        let written = write_row(&mut self.buffer, &self.table, reading, sample);
        if written.is_err() {
            self.buffer.rewind_to_marker()?;
        }
        written
    }
}

/// Writes symbols first, as ILP requires. The names are constants and valid.
fn write_row(buffer: &mut Buffer, table: &TableName, reading: &ReadingRows<'_>, sample: Sample) -> questdb::Result<()> {
    let mut obis_text = [0; OBIS_CHARS_MAX];
    buffer
        .table(IlpTableName::new_unchecked(table.as_str()))?
        .symbol(ColumnName::new_unchecked("obis"), obis_in(&mut obis_text, sample.obis))?
        .symbol(ColumnName::new_unchecked("source"), reading.source)?
        .column_str(ColumnName::new_unchecked("meter"), reading.meter())?
        .column_f64(ColumnName::new_unchecked("value"), sample.value)?
        .column_ts(ColumnName::new_unchecked("received"), TimestampNanos::new(reading.received.0))?;
    // A missing SHORT value is stored as 0, and most rows have no flag.
    if reading.flags != Flags::NONE {
        buffer.column_i64(ColumnName::new_unchecked("flags"), i64::from(reading.flags.bits()))?;
    }
    buffer.at(TimestampNanos::new(reading.origin.at.0))
}

/// The full code, `A-B:C.D.E*F`, written without the formatting machinery, because this
/// runs for every sample.
fn obis_in(text: &mut [u8; OBIS_CHARS_MAX], obis: Obis) -> &str {
    const SEPARATORS: [u8; 6] = *b"-:..*\0";
    let mut length = 0;
    for (byte, separator) in obis.0.into_iter().zip(SEPARATORS) {
        for (divisor, from) in [(100, 100), (10, 10), (1, 0)] {
            if byte >= from {
                text[length] = b'0' + byte / divisor % 10;
                length += 1;
            }
        }
        if separator != 0 {
            text[length] = separator;
            length += 1;
        }
    }
    std::str::from_utf8(&text[..length]).unwrap_or_default()
}

#[cfg(test)]
mod tests;
