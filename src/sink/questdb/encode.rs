//! Encodes samples as the rows of one request: most with `plain_rows`, the others with the client
//! library.
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
use bytes::Bytes;
use plain_rows::{OBIS_CHARS_MAX, PlainRows, UUID_CHARS, obis_in};
use questdb::ingress::{Buffer, ColumnName, ProtocolVersion, TableName as IlpTableName, TimestampNanos};
use std::collections::BTreeSet;

mod plain_rows;

/// Bytes of one request at most (plus one row); reserved at the start, so that the buffer
/// never moves.
const REQUEST_BYTES_MAX: usize = 4 << 20;
const ROW_BYTES_USUAL: usize = 4 << 10;
/// The server's own limit for the names of tables and columns.
const NAME_BYTES_MAX: usize = 127;
/// Rows of one request that may be refused for their own values. More of them are not a
/// meter's accident, and block the sink.
pub(super) const REFUSED_ROWS_MAX: usize = 100;

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
pub struct ReadingRows<'a> {
    pub(super) origin: Origin,
    meter_text: [u8; UUID_CHARS],
    pub(super) source: &'a str,
    pub(super) received: UnixNanos,
    pub(super) flags: Flags,
    /// `None` if the client library encodes these rows.
    plain: Option<PlainRows>,
}

impl<'a> ReadingRows<'a> {
    /// The common part of the rows of a delivery's reading.
    pub fn new(delivery: &Delivery<'a>, reading: &Judged<'_>) -> Self {
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
        let plain = PlainRows::of(source, &meter_text, received, flags, origin.at);
        Self { origin, meter_text, source, received, flags, plain }
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
pub struct Rows {
    table: TableName,
    /// The begin of every plain row: the table, and the column that comes first.
    row_begin: Vec<u8>,
    rows_max: usize,
    bytes: Vec<u8>,
    /// For one row that is not plain.
    library: Buffer,
    rows: Vec<Row>,
    origins: Vec<Origin>,
    refused: Vec<RefusedRow>,
    first: Option<Sequence>,
}

impl Rows {
    /// An empty request of at most `rows_max` rows into `table`.
    pub fn new(table: TableName, rows_max: usize) -> Self {
        Self {
            row_begin: format!("{table},obis=").into_bytes(),
            table,
            rows_max: rows_max.max(1),
            bytes: Vec::with_capacity(REQUEST_BYTES_MAX + ROW_BYTES_USUAL),
            library: Buffer::with_max_name_len(ProtocolVersion::V2, NAME_BYTES_MAX),
            rows: Vec::new(),
            origins: Vec::new(),
            refused: Vec::new(),
            first: None,
        }
    }

    /// Adds the row of one sample. One that cannot be encoded is kept as refused.
    pub fn push(&mut self, reading: &ReadingRows<'_>, sample: Sample) {
        let sequence = reading.origin.sequence;
        self.first = Some(self.first.map_or(sequence, |first| first.min(sequence)));
        match self.encode(reading, sample) {
            Ok(()) => {
                if self.origins.last() != Some(&reading.origin) {
                    self.origins.push(reading.origin);
                }
                let origin = self.origins.len() - 1;
                self.rows.push(Row { end: self.bytes.len(), origin, obis: sample.obis });
            }
            Err(error) => self.refused.push(reading.origin.refused(sample.obis, error.msg())),
        }
    }

    /// Encodes a row that is pushed later, so that a panic of the encoder is blamed on the
    /// right record.
    pub(super) fn check_encodes(&mut self, reading: &ReadingRows<'_>, sample: Sample) {
        let end = self.bytes.len();
        // A refusal is reported when the row is pushed.
        self.encode(reading, sample).ok();
        self.bytes.truncate(end);
    }

    /// Whether the request should be sent before another row is pushed.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= self.rows_max
            || self.bytes.len() >= REQUEST_BYTES_MAX
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

    /// Takes the body out, to send it without a copy. [`Rows::put_back`] must follow.
    pub fn take_body(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes).into()
    }

    /// Puts the body back: its memory, or a copy where a connection still has it.
    pub fn put_back(&mut self, body: Bytes) {
        self.bytes = body.into();
    }

    /// The same body without the rows of these numbers (from 0).
    pub(super) fn body_without(&self, body: &Bytes, left_out: &BTreeSet<usize>) -> Bytes {
        if left_out.is_empty() {
            return body.clone();
        }
        let mut rest = Vec::with_capacity(body.len());
        let mut start = 0;
        for (number, row) in self.rows.iter().enumerate() {
            if !left_out.contains(&number) {
                rest.extend_from_slice(&body[start..row.end]);
            }
            start = row.end;
        }
        rest.into()
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
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.reserve(REQUEST_BYTES_MAX + ROW_BYTES_USUAL);
        self.rows.clear();
        self.origins.clear();
        self.refused.clear();
        self.first = None;
    }

    /// Writes a row, or nothing.
    fn encode(&mut self, reading: &ReadingRows<'_>, sample: Sample) -> questdb::Result<()> {
        #[cfg(feature = "test-faults")]
        crate::faults::panic_at("poison-questdb", sample.value);
        if let Some(plain) = &reading.plain {
            plain.write(&self.row_begin, sample, &mut self.bytes);
            return Ok(());
        }
        // A half-written row of an error before would break every later call.
        self.library.clear();
        write_row(&mut self.library, &self.table, reading, sample)?;
        self.bytes.extend_from_slice(self.library.as_bytes());
        Ok(())
    }
}

/// Writes a row with the client library, symbols first, as ILP requires. The names are constants
/// and valid.
fn write_row(buffer: &mut Buffer, table: &TableName, reading: &ReadingRows<'_>, sample: Sample) -> questdb::Result<()> {
    let mut obis_text = [0; OBIS_CHARS_MAX];
    let obis = std::str::from_utf8(obis_in(&mut obis_text, sample.obis)).unwrap_or_default();
    buffer
        .table(IlpTableName::new_unchecked(table.as_str()))?
        .symbol(ColumnName::new_unchecked("obis"), obis)?
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

#[cfg(test)]
mod tests;
