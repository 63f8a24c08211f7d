//! The thread that keeps an account's registration right.
//!
//! It looks at a pace, tries again sooner after a failure, and says what it did.
//! It never ends the process: while the cloud is away, data that comes is taken.

use super::answer::ApiError;
use super::pause::Pause;
use super::plan::Evidence;
use super::registrar::Registrar;
use super::worker::{Worker, locked};
use crate::base::Backoff;
use crate::clock::Clock;
use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::{Counter, Gauge};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The first wait after a failure; the longest is the pace itself.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// How a registration is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationState {
    /// Not looked at yet.
    Unknown,
    /// As wanted at the last look.
    Right,
    /// It cannot be looked at or put right; with why.
    Failing(String),
}

/// What is shown of one account.
#[derive(Debug, Clone)]
pub struct RegistrationStatus {
    /// The account's name.
    pub account: String,
    /// How its registration is.
    pub state: RegistrationState,
    /// When it was last seen or made right.
    pub right_at: Option<UnixNanos>,
    /// What was done last, and when.
    pub changed: Option<(UnixNanos, String)>,
    /// Registrations of other programs.
    pub foreign: usize,
}

struct Keeping {
    name: String,
    registrar: Registrar,
    evidence: Box<dyn FnMut() -> Evidence + Send>,
    every: Duration,
    pause: Arc<Pause>,
    clock: Clock,
    status: Arc<Mutex<RegistrationStatus>>,
    ok: Gauge,
    changes: Counter,
}

/// Starts to keep the registration of `account` right, `every` so often.
/// `evidence` is what the webhook has seen since it was last asked.
///
/// # Errors
/// When there is no thread to be had.
pub fn keep_registered(
    account: &str,
    registrar: Registrar,
    every: Duration,
    evidence: impl FnMut() -> Evidence + Send + 'static,
    pause: Arc<Pause>,
    clock: Clock,
) -> io::Result<Worker<RegistrationStatus>> {
    let status = Arc::new(Mutex::new(RegistrationStatus {
        account: account.to_owned(),
        state: RegistrationState::Unknown,
        right_at: None,
        changed: None,
        foreign: 0,
    }));
    let labels = [("account", account.to_owned())];
    let keeping = Keeping {
        name: account.to_owned(),
        registrar,
        evidence: Box::new(evidence),
        every,
        pause: Arc::clone(&pause),
        clock,
        status: Arc::clone(&status),
        ok: metrics::gauge("meterline_smart_me_registration_ok", &labels),
        changes: metrics::counter("meterline_smart_me_registration_changes_total", &labels),
    };
    Worker::start(status, pause, move || keeping.run())
}

impl Keeping {
    fn run(mut self) {
        let first = FIRST_WAIT.min(self.every);
        let mut backoff = Backoff::new(first, self.every).unwrap_or(Backoff::STANDARD);
        loop {
            let evidence = (self.evidence)();
            let wait = match self.registrar.reconcile(evidence, false) {
                Ok(report) => {
                    backoff.reset();
                    self.note_right(&report.steps, report.foreign);
                    self.every
                }
                Err(ApiError::Stopped) => return,
                Err(error) => {
                    self.note_failing(&error);
                    // Nothing was asked of the cloud: a login is noticed soon.
                    if matches!(error, ApiError::LoggedOut(_)) { first } else { backoff.next_wait() }
                }
            };
            if self.pause.wait(wait).is_err() {
                return;
            }
        }
    }

    fn note_right(&self, steps: &[String], foreign: usize) {
        for step in steps {
            tracing::info!(account = self.name, did = step, "the registration at smart-me was put right");
            self.changes.increment(1);
        }
        self.ok.set(1.0);
        let now = self.clock.now();
        let mut status = locked(&self.status);
        if matches!(status.state, RegistrationState::Failing(_)) && steps.is_empty() {
            tracing::info!(account = self.name, "the registration at smart-me is right");
        }
        status.state = RegistrationState::Right;
        status.right_at = Some(now);
        status.foreign = foreign;
        if !steps.is_empty() {
            status.changed = Some((now, steps.join("; ")));
        }
    }

    /// One log line where it changes; repeats say nothing, nor what the login said.
    fn note_failing(&self, error: &ApiError) {
        let state = RegistrationState::Failing(error.to_string());
        self.ok.set(0.0);
        let mut status = locked(&self.status);
        if status.state != state && !matches!(error, ApiError::LoggedOut(_)) {
            tracing::warn!(account = self.name, %error, "the registration at smart-me cannot be kept right");
        }
        status.state = state;
    }
}
