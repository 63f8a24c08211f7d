//! A real journal behind sources.

use crate::clock::Clock;
use crate::contexts::Contexts;
use crate::dead_letters::DeadLetters;
use crate::ingest::{Entrance, Followers, Ingest, SourceOptions};
use crate::journal::{Journal, Options, Sequence};
use crate::reading::{Flags, MeterId, Obis, UnixNanos};
use crate::source::{Decoder, Fact, Redecoder, SourceState, Sources};
use crate::wire::{self, PayloadFormat};
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
    pub(in crate::source) clock: Clock,
    pub(in crate::source) contexts: Contexts,
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
        Self { journal, ingest, sources, clock, contexts, _directory: directory }
    }

    pub(in crate::source) fn entrance(&self, name: &str) -> Entrance {
        self.ingest.source(name, SourceOptions::default()).unwrap()
    }

    /// Every journaled value: its time in seconds, its register, itself.
    pub(in crate::source) fn stored(&self) -> Vec<(i64, Obis, f64)> {
        let mut stored = Vec::new();
        let mut reader = self.journal.view().reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            for reading in wire::readings(PayloadFormat::ReadingBatch, record.payload).unwrap() {
                let seconds = reading.at.unwrap().0 / 1_000_000_000;
                let samples = reading.values.filter_map(Result::ok);
                stored.extend(samples.map(|sample| (seconds, sample.obis, sample.value)));
            }
        }
        stored
    }

    /// The journaled records: receive time and payload.
    pub(in crate::source) fn records(&self) -> Vec<(UnixNanos, Vec<u8>)> {
        let mut records = Vec::new();
        let mut reader = self.journal.view().reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            records.push((record.header.received, record.payload.to_vec()));
        }
        records
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
        for (received, payload) in self.records() {
            let again = redecoder.decode(source, received, &payload).unwrap();
            assert_eq!(readings(&again), readings(&payload));
            messages += usize::from(!readings(&again).is_empty());
        }
        messages
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

    pub(in crate::source) fn fact(&self, name: &str) -> Option<Fact> {
        self.sources.descriptions()[0].facts.get(name).cloned()
    }

    pub(in crate::source) fn state(&self) -> SourceState {
        self.sources.descriptions()[0].state
    }
}
