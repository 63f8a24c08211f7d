//! The log behind a pump: the journal, or a partition of a Kafka topic. Each gives what a pump needs of it: its ends,
//! readers, the pump's cursor, what the numbers in record headers stand for.

use super::error::PumpError;
#[cfg(feature = "kafka")]
use super::partition::{JUDGED_BEFORE, Partition, PartitionReader};
use super::sink::SinkError;
use crate::dead_letters::{DeadLetter, Kind, Row};
use crate::journal::{
    Checkpoints, Cursor, CursorError, Gaps, Journal, Kept, Position, ReadError, Reader, Record, ResolvedCursor,
    RuleVersion, Sequence, SourceId, View,
};
use crate::reading::{Limits, UnixNanos};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A log with a cursor. A clone is the same log.
#[derive(Debug, Clone)]
pub enum Log {
    /// This node's journal.
    Journal(Journal),
    /// A partition of a topic.
    #[cfg(feature = "kafka")]
    Partition(Partition),
}

impl From<Journal> for Log {
    fn from(journal: Journal) -> Self {
        Self::Journal(journal)
    }
}

impl From<&Journal> for Log {
    fn from(journal: &Journal) -> Self {
        Self::Journal(journal.clone())
    }
}

impl Log {
    /// The record after the last readable one.
    pub(super) fn next(&self) -> Sequence {
        match self {
            Self::Journal(journal) => journal.next(),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.end(),
        }
    }

    /// The oldest readable record.
    pub fn oldest(&self) -> Position {
        match self {
            Self::Journal(journal) => journal.oldest(),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.oldest(),
        }
    }

    pub(super) fn position(&self, next: Sequence) -> Position {
        match self {
            Self::Journal(journal) => journal.position(next),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.position(next),
        }
    }

    pub(super) fn resolve(&self, wanted: Position) -> ResolvedCursor {
        match self {
            Self::Journal(journal) => journal.resolve(wanted),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.resolve(wanted),
        }
    }

    pub(super) fn reader(&self, from: Sequence) -> Result<LogReader, PumpError> {
        Ok(match self {
            Self::Journal(journal) => LogReader::Journal(journal.reader(from)?),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => LogReader::Partition(PartitionReader::begin(partition, from)?),
        })
    }

    /// When a record was received; `None` where that costs a reader of the log.
    pub(super) fn received(&self, sequence: Sequence) -> Option<UnixNanos> {
        match self {
            Self::Journal(journal) => journal.reader(sequence).ok()?.read().ok()?.map(|record| record.header.received),
            #[cfg(feature = "kafka")]
            Self::Partition(_) => None,
        }
    }

    /// Waits until there are records from `next` on, and returns whether there are.
    pub(super) fn wait_beyond(&self, next: Sequence, timeout: Duration) -> bool {
        match self {
            Self::Journal(journal) => journal.wait_beyond(next, timeout),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.wait(timeout),
        }
    }

    /// Ends a wait.
    pub(super) fn wake(&self) {
        match self {
            Self::Journal(journal) => journal.wake(),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.wake(),
        }
    }

    pub(super) fn load_cursor(&self, name: &str) -> Result<Option<Cursor>, CursorError> {
        match self {
            Self::Journal(journal) => journal.cursors().load(name),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => Ok(partition.load_cursor(name)),
        }
    }

    pub(super) fn store_cursor(&self, cursor: &Cursor) -> Result<(), CursorError> {
        match self {
            Self::Journal(journal) => journal.cursors().store(cursor),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.store_cursor(cursor),
        }
    }

    /// The gap records of this node.
    pub(super) fn gaps(&self) -> &Gaps {
        match self {
            Self::Journal(journal) => journal.gaps(),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.gaps(),
        }
    }

    /// Whether another process may go on with it.
    pub(super) fn can_move(&self) -> bool {
        match self {
            Self::Journal(_) => false,
            #[cfg(feature = "kafka")]
            Self::Partition(_) => true,
        }
    }

    /// The part of the log from a cursor on; in bytes only of the journal, where it takes room.
    pub(super) fn kept_from(&self, next: Sequence) -> Kept {
        match self {
            Self::Journal(journal) => journal.view().kept_from(next),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => Kept { records: partition.end().0.saturating_sub(next.0), bytes: 0 },
        }
    }

