//! Reads a partition's records as the pump takes them.
//!
//! What is no reading becomes a dead letter, synced before the next record is read, and the partition goes on. A
//! record's own identity is in the dead letter's reason: its journal and sequence are the partition and the offset.

use super::assigned::{JUDGED_BEFORE, Partition, offset_of, sequence_of};
use super::consumer::{ANSWER_TIMEOUT, reading};
use super::error::PartitionError;
use crate::dead_letters::{DeadLetter, Kind};
use crate::journal::{Record, RecordHeader, RuleVersion, Sequence, Verdict};
use crate::kafka::LogContext;
use crate::metrics;
use crate::reading::UnixNanos;
use crate::wire::{self, Envelope, PayloadFormat, Tally};
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::TopicPartitionList;
use std::time::Duration;

/// How often a seek is tried while the library has not begun to read the partition.
const SEEK_RETRY_EVERY: Duration = Duration::from_millis(50);
const SEEK_TRIES_MAX: u32 = 200;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// Reads records, oldest first; only committed ones.
#[derive(Debug)]
pub(in crate::deliver) struct PartitionReader {
    partition: Partition,
    next: Sequence,
    /// The last record's payload.
    payload: Vec<u8>,
}

impl PartitionReader {
    /// A reader whose first record is `from`, or the first one after it. It takes the place of any other.
    ///
    /// # Errors
    /// When the library does not read the partition.
    pub(in crate::deliver) fn begin(partition: &Partition, from: Sequence) -> Result<Self, PartitionError> {
        let (of, number, offset) = (&partition.0.of, partition.0.number, Offset::Offset(offset_of(from)));
        let mut tries = 0;
        while let Err(error) = of.consumer.seek(&of.topic, number, offset, ANSWER_TIMEOUT) {
            tries += 1;
            if tries >= SEEK_TRIES_MAX || partition.is_lost() {
                return Err(partition.failed("cannot be read from its cursor on", &error));
            }
            partition.wait(SEEK_RETRY_EVERY);
        }
        Ok(Self { partition: partition.clone(), next: from, payload: Vec::new() })
    }

    /// The lowest sequence that the next [`Self::read`] can return.
    pub(in crate::deliver) fn next_sequence(&self) -> Sequence {
        self.next
    }

    /// The next record; `None` if no more are here yet.
    ///
    /// # Errors
    /// When the brokers fail, retention deleted the record, or a dead letter cannot be written.
    pub(in crate::deliver) fn read(&mut self) -> Result<Option<Record<'_>>, PartitionError> {
        let (sequence, header) = loop {
            let Some(polled) = self.partition.0.queue.poll(Duration::ZERO) else { return Ok(None) };
            let message = polled.map_err(|error| self.partition.failed("cannot be read", &error))?;
            let sequence = sequence_of(message.offset());
            if sequence != self.next {
                self.partition.check_jump(self.next, sequence)?;
            }
            let header = self.partition.header_of(&message, &mut self.payload)?;
            self.next = sequence.next();
            if let Some(header) = header {
                break (sequence, header);
            }
        };
        Ok(Some(Record { journal: self.partition.0.id, sequence, header, payload: &self.payload }))
    }
}

