//! The way of fetched readings to ingest: repeats and too many are left out, the rest is
//! journaled beside the message it came in.
//!
//! Invariants: a reading is remembered only once it is synced, so that one that ingest
//! did not take is taken the next time; of each meter no more than two times are
//! remembered, of at most [`METERS_MAX`] meters: the one heard least recently is
//! forgotten first, and its next reading is journaled even if it is a repeat.

use super::runner::SourceError;
use crate::ingest::Entrance;
use crate::metrics;
use crate::reading::{Flags, MeterId, UnixNanos};
use crate::vendor::Reading;
use crate::wire::PayloadFormat;
use crate::wire::batch::{Original, encode};
use ::metrics::Counter;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Meters of one source whose last times are remembered.
pub(super) const METERS_MAX: usize = 20_000;
/// Readings of one record.
const READINGS_MAX: usize = 250;

/// Which readings of a fast meter are journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All.
    All,
    /// The first of each interval of measurement time.
    FirstOfEach(Duration),
}

/// One source's way to ingest.
#[derive(Debug)]
pub struct Inlet {
    entrance: Entrance,
    keep: Keep,
    last: LruCache<MeterId, Last>,
    taken: Counter,
    repeated: Counter,
    thinned: Counter,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    seen: UnixNanos,
    kept: UnixNanos,
}

impl Inlet {
    /// The inlet of the source `name`.
    #[must_use]
    pub fn new(name: &str, kind: &'static str, entrance: Entrance, keep: Keep) -> Self {
        let labels = [("source", name.to_owned()), ("kind", kind.to_owned())];
        let left_out = |reason: &str| {
            let [source, kind] = labels.clone();
            metrics::counter("meterline_source_readings_left_out_total", &[source, kind, ("reason", reason.to_owned())])
        };
        Self {
            entrance,
            keep,
            last: LruCache::sparse(NonZeroUsize::new(METERS_MAX).unwrap_or(NonZeroUsize::MIN)),
            taken: metrics::counter("meterline_source_readings_total", &labels),
            repeated: left_out("repeated"),
            thinned: left_out("thinned"),
        }
    }

    /// Whether a reading of this meter and time is new and wanted. One that is not is counted.
    pub fn admits(&mut self, meter: MeterId, at: UnixNanos) -> bool {
        let Some(last) = self.last.get_mut(&meter) else { return true };
        if at == last.seen || at == last.kept {
            self.repeated.increment(1);
            return false;
        }
        if self.keep.is_thinned(last.kept, at) {
            last.seen = at;
            self.thinned.increment(1);
            return false;
        }
        true
    }

    /// Remembers a reading that is not to be journaled, because it came another way.
    pub fn pass_over(&mut self, meter: MeterId, at: UnixNanos) {
        self.last.put(meter, Last { seen: at, kept: at });
    }

    /// Journals readings, the message they came in beside the first of them. When this
    /// returns they are synced to this machine's disk.
    ///
    /// # Errors
    /// When ingest does not take them; readings of records before that one are taken.
    pub async fn take(
        &mut self,
        readings: &[Reading],
        flags: Flags,
        original: Original<'_>,
    ) -> Result<(), SourceError> {
        for (number, chunk) in readings.chunks(READINGS_MAX).enumerate() {
            // The message is kept once: it can be read again from there.
            let original = if number == 0 { original } else { Original { bytes: &[], ..original } };
            let body = encode(chunk.iter().map(|it| (it.meter, it.at, flags, &it.samples)), original);
            let outcome = self.entrance.take(PayloadFormat::ReadingBatch, &body).await;
            outcome
                .map_err(|refusal| SourceError::Failing(format!("the readings could not be journaled: {refusal}")))?;
            self.taken.increment(chunk.len() as u64);
            for reading in chunk {
                self.pass_over(reading.meter, reading.at);
            }
        }
        Ok(())
    }
}

impl Keep {
    /// Whether `at` is in the same interval as the reading that was kept.
    fn is_thinned(self, kept: UnixNanos, at: UnixNanos) -> bool {
        match self {
            Self::All => false,
            Self::FirstOfEach(interval) => {
                let interval = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1);
                at.0.div_euclid(interval) == kept.0.div_euclid(interval)
            }
        }
    }
}
