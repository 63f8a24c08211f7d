//! What a source tells of itself. Pages, commands and metrics show it and know no vendor.
//!
//! A source changes its [`Reporter`] during a turn; the runner publishes the result at
//! the end of the turn, so that readers see a whole state without a lock.

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
pub enum State {
    /// It has not finished its first turn, or the server asked it to wait.
    Waiting,
    /// Its last turn was done, or its connection delivers.
    Running,
    /// Its last turn failed; it is tried again by itself.
    Failing,
    /// Somebody has to change something: a login, a right, an address.
    Misconfigured,
}

impl State {
    const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Failing, Self::Misconfigured];

    /// As page, JSON and metrics write it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Misconfigured => "misconfigured",
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}

/// One thing that a source tells of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// A number; its unit is in the fact's name. It becomes a metric, too.
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

/// What a source tells of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// The account or device. Its readings carry this name.
    pub name: String,
    /// What it does there: `webhook`, `smart-me devices`, `json`.
    pub kind: &'static str,
    /// Its state.
    pub state: State,
    /// When it came into this state.
    #[serde(serialize_with = "as_text")]
    pub since: UnixNanos,
    /// Why it is not running: a sentence that says what to do.
    pub why: Option<String>,
    /// What else it tells, by name. A number's unit is the end of its name.
    pub facts: BTreeMap<String, Fact>,
}

fn as_text<S: Serializer>(time: &UnixNanos, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// Where others read a description.
pub(super) type Published = Arc<ArcSwap<Description>>;

/// The faults of all sources that are logged already, as source and reason: several
/// tasks of one account log the fault of its server or login once.
pub(super) type LoggedFaults = Arc<Mutex<HashSet<(String, String)>>>;

/// Where a source writes its description.
#[derive(Debug)]
pub struct Reporter {
    description: Description,
    published: Published,
    logged: LoggedFaults,
    clock: Clock,
    states: [Gauge; State::ALL.len()],
    numbers: BTreeMap<String, Gauge>,
}

impl Reporter {
    /// The reporter of a source that has not begun.
    pub(super) fn new(name: &str, kind: &'static str, clock: Clock, logged: LoggedFaults) -> Self {
        let description = Description {
            name: name.to_owned(),
            kind,
            state: State::Waiting,
            since: clock.now(),
            why: None,
            facts: BTreeMap::new(),
        };
        let states = State::ALL.map(|state| {
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
    #[must_use]
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// Tells a fact; the one of the same name is replaced.
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

    /// Forgets every text whose name begins with `prefix`, before a list is told anew.
    pub fn clear_texts(&mut self, prefix: &str) {
        self.description.facts.retain(|name, fact| !(name.starts_with(prefix) && matches!(fact, Fact::Text(_))));
    }

    /// Takes over a state and publishes everything. One log line where the state changes.
    pub fn report(&mut self, state: State, why: Option<String>) {
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

    fn log_change(&self, (state, why): (State, Option<String>)) {
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
            State::Failing if is_new => tracing::warn!(source, kind, why, "the source is failing; it is tried again"),
            State::Misconfigured if is_new => {
                tracing::warn!(source, kind, why, "the source cannot work as it is configured");
            }
            State::Running if state != State::Waiting => tracing::info!(source, kind, "the source is running again"),
            _ => {
                tracing::debug!(source, kind, state = self.description.state.label(), "the source's state changed")
            }
        }
    }

    fn publish(&self) {
        for (state, gauge) in State::ALL.into_iter().zip(&self.states) {
            gauge.set(if state == self.description.state { 1.0 } else { 0.0 });
        }
        self.published.store(Arc::new(self.description.clone()));
    }
}
