//! What the pump asks of a sink.

use crate::journal::{Position, Record, Sequence};
use crate::reading::{Limits, UnixNanos};
use crate::wire::meters::Version;
use crate::wire::{self, Judged, PayloadFormat};
use std::time::Instant;

/// A record on its way to a sink: decoded by the pump, judged as at ingest, or as
/// a replay asks. Borrowed for the length of one [`Sink::take`].
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The record.
    pub record: Record<'a>,
    /// Name of the account or device that brought it.
    pub source: &'a str,
    /// The limits that judge it: of its rule version, but for some replays.
    pub limits: &'a Limits,
    /// What its times are judged against: its receive time, but for some replays.
    pub judged_at: UnixNanos,
    /// The payload's format.
    pub format: PayloadFormat,
}

impl<'a> Delivery<'a> {
    /// The readings that are to be delivered, in the order they came. Nothing of
    /// an undecodable record.
    pub fn readings(&self) -> impl Iterator<Item = Judged<'a>> + use<'a> {
        let (limits, judged_at) = (self.limits, self.judged_at);
        wire::readings(self.format, self.record.payload)
            .into_iter()
            .flatten()
            .filter_map(move |reading| Judged::new(reading, limits, judged_at).ok())
    }

    /// The versions of meters' descriptions in it, in the order they came. Nothing of
    /// a record of readings.
    #[must_use]
    pub fn versions(&self) -> Vec<Version> {
        match self.format {
            PayloadFormat::Meters => wire::meters::versions(self.record.payload).unwrap_or_default(),
            PayloadFormat::SmartMe | PayloadFormat::ReadingBatch => Vec::new(),
        }
    }
}

/// A record that is not, or not wholly, for the stores: undecodable, of a format
/// that this program does not know, or with samples set aside. Borrowed for the
/// length of one [`Sink::keep`].
#[derive(Debug, Clone, Copy)]
pub struct Exception<'a> {
    /// The record.
    pub record: Record<'a>,
    /// Name of the account or device that brought it.
    pub source: &'a str,
    /// The limits of its rule version.
    pub limits: &'a Limits,
    /// The payload's format, where this program knows it.
    pub format: Option<PayloadFormat>,
}

/// Which records a sink is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFilter {
    /// Those with something to deliver: they come to [`Sink::take`].
    Deliverable,
    /// Those with something that is not delivered: they come to [`Sink::keep`].
    Exceptions,
}

/// How far a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The lowest sequence that is not safe yet: everything below it is stored and
    /// confirmed. With nothing in flight it is the record after the last one taken.
    pub next_unsafe: Sequence,
    /// The lowest sequence that is not safe for another reason than that the sink
    /// holds some of it back on purpose; the lag is counted from it.
    pub next_waiting: Sequence,
    /// When the sink wants to be settled again even if no record comes.
    pub wake_at: Option<Instant>,
}

impl Progress {
    /// The progress of a sink that holds nothing back.
    #[must_use]
    pub fn new(next_unsafe: Sequence, wake_at: Option<Instant>) -> Self {
        Self { next_unsafe, next_waiting: next_unsafe, wake_at }
    }
}

/// A store or stream at the end of a pump.
///
/// The pump hands records over in journal order, from one thread. A sink buffers
/// as it likes within its named bounds and says how far everything is safe. After
/// an error the pump calls [`Sink::rewind`], waits, and starts again at the
/// lowest unsafe record: so a sink must take the same record twice without harm.
pub trait Sink: Send {
    /// Where the sink's own store says it is, for stores that keep the cursor in
    /// the same transaction as the rows; `None` where the journal's cursor decides.
    /// The pump starts at the lower of the two: a store that was put back, or made
    /// anew (it says the nil journal id), forgot what it had; and a rewind moves the
    /// journal's cursor first.
    ///
    /// # Errors
    /// When the store cannot be asked.
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError>;

    /// RecordFilter one record. May send when its buffers are full. How many readings were
    /// deliverable: said by the sink, so that none is decoded only to be counted.
    ///
    /// # Errors
    /// When sending failed; nothing of this record counts as taken.
    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError>;

    /// RecordFilter one record of [`PayloadFormat::Meters`], in its place among the others and
    /// by the same rules. Whether it did: what it does not take is passed over.
    ///
    /// # Errors
    /// When sending failed; nothing of this record counts as taken.
    fn describe(&mut self, _delivery: &Delivery<'_>) -> Result<bool, SinkError> {
        Ok(false)
    }

    /// Which records it is for.
    fn record_filter(&self) -> RecordFilter {
        RecordFilter::Deliverable
    }

    /// RecordFilter a record that is an exception; only called where [`Sink::record_filter`] asks
    /// for them. What it kept must be safe when [`Sink::settle`] returns.
    ///
    /// # Errors
    /// When it could not be kept; nothing of it counts as taken.
    fn keep(&mut self, _exception: &Exception<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    /// Whether the sink has no room: the pump settles and reads no further.
    fn is_full(&self) -> bool {
        false
    }

    /// Everything below `next` was handed over or is not for this sink. Called before
    /// every [`Sink::settle`].
    fn reached(&mut self, _next: Sequence) {}

    /// Does what is due: sends, commits, polls for acknowledgements. `drain` asks
    /// to send everything now, whatever the batching says (at shutdown).
    ///
    /// # Errors
    /// When sending or confirming failed.
    fn settle(&mut self, drain: bool) -> Result<Progress, SinkError>;

    /// Forgets everything that is not safe, and every connection; the next record
    /// taken is `position.next`. Called at the start, after every error and on a
    /// replay (then for a lower position than before).
    ///
    /// # Errors
    /// When the store cannot be made ready; the pump waits and tries again.
    fn rewind(&mut self, position: Position) -> Result<(), SinkError>;
}

/// Why a sink cannot go on, in a sentence an operator can act on.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// What it takes to go on.
    pub kind: SinkErrorKind,
    /// What happened, where, and what to do. Never holds a secret.
    pub message: String,
}

/// What it takes for a sink to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkErrorKind {
    /// It will probably come back by itself (unreachable, busy, restarting).
    Waiting,
    /// Somebody has to mend something (missing table, wrong credentials, full disk).
    Blocked,
    /// The store does not have any more what it had confirmed: everything from
    /// `back_to` on is sent again. The pump makes that durable and rewinds the sink.
    Lost {
        /// The first record that may be missing in the store.
        back_to: Sequence,
    },
}

impl SinkError {
    /// A fault that will probably pass by itself.
    #[must_use]
    pub fn waiting(message: impl Into<String>) -> Self {
        Self { kind: SinkErrorKind::Waiting, message: message.into() }
    }

    /// A fault that somebody has to mend.
    #[must_use]
    pub fn blocked(message: impl Into<String>) -> Self {
        Self { kind: SinkErrorKind::Blocked, message: message.into() }
    }

    /// The store forgot what it had confirmed.
    #[must_use]
    pub fn lost(back_to: Sequence, message: impl Into<String>) -> Self {
        Self { kind: SinkErrorKind::Lost { back_to }, message: message.into() }
    }
}
