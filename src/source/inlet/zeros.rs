//! Zeros of counters of gas, water, heat and cold: some meters send one for a moment. As a value it would be a
//! reset, and the next value would be taken for used energy.
//!
//! Invariants: a zero after a higher value is doubted until the counter is zero at a second time of measurement, so a
//! meter that was reset loses one zero and no energy. A counter that falls and is not zero is believed. A
//! reading of electricity is never doubted. At most a given number of counters is remembered, since the start.

use crate::reading::registry::is_counter;
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
        let counters = reading.samples.iter().filter(|sample| can_be_doubted(sample.obis));
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

fn can_be_doubted(code: Obis) -> bool {
    code.0[0] > ELECTRICITY && is_counter(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Flags, Sample};

    #[test]
    fn of_more_counters_than_are_remembered_the_one_heard_least_recently_may_be_zero() {
        let gas = |number: &str, value| {
            let samples = vec![Sample { obis: Obis([7, 0, 3, 0, 0, 255]), value }];
            Reading { meter: MeterId::named("gas", number), at: UnixNanos(0), flags: Flags::NONE, samples }
        };
        let mut zeros = Zeros::new(NonZeroUsize::new(2).unwrap());
        assert_eq!(["1", "2", "3"].map(|number| zeros.doubt(&gas(number, 5.0))), [false; 3]);
        assert_eq!(["1", "2", "3"].map(|number| zeros.doubt(&gas(number, 0.0))), [false, true, true]);
    }
}
