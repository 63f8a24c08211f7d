//! Outlines of the newest records: what ingest found in them, for pumps that need no more.
//!
//! Gap detection and the keeper need little of a record. So ingest leaves an outline of each
//! record here, after its sync, and these pumps read only records without one: after a
//! start, when they are behind, and when a record has a part that must be kept. An outline
//! only saves a read; a missing one costs nothing else.
//!
//! Invariants: an outline is of exactly the record with its number; ingest never waits.
//! Bounds: [`RECORDS_MAX`] outlines with [`READINGS_MAX`] readings (3.5 MiB together), or one with more;
//! the oldest are dropped first.

use crate::journal::Sequence;
use crate::reading::UnixNanos;
use crate::wire::SeenReading;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// The maximum number of outlines.
pub const RECORDS_MAX: usize = if cfg!(test) { 16 } else { 16_384 };
/// The maximum number of readings in all outlines.
pub const READINGS_MAX: usize = if cfg!(test) { 64 } else { 65_536 };

/// The outline of a record.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordOutline {
    /// The account or device that delivered it.
    pub source: Arc<str>,
    /// When it was received.
    pub received: UnixNanos,
    /// The size of its payload in bytes.
    pub bytes: u64,
    /// Whether all of it is deliverable, so that nothing must be kept for a person.
    pub is_deliverable: bool,
    /// Its deliverable readings, in arrival order.
    pub readings: Box<[SeenReading]>,
}

/// The answer to a request for an outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recent {
    /// The outline.
    Outline(Arc<RecordOutline>),
    /// There is none yet; if the record came through ingest, it comes in a moment.
    NotYet,
    /// The record is older than all outlines.
    Older,
}

/// The outlines. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct RecentRecords(Arc<Mutex<Outlines>>);

#[derive(Debug, Default)]
struct Outlines {
    /// The number of the first place.
    first: u64,
    /// By number; `None` if ingest has not described that record.
    places: VecDeque<Option<Arc<RecordOutline>>>,
    readings: usize,
}

impl RecentRecords {
    /// Adds the outline of a synced record. One that is older than all others is left out.
    pub fn add(&self, sequence: Sequence, outline: RecordOutline) {
        let outline = Arc::new(outline);
        self.0.lock().add(sequence.0, outline);
    }

    /// The outline of a synced record.
    pub fn get(&self, sequence: Sequence) -> Recent {
        let outlines = self.0.lock();
        let Some(place) = sequence.0.checked_sub(outlines.first).filter(|_| !outlines.places.is_empty()) else {
            return Recent::Older;
        };
        let place = usize::try_from(place).ok().and_then(|place| outlines.places.get(place)).and_then(Option::as_ref);
        place.map_or(Recent::NotYet, |outline| Recent::Outline(Arc::clone(outline)))
    }
}

impl Outlines {
    fn add(&mut self, number: u64, outline: Arc<RecordOutline>) {
        if self.places.is_empty() {
            self.first = number;
        }
        let Some(place) = number.checked_sub(self.first) else { return };
        let mut place = usize::try_from(place).unwrap_or(usize::MAX);
        if place >= RECORDS_MAX.saturating_mul(2) {
            // All others would be dropped.
            (self.places, self.readings, self.first, place) = (VecDeque::new(), 0, number, 0);
        }
        if place >= self.places.len() {
            self.places.resize(place + 1, None);
        }
        self.readings += outline.readings.len();
        let replaced = self.places[place].replace(outline);
        self.readings -= replaced.map_or(0, |outline| outline.readings.len());
        while self.places.len() > RECORDS_MAX || (self.readings > READINGS_MAX && self.places.len() > 1) {
            let dropped = self.places.pop_front().flatten();
            self.readings -= dropped.map_or(0, |outline| outline.readings.len());
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::MeterId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use uuid::Uuid;

    fn outline(number: u64, readings: usize) -> RecordOutline {
        let meter = MeterId::from(Uuid::from_u128(u128::from(number)));
        let seen = SeenReading { meter, at: UnixNanos(0), has_counter: true, is_repair: false, is_row: false };
        RecordOutline {
            source: "acme".into(),
            received: UnixNanos(0),
            bytes: number,
            is_deliverable: true,
            readings: vec![seen; readings].into(),
        }
    }

    proptest! {
        /// In any order: an outline is of its record, and the newest that fit are there.
        #[test]
        fn outlines_are_of_their_records_and_the_newest_are_kept_within_the_bounds(
            added in prop::collection::vec((0_u64..60, 0_usize..20), 1..80)
        ) {
            let recent = RecentRecords::default();
            let mut model = BTreeMap::new();
            for (number, readings) in added {
                recent.add(Sequence(number), outline(number, readings));
                model.insert(number, readings);
                let outlines = recent.0.lock();
                prop_assert!(outlines.places.len() <= RECORDS_MAX);
                let readings = outlines.places.iter().flatten().map(|outline| outline.readings.len()).sum::<usize>();
                prop_assert_eq!(outlines.readings, readings);
                prop_assert!(readings <= READINGS_MAX);
                drop(outlines);
                for number in 0..70 {
                    match recent.get(Sequence(number)) {
                        Recent::Outline(found) => prop_assert_eq!(Some(&found.readings.len()), model.get(&number)),
                        Recent::NotYet => prop_assert!(!model.contains_key(&number) || number < 60),
                        Recent::Older => {}
                    }
                }
            }
            let newest = *model.last_key_value().unwrap().0;
            prop_assert!(matches!(recent.get(Sequence(newest)), Recent::Outline(_)));
            prop_assert_eq!(recent.get(Sequence(newest + 1)), Recent::NotYet);
        }
    }

    #[test]
    fn a_number_far_ahead_drops_all_others() {
        let recent = RecentRecords::default();
        assert_eq!(recent.get(Sequence(1)), Recent::Older);
        recent.add(Sequence(1), outline(1, 1));
        recent.add(Sequence(u64::MAX), outline(2, 1));
        assert_eq!(recent.get(Sequence(1)), Recent::Older);
        assert!(matches!(recent.get(Sequence(u64::MAX)), Recent::Outline(_)));
    }
}
