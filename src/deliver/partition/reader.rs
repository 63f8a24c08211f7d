//! Reads a partition's records as the pump takes them. Does not know their values.

use super::assigned::{Partition, offset_of, sequence_of};
use super::consumer::{ANSWER_TIMEOUT, reading};
use super::error::PartitionError;
use crate::journal::{Record, Sequence};
use crate::kafka::LogContext;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::time::Duration;

/// How often a seek is tried while the library has not begun to read the partition.
const SEEK_RETRY_EVERY: Duration = Duration::from_millis(50);
const SEEK_TRIES_MAX: u32 = 200;

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
        let (of, number, offset) = (&partition.0.of, partition.0.partition.number, Offset::Offset(offset_of(from)));
        partition.check_kept()?;
        let mut tries = 0;
        while let Err(error) = of.consumer.seek(partition.topic(), number, offset, ANSWER_TIMEOUT) {
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
            // A pump that outlived its partition would take the records of its successor.
            self.partition.check_kept()?;
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
    /// Nothing is read after the partition was lost.
    fn check_kept(&self) -> Result<(), PartitionError> {
        if self.is_lost() {
            let (number, topic) = (self.0.partition.number, self.topic());
            let why = format!("partition {number} of topic {topic} belongs to another member of the group now");
            return Err(PartitionError::waiting(why));
        }
        Ok(())
    }

    /// Whether the records between `wanted` and `found` never were readable: places of aborted or compacted records,
    /// and of the brokers' own.
    ///
    /// # Errors
    /// When retention deleted them, or the topic is another one than before.
    fn check_jump(&self, wanted: Sequence, found: Sequence) -> Result<(), PartitionError> {
        let (low, high) = self.0.of.watermarks(self.0.partition)?;
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

    /// The value of one record, by a client of its own: the member's place stays.
    pub(super) fn read_again(&self, sequence: Sequence) -> Result<Vec<u8>, PartitionError> {
        let of = &self.0.of;
        let failed = |error: &KafkaError| self.failed("does not return a record again", error);
        let settings = reading(&of.client, "meterline-read-back");
        let consumer: BaseConsumer<LogContext> =
            settings.create_with_context(LogContext::new(&of.client)).map_err(|error| failed(&error))?;
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(offset_of(sequence));
        list.add_partition_offset(self.topic(), self.0.partition.number, offset).map_err(|error| failed(&error))?;
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
