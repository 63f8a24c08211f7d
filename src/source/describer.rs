//! Records names, serial numbers and similar data of a source's meters as versions of meter
//! descriptions.
//!
//! Knows no vendor. Invariants: a failure to describe stops no reading, and is tried again. A list that has
//! not changed is not compared again before [`REPEATED_AFTER`].

use super::description::Reporter;
use crate::clock::Clock;
use crate::ingest::Entrance;
use crate::meters::Meters;
use crate::reading::MeterId;
use crate::wire::PayloadFormat;
use crate::wire::meters::Description;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

/// A description is made at most this often: devices send many messages between two changes.
const MADE_EVERY: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(5) };
/// Unchanged descriptions are repeated after this, so that another source that sees the same meters does
/// not take them over.
const REPEATED_AFTER: Duration = Duration::from_hours(6);
/// The fact that says why descriptions are not recorded.
const ERROR: &str = "descriptions_error";

/// The meters that a source has, with their descriptions.
pub(super) type Described = Vec<(MeterId, Description)>;

/// Records the descriptions of a source.
#[derive(Debug)]
pub struct Describer {
    meters: Meters,
    entrance: Entrance,
    clock: Clock,
    /// When descriptions were made last.
    made: Option<Instant>,
    /// The fingerprint of those recorded last, and when.
    recorded: Option<(u64, Instant)>,
    /// Why the last ones were not recorded.
    error: Option<String>,
}

impl Describer {
    /// A describer that records through this entrance of its source.
    pub fn new(meters: Meters, entrance: Entrance, clock: Clock) -> Self {
        Self { meters, entrance, clock, made: None, recorded: None, error: None }
    }

    /// Records the descriptions that `make` returns, if they changed. `make` is called only now and
    /// then. Reports why they could not be recorded. Returns whether all that `make` returns now are recorded.
    pub(super) async fn describe(&mut self, reporter: &mut Reporter, make: impl FnOnce() -> Described) -> bool {
        if self.made.is_some_and(|at| self.clock.elapsed(at) < MADE_EVERY) {
            return false;
        }
        let now = self.clock.monotonic();
        self.made = Some(now);
        let described = make();
        let fingerprint = fingerprint(&described);
        let is_recorded = |(known, at): (u64, Instant)| known == fingerprint && now - at < REPEATED_AFTER;
        if self.recorded.is_some_and(is_recorded) {
            return true;
        }
        let outcome = self.record(reporter.name(), described).await;
        let is_recorded = outcome.is_ok();
        if is_recorded {
            self.recorded = Some((fingerprint, now));
        }
        self.report(reporter, outcome.err());
        is_recorded
    }

    async fn record(&self, source: &str, described: Described) -> Result<(), String> {
        let record = |body: Vec<u8>| {
            let entrance = self.entrance.clone();
            async move {
                let taken = entrance.take(PayloadFormat::Meters, &body).await;
                taken.map(drop).map_err(|refusal| refusal.to_string())
            }
        };
        let outcome = self.meters.describe(source, described, self.clock.now(), record).await;
        outcome.map_err(|error| error.to_string())
    }

    fn report(&mut self, reporter: &mut Reporter, error: Option<String>) {
        match &error {
            Some(why) => reporter.set(ERROR, why.as_str()),
            None => reporter.clear_texts(ERROR),
        }
        if let Some(why) = error.as_ref().filter(|_| error != self.error) {
            let source = reporter.name();
            tracing::warn!(source, why, "the descriptions of the source's meters cannot be recorded; it will retry");
        }
        self.error = error;
    }
}

fn fingerprint(described: &Described) -> u64 {
    let mut hasher = DefaultHasher::new();
    described.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
