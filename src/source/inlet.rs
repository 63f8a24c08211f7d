//! Passes fetched readings to ingest: filters repeats, thins fast meters and journals the
//! rest with the original message, and with the places of the readings in it, so that a later
//! decoder can decode it again (`redecode`).
//!
//! Invariants: a reading is remembered only once it is synced, so that a reading that
//! ingest refused is taken the next time. At most two times are remembered per meter, of
//! at most [`METERS_MAX`] meters: the least recently heard meter is forgotten first, and
//! its next reading is journaled even if it is a repeat.

mod keep;
mod prepare;
mod zeros;

pub use keep::Keep;
use keep::Last;
pub(super) use prepare::{Prepared, Thinning};
pub(super) use zeros::is_zero_of_counter;

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
use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;
use zeros::Zeros;

/// Remembered meters per source, and remembered counters of gas, water and heat.
pub const METERS_MAX: usize = 20_000;
/// Readings per record.
const READINGS_MAX: usize = 1000;
/// Records of a message that can be decoded again: each holds the message, so a longer message has larger records.
const COPIES_MAX: usize = 8;

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
    /// When a message that cannot be read was kept last.
    unreadable_at: Option<UnixNanos>,
    /// Since the start.
    parts_unreadable: usize,
    taken: Counter,
    repeated: Counter,
    thinned: Counter,
    known: Counter,
    zeros: Zeros,
    doubted: Counter,
}

impl Inlet {
    /// Creates the inlet of source `name`.
    pub fn new(name: &str, kind: &'static str, entrance: Entrance, keep: Keep) -> Self {
        let labels = [("source", name.to_owned()), ("kind", kind.to_owned())];
        let left_out = |reason: &str| {
            let [source, kind] = labels.clone();
            metrics::counter("meterline_source_readings_left_out_total", &[source, kind, ("reason", reason.to_owned())])
        };
        let meters_max = NonZeroUsize::new(METERS_MAX).unwrap_or(NonZeroUsize::MIN);
        Self {
            entrance,
            keep,
            last: LruCache::sparse(meters_max),
            events: Vec::new(),
            unreadable_at: None,
            parts_unreadable: 0,
            taken: metrics::counter("meterline_source_readings_total", &labels),
            repeated: left_out("repeated"),
            thinned: left_out("thinned"),
            known: left_out("known"),
            zeros: Zeros::new(meters_max),
            doubted: left_out("zero"),
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

    /// A reading that is new and wanted, without its doubted zeros.
    fn wanted<'a>(&mut self, key: (MeterId, usize), reading: &'a Reading) -> Option<Cow<'a, Reading>> {
        let has_true_value = |last: &Last| last.lacks_zero && last.kept == reading.at && !zeros::has_zero(reading);
        if !self.last.peek(&key).is_some_and(has_true_value) && !self.admits_at(key, reading.at) {
            return None;
        }
        if self.zeros.has_doubted(reading) {
            self.repeated.increment(1);
            return None;
        }
        self.sifted(reading)
    }

