//! Reads records back from the topic at acknowledged offsets.
//!
//! Reads single records, commits nothing and joins no consumer group. Every request is
//! bounded in time; a missing answer is an error, not a loss.

use super::acked_offsets::{AckedOffset, AckedOffsets, ReadBackResult, checksum};
use super::config::Config;
use super::fault;
use crate::clock::Clock;
use crate::deliver::SinkError;
use crate::kafka::{self, LogContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

/// How long a broker may take to report the first and the end offset of a partition.
const ENDS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the next of the requested records may take.
const RECORD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long they may take together.
const RECORDS_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(100);

/// A consumer that reads single records of one topic.
pub(super) struct ReadBack<'a> {
    consumer: BaseConsumer<LogContext>,
    config: &'a Config,
    clock: &'a Clock,
}

impl std::fmt::Debug for ReadBack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadBack").field("topic", &self.config.topic).finish_non_exhaustive()
    }
}

impl<'a> ReadBack<'a> {
    /// Creates a client; it sends nothing yet.
    pub(super) fn open(config: &'a Config, clock: &'a Clock) -> Result<Self, SinkError> {
        let consumer = config.reader().create_with_context(LogContext::new(&config.client));
        let consumer = consumer.map_err(|error| SinkError::from(kafka::of_client(&error)))?;
        Ok(Self { consumer, config, clock })
    }

    /// The records that the topic holds now at these offsets, in their order.
    ///
    /// # Errors
    /// When the brokers do not answer.
    pub(super) fn read_acked(
        &self,
        acked: &AckedOffsets,
    ) -> Result<Vec<(i32, AckedOffset, ReadBackResult)>, SinkError> {
        let partitions = self.partitions()?;
        let mut seen = BTreeMap::new();
        let mut open = Vec::new();
        for (partition, acked_offset) in acked.iter() {
            match if partition < partitions {
                self.beyond_the_log(partition, acked_offset)?
            } else {
                Some(ReadBackResult::NoPartition)
            } {
                Some(found) => drop(seen.insert(partition, found)),
                None => open.push((partition, acked_offset.offset)),
            }
        }
        if !open.is_empty() {
            self.read(&open, &mut seen)?;
        }
        Ok(acked
            .iter()
            .filter_map(|(partition, acked_offset)| Some((partition, acked_offset, *seen.get(&partition)?)))
            .collect())
    }

    fn partitions(&self) -> Result<i32, SinkError> {
        let metadata = self.consumer.fetch_metadata(Some(&self.config.topic), ENDS_TIMEOUT);
        let metadata = metadata.map_err(|error| self.failed(&error))?;
        let topic = metadata.topics().first().ok_or_else(|| fault::of_missing_topic(self.config))?;
        if let Some(error) = topic.error() {
            return Err(fault::of_topic_state(RDKafkaErrorCode::from(error), self.config));
        }
        Ok(i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX))
    }

    /// The result where the offset is outside the partition's log; `None` where it is inside.
    fn beyond_the_log(&self, partition: i32, acked_offset: AckedOffset) -> Result<Option<ReadBackResult>, SinkError> {
        let ends = self.consumer.fetch_watermarks(&self.config.topic, partition, ENDS_TIMEOUT);
        let (begin, end) = ends.map_err(|error| self.failed(&error))?;
        Ok(match acked_offset.offset {
            offset if offset >= end => Some(ReadBackResult::LogEnded { end }),
            offset if offset < begin => Some(ReadBackResult::Expired),
            _ => None,
        })
    }

    /// Reads the first record at or after each of these offsets.
    fn read(&self, places: &[(i32, i64)], seen: &mut BTreeMap<i32, ReadBackResult>) -> Result<(), SinkError> {
        let mut assignment = TopicPartitionList::new();
        for &(partition, offset) in places {
            let added = assignment.add_partition_offset(&self.config.topic, partition, Offset::Offset(offset));
            added.map_err(|error| self.failed(&error))?;
        }
        self.consumer.assign(&assignment).map_err(|error| self.failed(&error))?;
        // Partitions that an earlier call paused stay so over an assignment.
        self.consumer.resume(&assignment).map_err(|error| self.failed(&error))?;
        let begun = self.clock.monotonic();
        let mut progressed = begun;
        while let Some(&(partition, offset)) = places.iter().find(|(partition, _)| !seen.contains_key(partition)) {
            if self.clock.elapsed(progressed) > RECORD_TIMEOUT || self.clock.elapsed(begun) > RECORDS_TIMEOUT {
                let after = self.clock.elapsed(begun);
                return Err(fault::of_read_back_timeout(self.config, partition, offset, after));
            }
            let (found_in, found) = match self.consumer.poll(POLL_EVERY) {
                None => continue,
                Some(Ok(record)) => {
                    let is_it = places.contains(&(record.partition(), record.offset()));
                    let found = if is_it {
                        ReadBackResult::Record(checksum(record.payload().unwrap_or_default()))
                    } else {
                        ReadBackResult::NoRecord
                    };
                    (record.partition(), found)
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => (partition, ReadBackResult::NoRecord),
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                    seen.extend(places.iter().map(|&(partition, _)| (partition, ReadBackResult::Forbidden)));
                    break;
                }
                // The client retries any other error until the time is up.
                Some(Err(error)) => {
                    tracing::debug!(%error, "reading back");
                    continue;
                }
            };
            if let Entry::Vacant(slot) = seen.entry(found_in) {
                slot.insert(found);
                progressed = self.clock.monotonic();
                self.pause(found_in)?;
            }
        }
        // Stops fetching.
        self.consumer.unassign().map_err(|error| self.failed(&error))
    }

    /// Fetches no more of a partition. An answer may hold one batch only, so partitions
    /// with more data would take the places of those that are still to be read.
    fn pause(&self, partition: i32) -> Result<(), SinkError> {
        let mut read = TopicPartitionList::new();
        read.add_partition(&self.config.topic, partition);
        self.consumer.pause(&read).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &KafkaError) -> SinkError {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        fault::of_topic(code, self.config).unwrap_or_else(|| fault::of_read_back(self.config, code))
    }
}
