//! The set of running sources: starts, describes, stops and joins them, and runs their actions.

use super::allowed::Allowed;
use super::description::{Description, LoggedFaults, Published, Reporter};
use super::device::HttpDevice;
use super::runner::{Connected, Polled, Schedule, run_connected, run_polled};
use crate::base::{Stop, Tasks};
use crate::clock::Clock;
use crate::http::{Bounds, Budget, CaFile, Client, Requester};
use hyper::header::HeaderValue;
use parking_lot::Mutex;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// An action of a source that a command can request. It blocks and returns the answer for
/// the command; an error is a sentence.
pub type Action = Arc<dyn Fn() -> Result<Value, String> + Send + Sync>;

/// Placeholder: each source sets its own bounds.
const NO_ANSWER: Bounds = Bounds { timeout: Duration::ZERO, answer_bytes_max: 0 };

/// The running sources.
pub struct Sources {
    tasks: Tasks,
    stop: Stop,
    clock: Clock,
    http: Client,
    published: Mutex<Vec<Published>>,
    logged: LoggedFaults,
    actions: Mutex<Vec<(String, &'static str, Action)>>,
}

impl Sources {
    /// Creates a set whose sources run on this runtime.
    pub fn new(runtime: Handle, clock: Clock) -> Self {
        Self {
            tasks: Tasks::new(runtime),
            stop: Stop::default(),
            clock,
            http: Client::new(NO_ANSWER),
            published: Mutex::default(),
            logged: LoggedFaults::default(),
            actions: Mutex::default(),
        }
    }

    /// Creates an empty set that shares the connections and the log of faults with this one, and has a
    /// stop of its own.
    pub(super) fn beside(&self) -> Self {
        Self {
            tasks: self.tasks.beside(),
            stop: Stop::default(),
            clock: self.clock.clone(),
            http: self.http.clone(),
            published: Mutex::default(),
            logged: Arc::clone(&self.logged),
            actions: Mutex::default(),
        }
    }

    /// The signal that ends the waits of all sources.
    pub fn stop_signal(&self) -> &Stop {
        &self.stop
    }

    /// Creates the requester of source `name` with this budget. These requesters
    /// share one connection pool, except those that trust authorities of their own.
    pub fn requester(&self, name: &str, bounds: Bounds, budget: Budget, ca: Option<&CaFile>) -> Requester {
        let client = match ca {
            None => self.http.with_bounds(bounds),
            Some(_) => Client::trusting(bounds, ca),
        };
        Requester::new(name, client, budget, self.stop.clone(), self.clock.clone())
    }

    /// Creates the access of source `name` to a device on the local network, which may be sent the
    /// requests of this list.
    pub(super) fn device(
        &self,
        name: &str,
        bounds: Bounds,
        ca: Option<&CaFile>,
        allowed: Allowed,
        authorization: Option<HeaderValue>,
    ) -> HttpDevice {
        HttpDevice::new(self.requester(name, bounds, Budget::unlimited(), ca), allowed, authorization)
    }

    /// Starts a source that polls.
    pub fn start_polled(&self, name: &str, kind: &'static str, schedule: Schedule, source: impl Polled) {
        let reporter = self.reporter(name, kind);
        let run = run_polled(source, schedule, reporter, self.stop.clone(), self.clock.clone());
        self.tasks.spawn(format!("{name} ({kind})"), run);
    }

    /// Starts a source that connects.
    pub fn start_connected(&self, name: &str, kind: &'static str, schedule: Schedule, source: impl Connected) {
        let reporter = self.reporter(name, kind);
        let run = run_connected(source, schedule, reporter, self.stop.clone(), self.clock.clone());
        self.tasks.spawn(format!("{name} ({kind})"), run);
    }

    /// Creates the reporter of a source.
    pub(super) fn reporter(&self, name: &str, kind: &'static str) -> Reporter {
        let reporter = Reporter::new(name, kind, self.clock.clone(), Arc::clone(&self.logged));
        self.published.lock().push(reporter.published());
        reporter
    }

    /// Registers an action of source `name`.
    pub fn offer(&self, name: &str, action: &'static str, act: Action) {
        self.actions.lock().push((name.to_owned(), action, act));
    }

    /// Whether source `name` offers this action.
    pub(super) fn offers(&self, name: &str, action: &str) -> bool {
        self.action(name, action).is_some()
    }

    /// Runs an action of source `name`.
    ///
    /// # Errors
    /// A sentence: no such source or action, or why it failed.
    pub fn act(&self, name: &str, action: &str) -> Result<Value, String> {
        let act = self.action(name, action);
        let act = act.ok_or_else(|| format!("the running service has no source '{name}' that offers '{action}'"))?;
        act()
    }

    fn action(&self, name: &str, action: &str) -> Option<Action> {
        let actions = self.actions.lock();
        let found = actions.iter().find(|(source, offered, _)| source == name && *offered == action);
        found.map(|(.., act)| Arc::clone(act))
    }

    /// The descriptions of all sources, in the order of their start.
    pub fn descriptions(&self) -> Vec<Arc<Description>> {
        self.published.lock().iter().map(|published| Arc::clone(&published.lock())).collect()
    }

    /// Requests all sources to stop by `deadline`. Their waits end now.
    pub fn stop(&self, deadline: Instant) {
        self.stop.by(deadline);
    }

    /// Joins all sources until `deadline`, then cancels and logs the rest.
    pub async fn join(&self, deadline: Instant) {
        for task in self.tasks.join(deadline).await {
            tracing::warn!(task, "the source still ran at the deadline; its request is cancelled");
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.descriptions()).finish()
    }
}
