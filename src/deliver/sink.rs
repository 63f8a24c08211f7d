//! The interface between the pump and a sink.

use crate::journal::{Position, Record, Sequence};
use crate::reading::{Limits, UnixNanos};
use crate::wire::meters::Version;
use crate::wire::{self, Judged, PayloadFormat};
use std::time::Instant;

/// A record for a sink, judged as at ingest or as a replay asks. Borrowed for one
/// [`Sink::take`].
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The record.
    pub record: Record<'a>,
    /// Name of the account or device that delivered it.
    pub source: &'a str,
    /// The limits that judge it: the limits of its rule version, except in some replays.
    pub limits: &'a Limits,
    /// The time against which its times are judged: its receive time, except in some replays.
    pub judged_at: UnixNanos,
    /// The payload's format.
    pub format: PayloadFormat,
}

impl<'a> Delivery<'a> {
    /// The deliverable readings, in arrival order; none for an undecodable record.
    pub fn readings(&self) -> impl Iterator<Item = Judged<'a>> + use<'a> {
        let (limits, judged_at) = (self.limits, self.judged_at);
        wire::readings(self.format, self.record.payload)
            .into_iter()
            .flatten()
            .filter_map(move |reading| Judged::new(reading, limits, judged_at).ok())
    }

    /// The versions of meter descriptions, in arrival order; none for a record of readings.
    pub fn versions(&self) -> Vec<Version> {
        match self.format {
            PayloadFormat::Meters => wire::meters::versions(self.record.payload).unwrap_or_default(),
            PayloadFormat::SmartMe | PayloadFormat::ReadingBatch => Vec::new(),
        }
    }
}

/// A record that is not, or not wholly, for the stores: undecodable, of an unknown
/// format, or with samples set aside. Borrowed for one [`Sink::keep`].
#[derive(Debug, Clone, Copy)]
pub struct Exception<'a> {
    /// The record.
    pub record: Record<'a>,
    /// Name of the account or device that delivered it.
    pub source: &'a str,
    /// The limits of its rule version.
    pub limits: &'a Limits,
    /// The payload's format; `None` if unknown to this version.
    pub format: Option<PayloadFormat>,
}

/// The records that a sink gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFilter {
    /// Records with deliverable data, through [`Sink::take`].
    Deliverable,
    /// Records with data that is not delivered, through [`Sink::keep`].
    Exceptions,
}

/// The progress of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The lowest sequence that is not safe yet: everything below it is stored and
    /// confirmed. With nothing in flight it is the record after the last one taken.
    pub next_unsafe: Sequence,
    /// The lowest unsafe sequence without rows that the sink holds back on purpose; the lag
    /// is counted from it.
    pub next_waiting: Sequence,
    /// When to settle the sink again even if no record arrives.
    pub wake_at: Option<Instant>,
}

impl Progress {
    /// The progress of a sink that holds nothing back.
    pub fn new(next_unsafe: Sequence, wake_at: Option<Instant>) -> Self {
        Self { next_unsafe, next_waiting: next_unsafe, wake_at }
    }
}

/// Whether a sink took a record without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It took the record, which has this number of deliverable readings.
    Taken {
        /// The number of deliverable readings.
        readings: u64,
        /// When the record was received.
        received: UnixNanos,
    },
    /// It may know the record in a moment.
    NotYet,
    /// The record must be read.
    Unknown,
}

/// A store or stream at the end of a pump.
///
/// The pump hands records over in journal order, from one thread. A sink may buffer
/// within its named bounds and reports how far everything is safe. After an error the
/// pump waits, calls [`Sink::rewind`] and starts again at the lowest unsafe record, so a
/// sink must accept the same record twice without harm.
pub trait Sink: Send {
    /// The position recorded in the sink's own store, for stores that commit the cursor
    /// with the rows; `None` where only the journal's cursor counts. The pump starts at
    /// the lower of the two: a restored or new store (it returns the nil journal id) lost
    /// data, and a rewind moves the journal's cursor first. A store that has taken the
    /// position of a [`Sink::rewind`] is no longer new.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError>;

    /// Whether the store has exactly the records below its position, and no reader of it may see
    /// one twice. The pump then starts at the store's position: the cursor's file only follows.
    /// The exception is a replay, whose records are sent again on purpose.
    fn is_exact(&self) -> bool {
        false
    }

