//! Which partitions a producer has been acknowledged on.
//!
//! A broker that knows nothing of a producer on a partition takes its batches there
//! from any sequence number on. So where a new producer's first batch is refused, a
//! second one, which the client may have built already, would be taken: a meter's
//! later reading would pass an earlier one. Hence the first message on a partition
//! goes alone; once it is acknowledged the broker refuses whatever is out of order.
//!
//! Knows keys and numbers, not the client.

use std::time::{Duration, Instant};

/// Brokers forget a producer that was silent for a day (by default); long before,
/// its next message goes alone again.
const REMEMBERED_FOR: Duration = Duration::from_hours(1);

/// A producer's partitions.
#[derive(Debug)]
pub(super) struct AckedPartitions {
    partitions: Vec<bool>,
    since: Instant,
}

impl AckedPartitions {
    /// None of so many partitions.
    pub(super) fn none_of(partitions: usize, now: Instant) -> Self {
        Self { partitions: vec![false; partitions.max(1)], since: now }
    }

    /// Whether a message of this key goes where nothing was acknowledged.
    pub(super) fn needs_first_ack(&mut self, key: &str, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= REMEMBERED_FOR {
            self.partitions.fill(false);
            self.since = now;
        }
        !self.partitions[self.partition(key)]
    }

    /// A message of this key was acknowledged.
    pub(super) fn add(&mut self, key: &str) {
        let partition = self.partition(key);
        self.partitions[partition] = true;
    }

    /// Java's partitioner, which the client is configured to use as well. With
    /// another count of partitions than the client's some message may not go alone.
    fn partition(&self, key: &str) -> usize {
        usize::try_from(murmur2(key.as_bytes()) & 0x7fff_ffff).unwrap_or(0) % self.partitions.len()
    }
}

/// Murmur2 with Kafka's seed.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let (words, rest) = data.as_chunks::<4>();
    let mut hash = words.iter().fold(0x9747_b28c ^ length, |hash, word| {
        let word = u32::from_le_bytes(*word).wrapping_mul(M);
        hash.wrapping_mul(M) ^ (word ^ (word >> 24)).wrapping_mul(M)
    });
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, &byte| (tail << 8) | u32::from(byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_javas() {
        // From Kafka's own tests of `Utils.murmur2`.
        for (key, hash) in [("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536)]
        {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_partition_is_lacking_until_a_message_there_was_acknowledged_and_again_after_an_hour() {
        let start = crate::clock::Clock::system().monotonic();
        let mut acked_partitions = AckedPartitions::none_of(1, start);
        assert!(acked_partitions.needs_first_ack("a", start));
        acked_partitions.add("a");
        assert!(!acked_partitions.needs_first_ack("b", start + Duration::from_mins(59)));
        assert!(acked_partitions.needs_first_ack("b", start + Duration::from_mins(61)));
    }
}
