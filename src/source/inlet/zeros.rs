//! Zeros of counters of gas, water, heat and cold: some meters send one for a moment. As a value it would be a
//! reset, and the next value would be taken for used energy.
//!
//! Invariants: a zero is doubted, and left out of its reading, until the counter is zero at a second time of
//! measurement, so a meter that is new or was reset loses one zero and no energy. A row of the past never has such a
//! zero. A counter that falls and is not zero is believed, and so is every counter of electricity. At most a
//! given number of counters is remembered, since the start; while there are as many, a zero of another one is believed.

use crate::reading::registry::is_counter;
use crate::reading::{MeterId, Obis, Sample, UnixNanos};
use crate::vendor::Reading;
use lru::LruCache;
use std::borrow::Cow;
use std::num::NonZeroUsize;

/// The medium of electricity, the first byte of its codes; heat, cold, gas and water have higher numbers.
const ELECTRICITY: u8 = 1;

/// The last values of counters.
#[derive(Debug)]
pub(super) struct Zeros(LruCache<(MeterId, Obis), Last>);

/// The last value of a counter.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Last {
    Higher,
    /// A doubted zero of this time.
    ZeroAt(UnixNanos),
    /// A zero that was believed.
    Zero,
}

impl Zeros {
    /// Remembers at most this number of counters.
    pub(super) fn new(counters_max: NonZeroUsize) -> Self {
        Self(LruCache::sparse(counters_max))
    }

    /// Notes a new reading. Returns it without its doubted zeros.
    pub(super) fn sifted<'a>(&mut self, reading: &'a Reading) -> Cow<'a, Reading> {
        // Every counter is noted, also after a doubted one.
        let mut doubted = Vec::new();
        for it in reading.samples.iter().filter(|sample| can_be_doubted(sample.obis)) {
            if self.doubts((reading.meter, it.obis), it.value, reading.at) {
                doubted.push(it.obis);
            }
        }
        if doubted.is_empty() {
            return Cow::Borrowed(reading);
        }
        without(reading, |sample| doubted.contains(&sample.obis))
    }

    /// Whether a reading has nothing but zeros that are doubted already.
    pub(super) fn has_doubted(&self, reading: &Reading) -> bool {
        let last = |it: &Sample| self.0.peek(&(reading.meter, it.obis)).copied();
        let is_doubted = |it: &Sample| it.value == 0.0 && last(it) == Some(Last::ZeroAt(reading.at));
        !reading.samples.is_empty() && reading.samples.iter().all(is_doubted)
    }

    fn doubts(&mut self, counter: (MeterId, Obis), value: f64, at: UnixNanos) -> bool {
        if value != 0.0 {
            self.0.put(counter, Last::Higher);
            return false;
        }
        let has_room = self.0.len() < self.0.cap().get();
        let (now, is_doubted) = match self.0.get(&counter) {
            None if !has_room => return false,
            None | Some(Last::Higher) => (Last::ZeroAt(at), true),
            Some(Last::ZeroAt(first)) if *first == at => (Last::ZeroAt(at), true),
            Some(Last::ZeroAt(_) | Last::Zero) => (Last::Zero, false),
        };
        self.0.put(counter, now);
        is_doubted
    }
}

/// A reading of the past without its zeros of counters.
pub(super) fn sifted_past(reading: &Reading) -> Cow<'_, Reading> {
    if has_zero(reading) { without(reading, is_zero_of_counter) } else { Cow::Borrowed(reading) }
}

/// Whether a reading has a zero that can be doubted.
pub(super) fn has_zero(reading: &Reading) -> bool {
    reading.samples.iter().any(is_zero_of_counter)
}

/// Whether this is a zero that can be doubted.
pub(in crate::source) fn is_zero_of_counter(sample: &Sample) -> bool {
    sample.value == 0.0 && can_be_doubted(sample.obis)
}

fn can_be_doubted(code: Obis) -> bool {
    code.0[0] > ELECTRICITY && is_counter(code)
}

fn without(reading: &Reading, is_left_out: impl Fn(&Sample) -> bool) -> Cow<'_, Reading> {
    let samples = reading.samples.iter().filter(|sample| !is_left_out(sample)).copied().collect();
    Cow::Owned(Reading { samples, ..*reading })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Flags;

    #[test]
    fn of_more_counters_than_are_remembered_the_one_heard_least_recently_may_be_zero() {
        let gas = |number: &str, value| {
            let samples = vec![Sample { obis: Obis([7, 0, 3, 0, 0, 255]), value }];
            Reading { meter: MeterId::named("gas", number), at: UnixNanos(0), flags: Flags::NONE, samples }
        };
        let mut zeros = Zeros::new(NonZeroUsize::new(2).unwrap());
        let mut doubts = |number: &str, value| zeros.sifted(&gas(number, value)).samples.is_empty();
        assert_eq!(["1", "2", "3"].map(|number| doubts(number, 5.0)), [false; 3]);
        assert_eq!(["1", "2", "3"].map(|number| doubts(number, 0.0)), [false, true, true]);
    }
}
