//! What can be read of a journal, whether it is open here or only looked into: its
//! records, the names and limits that they refer to, its segments.

use super::catalog::{Catalog, Segment};
use super::error::ReadError;
use super::ledger::{Ledger, SourceName};
use super::reader::Reader;
use super::record::{JournalId, RuleVersion, Sequence, SourceId};
use super::segment_name::SegmentName;
use crate::reading::{Limits, UnixNanos};
use std::sync::Arc;

/// A segment, as listings show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSummary {
    /// Its id and first record.
    pub name: SegmentName,
    /// The record after its last.
    pub next: Sequence,
    /// What it takes on disk.
    pub bytes: u64,
    /// Its journal, if its header can be read.
    pub journal: Option<JournalId>,
}

/// What can be read of a journal.
#[derive(Debug)]
pub struct View {
    pub(super) catalog: Arc<Catalog>,
    pub(super) sources: Arc<Ledger<SourceName>>,
    pub(super) rules: Ledger<Limits>,
}

impl View {
    /// The oldest record that can be read.
    #[must_use]
    pub fn oldest(&self) -> Sequence {
        self.catalog.oldest()
    }

    /// The record after the last that can be read.
    #[must_use]
    pub fn next(&self) -> Sequence {
        self.catalog.next()
    }

    /// A reader whose first record is `from`.
    ///
    /// # Errors
    /// A record that retention took, or beyond the next one.
    pub fn reader(&self, from: Sequence) -> Result<Reader, ReadError> {
        Reader::within(&self.catalog, from)
    }

    /// The name behind a source's number.
    #[must_use]
    pub fn source_name(&self, id: SourceId) -> Option<Arc<str>> {
        self.sources.get(id.0).map(|name| name.0)
    }

    /// The limits behind a rule version.
    #[must_use]
    pub fn limits(&self, version: RuleVersion) -> Option<Limits> {
        self.rules.get(version.0)
    }

    /// The segments, oldest first.
    #[must_use]
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

    /// The first record, in order of sequence, that was received at `time` or later;
    /// the next one to come where there is none.
    ///
    /// # Errors
    /// Damage or a failing disk on the way.
    pub fn first_received_at_or_after(&self, time: UnixNanos) -> Result<Sequence, ReadError> {
        // Only what is proven to hold nothing so new is passed over unread.
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
