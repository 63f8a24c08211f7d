//! The one door into the journal: whoever brings data, it comes through here.
//!
//! A source hands over bytes and waits. The door stamps the receive time once,
//! decodes and judges the bytes where they lie, copies them into the journal's
//! pending group and answers when that group is synced. So [`Taken`] means "on
//! this machine's disk", and a [`Refusal`] that nothing of the body was kept.
//!
//! It knows the journal and the wire formats, and neither which source called nor
//! which sinks read. Invariants: nothing is refused for its content unless the
//! source asks for that, or has used up its quota of what cannot be read; a body is counted once, after its sync; no lock is held
//! while anything waits; what is kept for the status page has a fixed size.

mod clock_watch;
mod drain;
mod entrance;
mod meters;
mod outage;
mod rate;
mod refusal;
mod source_counters;
#[cfg(test)]
mod tests;
mod unreadable;

pub use entrance::{Entrance, OnUndecodable, SourceOptions, Taken};
pub use meters::{METERS_MAX, RecentReading, SAMPLES_SHOWN_MAX};
pub use refusal::Refusal;

use crate::clock::Clock;
use crate::dead_letters::DeadLetters;
use crate::journal::{Journal, LedgerError};
use crate::reading::UnixNanos;
use clock_watch::ClockWatch;
use drain::Drain;
use meters::Meters;
use metrics::Histogram;
use outage::Outage;
use refusal::RefusalCounters;
use source_counters::SourceCounters;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The door; a clone is the same door.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    journal: Journal,
    /// Where refused bodies go.
    letters: Option<DeadLetters>,
    clock: Clock,
    opened: Instant,
    sources: Mutex<Vec<Arc<SourceCounters>>>,
    clock_watch: ClockWatch,
    drain: Drain,
    outage: Outage,
    meters: Meters,
    decode_seconds: Histogram,
    refused: RefusalCounters,
}

/// Whether the door takes bodies just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Open,
    /// It would answer "not now", for this reason.
    Shut(String),
}

/// What came in lately, for the status page.
#[derive(Debug, Clone)]
pub struct Recent {
    /// Every source, in the order they were made known.
    pub sources: Vec<SourceActivity>,
    /// The newest readings of the meters heard last, heard last first.
    pub meters: Vec<RecentReading>,
    /// Times the wall clock jumped since the start.
    pub clock_jumps: u64,
}

/// What a source brought.
#[derive(Debug, Clone)]
pub struct SourceActivity {
    /// Its name.
    pub name: Arc<str>,
    /// Bodies taken since the start.
    pub bodies: u64,
    /// Readings taken since the start.
    pub readings: u64,
    /// Deliverable samples taken since the start.
    pub samples: u64,
    /// Samples set aside since the start.
    pub set_aside: u64,
    /// Bodies that nothing can be read from, kept or refused, since the start.
    pub undecodable: u64,
    /// Readings a second over about the last minute.
    pub readings_per_second: f64,
    /// When it brought something last.
    pub last_received: Option<UnixNanos>,
}

impl Door {
    /// The door into this journal; bodies that are refused for what they are go to
    /// the letters, where there are some.
    #[must_use]
    pub fn new(journal: Journal, letters: Option<DeadLetters>, clock: Clock) -> Self {
        let opened = clock.monotonic();
        Self(Arc::new(Inner {
            clock_watch: ClockWatch::new(&clock),
            journal,
            letters,
            clock,
            opened,
            sources: Mutex::default(),
            drain: Drain::default(),
            outage: Outage::default(),
            meters: Meters::default(),
            decode_seconds: crate::metrics::histogram("meterline_decode_duration_seconds", &[]),
            refused: RefusalCounters::new(),
        }))
    }

    /// The entrance of one source; entrances of the same name count together. Its
    /// name and limits are synced to the journal's lists here, before any record
    /// can name them.
    ///
    /// # Errors
    /// When those lists cannot be written.
    pub fn source(&self, name: &str, options: SourceOptions) -> Result<Entrance, LedgerError> {
        Entrance::new(Arc::clone(&self.0), options, self.counters(name))
    }

    fn counters(&self, name: &str) -> Arc<SourceCounters> {
        let mut sources = self.0.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sources.iter().find(|source| &*source.name == name) {
            return Arc::clone(known);
        }
        let counters = Arc::new(SourceCounters::new(name));
        sources.push(Arc::clone(&counters));
        counters
    }

    /// Whether a body would be taken just now, and if not, why.
    #[must_use]
    pub fn health(&self) -> Health {
        self.look();
        match self.0.why_shut() {
            Some(reason) => Health::Shut(reason),
            None => Health::Open,
        }
    }

    /// Looks at the clock and at how fast the journal drains. To be called every
    /// second or so also when nothing comes in.
    pub fn look(&self) {
        let now = self.0.clock.monotonic();
        self.0.clock_watch.look(now, self.0.clock.now());
        self.0.drain.look(&self.0.journal, now);
    }

    /// Whether the wall clock can be the present, so that times can be judged by it.
    #[must_use]
    pub fn clock_is_set(&self) -> bool {
        self.0.clock_watch.can_judge(self.0.clock.now())
    }

    /// What came in lately.
    #[must_use]
    pub fn recent(&self) -> Recent {
        let elapsed = self.0.clock.elapsed(self.0.opened);
        let sources = self.0.sources.lock().unwrap_or_else(PoisonError::into_inner);
        Recent {
            sources: sources.iter().map(|source| source.activity(elapsed)).collect(),
            meters: self.0.meters.newest(),
            clock_jumps: self.0.clock_watch.jumps(),
        }
    }
}

impl Inner {
    fn why_shut(&self) -> Option<String> {
        if !self.clock_watch.can_judge(self.clock.now()) {
            return Some(clock_watch::UNSET.to_owned());
        }
        self.outage.why(self.clock.monotonic())
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}
