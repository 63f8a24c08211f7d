//! A real journal behind sources.

use crate::clock::Clock;
use crate::contexts::Contexts;
use crate::coverage::{Coverage, MEMORY_BYTES};
use crate::dead_letters::DeadLetters;
use crate::ingest::{Entrance, Followers, Ingest, SourceOptions};
use crate::journal::{Journal, Options, Sequence};
use crate::meters::{Meters, Points};
use crate::reading::{Flags, MeterId, Obis, UnixNanos};
use crate::source::{Arrivals, Decoder, Describer, Description, Fact, Redecoder, SourceState, Sources};
use crate::wire::meters::Version;
use crate::wire::{self, PayloadFormat, SeenReading};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Handle;

/// Meter, time, flags, registers and values.
pub(in crate::source) type Content = (MeterId, UnixNanos, Flags, Vec<(Obis, f64)>);

/// The readings of a batch.
pub(in crate::source) fn readings(batch: &[u8]) -> Vec<Content> {
    let readings = wire::readings(PayloadFormat::ReadingBatch, batch).unwrap();
    readings
        .map(|it| {
            let samples = it.values.map(|sample| sample.unwrap()).map(|sample| (sample.obis, sample.value));
            (it.meter.unwrap(), it.at.unwrap(), it.flags, samples.collect())
        })
        .collect()
}

/// The parts that a source needs.
pub(in crate::source) struct Fixture {
    pub(in crate::source) journal: Journal,
    pub(in crate::source) ingest: Ingest,
    pub(in crate::source) sources: Sources,
    pub(in crate::source) meters: Meters,
    pub(in crate::source) clock: Clock,
    pub(in crate::source) contexts: Contexts,
    pub(in crate::source) coverage: Coverage,
    _directory: TempDir,
}

