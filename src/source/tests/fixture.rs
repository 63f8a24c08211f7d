//! A real journal behind sources.

use crate::clock::Clock;
use crate::dead_letters::DeadLetters;
use crate::ingest::{Entrance, Ingest, SourceOptions};
use crate::journal::{Journal, Options, Sequence};
use crate::reading::Obis;
use crate::source::{Fact, SourceState, Sources};
use crate::wire::{self, PayloadFormat};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Handle;

/// The parts that a source needs.
pub(in crate::source) struct Fixture {
    pub(in crate::source) journal: Journal,
    pub(in crate::source) ingest: Ingest,
    pub(in crate::source) sources: Sources,
    pub(in crate::source) clock: Clock,
    _directory: TempDir,
}

impl Fixture {
    pub(in crate::source) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let (journal, _) = Journal::open(Options::new(directory.path().join("journal"))).unwrap();
        let letters = DeadLetters::open(directory.path().join("letters"), clock.clone()).unwrap();
        let ingest = Ingest::new(journal.clone(), Some(letters), clock.clone());
        let sources = Sources::new(Handle::current(), clock.clone());
        Self { journal, ingest, sources, clock, _directory: directory }
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
