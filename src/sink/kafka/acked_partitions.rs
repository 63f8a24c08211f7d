//! The partitions on which a producer has an acknowledged message.
//!
//! A broker that does not know a producer on a partition accepts its batches from any
//! sequence number on. If it refuses a new producer's first batch, it would accept the
//! second one, which the client may have built already, and a meter's later reading would
//! overtake an earlier one. So the first message on a partition is sent alone; once it is
//! acknowledged the broker refuses batches that are out of order.
//!
//! Knows keys and numbers, not the client.

use std::time::{Duration, Instant};

/// Brokers forget a producer after a silent day (by default); long before, its next
/// message is sent alone again.
const REMEMBERED_FOR: Duration = Duration::from_hours(1);

/// The acknowledged partitions of a producer.
#[derive(Debug)]
pub(super) struct AckedPartitions {
    partitions: Vec<bool>,
    since: Instant,
}

impl AckedPartitions {
    /// No acknowledged partition of `partitions`.
    pub(super) fn none_of(partitions: usize, now: Instant) -> Self {
        Self { partitions: vec![false; partitions.max(1)], since: now }
    }

    /// Whether a message of this key goes to a partition without an acknowledgement.
    pub(super) fn needs_first_ack(&mut self, key: &str, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= REMEMBERED_FOR {
            self.partitions.fill(false);
            self.since = now;
        }
        !self.partitions[self.partition(key)]
    }

    /// Notes that a message of this key was acknowledged.
    pub(super) fn add(&mut self, key: &str) {
        let partition = self.partition(key);
        self.partitions[partition] = true;
    }

    /// The partition by Java's partitioner. The count is the one at the start, so that a
    /// topic that gets more partitions moves no meter under a running producer.
    pub(super) fn partition(&self, key: &str) -> usize {
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
    fn a_partition_needs_a_first_acknowledgement_and_another_after_an_hour() {
        let start = crate::clock::Clock::system().monotonic();
        let mut acked_partitions = AckedPartitions::none_of(1, start);
        assert!(acked_partitions.needs_first_ack("a", start));
        acked_partitions.add("a");
        assert!(!acked_partitions.needs_first_ack("b", start + Duration::from_mins(59)));
        assert!(acked_partitions.needs_first_ack("b", start + Duration::from_mins(61)));
    }
}
