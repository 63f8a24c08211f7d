//! Checks and repairs an account's registration: a polled source without readings.
//!
//! The webhook accepts posts even while smart-me's API is unavailable.

use super::plan::Evidence;
use super::registrar::Registrar;
use crate::clock::Clock;
use crate::source::{Polled, Reporter, Schedule, SourceError};
use std::time::Duration;

/// The first wait after a failure; the longest is the polling interval.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The source that checks and repairs one registration.
pub struct Registration<E> {
    registrar: Registrar,
    evidence: E,
    /// The evidence at the last successful check.
    checked: Evidence,
    clock: Clock,
    changes: usize,
}

/// The kind of this source.
pub const REGISTRATION: &str = "smart-me registration";

impl<E: Fn() -> Evidence + Send + 'static> Registration<E> {
    /// Creates the source. `evidence` returns the webhook's requests since its start.
    pub fn new(registrar: Registrar, evidence: E, clock: Clock) -> Self {
        Self { registrar, evidence, checked: Evidence::default(), clock, changes: 0 }
    }
}

/// The schedule with this polling interval.
pub fn registration_schedule(every: Duration) -> Schedule {
    Schedule { every, first_within: Duration::ZERO, backoff: (FIRST_WAIT.min(every), every) }
}

impl<E: Fn() -> Evidence + Send + 'static> Polled for Registration<E> {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let evidence = (self.evidence)();
        let report = self.registrar.reconcile(evidence.since(self.checked), false).await?;
        self.checked = evidence;
        for step in &report.steps {
            tracing::info!(account = reporter.name(), did = step, "the registration at smart-me was repaired");
        }
        let now = self.clock.now();
        if !report.is_unchanged() {
            self.changes += report.steps.len();
            reporter.set("last_change", format!("{now}: {}", report.steps.join("; ")));
        }
        reporter.set("changes", self.changes);
        reporter.set("right_at", now);
        reporter.set("registrations_of_others", report.foreign);
        Ok(())
    }
}

impl<E> std::fmt::Debug for Registration<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").field("registrar", &self.registrar).finish_non_exhaustive()
    }
}
