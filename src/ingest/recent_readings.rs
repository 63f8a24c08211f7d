//! The newest values of the meters, for the pages.
//!
//! Invariants: at most [`METERS_MAX`] meters, and [`SAMPLES_SHOWN_MAX`] registers of each. A new meter beyond the bound
//! replaces the one that was heard least recently. Memory is taken only for a new meter. A body that finds the table locked is left
//! out: a page may miss a reading, but ingest never waits.

use crate::reading::{Flags, MeterId, Sample, UnixNanos, registry};
use crate::wire::Judged;
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// The maximum number of meters kept: about 300 bytes each.
pub const METERS_MAX: usize = 16_000;
/// The maximum number of registers kept of a meter: those that people look at first.
pub const SAMPLES_SHOWN_MAX: usize = 8;

/// A meter's newest values.
#[derive(Debug, Clone)]
pub struct RecentReading {
    /// The meter.
    pub meter: MeterId,
    /// The source that delivered it.
    pub source: Arc<str>,
    /// When the newest value was measured.
    pub at: UnixNanos,
    /// When data of this meter was last received.
    pub received: UnixNanos,
    /// The flags of the newest reading.
    pub flags: Flags,
    kept: [Option<Kept>; SAMPLES_SHOWN_MAX],
}

/// The newest value of a register.
#[derive(Debug, Clone, Copy)]
struct Kept {
    sample: Sample,
    at: UnixNanos,
}

impl RecentReading {
    /// The newest values of its registers, at most [`SAMPLES_SHOWN_MAX`].
    pub fn samples(&self) -> impl Iterator<Item = Sample> {
        self.kept.iter().flatten().map(|kept| kept.sample)
    }

    /// The same, each with the time at which it was measured: values of one meter may come in several messages.
    pub fn timed_samples(&self) -> impl Iterator<Item = (Sample, UnixNanos)> {
        self.kept.iter().flatten().map(|kept| (kept.sample, kept.at))
    }
}

/// The newest values of each meter.
#[derive(Debug)]
pub(super) struct RecentReadings {
    meters: Mutex<LruCache<MeterId, RecentReading>>,
}

impl Default for RecentReadings {
    fn default() -> Self {
        let meters_max = NonZeroUsize::new(METERS_MAX).unwrap_or(NonZeroUsize::MIN);
        Self { meters: Mutex::new(LruCache::sparse(meters_max)) }
    }
}

impl RecentReadings {
    /// Stores the readings of a body; walks over all of them in any case.
    pub(super) fn note<'a>(&self, readings: impl Iterator<Item = Judged<'a>>, source: &Arc<str>, received: UnixNanos) {
        let mut meters = self.meters.try_lock();
        for reading in readings {
            if let Some(meters) = &mut meters {
                note(meters, &reading, source, received);
            }
        }
    }

    /// The meters heard last, at most `meters_max`, most recently heard first.
    pub(super) fn newest(&self, meters_max: usize) -> Vec<RecentReading> {
        self.meters.lock().iter().take(meters_max).map(|(_, reading)| reading.clone()).collect()
    }

    /// The meters of this list that are known, in its order.
    pub(super) fn of(&self, wanted: &[MeterId]) -> Vec<RecentReading> {
        let meters = self.meters.lock();
        wanted.iter().filter_map(|meter| meters.peek(meter).cloned()).collect()
    }
}

fn note(meters: &mut LruCache<MeterId, RecentReading>, reading: &Judged<'_>, source: &Arc<str>, received: UnixNanos) {
    // A meter whose clock is ahead is as new as its message; else its values would stay when the clock is right again.
    let at = reading.at.min(received);
    let known = meters.get_or_insert_mut(reading.meter, || RecentReading {
        meter: reading.meter,
        source: Arc::clone(source),
        at,
        received,
        flags: reading.flags,
        kept: [None; SAMPLES_SHOWN_MAX],
    });
    known.received = received;
    if at >= known.at {
        (known.at, known.flags) = (at, reading.flags);
        if !Arc::ptr_eq(&known.source, source) {
            known.source = Arc::clone(source);
        }
    }
    known.renew(reading, at);
}

impl RecentReading {
    /// Takes the values that are not older than the known ones of their registers: messages with other registers may be later.
    fn renew(&mut self, reading: &Judged<'_>, at: UnixNanos) {
        // Most values of a meter with many registers are below those kept, and are passed over at once.
        let mut least = None;
        for (place, sample) in reading.samples().enumerate() {
            // A meter sends its registers in the same order each time.
            if let Some(Some(kept)) = self.kept.get_mut(place)
                && kept.sample.obis == sample.obis
            {
                if at >= kept.at {
                    *kept = Kept { sample, at };
                }
                continue;
            }
            let prominence = registry::prominence(sample.obis);
            let bound = *least.get_or_insert_with(|| self.least());
            if bound.is_none_or(|bound| prominence >= bound) && self.keep(Kept { sample, at }, prominence) {
                least = None;
            }
        }
    }

    /// The lowest prominence of the kept registers, once all places are taken.
    fn least(&self) -> Option<u8> {
        let of = |place: &Option<Kept>| place.map(|kept| registry::prominence(kept.sample.obis));
        self.kept.iter().map(of).min().flatten()
    }

    /// Keeps a value if it belongs to the kept ones. Returns whether its register is new among them.
    fn keep(&mut self, new: Kept, prominence: u8) -> bool {
        if let Some(known) = self.kept.iter_mut().flatten().find(|kept| kept.sample.obis == new.sample.obis) {
            if new.at >= known.at {
                *known = new;
            }
            return false;
        }
        let of = |place: &Option<Kept>| place.map(|kept| registry::prominence(kept.sample.obis));
        let place = self.kept.iter_mut().min_by_key(|place| of(place));
        let place = place.filter(|place| of(place).is_none_or(|kept| kept < prominence));
        place.map(|place| *place = Some(new)).is_some()
    }
}
