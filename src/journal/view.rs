//! The readable part of a journal, open or inspected: records, names, limits, segments.

use super::catalog::{Catalog, Segment};
use super::error::ReadError;
use super::ledger::{Ledger, SourceName};
use super::reader::Reader;
use super::record::{JournalId, RuleVersion, Sequence, SourceId};
use super::segment_name::SegmentName;
use crate::reading::{Limits, UnixNanos};
use std::sync::Arc;

/// A segment in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSummary {
    /// Its id and first record.
    pub name: SegmentName,
    /// The record after its last.
    pub next: Sequence,
    /// Its size on disk.
    pub bytes: u64,
    /// Its journal, if its header is readable.
    pub journal: Option<JournalId>,
}

/// The part of a journal from a cursor to the end, which the journal keeps for the cursor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its records.
    pub records: u64,
    /// Its bytes on disk; within the cursor's segment estimated by the share of records.
    pub bytes: u64,
}

/// The readable part of a journal.
#[derive(Debug)]
pub struct View {
    pub(super) catalog: Arc<Catalog>,
    pub(super) sources: Arc<Ledger<SourceName>>,
    pub(super) rules: Ledger<Limits>,
}

impl View {
    /// The oldest readable record.
    pub fn oldest(&self) -> Sequence {
        self.catalog.oldest()
    }

    /// The record after the last readable one.
    pub fn next(&self) -> Sequence {
        self.catalog.next()
    }

    /// A reader whose first record is `from`.
    ///
    /// # Errors
    /// A record deleted by retention, or beyond the next one.
    pub fn reader(&self, from: Sequence) -> Result<Reader, ReadError> {
        Reader::within(&self.catalog, from)
    }

    /// The part that is kept for a cursor at `next`. Reads no file.
    pub fn kept_from(&self, next: Sequence) -> Kept {
        let records = self.next().0.saturating_sub(next.max(self.oldest()).0);
        Kept { records, bytes: self.catalog.readable_bytes_from(next) }
    }

    /// The name of a source's number.
    pub fn source_name(&self, id: SourceId) -> Option<Arc<str>> {
        self.sources.get(id.0).map(|name| name.0)
    }

    /// The names of all sources, in the order of their numbers.
    pub fn source_names(&self) -> Vec<Arc<str>> {
        (1..=u32::MAX).map_while(|id| self.source_name(SourceId(id))).collect()
    }

    /// The limits of a rule version.
    pub fn limits(&self, version: RuleVersion) -> Option<Limits> {
        self.rules.get(version.0)
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentSummary> {
        let segments = self.catalog.segments();
        let nexts = segments.iter().skip(1).map(|segment| segment.name.first).chain([self.catalog.next()]);
        let summary = |(segment, next): (&Arc<Segment>, Sequence)| SegmentSummary {
            name: segment.name,
            next,
            bytes: segment.bytes(),
            journal: self.catalog.journal_of(segment).ok(),
        };
        segments.iter().zip(nexts).map(summary).collect()
    }

    /// The first record, in order of sequence, received at `time` or later; the next
    /// record if there is none.
    ///
    /// # Errors
    /// Damage or a failing disk on the way.
    pub fn first_received_at_or_after(&self, time: UnixNanos) -> Result<Sequence, ReadError> {
        // Only segments proven to be older are skipped unread.
        let is_older = |segment: &Segment| self.catalog.newest_received(segment).is_some_and(|newest| newest < time);
        let segments = self.catalog.segments();
        let Some(first) = segments.iter().find(|segment| !is_older(segment)) else { return Ok(self.next()) };
        let mut reader = self.reader(first.name.first)?;
        loop {
            match reader.read()? {
                Some(record) if record.header.received >= time => return Ok(record.sequence),
                Some(_) => {}
                None => return Ok(reader.next_sequence()),
            }
        }
    }
}
