//! The handle of ingest: makes entrances, reports its health and recent activity.

use super::entrance::{Entrance, SourceOptions};
use super::followers::Followers;
use super::recent_readings::RecentReading;
use super::source_counters::SourceActivity;
use super::state::IngestState;
use crate::clock::Clock;
use crate::dead_letters::DeadLetters;
use crate::journal::{Journal, LedgerError};
use crate::reading::{MeterId, UnixNanos};
use std::fmt;
use std::sync::Arc;

/// Ingest. A clone is the same ingest.
#[derive(Clone)]
pub struct Ingest(Arc<IngestState>);

/// Whether ingest accepts bodies now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Ingest accepts bodies.
    Open,
    /// Ingest would refuse a body for now, for this reason.
    Closed(String),
}

/// Recent activity, for the built-in page.
#[derive(Debug, Clone)]
pub struct RecentActivity {
    /// Every source, in order of registration.
    pub sources: Vec<SourceActivity>,
    /// Times the wall clock jumped since the start.
    pub clock_jumps: u64,
    /// The wall time after the last of them.
    pub last_clock_jump: Option<UnixNanos>,
}

impl Ingest {
    /// Ingest into this journal. Refused undecodable bodies are kept in `letters`, if given.
    pub fn new(journal: Journal, letters: Option<DeadLetters>, clock: Clock) -> Self {
        Self::followed_by(Followers::default(), journal, letters, clock)
    }

    /// The same, and these parts follow what it accepts.
    pub fn followed_by(followers: Followers, journal: Journal, letters: Option<DeadLetters>, clock: Clock) -> Self {
        Self(Arc::new(IngestState::new(journal, letters, clock, followers)))
    }

    /// The entrance of one source; entrances of the same name share their counters.
    /// Its name and limits are synced to the journal's ledgers here, before any record
    /// can refer to them.
    ///
    /// # Errors
    /// When a ledger cannot be written.
    pub fn source(&self, name: &str, options: SourceOptions) -> Result<Entrance, LedgerError> {
        let entrance = self.device(name, options)?;
        // At 0, so that their first increase is seen.
        self.0.sources.lock().named(name).exist();
        Ok(entrance)
    }

    /// The same for one of possibly thousands of devices: its metrics exist from its first body.
    ///
    /// # Errors
    /// The same.
    pub fn device(&self, name: &str, options: SourceOptions) -> Result<Entrance, LedgerError> {
        Entrance::new(Arc::clone(&self.0), options, self.0.sources.lock().named(name))
    }

    /// Forgets the counters of sources that are gone from the configuration; their gauges have no value then.
    /// Bodies that they have on their way are still taken.
    pub fn end_sources(&self, is_gone: impl Fn(&str) -> bool) {
        self.0.sources.lock().end(is_gone);
    }

    /// Whether a body would be accepted now, and if not, why.
    pub fn health(&self) -> Health {
        self.check();
        match self.0.closed_reason() {
            Some(reason) => Health::Closed(reason),
            None => Health::Open,
        }
    }

    /// Checks the clock and measures how fast the journal drains. Call it about every
    /// second, also when nothing arrives.
    pub fn check(&self) {
        let now = self.0.clock.monotonic();
        self.0.clock_watch.check(now, self.0.clock.now());
        self.0.drain.measure(&self.0.journal, now);
    }

    /// Whether the wall clock is set, so that times can be judged.
    pub fn clock_is_set(&self) -> bool {
        self.0.clock_watch.can_judge(self.0.clock.now())
    }

    /// The recent activity.
    pub fn recent(&self) -> RecentActivity {
        let elapsed = self.0.clock.elapsed(self.0.opened);
        let sources = self.0.sources.lock();
        RecentActivity {
            sources: sources.all().iter().map(|source| source.activity(elapsed)).collect(),
            clock_jumps: self.0.clock_watch.jumps(),
            last_clock_jump: self.0.clock_watch.last_jump(),
        }
    }

    /// The newest values of the meters heard last, at most `meters_max`, most recently heard first.
    pub fn newest_readings(&self, meters_max: usize) -> Vec<RecentReading> {
        self.0.meters.newest(meters_max)
    }

    /// The newest values of these meters, without those that were not heard since the start.
    pub fn newest_readings_of(&self, meters: &[MeterId]) -> Vec<RecentReading> {
        self.0.meters.of(meters)
    }
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ingest")
    }
}
