//! The newest reading of the meters heard last, for the status page.
//!
//! A table of fixed size: each meter belongs to a set of four entries, and a new
//! meter replaces the one heard least recently in its set. Nothing is allocated after
//! the start. A body that finds the table locked is left out: the page may miss a
//! reading, but ingest never waits.

use crate::reading::{Flags, MeterId, Sample, UnixNanos};
use crate::wire::Judged;
use parking_lot::Mutex;
use std::sync::Arc;

/// The maximum number of meters kept.
pub const METERS_MAX: usize = SETS * WAYS;
/// The maximum number of samples shown of a reading.
pub const SAMPLES_SHOWN_MAX: usize = 8;

const SETS: usize = 64;
const WAYS: usize = 4;

/// A meter's newest reading.
#[derive(Debug, Clone)]
pub struct RecentReading {
    /// The meter.
    pub meter: MeterId,
    /// The source that delivered it.
    pub source: Arc<str>,
    /// When it was measured.
    pub at: UnixNanos,
    /// When data of this meter was last received.
    pub received: UnixNanos,
    /// Its flags.
    pub flags: Flags,
    samples: [Option<Sample>; SAMPLES_SHOWN_MAX],
}

impl RecentReading {
    /// Its first samples, at most [`SAMPLES_SHOWN_MAX`].
    pub fn samples(&self) -> impl Iterator<Item = Sample> {
        self.samples.iter().flatten().copied()
    }
}

/// The newest reading of each meter.
#[derive(Debug)]
pub(super) struct RecentReadings {
    places: Mutex<Vec<Option<RecentReading>>>,
}

impl Default for RecentReadings {
    fn default() -> Self {
        Self { places: Mutex::new(vec![None; METERS_MAX]) }
    }
}

impl RecentReadings {
    /// Stores the readings of a body; walks over all of them in any case.
    pub(super) fn note<'a>(&self, readings: impl Iterator<Item = Judged<'a>>, source: &Arc<str>, received: UnixNanos) {
        let mut places = self.places.try_lock();
        for reading in readings {
            if let Some(places) = &mut places {
                note(places, &reading, source, received);
            }
        }
    }

    /// All entries, most recently heard first.
    pub(super) fn newest(&self) -> Vec<RecentReading> {
        let places = self.places.lock();
        let mut readings: Vec<_> = places.iter().flatten().cloned().collect();
        drop(places);
        readings.sort_by_key(|reading| (std::cmp::Reverse(reading.received), reading.meter));
        readings
    }
}

fn note(places: &mut [Option<RecentReading>], reading: &Judged<'_>, source: &Arc<str>, received: UnixNanos) {
    let first = set_of(reading.meter) * WAYS;
    let set = &mut places[first..first + WAYS];
    if let Some(known) = set.iter_mut().flatten().find(|known| known.meter == reading.meter) {
        known.received = received;
        // Late data updates `received` but does not replace a newer reading.
        if reading.at >= known.at {
            known.renew(reading, source);
        }
        return;
    }
    if let Some(place) = set.iter_mut().min_by_key(|place| place.as_ref().map(|known| known.received)) {
        let mut new = RecentReading {
            meter: reading.meter,
            source: Arc::clone(source),
            at: reading.at,
            received,
            flags: reading.flags,
            samples: [None; SAMPLES_SHOWN_MAX],
        };
        new.renew(reading, source);
        *place = Some(new);
    }
}

impl RecentReading {
    fn renew(&mut self, reading: &Judged<'_>, source: &Arc<str>) {
        self.at = reading.at;
        self.flags = reading.flags;
        if !Arc::ptr_eq(&self.source, source) {
            self.source = Arc::clone(source);
        }
        let mut samples = reading.samples();
        self.samples = std::array::from_fn(|_| samples.next());
    }
}

/// Mixes all bytes, because ids of one vendor may share many of them.
fn set_of(meter: MeterId) -> usize {
    let number = u128::from_be_bytes(*meter.as_bytes());
    let folded = (number ^ number >> 64) & u128::from(u64::MAX);
    let mixed = u64::try_from(folded).unwrap_or(0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> (u64::BITS - SETS.ilog2())).unwrap_or(0)
}
