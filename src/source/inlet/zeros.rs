//! Zeros of counters of gas, water, heat and cold: some meters send one for a moment. As a value it would be a
//! reset, and the next value would be taken for used energy.
//!
//! Invariants: a zero after a higher value is doubted until the counter is zero at a second time of measurement, so a
//! meter that was reset loses one zero and no energy. A counter that falls and is not zero is believed. A
//! reading of electricity is never doubted. At most a given number of counters is remembered, since the start.

use crate::reading::registry::{Kind, entry};
use crate::reading::{MeterId, Obis, UnixNanos};
use crate::vendor::Reading;
use lru::LruCache;
use std::num::NonZeroUsize;

/// The medium of electricity, the first byte of its codes; heat, cold, gas and water have higher numbers.
const ELECTRICITY: u8 = 1;

/// The counters that were higher than zero.
#[derive(Debug)]
pub(super) struct Zeros(LruCache<(MeterId, Obis), Last>);

/// The last value of a counter. One that is not remembered may be zero.
#[derive(Debug, Clone, Copy)]
enum Last {
    Higher,
    /// A doubted zero of this time.
    ZeroAt(UnixNanos),
}

impl Zeros {
    /// Remembers at most this number of counters.
    pub(super) fn new(counters_max: NonZeroUsize) -> Self {
        Self(LruCache::sparse(counters_max))
    }

    /// Notes a new reading. Returns whether it has a zero that is doubted.
    pub(super) fn doubt(&mut self, reading: &Reading) -> bool {
        if reading.samples.iter().any(|sample| sample.obis.0[0] == ELECTRICITY) {
            return false;
        }
        let counters = reading.samples.iter().filter(|sample| is_counter(sample.obis));
        // Every counter is noted, also after a doubted one.
        let mut is_doubted = false;
        for it in counters {
            is_doubted |= self.doubt_value((reading.meter, it.obis), it.value, reading.at);
        }
        is_doubted
    }

    fn doubt_value(&mut self, counter: (MeterId, Obis), value: f64, at: UnixNanos) -> bool {
        if value != 0.0 {
            self.0.put(counter, Last::Higher);
            return false;
        }
        match self.0.get_mut(&counter) {
            None => false,
            Some(last @ Last::Higher) => {
                *last = Last::ZeroAt(at);
                true
            }
            Some(Last::ZeroAt(first)) if *first == at => true,
            Some(Last::ZeroAt(_)) => {
                self.0.pop(&counter);
                false
            }
        }
    }
}

fn is_counter(code: Obis) -> bool {
    code.0[0] > ELECTRICITY && entry(code).is_some_and(|entry| entry.kind == Kind::Counter)
}