impl Fixture {
    pub(in crate::source) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let (journal, _) = Journal::open(Options::new(directory.path().join("journal"))).unwrap();
        let letters = DeadLetters::open(directory.path().join("letters"), clock.clone()).unwrap();
        let contexts = Contexts::default();
        let followers = Followers { contexts: contexts.clone(), ..Followers::default() };
        let ingest = Ingest::followed_by(followers, journal.clone(), Some(letters), clock.clone());
        let sources = Sources::new(Handle::current(), clock.clone());
        let meters = Meters::open(directory.path(), Points::default(), clock.now());
        let coverage = Coverage::open(directory.path(), MEMORY_BYTES);
        Self { journal, ingest, sources, meters, clock, contexts, coverage, _directory: directory }
    }

    /// Sets the clock.
    pub(in crate::source) fn at(self, now: &str) -> Self {
        let now: jiff::Timestamp = now.parse().unwrap();
        self.clock.set_offset(i64::try_from(now.as_nanosecond()).unwrap() - Clock::system().now().0);
        self
    }

    /// Gap detection that is never behind: all future records count as noted.
    pub(in crate::source) fn arrivals(&self) -> Arrivals {
        self.coverage.noted_below(Sequence(u64::MAX));
        Arrivals::new(self.coverage.clone(), self.journal.clone())
    }

    /// A gap: the meter sent every ten seconds until `from`, and again at `until`.
    pub(in crate::source) fn miss(&self, source: &str, meter: MeterId, from: &str, until: &str) {
        let time =
            |text: &str| UnixNanos(i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap());
        let before = (0..20).rev().map(|back| time(from).saturating_add(-back * 10_000_000_000));
        for at in before.chain([time(until)]) {
            let seen = SeenReading { meter, at, has_counter: true, is_repair: false, is_row: false };
            self.coverage.note(source, at, [seen].into_iter());
        }
        assert_eq!(self.coverage.gaps().iter().filter(|(gap, _)| gap.meter == meter).count(), 1);
    }

    /// How often the oldest gap was asked for.
    pub(in crate::source) fn asked(&self) -> usize {
        self.coverage.gaps()[0].0.asked
    }

    pub(in crate::source) fn entrance(&self, name: &str) -> Entrance {
        self.ingest.source(name, SourceOptions::default()).unwrap()
    }

    pub(in crate::source) fn entrance_with(&self, name: &str, options: SourceOptions) -> Entrance {
        self.ingest.source(name, options).unwrap()
    }

    pub(in crate::source) fn describer(&self, name: &str) -> Describer {
        Describer::new(self.meters.clone(), self.entrance(name), self.clock.clone())
    }

    /// Every journaled version of a description.
    pub(in crate::source) fn versions(&self) -> Vec<Version> {
        let mut found = Vec::new();
        let mut reader = self.journal.view().reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            if record.header.format == PayloadFormat::Meters.number() {
                found.extend(wire::meters::versions(record.payload).unwrap());
            }
        }
        found
    }

    /// Every journaled value: its time in seconds, its register, itself.
    pub(in crate::source) fn stored(&self) -> Vec<(i64, Obis, f64)> {
        self.stored_with(Flags::NONE)
    }

    /// The same, of readings with this flag.
    pub(in crate::source) fn stored_with(&self, flag: Flags) -> Vec<(i64, Obis, f64)> {
        let mut stored = Vec::new();
        let mut reader = self.journal.view().reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            if record.header.format != PayloadFormat::ReadingBatch.number() {
                continue;
            }
            let readings = wire::readings(PayloadFormat::ReadingBatch, record.payload).unwrap();
            for reading in readings.filter(|reading| reading.flags.contains(flag)) {
                let seconds = reading.at.unwrap().0 / 1_000_000_000;
                let samples = reading.values.filter_map(Result::ok);
                stored.extend(samples.map(|sample| (seconds, sample.obis, sample.value)));
            }
        }
        stored
    }

    /// The journaled records of readings: receive time and payload.
    pub(in crate::source) fn records(&self) -> Vec<(UnixNanos, Vec<u8>)> {
        let mut records = Vec::new();
        let mut reader = self.journal.view().reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            if record.header.format == PayloadFormat::ReadingBatch.number() {
                records.push((record.header.received, record.payload.to_vec()));
            }
        }
        records
    }

    /// The messages that were journaled without readings: unreadable ones, and contexts.
    pub(in crate::source) fn kept(&self) -> Vec<String> {
        let records = self.records().into_iter().map(|(_, payload)| payload);
        let kept = records.filter(|payload| readings(payload).is_empty());
        kept.map(|payload| String::from_utf8_lossy(wire::batch::original(&payload).unwrap().bytes).into_owned())
            .collect()
    }

    /// Fails unless these decoders of a source find in the journaled messages what was journaled of
    /// them. Returns the number of messages with readings.
    pub(in crate::source) fn assert_decoded_again<const N: usize>(
        &self,
        source: &str,
        decoders: [(&'static str, Decoder); N],
    ) -> usize {
        let mut redecoder = Redecoder::new(self.contexts.clone());
        redecoder.add(source, decoders);
        let mut messages = 0;
        let is_read = |payload: &[u8]| !readings(payload).is_empty();
        for (received, payload) in self.records().into_iter().filter(|(_, payload)| is_read(payload)) {
            let again = redecoder.decode(source, received, &payload).unwrap();
            assert_eq!(readings(&again), readings(&payload));
            messages += 1;
        }
        messages
    }

    /// The meters of the journaled readings that have this register, each once, in the order of their first.
    pub(in crate::source) fn meters(&self, obis: Obis) -> Vec<MeterId> {
        let mut meters = Vec::new();
        for (meter, .., samples) in self.records().iter().flat_map(|(_, payload)| readings(payload)) {
            if samples.iter().any(|(found, _)| *found == obis) && !meters.contains(&meter) {
                meters.push(meter);
            }
        }
        meters
    }

    /// Whether a record of the journal holds these bytes.
    pub(in crate::source) fn holds(&self, bytes: &[u8]) -> bool {
        let mut reader = self.journal.view().reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            if record.payload.windows(bytes.len()).any(|part| part == bytes) {
                return true;
            }
        }
        false
    }

    /// The journaled values of a register.
    pub(in crate::source) fn values(&self, obis: Obis) -> Vec<f64> {
        self.stored().into_iter().filter(|(_, found, _)| *found == obis).map(|(.., value)| value).collect()
    }

    pub(in crate::source) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..4000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not within 20 s: {what}; {:?}, {:?}", self.sources, self.stored());
    }

    /// The description of a source of this kind.
    pub(in crate::source) fn source(&self, kind: &str) -> Arc<Description> {
        self.sources.descriptions().into_iter().find(|source| source.kind == kind).unwrap()
    }

    pub(in crate::source) fn fact(&self, name: &str) -> Option<Fact> {
        self.sources.descriptions()[0].facts.get(name).cloned()
    }

    pub(in crate::source) fn state(&self) -> SourceState {
        self.sources.descriptions()[0].state
    }
}