impl Partition {
    /// Puts the message's reading into `payload`; `None` if it has none, and that is recorded.
    fn header_of(
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
        let origin = match wire::published(value, payload) {
            Ok(origin) => origin,
            Err(why) => {
                self.count("undecodable");
                self.keep(sequence, Kind::Undecodable, ("", appended), &why, value)?;
                return Ok(None);
            }
        };
        let received = if origin.received_ns == 0 { appended } else { UnixNanos(origin.received_ns) };
        let source = self.0.state.lock().sources.number(origin.source);
        let format = PayloadFormat::ReadingBatch;
        let tally = wire::readings(format, payload).map(|readings| Tally::of(readings, &JUDGED_BEFORE, received));
        if let Ok(tally) = tally
            && tally.has_set_aside()
        {
            self.count("set-aside");
            self.keep_set_aside(sequence, received, &tally, value)?;
        }
        let (verdict, rule) = (Verdict::Deliverable, RuleVersion(0));
        Ok(Some(RecordHeader { source, format: format.number(), verdict, rule, received }))
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

    /// Keeps what is not delivered, synced.
    fn keep(
        &self,
        sequence: Sequence,
        kind: Kind,
        (source, received): (&str, UnixNanos),
        why: &str,
        body: &[u8],
    ) -> Result<(), PartitionError> {
        let letter = DeadLetter {
            kind,
            source: source.to_owned(),
            received,
            journal: self.0.id,
            sequence,
            format: PayloadFormat::ReadingBatch.number(),
            sink: None,
            row: None,
            reason: format!("{why}; {}", self.place(sequence)),
            body: body.to_vec(),
        };
        let added = self.0.of.letters.add(&letter);
        added.map(drop).map_err(|error| {
            PartitionError::blocked(format!("{} cannot be kept as a dead letter: {error}", self.place(sequence)))
        })
    }

    fn place(&self, sequence: Sequence) -> String {
        let offset = offset_of(sequence);
        format!("topic {}, partition {}, offset {offset}", self.0.of.topic, self.0.number)
    }

    /// Whether the records between `wanted` and `found` never were readable: places of aborted or compacted records,
    /// and of the brokers' own.
    ///
    /// # Errors
    /// When retention deleted them, or the topic is another one than before.
    fn check_jump(&self, wanted: Sequence, found: Sequence) -> Result<(), PartitionError> {
        let (low, high) = self.0.of.watermarks(self.0.number)?;
        let (oldest, end) = (sequence_of(low), sequence_of(high));
        {
            let mut state = self.0.state.lock();
            (state.oldest, state.end) = (oldest, end);
        }
        let place = self.place(wanted);
        if found < wanted {
            return Err(PartitionError::of_other_log(format!(
                "{place} is not there any more, the end is offset {high}: the topic was made again, or its brokers lost \
                 records; it is read from its beginning"
            )));
        }
        if wanted < oldest {
            return Err(PartitionError::waiting(format!(
                "{place} was deleted by retention, the oldest is offset {low}"
            )));
        }
        Ok(())
    }

    /// A dead letter about a record that was read before.
    ///
    /// # Errors
    /// When the record cannot be read again.
    pub(in crate::deliver) fn letter(
        &self,
        sequence: Sequence,
        kind: Kind,
        sink: &str,
        row: Option<crate::dead_letters::Row>,
        reason: &str,
    ) -> Result<DeadLetter, PartitionError> {
        let mut body = Vec::new();
        let value = self.read_again(sequence)?;
        let origin = wire::published(&value, &mut body).map_err(PartitionError::blocked)?;
        let (source, received) = (origin.source.to_owned(), UnixNanos(origin.received_ns));
        let reason = format!("{reason}; {}; {}", identity(&origin), self.place(sequence));
        Ok(DeadLetter {
            kind,
            source,
            received,
            journal: self.0.id,
            sequence,
            format: PayloadFormat::ReadingBatch.number(),
            sink: Some(sink.to_owned()),
            row,
            reason,
            body,
        })
    }

    /// The value of one record, by a client of its own: the member's place stays.
    fn read_again(&self, sequence: Sequence) -> Result<Vec<u8>, PartitionError> {
        let of = &self.0.of;
        let failed = |error: &KafkaError| self.failed("does not return a record again", error);
        let settings = reading(&of.client, "meterline-read-back");
        let consumer: BaseConsumer<LogContext> =
            settings.create_with_context(LogContext::new(&of.client)).map_err(|error| failed(&error))?;
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(offset_of(sequence));
        list.add_partition_offset(&of.topic, self.0.number, offset).map_err(|error| failed(&error))?;
        consumer.assign(&list).map_err(|error| failed(&error))?;
        let deadline = of.clock.monotonic() + ANSWER_TIMEOUT;
        while of.clock.monotonic() < deadline {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if sequence_of(message.offset()) == sequence => {
                    return Ok(message.payload().unwrap_or_default().to_vec());
                }
                Some(Ok(_)) => break,
                Some(Err(error)) => return Err(failed(&error)),
                None => {}
            }
        }
        Err(PartitionError::waiting(format!("{} cannot be read again", self.place(sequence))))
    }
}

/// The identity of a reading, as its message has it.
fn identity(origin: &Envelope<'_>) -> String {
    let Envelope { journal, sequence, index, part, .. } = origin;
    format!("reading {index}, part {part}, of record {sequence} of journal {journal}")
}
