//! The running sources of the configuration: the tasks of each entry are a set of their own, so
//! that it can be stopped and started while the others run.

use super::description::Description;
use super::sources::Sources;
use crate::clock::Clock;
use parking_lot::Mutex;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;

/// The running sources, by the entries of the configuration that they come from.
pub struct SourceGroups {
    /// Has no task; the sets share its HTTP client and its log of faults.
    common: Sources,
    /// In the order of their start.
    running: Mutex<Vec<(String, Arc<Sources>)>>,
}

impl SourceGroups {
    /// Creates an empty collection whose sources run on this runtime.
    pub fn new(runtime: Handle, clock: Clock) -> Self {
        Self { common: Sources::new(runtime, clock), running: Mutex::default() }
    }

    /// Adds an empty set for this entry. One of the same entry must have ended.
    pub fn begin(&self, entry: String) -> Arc<Sources> {
        let sources = Arc::new(self.common.beside());
        self.running.lock().push((entry, Arc::clone(&sources)));
        sources
    }

    /// Stops the sources of these entries, joins them until `deadline`, and removes them.
    pub async fn end(&self, is_ended: impl Fn(&str) -> bool, deadline: Instant) {
        let mut ended = Vec::new();
        self.running.lock().retain(|(entry, sources)| {
            let is_kept = !is_ended(entry);
            if !is_kept {
                ended.push(Arc::clone(sources));
            }
            is_kept
        });
        ended.iter().for_each(|sources| sources.stop(deadline));
        for sources in ended {
            sources.join(deadline).await;
        }
    }

    /// Runs an action of source `name`.
    ///
    /// # Errors
    /// A sentence: no such source or action, or why it failed.
    pub fn act(&self, name: &str, action: &str) -> Result<Value, String> {
        // Not under the lock, because an action can take minutes.
        let all = self.all();
        let offering = all.iter().find(|sources| sources.offers(name, action));
        offering.map_or(&self.common, AsRef::as_ref).act(name, action)
    }

    /// The descriptions of all sources, in the order of their start.
    pub fn descriptions(&self) -> Vec<Arc<Description>> {
        self.all().iter().flat_map(|sources| sources.descriptions()).collect()
    }

    /// Requests all sources to stop by `deadline`. Their waits end now.
    pub fn stop(&self, deadline: Instant) {
        self.all().iter().for_each(|sources| sources.stop(deadline));
    }

    /// Joins all sources until `deadline`, then cancels and logs the rest.
    pub async fn join(&self, deadline: Instant) {
        for sources in self.all() {
            sources.join(deadline).await;
        }
    }

    fn all(&self) -> Vec<Arc<Sources>> {
        self.running.lock().iter().map(|(_, sources)| Arc::clone(sources)).collect()
    }
}

impl fmt::Debug for SourceGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.descriptions()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Polled, Reporter, Schedule, SourceError};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    const SHORT: Duration = Duration::from_millis(1);
    const SCHEDULE: Schedule = Schedule { every: SHORT, first_within: Duration::ZERO, backoff: (SHORT, SHORT) };

    /// Counts its runs.
    struct Counting(Arc<AtomicUsize>);

    impl Polled for Counting {
        async fn poll(&mut self, _: &mut Reporter) -> Result<(), SourceError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    fn start(groups: &SourceGroups, name: &str) -> Arc<AtomicUsize> {
        let runs = Arc::new(AtomicUsize::new(0));
        let sources = groups.begin(name.to_owned());
        sources.offer(name, "act", Arc::new(|| Ok(7.into())));
        sources.start_polled(name, "test", SCHEDULE, Counting(Arc::clone(&runs)));
        runs
    }

    async fn next_run(runs: &AtomicUsize) {
        let before = runs.load(Ordering::SeqCst);
        while runs.load(Ordering::SeqCst) <= before {
            tokio::time::sleep(SHORT).await;
        }
    }

    fn names(groups: &SourceGroups) -> Vec<String> {
        groups.descriptions().iter().map(|description| description.name.clone()).collect()
    }

    #[tokio::test]
    async fn an_entry_is_stopped_and_started_alone_while_the_others_run() {
        let clock = Clock::system();
        let groups = SourceGroups::new(Handle::current(), clock.clone());
        let (one, other) = (start(&groups, "one"), start(&groups, "other"));
        next_run(&one).await;
        groups.end(|entry| entry == "one", clock.monotonic() + Duration::from_secs(60)).await;
        assert_eq!(Arc::strong_count(&one), 1, "its task has ended");
        assert_eq!(names(&groups), ["other"]);
        assert!(groups.act("one", "act").is_err());
        assert_eq!(groups.act("other", "act"), Ok(7.into()));
        next_run(&other).await;
        let again = start(&groups, "one");
        next_run(&again).await;
        assert_eq!(names(&groups), ["other", "one"]);
        groups.stop(clock.monotonic() + Duration::from_secs(60));
        groups.join(clock.monotonic() + Duration::from_secs(60)).await;
        assert_eq!([Arc::strong_count(&other), Arc::strong_count(&again)], [1, 1]);
    }
}
