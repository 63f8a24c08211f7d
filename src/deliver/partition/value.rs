//! The values of a partition's records: readings, or versions of the descriptions of meters.
//!
//! A value that is neither becomes a dead letter, synced before the next record is read, and the partition goes on. A
//! reading's own identity is in the dead letter's reason: its journal and sequence are the partition and the offset.

use super::assigned::{JUDGED_BEFORE, Partition, offset_of, sequence_of};
use super::error::PartitionError;
use super::id::Contents;
use crate::dead_letters::{DeadLetter, Kind};
use crate::journal::{RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use crate::metrics;
use crate::reading::UnixNanos;
use crate::wire::{self, Envelope, PayloadFormat, Tally};
use rdkafka::message::{BorrowedMessage, Message as _};

/// Bytes of a value that a dead letter holds; a longer one is cut, and the reason says so.
const LETTER_BYTES_MAX: usize = 8 << 20;
const NANOS_PER_MILLI: i64 = 1_000_000;

impl Partition {
    /// Puts the message's reading, or version of a description, into `payload`; `None` if it has none, and that is recorded.
    pub(super) fn header_of(
        &self,
        message: &BorrowedMessage<'_>,
        payload: &mut Vec<u8>,
    ) -> Result<Option<RecordHeader>, PartitionError> {
        let Some(value) = message.payload() else {
            self.count("empty");
            return Ok(None);
        };
        let sequence = sequence_of(message.offset());
        let appended = message
            .timestamp()
            .to_millis()
            .map_or(self.0.of.clock.now(), |millis| UnixNanos(millis.saturating_mul(NANOS_PER_MILLI)));
        let origin = match self.0.partition.contents {
            Contents::Readings => {
                wire::published(value, payload).map(|origin| (self.number_of(origin.source), origin.received_ns))
            }
            Contents::Meters => {
                wire::published_meter(value, payload).map(|version| (self.number_of(&version.source), 0))
            }
        };
        let (source, received_ns) = match origin {
            Ok(origin) => origin,
            Err(why) => {
                self.count("undecodable");
                self.keep(sequence, Kind::Undecodable, ("", appended), &why, value)?;
                return Ok(None);
            }
        };
        let received = if received_ns == 0 { appended } else { UnixNanos(received_ns) };
        if let Some(tally) = self.set_aside(payload, received) {
            self.count("set-aside");
            self.keep_set_aside(sequence, received, &tally, value)?;
        }
        let (verdict, rule) = (Verdict::Deliverable, RuleVersion(0));
        Ok(Some(RecordHeader { source, format: self.format().number(), verdict, rule, received }))
    }

    fn number_of(&self, source: &str) -> SourceId {
        self.0.state.lock().sources.number(source)
    }

    fn format(&self) -> PayloadFormat {
        match self.0.partition.contents {
            Contents::Readings => PayloadFormat::ReadingBatch,
            Contents::Meters => PayloadFormat::Meters,
        }
    }

    /// Counts the values of a reading that no store could keep; `None` if there are none.
    fn set_aside(&self, payload: &[u8], received: UnixNanos) -> Option<Tally> {
        let readings = wire::readings(self.format(), payload).ok()?;
        Some(Tally::of(readings, &JUDGED_BEFORE, received)).filter(Tally::has_set_aside)
    }

    /// Keeps a reading that is not delivered, or not wholly.
    fn keep_set_aside(
        &self,
        sequence: Sequence,
        received: UnixNanos,
        tally: &Tally,
        value: &[u8],
    ) -> Result<(), PartitionError> {
        let mut body = Vec::new();
        let origin = wire::published(value, &mut body).map_err(PartitionError::blocked)?;
        let (why, source) = (format!("{}; {}", tally.reasons(), identity(&origin)), origin.source.to_owned());
        self.keep(sequence, Kind::SetAside, (&source, received), &why, &body)
    }

    fn count(&self, what: &str) {
        let labels = [("reason", what.to_owned())];
        metrics::counter("meterline_kafka_log_skipped_total", &labels).increment(1);
    }

    /// Keeps a value that is not delivered, synced.
    fn keep(
        &self,
        sequence: Sequence,
        kind: Kind,
        origin: (&str, UnixNanos),
        why: &str,
        body: &[u8],
    ) -> Result<(), PartitionError> {
        let letter = match body.get(..LETTER_BYTES_MAX) {
            None => self.letter_with(sequence, kind, origin, why, body.to_vec()),
            Some(begin) => {
                let why = format!("{why}; only the first {LETTER_BYTES_MAX} of {} bytes are kept", body.len());
                self.letter_with(sequence, kind, origin, &why, begin.to_vec())
            }
        };
        let added = self.0.of.letters.add(&letter);
        added.map(drop).map_err(|error| {
            PartitionError::blocked(format!("{} cannot be kept as a dead letter: {error}", self.place(sequence)))
        })
    }

    pub(super) fn place(&self, sequence: Sequence) -> String {
        let offset = offset_of(sequence);
        format!("topic {}, partition {}, offset {offset}", self.topic(), self.0.partition.number)
    }

    /// A dead letter about a record that was read before, without the sink.
    ///
    /// # Errors
    /// When the record cannot be read again.
    pub(in crate::deliver) fn letter(
        &self,
        sequence: Sequence,
        kind: Kind,
        why: &str,
    ) -> Result<DeadLetter, PartitionError> {
        let mut body = Vec::new();
        let value = self.read_again(sequence)?;
        let (source, received, why) = match self.0.partition.contents {
            Contents::Readings => wire::published(&value, &mut body).map(|origin| {
                let why = format!("{why}; {}", identity(&origin));
                (origin.source.to_owned(), UnixNanos(origin.received_ns), why)
            }),
            Contents::Meters => wire::published_meter(&value, &mut body)
                .map(|version| (version.source, self.0.of.clock.now(), why.to_owned())),
        }
        .map_err(PartitionError::blocked)?;
        Ok(self.letter_with(sequence, kind, (&source, received), &why, body))
    }

    fn letter_with(
        &self,
        sequence: Sequence,
        kind: Kind,
        (source, received): (&str, UnixNanos),
        why: &str,
        body: Vec<u8>,
    ) -> DeadLetter {
        DeadLetter {
            kind,
            source: source.to_owned(),
            received,
            journal: self.0.id,
            sequence,
            format: self.format().number(),
            sink: None,
            row: None,
            reason: format!("{why}; {}", self.place(sequence)),
            body,
        }
    }
}

/// The identity of a reading, as its message has it.
fn identity(origin: &Envelope<'_>) -> String {
    let Envelope { journal, sequence, index, part, .. } = origin;
    format!("reading {index}, part {part}, of record {sequence} of journal {journal}")
}
