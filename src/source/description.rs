//! The description of a source: its state and facts. Pages, commands and metrics show it
//! without knowing the vendor.
//!
//! A source updates its [`Reporter`] during a run; the runner publishes the result at the
//! end of the run, so that readers see a consistent state. It is changed in place, several times a second for
//! some devices, and copied only while a reader holds it.

use crate::clock::Clock;
use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::Gauge;
use parking_lot::Mutex;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// The state of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceState {
    /// It has not finished its first run.
    Waiting,
    /// Its last run succeeded, or its connection delivers.
    Running,
    /// Its last run failed; it retries automatically.
    Failing,
    /// The operator must change something: a login, a permission, an address.
    Misconfigured,
}

impl SourceState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Failing, Self::Misconfigured];

    /// The name on the page, in JSON and in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Misconfigured => "misconfigured",
        }
    }
}

impl Serialize for SourceState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}

/// One fact about a source.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// A number; its unit is the end of the fact's name. It is also a metric.
    Number(f64),
    /// A text, or a time as text.
    Text(String),
}

impl From<f64> for Fact {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Fact {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn from(count: usize) -> Self {
        Self::Number(count as f64)
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<UnixNanos> for Fact {
    fn from(time: UnixNanos) -> Self {
        Self::Text(time.to_string())
    }
}

/// The state and facts of a source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// The account or device. Its readings carry this name.
    pub name: String,
    /// The kind of source: `webhook`, `smart-me devices`, `json`.
    pub kind: &'static str,
    /// Its state.
    pub state: SourceState,
    /// The time of the last change of state.
    #[serde(serialize_with = "as_text")]
    pub since: UnixNanos,
    /// Why it is not running, and the remedy, in one sentence.
    pub why: Option<String>,
    /// Facts by name. A number's unit is the end of its name.
    pub facts: BTreeMap<String, Fact>,
}

fn as_text<S: Serializer>(time: &UnixNanos, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// A description that other threads read. The lock is held for a moment only.
pub(super) type Published = Arc<Mutex<Arc<Description>>>;

/// The faults already logged, as source and reason: several tasks of one account log the
/// fault of its server or login once.
pub(super) type LoggedFaults = Arc<Mutex<HashSet<(String, String)>>>;

/// Writes the description of a source.
#[derive(Debug)]
pub struct Reporter {
    name: String,
    kind: &'static str,
    /// The state that was reported last, and why.
    reported: (SourceState, Option<String>),
    /// The facts that were set since the last report; `None` for a removed one.
    changes: BTreeMap<String, Option<Fact>>,
    published: Published,
    logged: LoggedFaults,
    clock: Clock,
    states: [Gauge; SourceState::ALL.len()],
    numbers: BTreeMap<String, Gauge>,
}

impl Reporter {
    /// Creates the reporter of a source that has not started.
    pub(super) fn new(name: &str, kind: &'static str, clock: Clock, logged: LoggedFaults) -> Self {
        let description = Description {
            name: name.to_owned(),
            kind,
            state: SourceState::Waiting,
            since: clock.now(),
            why: None,
            facts: BTreeMap::new(),
        };
        let states = SourceState::ALL.map(|state| {
            let labels = [("source", name.to_owned()), ("kind", kind.to_owned()), ("state", state.label().to_owned())];
            metrics::gauge("meterline_source_state", &labels)
        });
        let reporter = Self {
            name: name.to_owned(),
            kind,
            reported: (description.state, None),
            changes: BTreeMap::new(),
            published: Arc::new(Mutex::new(Arc::new(description))),
            logged,
            clock,
            states,
            numbers: BTreeMap::new(),
        };
        reporter.measure_state();
        reporter
    }

    pub(super) fn published(&self) -> Published {
        Arc::clone(&self.published)
    }

    /// The source's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The state that was reported last.
    pub fn state(&self) -> SourceState {
        self.reported.0
    }

    /// Sets a fact and replaces the one of the same name.
    pub fn set(&mut self, name: impl Into<String>, fact: impl Into<Fact>) {
        let (name, fact) = (name.into(), fact.into());
        if let Fact::Number(number) = fact {
            if !self.numbers.contains_key(&name) {
                let (source, kind) = (self.name.clone(), self.kind.to_owned());
                let labels = [("source", source), ("kind", kind), ("fact", name.clone())];
                self.numbers.insert(name.clone(), metrics::gauge("meterline_source_fact", &labels));
            }
            if let Some(gauge) = self.numbers.get(&name) {
                gauge.set(number);
            }
        }
        self.changes.insert(name, Some(fact));
    }

    /// Removes every text whose name begins with `prefix`, before a list is reported again.
    pub fn clear_texts(&mut self, prefix: &str) {
        let is_cleared = |name: &str, fact: &Fact| name.starts_with(prefix) && matches!(fact, Fact::Text(_));
        let published = Arc::clone(&self.published.lock());
        let known = published.facts.iter().filter(|(name, fact)| is_cleared(name, fact));
        for (name, fact) in &mut self.changes {
            *fact = fact.take().filter(|fact| !is_cleared(name, fact));
        }
        for (name, _) in known {
            self.changes.entry(name.clone()).or_insert(None);
        }
    }

    /// Sets the state, publishes the description and logs a change of state.
    pub fn report(&mut self, state: SourceState, why: Option<String>) {
        let before = std::mem::replace(&mut self.reported, (state, why));
        self.publish();
        if before != self.reported {
            self.log_change(before);
        }
    }

    fn log_change(&self, (state, why): (SourceState, Option<String>)) {
        let (source, kind) = (self.name.as_str(), self.kind);
        let fault = |why: &Option<String>| why.as_ref().map(|why| (source.to_owned(), why.clone()));
        let mut logged = self.logged.lock();
        if let Some(before) = fault(&why) {
            logged.remove(&before);
        }
        let is_new = fault(&self.reported.1).is_none_or(|now| logged.insert(now));
        drop(logged);
        let why = self.reported.1.as_deref().unwrap_or_default();
        match self.state() {
            SourceState::Failing if is_new => {
                tracing::warn!(source, kind, why, "the source is failing; it will retry")
            }
            SourceState::Misconfigured if is_new => {
                tracing::warn!(source, kind, why, "the source cannot work with its configuration");
            }
            SourceState::Running if state != SourceState::Waiting => {
                tracing::info!(source, kind, "the source is running again")
            }
            _ => {
                tracing::debug!(source, kind, state = self.state().label(), "the source's state changed")
            }
        }
    }

    /// Publishes the facts that were set since the last report.
    pub(super) fn publish(&mut self) {
        let (state, why) = &self.reported;
        let mut published = self.published.lock();
        let description = Arc::make_mut(&mut published);
        for (name, change) in std::mem::take(&mut self.changes) {
            match change {
                Some(fact) => description.facts.insert(name, fact),
                None => description.facts.remove(&name),
            };
        }
        description.why.clone_from(why);
        let is_changed = description.state != *state;
        if is_changed {
            (description.state, description.since) = (*state, self.clock.now());
        }
        drop(published);
        if is_changed {
            self.measure_state();
        }
    }

    fn measure_state(&self) {
        for (state, gauge) in SourceState::ALL.into_iter().zip(&self.states) {
            gauge.set(if state == self.state() { 1.0 } else { 0.0 });
        }
    }
}

impl Drop for Reporter {
    /// A source that ended is in no state, and its facts have no value: it may be gone from the
    /// configuration.
    fn drop(&mut self) {
        self.states.iter().for_each(|state| state.set(0.0));
        self.numbers.values().for_each(|fact| fact.set(f64::NAN));
    }
}