    /// A reading without its doubted zeros, unless they were all that it had.
    fn sifted<'a>(&mut self, reading: &'a Reading) -> Option<Cow<'a, Reading>> {
        let sifted = self.zeros.sifted(reading);
        self.unless_emptied(sifted)
    }

    /// A sifted reading, unless its doubted zeros were all that it had.
    fn unless_emptied<'a>(&self, sifted: Cow<'a, Reading>) -> Option<Cow<'a, Reading>> {
        let has_doubted = matches!(sifted, Cow::Owned(_));
        self.doubted.increment(u64::from(has_doubted));
        (!has_doubted || !sifted.samples.is_empty()).then_some(sifted)
    }

    /// Counts readings that are left out because the meter has delivered an equally new one.
    pub fn count_known(&self, readings: usize) {
        self.known.increment(readings as u64);
    }

    /// Marks a reading as seen: it is journaled, or permanently left out.
    pub fn mark_seen(&mut self, meter: MeterId, at: UnixNanos) {
        self.last.put((meter, 0), Last::whole(at));
    }

    /// Offers the readings of a message, or keeps the message if it cannot be read.
    ///
    /// # Errors
    /// Why it cannot be read; and as [`Self::take`].
    pub async fn offer_read(
        &mut self,
        decoded: &Result<Decoded, String>,
        original: &Original<'_>,
        received: UnixNanos,
        reporter: &mut Reporter,
    ) -> Result<(), SourceError> {
        match decoded {
            Ok(decoded) => self.offer(decoded, original, reporter).await,
            Err(why) => {
                let unreadable = self.unreadable(original, received);
                self.keep_unreadable(&unreadable, received).await?;
                Err(SourceError::Failing(why.clone()))
            }
        }
    }

    /// The record, without readings, of a message that cannot be read: a later decoder may read it. Such messages are
    /// kept as often as readings, and within the quota of undecodable bodies. Beyond that there is none.
    pub(super) fn unreadable(&mut self, original: &Original<'_>, received: UnixNanos) -> Vec<Vec<u8>> {
        if self.unreadable_at.is_some_and(|kept| self.keep.is_thinned(kept, received)) {
            self.thinned.increment(1);
            return Vec::new();
        }
        self.prepare_unreadable(&Decoded::default(), original).records
    }

    /// Journals a message that cannot be read.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) async fn keep_unreadable(
        &mut self,
        records: &[Vec<u8>],
        received: UnixNanos,
    ) -> Result<(), SourceError> {
        for record in records {
            self.append(record).await?;
        }
        self.unreadable_at = Some(received);
        Ok(())
    }

    /// Journals the new and wanted readings of a message with the message itself, and reports its
    /// facts.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub async fn offer(
        &mut self,
        message: &Decoded,
        original: &Original<'_>,
        reporter: &mut Reporter,
    ) -> Result<(), SourceError> {
        let keys: Vec<_> = (0..message.readings.len()).map(|at| message.key(at)).collect();
        let places = (0_u32..).zip(&message.readings).zip(&keys);
        let mut wanted = Vec::new();
        for ((place, reading), key) in places {
            if !self.was_joined(*key, reading.at) {
                wanted.extend(self.wanted(*key, reading).map(|reading| (place, *key, reading)));
            }
        }
        let events = (0_u32..).zip(message.readings.iter().chain(&message.events)).skip(message.readings.len());
        let new_events = events.filter(|(_, event)| !self.events.contains(event));
        let all: Vec<_> = wanted.iter().map(|(place, _, it)| (*place, &**it)).chain(new_events).collect();
        self.journal(&all, message.readings.len() + message.events.len(), original).await?;
        for (_, key, reading) in &wanted {
            self.last.put(*key, Last::sifted(reading.at, matches!(reading, Cow::Owned(_))));
        }
        self.note_joined(&message.readings, &keys);
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

    /// Whether the second reading of a meter, the first such since the start, repeats a part of its only reading before.
    fn was_joined(&mut self, key: (MeterId, usize), at: UnixNanos) -> bool {
        let is_first = key.1 == 1 && self.last.peek(&key).is_none();
        let was_joined = is_first && self.last.peek(&(key.0, 0)).is_some_and(|only| only.has(at));
        if was_joined {
            self.repeated.increment(1);
            self.last.put(key, Last::whole(at));
        }
        was_joined
    }

    /// Notes the time of the only reading of a meter for both readings that it has at other times: a valve and a
    /// counter of the same time are one reading, and the next message may repeat either. A reading with a doubted
    /// zero is not noted: its time may come again with the true value.
    fn note_joined(&mut self, readings: &[Reading], keys: &[(MeterId, usize)]) {
        for (reading, (meter, _)) in readings.iter().zip(keys) {
            let is_noted = self.last.peek(&(*meter, 0)).is_some_and(|it| it.has(reading.at));
            let is_alone = is_noted && !keys.contains(&(*meter, 1));
            if let Some(second) = self.last.peek_mut(&(*meter, 1)).filter(|_| is_alone) {
                second.seen = reading.at;
            }
        }
    }

    /// Journals readings, with their original message in the first record. They are synced
    /// to disk when this returns. If the message has a format, these are all its readings.
    ///
    /// # Errors
    /// When ingest refuses a record; the records before it are kept.
    pub async fn take(&mut self, readings: &[Reading], original: &Original<'_>) -> Result<(), SourceError> {
        let mut sifted = Vec::with_capacity(readings.len());
        for (place, reading) in (0..).zip(readings) {
            sifted.extend(self.sifted(reading).map(|reading| (place, reading)));
        }
        self.take_all(&sifted, readings.len(), original).await
    }

    /// The same, of those readings of the past that are wanted, with their ascending places among all `count` of the
    /// message.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub async fn take_placed(
        &mut self,
        readings: &[(u32, Reading)],
        count: usize,
        original: &Original<'_>,
    ) -> Result<(), SourceError> {
        let sifted = readings.iter().map(|(place, reading)| (*place, zeros::sifted_past(reading)));
        let sifted: Vec<_> = sifted.filter_map(|(place, it)| Some((place, self.unless_emptied(it)?))).collect();
        self.take_all(&sifted, count, original).await
    }

    async fn take_all(
        &mut self,
        readings: &[(u32, Cow<'_, Reading>)],
        count: usize,
        original: &Original<'_>,
    ) -> Result<(), SourceError> {
        let placed: Vec<_> = readings.iter().map(|(place, reading)| (*place, &**reading)).collect();
        self.journal(&placed, count, original).await?;
        for (_, reading) in readings {
            self.mark_seen(reading.meter, reading.at);
        }
        Ok(())
    }

    /// Keeps what a device said elsewhere and its messages do not repeat, such as a channel map, and
    /// journals it if it is new. Returns the version for [`Original::context`] of later messages.
    ///
    /// # Errors
    /// When it cannot be kept or ingest refuses it.
    pub async fn keep_context(&self, original: Original<'_>) -> Result<String, SourceError> {
        let kept = self.entrance.keep_contexts(&[original]).await;
        let refused = |why| SourceError::Failing(format!("the device's description could not be journaled: {why}"));
        kept.map(|versions| versions.concat()).map_err(refused)
    }

    /// The newest kept context of a device, with its version.
    pub(super) fn newest_context(&self, device: &str) -> Option<(String, Arc<[u8]>)> {
        self.entrance.newest_context(device)
    }

    /// The newest context of a device that one of these other sources keeps, unless its version is `known`.
    pub(super) fn newest_context_of(
        &self,
        sources: &[String],
        device: &str,
        known: &str,
    ) -> Option<(String, Arc<[u8]>)> {
        self.entrance.newest_context_of(sources, device, known)
    }

    /// Journals readings with their places among all `count` of the message.
    async fn journal(
        &mut self,
        readings: &[(u32, &Reading)],
        count: usize,
        original: &Original<'_>,
    ) -> Result<(), SourceError> {
        self.note_use(original);
        for (readings, body) in records(readings, count, original) {
            self.append(&body).await?;
            self.taken.increment(readings as u64);
        }
        Ok(())
    }

    /// A context that a message names is not forgotten.
    fn note_use(&self, original: &Original<'_>) {
        if !original.context.is_empty() {
            self.entrance.uses_context(original.device);
        }
    }

    async fn append(&self, record: &[u8]) -> Result<(), SourceError> {
        let outcome = self.entrance.take(PayloadFormat::ReadingBatch, record).await;
        let refused = |why| SourceError::Failing(format!("the readings could not be journaled: {why}"));
        outcome.map(|_| ()).map_err(refused)
    }
}

/// The records of readings with their places among all `count` of the message, each with its number of
/// readings.
fn records(
    readings: &[(u32, &Reading)],
    count: usize,
    original: &Original<'_>,
) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let longer = if original.format.is_empty() { 0 } else { readings.len().div_ceil(COPIES_MAX) };
    readings.chunks(READINGS_MAX.max(longer)).enumerate().map(move |(number, chunk)| {
        let mut original = original.clone();
        if chunk.len() < count {
            original.positions = chunk.iter().map(|(place, _)| *place).collect();
            original.readings = u32::try_from(count).unwrap_or(u32::MAX);
        }
        // A message that cannot be decoded again is kept once.
        if number > 0 && original.format.is_empty() {
            original.bytes = &[];
        }
        let readings = chunk.iter().map(|(_, it)| (it.meter, it.at, it.flags, &it.samples));
        (chunk.len(), encode(readings, &original))
    })
}
