//! A limit for the log events of libraries, by kind: the place in the code that logs them.
//!
//! A library may log on the request path whatever a stranger sends. Our own events are not
//! limited: each of them is logged at a change, or at most once a second.

use super::queue::REPEATED;
use crate::clock::Clock;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The events of one kind in each [`WINDOW`]; more are dropped and counted.
const EVENTS_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);

/// The limit. The number of kinds is bounded by the program's code.
#[derive(Debug)]
pub(super) struct RepeatLimit {
    kinds: Mutex<HashMap<Identifier, Passed>>,
    clock: Clock,
}

/// The events of a kind that passed in the current window.
#[derive(Debug, Clone, Copy)]
struct Passed {
    since: Instant,
    events: u32,
}

impl RepeatLimit {
    pub(super) fn new(clock: Clock) -> Self {
        Self { kinds: Mutex::default(), clock }
    }

    fn passes(&self, metadata: &Metadata<'_>) -> bool {
        if is_own(metadata.target()) {
            return true;
        }
        let now = self.clock.monotonic();
        let mut kinds = self.kinds.lock();
        let passed = kinds.entry(metadata.callsite()).or_insert(Passed { since: now, events: 0 });
        if now.saturating_duration_since(passed.since) >= WINDOW {
            *passed = Passed { since: now, events: 0 };
        }
        passed.events = passed.events.saturating_add(1);
        passed.events <= EVENTS_MAX
    }
}

impl<S: Subscriber> Layer<S> for RepeatLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let passes = self.passes(event.metadata());
        if !passes {
            REPEATED.fetch_add(1, Ordering::Relaxed);
        }
        passes
    }
}

fn is_own(target: &str) -> bool {
    target.strip_prefix("meterline").is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
