//! The samples that a replay had sent when it was taken back.
//!
//! What was sent again put old values over their corrections, which lie further on
//! in the journal. So from there on only records are sent that hold one of these
//! samples, and the rest of the way is left out. A set of fixed size that may find
//! more than was put in, never less: then more is sent again, which does no harm.

use super::feed::Known;
use super::replaying::{CurrentRules, Reading, Replaying};
use super::sink::Delivery;
use super::trouble::Trouble;
use crate::journal::Journal;
use crate::reading::{MeterId, Obis, UnixNanos};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// 8 MiB: with ten million samples in it, about one in twenty others is found too.
const BITS: u64 = 1 << 26;
/// Places of a sample.
const PLACES: u64 = 4;

pub(super) struct Touched(Vec<u64>);

impl Touched {
    fn none() -> Self {
        Self(vec![0; usize::try_from(BITS / 64).unwrap_or_default()])
    }

    fn all() -> Self {
        Self(vec![u64::MAX; usize::try_from(BITS / 64).unwrap_or_default()])
    }

    /// What this replay may have handed over; all there is where some of that is not
    /// retained any more. `None` where `is_stopping` says so on the way.
    pub(super) fn by(
        replaying: &Replaying,
        journal: &Journal,
        rules: &CurrentRules,
        is_stopping: impl Fn() -> bool,
    ) -> Result<Option<Self>, Trouble> {
        let (began, sent_below) = replaying.sent();
        if began < journal.oldest().next {
            return Ok(Some(Self::all()));
        }
        let (mut touched, mut known) = (Self::none(), Known::default());
        let as_sent = replaying.as_before_taken_back();
        let mut reader = journal.reader(began)?;
        while let Some(record) = reader.read()? {
            if record.sequence >= sent_below {
                break;
            }
            if is_stopping() {
                return Ok(None);
            }
            if as_sent.leaves_out(record.sequence, record.header.source) {
                continue;
            }
            let (source, limits) = known.look_up(journal, &record)?;
            let reading = Reading::of(&record, &source, limits, Some(&as_sent), rules);
            if let Some(delivery) = reading.delivery(record, &source) {
                touched.add(&delivery);
            }
        }
        Ok(Some(touched))
    }

    /// Whether a record is to be sent because one of its samples was; all of them
    /// are then.
    pub(super) fn takes(&mut self, delivery: &Delivery<'_>) -> bool {
        let takes = keys(delivery).any(|key| self.holds(key));
        if takes {
            self.add(delivery);
        }
        takes
    }

    fn add(&mut self, delivery: &Delivery<'_>) {
        for key in keys(delivery) {
            for place in places(key) {
                if let Some(word) = self.0.get_mut(word(place)) {
                    *word |= 1 << (place % 64);
                }
            }
        }
    }

    fn holds(&self, key: Key) -> bool {
        places(key).all(|place| self.0.get(word(place)).is_some_and(|word| word & (1 << (place % 64)) != 0))
    }
}

/// What identifies a sample.
type Key = (MeterId, Obis, UnixNanos);

fn keys<'a>(delivery: &Delivery<'a>) -> impl Iterator<Item = Key> + use<'a> {
    delivery
        .readings()
        .flat_map(|reading| reading.samples().map(move |sample| (reading.meter, sample.obis, reading.at)))
}

fn places(key: Key) -> impl Iterator<Item = u64> {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let first = hasher.finish();
    // Odd, so that the places differ.
    let step = first.rotate_left(32) | 1;
    (0..PLACES).map(move |number| first.wrapping_add(step.wrapping_mul(number)) % BITS)
}

fn word(place: u64) -> usize {
    usize::try_from(place / 64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::feed::{Feed, body};
    use super::*;
    use crate::journal::Sequence;
    use crate::reading::Limits;
    use proptest::prelude::*;

    fn with_delivery<T>(feed: &Feed, sequence: Sequence, then: impl FnOnce(&Delivery<'_>) -> T) -> T {
        let mut reader = feed.journal.reader(sequence).unwrap();
        let record = reader.read().unwrap().unwrap();
        let reading = Reading::of(&record, "acme", Limits::DEFAULT, None, &CurrentRules::default());
        then(&reading.delivery(record, "acme").unwrap())
    }

    #[test]
    fn a_record_with_a_touched_sample_is_taken_and_touches_its_others() {
        let feed = Feed::new();
        let both = meterline_load::Body::new(
            0,
            vec![super::super::tests::feed::reading(1, 0, 5.0), super::super::tests::feed::reading(2, 0, 5.0)],
        );
        let first = feed.append(&body(1, 0, 1.0));
        let records = [feed.append(&body(2, 0, 1.0)), feed.append(&both), feed.append(&body(2, 0, 6.0))];
        let mut touched = Touched::none();
        with_delivery(&feed, first, |delivery| touched.add(delivery));
        let taken = records.map(|record| with_delivery(&feed, record, |delivery| touched.takes(delivery)));
        assert_eq!(taken, [false, true, true]);
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found(keys in prop::collection::vec((any::<[u8; 16]>(), any::<[u8; 6]>(), any::<i64>()), 1..50)) {
            let key = |(meter, obis, at): ([u8; 16], [u8; 6], i64)| {
                (MeterId::from(uuid::Uuid::from_bytes(meter)), Obis(obis), UnixNanos(at))
            };
            let mut bits = Touched::none();
            prop_assert!(!bits.holds(key(keys[0])));
            for &one in &keys {
                places(key(one)).for_each(|place| bits.0[word(place)] |= 1 << (place % 64));
            }
            prop_assert!(keys.iter().all(|&one| bits.holds(key(one))));
        }
    }
}
