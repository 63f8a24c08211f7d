//! The newest reading of the meters heard last, for the status page.
//!
//! A table of fixed size: a meter may stand in the four places of its set, and a
//! new one takes the place of the one heard least recently there. Nothing is
//! allocated after the start. A body that finds the table locked (by another body
//! or by somebody who looks) is left out: the page may miss a reading, ingest
//! never waits.

use crate::reading::{Flags, MeterId, Sample, UnixNanos};
use crate::wire::Judged;
use parking_lot::Mutex;
use std::sync::Arc;

/// RecentReadings remembered at most.
pub const METERS_MAX: usize = SETS * WAYS;
/// Samples totals of a reading at most.
pub const SAMPLES_SHOWN_MAX: usize = 8;

const SETS: usize = 64;
const WAYS: usize = 4;

/// A meter's newest reading.
#[derive(Debug, Clone)]
pub struct RecentReading {
    /// The meter.
    pub meter: MeterId,
    /// Who brought it.
    pub source: Arc<str>,
    /// When it was measured.
    pub at: UnixNanos,
    /// When something of this meter was received last.
    pub received: UnixNanos,
    /// What is unusual about it.
    pub flags: Flags,
    samples: [Option<Sample>; SAMPLES_SHOWN_MAX],
}

impl RecentReading {
    /// Its first samples, at most [`SAMPLES_SHOWN_MAX`].
    pub fn samples(&self) -> impl Iterator<Item = Sample> {
        self.samples.iter().flatten().copied()
    }
}

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
    /// Remembers the readings of a body.
    pub(super) fn note<'a>(&self, readings: impl Iterator<Item = Judged<'a>>, source: &Arc<str>, received: UnixNanos) {
        let Some(mut places) = self.places.try_lock() else { return };
        for reading in readings {
            note(&mut places, &reading, source, received);
        }
    }

    /// What is remembered, heard last first.
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
        // Late data is heard, but does not hide what is newer.
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

/// Mixes all bytes, because ids of one vendor may be alike in many of them.
fn set_of(meter: MeterId) -> usize {
    let number = u128::from_be_bytes(*meter.as_bytes());
    let folded = (number ^ number >> 64) & u128::from(u64::MAX);
    let mixed = u64::try_from(folded).unwrap_or(0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> (u64::BITS - SETS.ilog2())).unwrap_or(0)
}
