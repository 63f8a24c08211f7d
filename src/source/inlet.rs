//! Passes fetched readings to ingest: filters repeats, thins fast meters and journals the
//! rest with the original message.
//!
//! Invariants: a reading is remembered only once it is synced, so that a reading that
//! ingest refused is taken the next time. At most two times are remembered per meter, of
//! at most [`METERS_MAX`] meters: the least recently heard meter is forgotten first, and
//! its next reading is journaled even if it is a repeat.

use super::description::{Fact, Reporter};
use super::runner::SourceError;
use crate::ingest::Entrance;
use crate::metrics;
use crate::reading::{MeterId, UnixNanos};
use crate::vendor::Reading;
use crate::wire::PayloadFormat;
use crate::wire::batch::{Original, encode};
use ::metrics::Counter;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Remembered meters per source.
pub const METERS_MAX: usize = 20_000;
/// Readings per record.
const READINGS_MAX: usize = 250;

/// The readings of a fast meter that are journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All.
    All,
    /// The first of each interval of measurement time.
    FirstOfEach(Duration),
}

/// A decoded message of a device.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The current readings.
    pub readings: Vec<Reading>,
    /// Readings of the past, such as a power failure. They are never thinned, and journaled once.
    pub events: Vec<Reading>,
    /// Parts that cannot be read. They are kept with the message.
    pub unreadable: usize,
    /// Facts for the description of the source.
    pub facts: Vec<(&'static str, Fact)>,
}

impl Decoded {
    /// The number of current values.
    pub(super) fn values(&self) -> usize {
        self.readings.iter().map(|reading| reading.samples.len()).sum()
    }

    /// The meter of a reading, and the number of earlier readings of the same meter.
    fn key(&self, at: usize) -> (MeterId, usize) {
        let meter = self.readings[at].meter;
        (meter, self.readings[..at].iter().filter(|earlier| earlier.meter == meter).count())
    }
}

/// Passes the readings of one source to ingest.
#[derive(Debug)]
pub struct Inlet {
    entrance: Entrance,
    keep: Keep,
    /// By meter, and by the place among the readings of this meter in one message: a device behind a
    /// meter has a reading of its counter and one of its valve.
    last: LruCache<(MeterId, usize), Last>,
    /// The events of the last message: devices repeat them.
    events: Vec<Reading>,
    /// Since the start.
    parts_unreadable: usize,
    taken: Counter,
    repeated: Counter,
    thinned: Counter,
    known: Counter,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    seen: UnixNanos,
    kept: UnixNanos,
}

impl Inlet {
    /// Creates the inlet of source `name`.
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
            events: Vec::new(),
            parts_unreadable: 0,
            taken: metrics::counter("meterline_source_readings_total", &labels),
            repeated: left_out("repeated"),
            thinned: left_out("thinned"),
            known: left_out("known"),
        }
    }

    /// Whether a reading of this meter and time is new and wanted. Counts rejected readings.
    pub fn admits(&mut self, meter: MeterId, at: UnixNanos) -> bool {
        self.admits_at((meter, 0), at)
    }

    fn admits_at(&mut self, key: (MeterId, usize), at: UnixNanos) -> bool {
        let Some(last) = self.last.get_mut(&key) else { return true };
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

    /// Counts readings that are left out because the meter has delivered an equally new one.
    pub fn count_known(&self, readings: usize) {
        self.known.increment(readings as u64);
    }

    /// Marks a reading as seen: it is journaled, or permanently left out.
    pub fn mark_seen(&mut self, meter: MeterId, at: UnixNanos) {
        self.last.put((meter, 0), Last { seen: at, kept: at });
    }

    /// Journals the new and wanted readings of a message with the message itself, and reports its
    /// facts.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub async fn offer(
        &mut self,
        message: &Decoded,
        original: Original<'_>,
        reporter: &mut Reporter,
    ) -> Result<(), SourceError> {
        let keys: Vec<_> = (0..message.readings.len()).map(|at| message.key(at)).collect();
        let readings = || message.readings.iter().zip(&keys);
        let wanted: Vec<_> = readings().filter(|(it, key)| self.admits_at(**key, it.at)).collect();
        let new_events = message.events.iter().filter(|event| !self.events.contains(event));
        let all: Vec<_> = wanted.iter().map(|(reading, _)| *reading).chain(new_events).cloned().collect();
        self.journal(&all, original).await?;
        for (reading, key) in wanted {
            self.last.put(*key, Last { seen: reading.at, kept: reading.at });
        }
        self.events.clone_from(&message.events);
        if let Some(newest) = message.readings.iter().map(|reading| reading.at).max() {
            reporter.set("last_reading", newest);
        }
        reporter.set("values", message.values());
        self.parts_unreadable += message.unreadable;
        reporter.set("parts_unreadable", self.parts_unreadable);
        for (name, fact) in &message.facts {
            reporter.set(*name, fact.clone());
        }
        Ok(())
    }

    /// Journals readings, with their original message in the first record. They are synced
    /// to disk when this returns.
    ///
    /// # Errors
    /// When ingest refuses a record; the records before it are kept.
    pub async fn take(&mut self, readings: &[Reading], original: Original<'_>) -> Result<(), SourceError> {
        self.journal(readings, original).await?;
        for reading in readings {
            self.mark_seen(reading.meter, reading.at);
        }
        Ok(())
    }

    async fn journal(&mut self, readings: &[Reading], original: Original<'_>) -> Result<(), SourceError> {
        for (number, chunk) in readings.chunks(READINGS_MAX).enumerate() {
            // The message is kept once.
            let original = if number == 0 { original } else { Original { bytes: &[], ..original } };
            let body = encode(chunk.iter().map(|it| (it.meter, it.at, it.flags, &it.samples)), original);
            let outcome = self.entrance.take(PayloadFormat::ReadingBatch, &body).await;
            outcome
                .map_err(|refusal| SourceError::Failing(format!("the readings could not be journaled: {refusal}")))?;
            self.taken.increment(chunk.len() as u64);
        }
        Ok(())
    }
}

impl Keep {
    /// Whether `at` is in the same interval as the kept reading.
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
