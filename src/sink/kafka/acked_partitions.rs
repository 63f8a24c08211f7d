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

    /// Forgets all acknowledgements before the brokers forget the producer. Once a record, because
    /// reading the clock for every message would cost more than the message's hash.
    pub(super) fn forget_old(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= REMEMBERED_FOR {
            self.partitions.fill(false);
            self.since = now;
        }
    }

    /// Whether a partition has no acknowledgement.
    pub(super) fn needs_first_ack(&self, partition: usize) -> bool {
        !self.partitions[partition]
    }

    /// Notes an acknowledgement.
    pub(super) fn add(&mut self, partition: usize) {
        self.partitions[partition] = true;
    }

    /// The partition of a key by Java's partitioner. The count is the one at the start, so that a
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
        assert!(acked_partitions.needs_first_ack(0));
        acked_partitions.add(0);
        acked_partitions.forget_old(start + Duration::from_mins(59));
        assert!(!acked_partitions.needs_first_ack(0));
        acked_partitions.forget_old(start + Duration::from_mins(61));
        assert!(acked_partitions.needs_first_ack(0));
    }
}
