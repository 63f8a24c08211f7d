//! Prepares readings for a source that has many messages in flight: it takes the next message before the
//! last one is synced.
//!
//! Invariant: prepared readings count as seen, so their source keeps the records until they are synced.

use super::{Decoded, Inlet, Last, records};
use crate::reading::{MeterId, Sample};
use crate::vendor::Reading;
use crate::wire::batch::{Original, encode};
use std::borrow::Cow;

/// The records of a message.
#[derive(Debug, Default)]
pub(in crate::source) struct Prepared {
    /// Encoded batches.
    pub(in crate::source) records: Vec<Vec<u8>>,
    /// The number of their readings.
    pub(in crate::source) readings: usize,
}

/// The thinning of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Thinning {
    /// The message as a whole was thinned before.
    Done,
    /// By its readings. The place distinguishes the kinds of messages of one meter: each kind is thinned alone.
    At(usize),
}

impl Inlet {
    /// The new and wanted readings of a message as records, the message itself in the first.
    pub(in crate::source) fn prepare(
        &mut self,
        message: &Decoded,
        thinning: Thinning,
        original: &Original<'_>,
    ) -> Prepared {
        let mut wanted = Vec::new();
        let count = message.readings.len() + message.events.len();
        for (at, (position, reading)) in (0_u32..).zip(&message.readings).enumerate() {
            wanted.extend(self.prepared(message.key(at), thinning, reading).map(|reading| (position, reading)));
        }
        let events = (0_u32..).zip(message.readings.iter().chain(&message.events)).skip(message.readings.len());
        let new_events = events.filter(|(_, event)| !self.events.contains(event));
        let all: Vec<_> = wanted.iter().map(|(position, it)| (*position, &**it)).chain(new_events).collect();
        self.note_use(original);
        let records = records(&all, count, original).map(|(_, record)| record).collect();
        let readings = all.len();
        self.events.clone_from(&message.events);
        self.parts_unreadable += message.unreadable;
        Prepared { records, readings }
    }

    /// A reading if it is new and wanted, without its doubted zeros. It counts as seen.
    fn prepared<'a>(
        &mut self,
        (meter, number): (MeterId, usize),
        thinning: Thinning,
        reading: &'a Reading,
    ) -> Option<Cow<'a, Reading>> {
        let Thinning::At(place) = thinning else {
            return self.sifted(reading);
        };
        let key = (meter, place.saturating_add(number));
        let wanted = self.wanted(key, reading)?;
        self.last.put(key, Last::sifted(wanted.at, matches!(wanted, Cow::Owned(_))));
        Some(wanted)
    }

    /// A message that cannot be read as a record without readings, within the quota of undecodable bodies.
    pub(in crate::source) fn prepare_unreadable(&mut self, message: &Decoded, original: &Original<'_>) -> Prepared {
        self.parts_unreadable += message.unreadable;
        if !self.entrance.may_keep_unreadable(original.bytes.len()) {
            return Prepared::default();
        }
        Prepared { records: vec![encode::<[Sample; 0]>([], original)], readings: 0 }
    }

    /// Counts prepared readings that are synced now.
    pub(in crate::source) fn count_taken(&self, readings: usize) {
        self.taken.increment(readings as u64);
    }

    /// The number of parts that could not be read, since the start.
    pub(in crate::source) fn parts_unreadable(&self) -> usize {
        self.parts_unreadable
    }
}
