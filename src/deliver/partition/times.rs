//! The place of a time in a partition.

use super::assigned::{Partition, sequence_of};
use super::consumer::ANSWER_TIMEOUT;
use super::error::PartitionError;
use crate::journal::Sequence;
use crate::reading::UnixNanos;
use rdkafka::Offset;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionList;

const NANOS_PER_MILLI: i64 = 1_000_000;

impl Partition {
    /// The first record with a timestamp of this time or later; the end if there is none.
    pub(in crate::deliver) fn first_at_or_after(&self, time: UnixNanos) -> Result<Sequence, PartitionError> {
        let (of, number) = (&self.0.of, self.0.partition.number);
        let failed = |error| self.failed("cannot be searched for a time", &error);
        let mut asked = TopicPartitionList::new();
        let millis = Offset::Offset((time.0 / NANOS_PER_MILLI).max(0));
        asked.add_partition_offset(self.topic(), number, millis).map_err(failed)?;
        let found = of.consumer.offsets_for_times(asked, ANSWER_TIMEOUT).map_err(failed)?;
        let offset = found.find_partition(self.topic(), number).map(|it| it.offset());
        match offset {
            Some(Offset::Offset(offset)) => Ok(sequence_of(offset)),
            _ => Ok(self.end()),
        }
    }
}
