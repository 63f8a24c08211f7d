//! The environment of an account's sources: ingest on a real journal, gap detection and the
//! runners.

use super::*;
use crate::coverage::{Coverage, MEMORY_BYTES};
use crate::dead_letters::DeadLetters;
use crate::ingest::{Ingest, SourceOptions};
use crate::journal::{Journal, Options, Sequence};
use crate::reading::{Flags, MeterId, Sample, UnixNanos};
use crate::source::tests::fixture::readings;
use crate::source::{Arrivals, Description, Fact, Inlet, Keep, Redecoder, SourceState, Sources};
use crate::wire::batch::original;
use crate::wire::{self, PayloadFormat};
use std::sync::Arc;
use tempfile::TempDir;

/// Longer than any source needs to stop.
const LONG: Duration = Duration::from_secs(10);

pub(super) struct Fixture {
    pub(super) coverage: Coverage,
    pub(super) journal: Journal,
    pub(super) clock: Clock,
    pub(super) sources: Sources,
    ingest: Ingest,
    _directory: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let coverage = Coverage::open(directory.path(), MEMORY_BYTES);
        let (journal, _) = Journal::open(Options::new(directory.path().join("journal"))).unwrap();
        let letters = DeadLetters::open(directory.path().join("letters"), clock.clone()).unwrap();
        let ingest = Ingest::new(journal.clone(), Some(letters), clock.clone());
        let sources = Sources::new(RUNTIME.handle().clone(), clock.clone());
        Self { coverage, journal, clock, sources, ingest, _directory: directory }
    }

    /// A client whose waits end when the sources stop.
    pub(super) fn client(&self, account: Account) -> Client {
        let access = Access::new(&account, Path::new(""), self.stop(), self.clock.clone());
        Client::new(account, access, Duration::from_secs(20))
    }

    pub(super) fn stop(&self) -> Stop {
        self.sources.stop_signal().clone()
    }

    pub(super) fn inlet(&self, kind: &'static str) -> Inlet {
        Inlet::new("a", kind, self.ingest.source("a", SourceOptions::default()).unwrap(), Keep::All)
    }

    /// Gap detection that is never behind: all future records count as noted.
    pub(super) fn arrivals(&self) -> Arrivals {
        self.coverage.noted_below(Sequence(u64::MAX));
        Arrivals::new(self.coverage.clone(), self.journal.clone())
    }

    /// Gap detection that has recorded nothing yet, until a test calls [`Self::arrivals`].
    pub(super) fn still_arrivals(&self) -> Arrivals {
        Arrivals::new(self.coverage.clone(), self.journal.clone())
    }

    /// The only source's description after its last run.
    pub(super) fn description(&self) -> Arc<Description> {
        self.sources.descriptions().remove(0)
    }

    pub(super) fn state(&self) -> SourceState {
        self.description().state
    }

    pub(super) fn number(&self, fact: &str) -> Option<f64> {
        match self.description().facts.get(fact) {
            Some(Fact::Number(number)) => Some(*number),
            Some(Fact::Text(text)) => panic!("{fact} is no number: {text}"),
            None => None,
        }
    }

    pub(super) fn text(&self, fact: &str) -> Option<String> {
        match self.description().facts.get(fact) {
            Some(Fact::Text(text)) => Some(text.clone()),
            Some(Fact::Number(number)) => panic!("{fact} is no text: {number}"),
            None => None,
        }
    }

    /// The messages that the journaled readings come from. Fails unless each, decoded again, has the same readings.
    pub(super) fn messages(&self) -> Vec<String> {
        let mut redecoder = Redecoder::default();
        redecoder.add("a", decoders());
        let mut messages = Vec::new();
        let mut reader = self.journal.reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            let again = redecoder.decode("a", record.header.received, record.payload).unwrap();
            assert_eq!(readings(&again), readings(record.payload));
            messages.push(String::from_utf8(original(record.payload).unwrap().bytes.to_vec()).unwrap());
        }
        messages
    }

    /// The journaled readings; all must have these flags.
    pub(super) fn stored(&self, flags: Flags) -> Vec<(MeterId, UnixNanos, Vec<Sample>)> {
        let mut stored = Vec::new();
        let mut reader = self.journal.reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            assert_eq!(PayloadFormat::from_number(record.header.format), Some(PayloadFormat::ReadingBatch));
            for reading in wire::readings(PayloadFormat::ReadingBatch, record.payload).unwrap() {
                assert_eq!(reading.flags, flags);
                let samples = reading.values.filter_map(Result::ok).collect();
                stored.push((reading.meter.unwrap(), reading.at.unwrap(), samples));
            }
        }
        stored
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let deadline = self.clock.monotonic() + LONG;
        self.sources.stop(deadline);
        run(self.sources.join(deadline));
    }
}