    /// Takes one record without its bytes, if ingest told the sink what it needs to know. The
    /// record is synced. Not called during a replay.
    ///
    /// # Errors
    /// When sending failed; nothing of this record counts as taken.
    fn take_known(&mut self, _sequence: Sequence) -> Result<Known, SinkError> {
        Ok(Known::Unknown)
    }

    /// Takes one record. May send when its buffers are full. Returns the number of
    /// deliverable readings, so that the pump need not decode them only to count.
    ///
    /// # Errors
    /// When sending failed; nothing of this record counts as taken.
    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError>;

    /// Takes one record of [`PayloadFormat::Meters`], in journal order and by the same rules
    /// as [`Sink::take`]. Returns whether the sink took it; otherwise it is skipped.
    ///
    /// # Errors
    /// When sending failed; nothing of this record counts as taken.
    fn describe(&mut self, _delivery: &Delivery<'_>) -> Result<bool, SinkError> {
        Ok(false)
    }

    /// Conditions at the store that do not stop delivery but need the operator: one sentence
    /// each, with the remedy, and without numbers that change.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// The records that this sink gets.
    fn record_filter(&self) -> RecordFilter {
        RecordFilter::Deliverable
    }

    /// Takes an exception; only called where [`Sink::record_filter`] asks for them. It must
    /// be safe when [`Sink::settle`] returns.
    ///
    /// # Errors
    /// When it cannot be kept; nothing of it counts as taken.
    fn keep(&mut self, _exception: &Exception<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    /// Whether the sink has no room: the pump settles and reads no further.
    fn is_full(&self) -> bool {
        false
    }

    /// Reports that everything below `next` was handed over or is not for this sink. Called
    /// before every [`Sink::settle`].
    fn reached(&mut self, _next: Sequence) {}

    /// Does the due work: sends, commits, polls for acknowledgements. `drain` sends
    /// everything now, regardless of batching (at shutdown).
    ///
    /// # Errors
    /// When sending or confirming failed.
    fn settle(&mut self, drain: bool) -> Result<Progress, SinkError>;

    /// Drops all unsafe data and every connection; the next record taken is
    /// `position.next`. Called at the start, after every error and for a replay (then with
    /// a lower position than before).
    ///
    /// # Errors
    /// When the store cannot be made ready; the pump waits and retries.
    fn rewind(&mut self, position: Position) -> Result<(), SinkError>;

    /// Facts about the store for the built-in page: names and values. Called about every
    /// second, so it only reports what the sink knows already.
    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// A sink's failure, as a sentence an operator can act on.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// The kind of failure.
    pub kind: SinkErrorKind,
    /// The cause, the place and the remedy. Never holds a secret.
    pub message: String,
}

#[cfg(feature = "kafka")]
impl From<crate::kafka::Fault> for SinkError {
    fn from(fault: crate::kafka::Fault) -> Self {
        if fault.is_blocking { Self::blocked(fault.message) } else { Self::waiting(fault.message) }
    }
}

/// The kind of a sink's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkErrorKind {
    /// It probably passes without help (unreachable, busy, restarting).
    Waiting,
    /// The operator must fix something (missing table, wrong credentials, full disk).
    Blocked,
    /// The store lost confirmed data: everything from `back_to` on is sent again. The pump
    /// makes that durable and rewinds the sink.
    Lost {
        /// The first record that may be missing in the store.
        back_to: Sequence,
    },
    /// The store is another one than before, for example a new or a restored file. The pump
    /// asks it for [`Sink::stored_position`] and begins there as after a start.
    Replaced,
}

impl SinkError {
    /// A failure that probably passes without help.
    pub fn waiting(message: impl Into<String>) -> Self {
        Self { kind: SinkErrorKind::Waiting, message: message.into() }
    }

    /// A failure that the operator must fix.
    pub fn blocked(message: impl Into<String>) -> Self {
        Self { kind: SinkErrorKind::Blocked, message: message.into() }
    }

    /// A loss of confirmed data in the store.
    pub fn lost(back_to: Sequence, message: impl Into<String>) -> Self {
        Self { kind: SinkErrorKind::Lost { back_to }, message: message.into() }
    }

    /// A store in the place of another.
    pub fn replaced(message: impl Into<String>) -> Self {
        Self { kind: SinkErrorKind::Replaced, message: message.into() }
    }
}