    pub(super) fn names(&self) -> Names<'_> {
        match self {
            Self::Journal(journal) => Names::Journal(journal.view()),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => Names::Partition(partition),
        }
    }

    /// A dead letter about a record, or one of its rows, that a sink could not take.
    pub(super) fn letter(
        &self,
        sequence: Sequence,
        kind: Kind,
        sink: &str,
        row: Option<Row>,
        reason: &str,
    ) -> Result<DeadLetter, PumpError> {
        let letter = match self {
            Self::Journal(journal) => letter_of(journal, sequence, kind, reason)?,
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.letter(sequence, kind, reason)?,
        };
        Ok(DeadLetter { sink: Some(sink.to_owned()), row, ..letter })
    }

    /// The checkpoints of a sink.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn checkpoints(&self, sink: &str) -> Result<Checkpoints, CursorError> {
        match self {
            Self::Journal(journal) => journal.checkpoints(sink),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => Ok(partition.checkpoints()),
        }
    }

    /// Checks before each request that changes a store whether this process may still send this log's records. Always
    /// with the journal; with a partition while the brokers accept this member's commits.
    ///
    /// # Errors
    /// When it may not, or that is not known.
    pub fn check_ownership(&self) -> Result<(), SinkError> {
        match self {
            Self::Journal(_) => Ok(()),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => {
                partition.renew().map_err(|why| SinkError::waiting(format!("nothing is sent to the store now: {why}")))
            }
        }
    }
}

/// A dead letter about a record, without the sink.
fn letter_of(journal: &Journal, sequence: Sequence, kind: Kind, reason: &str) -> Result<DeadLetter, ReadError> {
    let mut reader = journal.reader(sequence)?;
    let end = ReadError::Beyond { wanted: sequence, next: journal.next() };
    let record = reader.read()?.ok_or(end)?;
    let source = journal.source_name(record.header.source);
    Ok(DeadLetter {
        kind,
        source: source.map_or_else(String::new, |name| name.to_string()),
        received: record.header.received,
        journal: record.journal,
        sequence,
        format: record.header.format,
        sink: None,
        row: None,
        reason: reason.to_owned(),
        body: record.payload.to_vec(),
    })
}

/// The meaning of the numbers in record headers.
#[derive(Clone, Copy)]
pub(super) enum Names<'a> {
    Journal(&'a View),
    #[cfg(feature = "kafka")]
    Partition(&'a Partition),
}

impl Names<'_> {
    pub(super) fn source(self, id: SourceId) -> Option<Arc<str>> {
        match self {
            Self::Journal(view) => view.source_name(id),
            #[cfg(feature = "kafka")]
            Self::Partition(partition) => partition.source_name(id),
        }
    }

    pub(super) fn limits(self, version: RuleVersion) -> Option<Limits> {
        match self {
            Self::Journal(view) => view.limits(version),
            #[cfg(feature = "kafka")]
            Self::Partition(_) => Some(JUDGED_BEFORE),
        }
    }
}

/// Reads a log's records in order.
pub(super) enum LogReader {
    Journal(Reader),
    #[cfg(feature = "kafka")]
    Partition(PartitionReader),
}

impl LogReader {
    /// The record that the next [`Self::read`] returns, or, where a log has holes, the lowest that it can return.
    pub(super) fn next_sequence(&self) -> Sequence {
        match self {
            Self::Journal(reader) => reader.next_sequence(),
            #[cfg(feature = "kafka")]
            Self::Partition(reader) => reader.next_sequence(),
        }
    }

    /// Continues at a later record.
    pub(super) fn skip_to(&mut self, next: Sequence) {
        match self {
            Self::Journal(reader) => reader.skip_to(next),
            // Only records that ingest described are skipped, and those are in the journal.
            #[cfg(feature = "kafka")]
            Self::Partition(_) => {}
        }
    }

    /// The next record; `None` if no more are readable yet.
    pub(super) fn read(&mut self) -> Result<Option<Record<'_>>, PumpError> {
        match self {
            Self::Journal(reader) => Ok(reader.read()?),
            #[cfg(feature = "kafka")]
            Self::Partition(reader) => Ok(reader.read()?),
        }
    }
}

impl fmt::Debug for LogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogReader").field("next", &self.next_sequence()).finish()
    }
}
