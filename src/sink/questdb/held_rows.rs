//! Late rows, held back so that they can be sent together.
//!
//! A handful of late rows makes the server rewrite an old partition each time they
//! come: three a second cost it more than a whole core. So a row that was measured
//! long before its own record was received, or in an earlier partition than that,
//! waits here and goes out with others, in requests of its partition alone. A row
//! from the future is not late.
//!
//! **The last value in journal order stands.** Rows of one key have the same time,
//! and whether one is late is only a matter of whether that time is before a
//! bound. (1) A row that comes while an equal key is held is held too: the bound is
//! never lower than it was for any row that is held, whatever the records' clocks
//! say, so the two meet here, where the later one stands. (2) A row that is not
//! held goes out before the held ones that came after it, because the live rows
//! are sent first whenever held rows are. (3) Rows that come after held ones were
//! sent are sent after them, one request at a time. (4) A rewind empties both lanes
//! and starts at or below the lowest held record, so everything comes again in the
//! same order.
//!
//! Knows nothing of the server. Bounded in rows; a reading is kept once for its
//! rows; the names of sources are kept once.

use super::encode::{Origin, ReadingRows};
use super::schema::PartitionUnit;
use crate::journal::Sequence;
use crate::reading::{Flags, MeterId, Obis, Sample, UnixNanos};
use std::sync::Arc;

/// A row measured longer than this before it was received is late.
const LATE_AFTER_NS: i64 = 600 * 1_000_000_000;

/// The late rows that were not sent yet.
#[derive(Debug, Default)]
pub(super) struct HeldRows {
    rows_max: usize,
    rows: Vec<Row>,
    readings: Vec<Reading>,
    sources: Vec<Arc<str>>,
    /// What is measured before it is late, because something that is held was.
    late_before: Option<i64>,
    first: Option<Sequence>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// Its place in [`HeldRows::readings`].
    reading: usize,
    sample: Sample,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    origin: Origin,
    /// Its place in [`HeldRows::sources`].
    source: usize,
    received: UnixNanos,
    flags: Flags,
}

/// What a row costs at most: itself, and a reading of its own.
const _: () = assert!(size_of::<Row>() + size_of::<Reading>() <= 128, "the configuration says under 128 bytes a row");

impl HeldRows {
    /// At most so many rows.
    pub(super) fn new(rows_max: usize) -> Self {
        Self { rows_max: rows_max.max(1), ..Self::default() }
    }

    /// Whether a row of this time, in a record received then, has to be held.
    pub(super) fn is_late(&self, at: UnixNanos, received: UnixNanos, unit: PartitionUnit) -> bool {
        at.0 < late_before(received, unit) || self.late_before.is_some_and(|before| at.0 < before)
    }

    /// Holds a row.
    pub(super) fn push(&mut self, reading: &ReadingRows<'_>, sample: Sample, unit: PartitionUnit) {
        let source = self.source(reading.source);
        let kept = Reading { origin: reading.origin, source, received: reading.received, flags: reading.flags };
        if self.readings.last() != Some(&kept) {
            self.readings.push(kept);
        }
        self.rows.push(Row { reading: self.readings.len() - 1, sample });
        self.late_before = self.late_before.max(Some(late_before(reading.received, unit)));
        self.first = Some(self.first.map_or(reading.origin.sequence, |first| first.min(reading.origin.sequence)));
    }

    /// Whether it has to be sent before another row is pushed.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= self.rows_max
    }

    /// Rows in it.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The lowest record with a row in it; `None` while it is empty.
    pub(super) fn first(&self) -> Option<Sequence> {
        self.first
    }

    /// Brings the rows into the order of their times, and so of their partitions. Of
    /// equal keys the one that was pushed last stays.
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

    /// The rows as they stand.
    pub(super) fn rows(&self) -> impl Iterator<Item = (ReadingRows<'_>, Sample)> {
        self.rows.iter().map(|row| {
            let Reading { origin, source, received, flags } = self.readings[row.reading];
            (ReadingRows::of(origin, &self.sources[source], received, flags), row.sample)
        })
    }

    /// Empties it; its memory stays.
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

/// What is measured before it is late in a record received then.
fn late_before(received: UnixNanos, unit: PartitionUnit) -> i64 {
    received.0.saturating_sub(LATE_AFTER_NS).max(unit.start_of(received))
}

#[cfg(test)]
mod tests;
