//! Checks and repairs an account's registration: a polled source without readings.
//!
//! The webhook accepts posts even while smart-me's API is unavailable.

use super::plan::Evidence;
use super::registrar::Registrar;
use super::webhook_logins::{LoginHistory, WebhookLogins};
use crate::clock::Clock;
use crate::source::{Polled, Reporter, Schedule, SourceError};
use std::time::Duration;

/// The first wait after a failure; the longest is the polling interval.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The source that checks and repairs one registration.
pub struct Registration<L> {
    registrar: Registrar,
    logins: L,
    history: LoginHistory,
    clock: Clock,
    changes: usize,
}

/// The kind of this source.
pub const REGISTRATION: &str = "smart-me registration";

impl<L: Fn() -> WebhookLogins + Send + 'static> Registration<L> {
    /// Creates the source. `logins` returns the webhook's logins since its start.
    pub fn new(registrar: Registrar, logins: L, clock: Clock) -> Self {
        Self { registrar, logins, history: LoginHistory::default(), clock, changes: 0 }
    }
}

/// The schedule with this polling interval.
pub fn registration_schedule(every: Duration) -> Schedule {
    Schedule { every, first_within: Duration::ZERO, backoff: (FIRST_WAIT.min(every), every) }
}

impl<L: Fn() -> WebhookLogins + Send + 'static> Polled for Registration<L> {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let logins = (self.logins)();
        let wrong_password = self.history.shows_wrong_password(logins);
        let evidence = Evidence { wrong_password, ..Evidence::default() };
        let report = self.registrar.reconcile(evidence, false).await?;
        self.history.end_check(logins, !report.is_unchanged());
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

impl<L> std::fmt::Debug for Registration<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").field("registrar", &self.registrar).finish_non_exhaustive()
    }
}
