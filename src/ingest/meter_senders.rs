//! The source that sent each meter last: finds meters that two sources send.
//!
//! Such sources replace each other's values, so the operator must know. A table of fixed
//! size, without a lock: a meter has one place, and another meter with the same place
//! replaces it. So with more meters than places a shared meter may be found late, but no
//! meter is taken for a shared one: the rest of its hash would have to be equal, too.
//! The table comes in parts, and a part takes memory with its first meter.

use crate::journal::SourceId;
use crate::reading::MeterId;
use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places in the table, 8 bytes each.
const PLACES: usize = PARTS * PART_PLACES;
const PARTS: usize = 256;
const PART_PLACES: usize = 512;
/// Bits of a place that hold the source; the others hold the meter's hash.
const SOURCE_BITS: u32 = 20;

#[derive(Debug)]
pub(super) struct MeterSenders([OnceLock<Box<Part>>; PARTS]);

type Part = [AtomicU64; PART_PLACES];

impl Default for MeterSenders {
    fn default() -> Self {
        Self(array::from_fn(|_| OnceLock::new()))
    }
}

impl MeterSenders {
    /// Notes that `source` sent the meter; returns the source before, if it was another.
    pub(super) fn note(&self, meter: MeterId, source: SourceId) -> Option<SourceId> {
        let (place, rest) = hash(meter);
        let now = rest << SOURCE_BITS | u64::from(source.0) & SOURCE_MASK;
        let part = self.0.get(place / PART_PLACES)?;
        let part = part.get_or_init(|| Box::new(array::from_fn(|_| AtomicU64::new(0))));
        let place = part.get(place % PART_PLACES)?;
        let before = place.load(Ordering::Relaxed);
        if before == now {
            return None;
        }
        place.store(now, Ordering::Relaxed);
        let is_same_meter = before != 0 && before >> SOURCE_BITS == rest;
        is_same_meter.then(|| SourceId(u32::try_from(before & SOURCE_MASK).unwrap_or(0)))
    }
}

const SOURCE_MASK: u64 = (1 << SOURCE_BITS) - 1;

/// The meter's place, and 44 other bits of its hash. All bytes are mixed in, because ids of
/// one vendor may share many of them.
fn hash(meter: MeterId) -> (usize, u64) {
    let id = u128::from_be_bytes(*meter.as_bytes());
    let [low, high] = [id, id >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
    let mixed = mix(low ^ mix(high));
    let place = usize::try_from(mixed % PLACES as u64).unwrap_or(0);
    (place, mixed >> SOURCE_BITS)
}

/// Every bit of the result depends on every bit of the number (the end of MurmurHash3).
fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let number = (number ^ number >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    number ^ number >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_of_two_sources_is_found_at_each_change_and_others_are_not() {
        let senders = MeterSenders::default();
        let (a, b) = (SourceId(1), SourceId(2));
        let meter = |number: u64| MeterId::from_bcl_guid(number, 7);
        for number in 0..1_000_000 {
            assert_eq!(senders.note(meter(number), if number % 2 == 0 { a } else { b }), None, "{number}");
        }
        assert_eq!(senders.note(meter(999_999), b), None);
        assert_eq!(senders.note(meter(999_999), a), Some(b));
        assert_eq!(senders.note(meter(999_999), a), None);
        assert_eq!(senders.note(meter(999_999), b), Some(a));
    }

    #[test]
    fn meters_of_one_vendor_spread_over_the_table() {
        let places: std::collections::HashSet<usize> =
            (0..10_000).map(|number| hash(MeterId::from_bcl_guid(number, 0x1122_3344_5566_7788)).0).collect();
        assert!(places.len() > 9_000, "{}", places.len());
    }
}
