//! Late rows, held back so that they can be sent together.
//!
//! Even a few late rows make the server rewrite an old partition each time: three a second
//! cost it more than a whole core. So a row that was measured long before its record was
//! received, or in an earlier partition than that, is held and sent with others, in
//! requests for one partition each. A row from the future is not late.
//!
//! **The last value in journal order wins.** Rows of one key have the same time, and a row
//! is late exactly if its time is before a bound. (1) A row with the key of a held row is
//! held too: the bound is never lower than for any held row, whatever the records' clocks
//! say, so both are here, where the later one wins. (2) A live row is sent before the held
//! rows that arrived after it, because live rows are sent first whenever held rows are.
//! (3) Rows that arrive after held rows were sent are sent after them, one request at a
//! time. (4) A rewind drops live and held rows and starts at or below the lowest held
//! record, so everything comes again in the same order.
//!
//! Does not know the server. Bounded in rows; a reading and a source name are kept once
//! for all their rows.

use super::encode::{Origin, ReadingRows};
use super::schema::PartitionUnit;
use crate::journal::Sequence;
use crate::reading::{Flags, MeterId, Obis, Sample, UnixNanos};
use std::sync::Arc;

/// A row measured longer than this before it was received is late.
const LATE_AFTER_NS: i64 = 600 * 1_000_000_000;

/// The late rows that are not sent yet.
#[derive(Debug, Default)]
pub(super) struct HeldRows {
    rows_max: usize,
    rows: Vec<Row>,
    readings: Vec<Reading>,
    sources: Vec<Arc<str>>,
    /// Rows measured before this time are late, as for a held row.
    late_before: Option<i64>,
    first: Option<Sequence>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// Its index in [`HeldRows::readings`].
    reading: usize,
    sample: Sample,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    origin: Origin,
    /// Its index in [`HeldRows::sources`].
    source: usize,
    received: UnixNanos,
    flags: Flags,
}

/// The memory of a row at most: itself, and a reading of its own.
const _: () = assert!(size_of::<Row>() + size_of::<Reading>() <= 128, "the configuration says under 128 bytes a row");

impl HeldRows {
    /// A holder of at most `rows_max` rows.
    pub(super) fn new(rows_max: usize) -> Self {
        Self { rows_max: rows_max.max(1), ..Self::default() }
    }

    /// Whether a row measured `at`, of a record with this [`late_before`], must be held.
    pub(super) fn is_late(&self, at: UnixNanos, late_before: i64) -> bool {
        at.0 < late_before || self.late_before.is_some_and(|before| at.0 < before)
    }

    /// Holds a row of a record with this [`late_before`].
    pub(super) fn push(&mut self, reading: &ReadingRows<'_>, sample: Sample, late_before: i64) {
        let source = self.source(reading.source);
        let kept = Reading { origin: reading.origin, source, received: reading.received, flags: reading.flags };
        if self.readings.last() != Some(&kept) {
            self.readings.push(kept);
        }
        self.rows.push(Row { reading: self.readings.len() - 1, sample });
        self.late_before = self.late_before.max(Some(late_before));
        self.first = Some(self.first.map_or(reading.origin.sequence, |first| first.min(reading.origin.sequence)));
    }

    /// Whether the rows must be sent before another is pushed.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= self.rows_max
    }

    /// The number of held rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The lowest record with a held row; `None` while there is none.
    pub(super) fn first(&self) -> Option<Sequence> {
        self.first
    }

    /// Sorts the rows by time, and so by partition. Of equal keys only the last pushed one
    /// stays.
    pub(super) fn sort(&mut self) {
        let Self { rows, readings, .. } = self;
        let key = |row: &Row| -> (UnixNanos, MeterId, Obis) {
            let Origin { at, meter, .. } = readings[row.reading].origin;
            (at, meter, row.sample.obis)
        };
        rows.sort_by_key(key);
        rows.dedup_by(|later, kept| {
            let is_same = key(later) == key(kept);
            if is_same {
                *kept = *later;
            }
            is_same
        });
    }

    /// The rows in their current order.
    pub(super) fn rows(&self) -> impl Iterator<Item = (ReadingRows<'_>, Sample)> {
        self.rows.iter().map(|row| {
            let Reading { origin, source, received, flags } = self.readings[row.reading];
            (ReadingRows::of(origin, &self.sources[source], received, flags), row.sample)
        })
    }

    /// Drops all rows; the memory is kept.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.readings.clear();
        self.sources.clear();
        self.late_before = None;
        self.first = None;
    }

    fn source(&mut self, name: &str) -> usize {
        self.sources.iter().position(|known| **known == *name).unwrap_or_else(|| {
            self.sources.push(name.into());
            self.sources.len() - 1
        })
    }
}

/// The time before which rows are late in a record received at `received`.
pub(super) fn late_before(received: UnixNanos, unit: PartitionUnit) -> i64 {
    received.0.saturating_sub(LATE_AFTER_NS).max(unit.start_of(received))
}

#[cfg(test)]
mod tests;
