//! The highest acknowledged offset of each partition with a checksum of its record, and
//! the comparison with the record that the topic holds there now.
//!
//! Knows no client. Invariants: an offset only grows; the text of all offsets is one line
//! without spaces of at most [`TEXT_BYTES_MAX`] bytes. The checksum covers the whole value,
//! with its identity (journal, sequence, index, part, revision).

use crate::journal::Sequence;
use std::fmt;
use std::fmt::Write as _;

/// Partitions that are checked; losses in higher ones are not detected.
pub(super) const PARTITIONS_MAX: usize = 256;

/// The longest text of all offsets: 16 and 8 digits and two signs for each partition.
#[cfg(test)]
const TEXT_BYTES_MAX: usize = 26 * PARTITIONS_MAX;

/// The text of a partition where nothing was acknowledged.
const NO_ACK: &str = "-";

/// The highest acknowledged record of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AckedOffset {
    pub(super) offset: i64,
    /// CRC-32C of the record's value.
    pub(super) checksum: u32,
}

/// An acknowledged offset that is not above an earlier one of the same partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetRegression {
    pub(super) partition: usize,
    pub(super) offset: i64,
    /// The highest offset before.
    pub(super) highest: i64,
}

/// The highest acknowledged records of a topic, by partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AckedOffsets(Vec<Option<AckedOffset>>);

impl AckedOffsets {
    /// Notes an acknowledged record. One without an offset (below 0) is ignored: the broker
    /// had it from an earlier attempt.
    ///
    /// # Errors
    /// When the offset is not above all earlier ones; nothing is noted then.
    pub(super) fn note(&mut self, partition: i32, offset: i64, value: &[u8]) -> Result<(), OffsetRegression> {
        let Some(partition) = usize::try_from(partition).ok().filter(|&number| number < PARTITIONS_MAX) else {
            return Ok(());
        };
        if offset < 0 {
            return Ok(());
        }
        if partition >= self.0.len() {
            self.0.resize(partition + 1, None);
        }
        match &mut self.0[partition] {
            Some(acked_offset) if acked_offset.offset >= offset => {
                Err(OffsetRegression { partition, offset, highest: acked_offset.offset })
            }
            slot => {
                *slot = Some(AckedOffset { offset, checksum: checksum(value) });
                Ok(())
            }
        }
    }

    /// The partitions with an acknowledged record, and that record.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i32, AckedOffset)> {
        (0..).zip(&self.0).filter_map(|(partition, acked_offset)| Some((partition, (*acked_offset)?)))
    }

    /// Whether nothing was acknowledged anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Parses the text of [`fmt::Display`].
    pub(super) fn parse(text: &str) -> Option<Self> {
        let acked_offset = |part: &str| {
            let (offset, checksum) = part.split_once('.')?;
            let offset = i64::from_str_radix(offset, 16).ok()?;
            Some(AckedOffset { offset, checksum: u32::from_str_radix(checksum, 16).ok()? })
        };
        let slot = |part: &str| if part == NO_ACK { Some(None) } else { acked_offset(part).map(Some) };
        if text == NO_ACK { Some(Self::default()) } else { text.split(',').map(slot).collect::<Option<_>>().map(Self) }
    }
}

impl fmt::Display for AckedOffsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(NO_ACK);
        }
        for (index, acked_offset) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char(',')?;
            }
            match acked_offset {
                Some(AckedOffset { offset, checksum }) => write!(f, "{offset:x}.{checksum:x}")?,
                None => f.write_str(NO_ACK)?,
            }
        }
        Ok(())
    }
}

/// A point in time: everything below `next` was acknowledged, and `acked` were the highest
/// records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfirmedState {
    pub(super) next: Sequence,
    pub(super) acked: AckedOffsets,
}

/// The checksum of a record's value.
pub(super) fn checksum(value: &[u8]) -> u32 {
    crc32c::crc32c(value)
}

/// The topic's current content at an acknowledged offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadBackResult {
    /// The topic has no such partition.
    NoPartition,
    /// The log ends at or below the offset.
    LogEnded {
        /// The offset that the next record will have.
        end: i64,
    },
    /// The log begins above the offset: retention or a user deleted the record.
    Expired,
    /// A record with a value of this checksum.
    Record(u32),
    /// No record, between lower and higher ones: the topic was compacted.
    NoRecord,
    /// This user may not read the topic.
    Forbidden,
}

/// The state of everything acknowledged up to an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckStatus {
    /// All of it is still there.
    Kept,
    /// It cannot be determined.
    Unknown,
    /// Some or all of it is lost.
    Lost,
}

/// The state of one partition.
pub(super) fn ack_status(acked_offset: AckedOffset, seen: ReadBackResult) -> AckStatus {
    match seen {
        ReadBackResult::NoPartition | ReadBackResult::LogEnded { .. } => AckStatus::Lost,
        ReadBackResult::Record(checksum) if checksum == acked_offset.checksum => AckStatus::Kept,
        ReadBackResult::Record(_) => AckStatus::Lost,
        ReadBackResult::Expired | ReadBackResult::NoRecord | ReadBackResult::Forbidden => AckStatus::Unknown,
    }
}

#[cfg(test)]
mod tests;
