//! The description of a source: its state and facts. Pages, commands and metrics show it
//! without knowing the vendor.
//!
//! A source updates its [`Reporter`] during a run; the runner publishes the result at the
//! end of the run, so that readers see a consistent state without a lock.

use crate::clock::Clock;
use crate::metrics;
use crate::reading::UnixNanos;
use ::metrics::Gauge;
use arc_swap::ArcSwap;
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

/// A description that other threads read.
pub(super) type Published = Arc<ArcSwap<Description>>;

/// The faults already logged, as source and reason: several tasks of one account log the
/// fault of its server or login once.
pub(super) type LoggedFaults = Arc<Mutex<HashSet<(String, String)>>>;

/// Writes the description of a source.
#[derive(Debug)]
pub struct Reporter {
    description: Description,
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
        let published = Arc::new(ArcSwap::from_pointee(description.clone()));
        let reporter = Self { description, published, logged, clock, states, numbers: BTreeMap::new() };
        reporter.publish();
        reporter
    }

    pub(super) fn published(&self) -> Published {
        Arc::clone(&self.published)
    }

    /// The source's name.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// The state that was reported last.
    pub fn state(&self) -> SourceState {
        self.description.state
    }

    /// Sets a fact and replaces the one of the same name.
    pub fn set(&mut self, name: impl Into<String>, fact: impl Into<Fact>) {
        let (name, fact) = (name.into(), fact.into());
        if let Fact::Number(number) = fact {
            let (source, kind) = (self.description.name.clone(), self.description.kind.to_owned());
            let gauge = self.numbers.entry(name.clone()).or_insert_with_key(|fact| {
                metrics::gauge("meterline_source_fact", &[("source", source), ("kind", kind), ("fact", fact.clone())])
            });
            gauge.set(number);
        }
        self.description.facts.insert(name, fact);
    }

    /// Removes every text whose name begins with `prefix`, before a list is reported again.
    pub fn clear_texts(&mut self, prefix: &str) {
        self.description.facts.retain(|name, fact| !(name.starts_with(prefix) && matches!(fact, Fact::Text(_))));
    }

    /// Sets the state, publishes the description and logs a change of state.
    pub fn report(&mut self, state: SourceState, why: Option<String>) {
        let before = (self.description.state, self.description.why.clone());
        if before.0 != state {
            self.description.since = self.clock.now();
        }
        (self.description.state, self.description.why) = (state, why);
        self.publish();
        if before != (state, self.description.why.clone()) {
            self.log_change(before);
        }
    }

    fn log_change(&self, (state, why): (SourceState, Option<String>)) {
        let (source, kind) = (self.description.name.as_str(), self.description.kind);
        let fault = |why: &Option<String>| why.as_ref().map(|why| (source.to_owned(), why.clone()));
        let mut logged = self.logged.lock();
        if let Some(before) = fault(&why) {
            logged.remove(&before);
        }
        let is_new = fault(&self.description.why).is_none_or(|now| logged.insert(now));
        drop(logged);
        let why = self.description.why.as_deref().unwrap_or_default();
        match self.description.state {
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
                tracing::debug!(source, kind, state = self.description.state.label(), "the source's state changed")
            }
        }
    }

    /// Publishes the facts that were set since the last report.
    pub(super) fn publish(&self) {
        for (state, gauge) in SourceState::ALL.into_iter().zip(&self.states) {
            gauge.set(if state == self.description.state { 1.0 } else { 0.0 });
        }
        self.published.store(Arc::new(self.description.clone()));
    }
}
