//! What the topic is known to hold: for each partition the highest offset that was
//! acknowledged and a checksum of what was stored there, and what follows from
//! looking there again.
//!
//! Knows no client. Invariants: an offset only grows; the text of all acked is one
//! line without spaces of at most [`TEXT_BYTES_MAX`] bytes. The checksum is over the whole
//! value, so over its identity too (journal, sequence, index, part, revision).

use crate::journal::Sequence;
use std::fmt;
use std::fmt::Write as _;

/// Partitions that are watched; what brokers forget of higher ones is not noticed.
pub(super) const PARTITIONS_MAX: usize = 256;

/// The longest text of all acked: 16 and 8 digits and two signs for each.
#[cfg(test)]
const TEXT_BYTES_MAX: usize = 26 * PARTITIONS_MAX;

/// Stands for a partition where nothing was acknowledged.
const NO_ACK: &str = "-";

/// The highest acknowledged record of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AckedOffset {
    pub(super) offset: i64,
    /// CRC-32C of the record's value.
    pub(super) checksum: u32,
}

/// A record was acknowledged at an offset where, or below where, another was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetRegression {
    pub(super) partition: usize,
    pub(super) offset: i64,
    /// The highest before.
    pub(super) highest: i64,
}

/// The acked of a topic, by partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AckedOffsets(Vec<Option<AckedOffset>>);

impl AckedOffsets {
    /// A record with this value was acknowledged. One without an offset says nothing:
    /// the broker had it from an earlier attempt.
    ///
    /// # Errors
    /// Where the offset is not above all before; the acked are then as they were.
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

    /// Partitions with a acked_offset, and it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i32, AckedOffset)> {
        (0..).zip(&self.0).filter_map(|(partition, acked_offset)| Some((partition, (*acked_offset)?)))
    }

    /// Whether nothing was acknowledged anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Reads what [`fmt::Display`] wrote.
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

/// Everything below `next` was acknowledged when these were the highest records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfirmedState {
    pub(super) next: Sequence,
    pub(super) acked: AckedOffsets,
}

/// What a acked_offset remembers of a record.
pub(super) fn checksum(value: &[u8]) -> u32 {
    crc32c::crc32c(value)
}

/// What is found at a acked_offset's offset now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadBackResult {
    /// The topic has no such partition.
    NoPartition,
    /// The log ends at or below it.
    LogEnded {
        /// The offset that the next record will have.
        end: i64,
    },
    /// The log begins above it: retention took it, or somebody deleted records.
    Expired,
    /// A record with a value of this checksum.
    Record(u32),
    /// None, though the log has lower and higher ones: the topic was compacted.
    NoRecord,
    /// This user may not read it.
    Forbidden,
}

/// What that says of everything acknowledged up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckStatus {
    /// It is still there.
    Kept,
    /// It cannot be known.
    Unknown,
    /// It is not, or not all of it.
    Lost,
}

/// Judges one partition.
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
