//! The rows of the next transaction, in memory. Bounded by [`ROWS_MAX`] plus the rows of one
//! record.

use crate::deliver::Delivery;
use crate::journal::{JournalId, Record, Sequence};
use crate::reading::{CANARY_SOURCE, Flags, MeterId, Obis, UnixNanos};
use crate::wire::meters::Version;
use std::sync::Arc;

/// A batch with this many rows is written before more is taken.
pub(super) const ROWS_MAX: usize = 20_000;
/// Capacity in rows that is kept between batches; more is freed.
const ROWS_KEPT_MAX: usize = 2 * ROWS_MAX;

/// A row as it arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    pub(super) meter: MeterId,
    pub(super) obis: Obis,
    pub(super) at: UnixNanos,
    pub(super) value: f64,
    pub(super) received: UnixNanos,
    pub(super) flags: Flags,
    /// Index in [`Batch::sources`].
    pub(super) source: u32,
    /// Of its record.
    pub(super) sequence: Sequence,
}

/// Rows of whole records, in journal order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    rows: Vec<Row>,
    /// The newest test reading of the canary.
    canary: Option<(UnixNanos, f64)>,
    versions: Vec<Version>,
    sources: Vec<Arc<str>>,
    /// The journals of the records, each with its first one here.
    journals: Vec<(JournalId, Sequence)>,
}

impl Batch {
    /// Adds a record's rows. Returns the number of readings.
    pub(super) fn push(&mut self, delivery: &Delivery<'_>) -> u64 {
        let source = self.source(delivery.source);
        let received = delivery.record.header.received;
        let mut readings = 0;
        for reading in delivery.readings() {
            readings += 1;
            if reading.meter == MeterId::CANARY {
                // One of another source would take the place of the one that is looked for.
                if delivery.source == CANARY_SOURCE {
                    self.canary = reading.samples().next().map(|sample| (reading.at, sample.value)).or(self.canary);
                }
                continue;
            }
            for sample in reading.samples() {
                #[cfg(feature = "test-faults")]
                crate::faults::panic_at("poison-sqlite", sample.value);
                self.rows.push(Row {
                    meter: reading.meter,
                    obis: sample.obis,
                    at: reading.at,
                    value: sample.value,
                    received,
                    flags: reading.flags,
                    source,
                    sequence: delivery.record.sequence,
                });
            }
        }
        self.note(&delivery.record);
        readings
    }

    /// Adds a record's versions of meter descriptions.
    pub(super) fn describe(&mut self, delivery: &Delivery<'_>) {
        self.versions.extend(delivery.versions());
        self.note(&delivery.record);
    }

    fn note(&mut self, record: &Record<'_>) {
        if self.journals.last().is_none_or(|(journal, _)| *journal != record.journal) {
            self.journals.push((record.journal, record.sequence));
        }
    }

    /// The first uncommitted record.
    pub(super) fn first(&self) -> Option<Sequence> {
        self.journals.first().map(|(_, first)| *first)
    }

    /// The journals of the records, each with its first one here.
    pub(super) fn journals(&self) -> &[(JournalId, Sequence)] {
        &self.journals
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= ROWS_MAX
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.versions.len() + usize::from(self.canary.is_some())
    }

    /// Time and value of the newest test reading of the canary, which has a table of its own.
    pub(super) fn canary(&self) -> Option<(UnixNanos, f64)> {
        self.canary
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The versions, in journal order.
    pub(super) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The names behind [`Row::source`].
    pub(super) fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(AsRef::as_ref)
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.rows.shrink_to(ROWS_KEPT_MAX);
        self.canary = None;
        self.versions = Vec::new();
        self.sources.clear();
        self.journals.clear();
    }

    fn source(&mut self, name: &str) -> u32 {
        // A batch has few sources, and the last one is the most likely.
        let known = self.sources.iter().rposition(|known| **known == *name);
        let place = known.unwrap_or_else(|| {
            self.sources.push(Arc::from(name));
            self.sources.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}
