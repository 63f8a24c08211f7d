//! Contexts that are to be kept before the messages that name them, in groups: those that come while a group is being
//! kept are the next one, so thousands of new devices cost few syncs.
//!
//! Invariants: one group after the other; one that cannot be kept is tried again and passed by none. A newer context of a
//! device replaces one that no record names.

use crate::ingest::Entrance;
use crate::wire::batch::Original;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// The wait before a group is tried again.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// The media type of contexts.
const CONTENT_TYPE: &str = "application/json";

/// A context that is to be kept.
#[derive(Debug, Clone)]
pub(super) struct NewContext {
    pub(super) device: String,
    /// Made of its bytes.
    pub(super) version: String,
    pub(super) origin: String,
    pub(super) format: &'static str,
    pub(super) bytes: Arc<[u8]>,
}

/// The contexts of a source that are not kept yet.
pub(super) struct Keeping {
    entrance: Entrance,
    running: Option<Running>,
    next: Group,
}

/// The outcome of a group.
#[derive(Debug)]
pub(super) enum Grouped {
    /// The group of this number, and all before it, are kept.
    Kept {
        /// The number.
        group: u64,
        /// Devices and versions.
        contexts: Vec<(String, String)>,
    },
    /// It cannot be kept for now.
    Refused(String),
}

/// A group that is open for further contexts.
#[derive(Default)]
struct Group {
    number: u64,
    /// By device, in the order of their receipt.
    devices: HashMap<String, Vec<Waiting>>,
    bytes: usize,
}

struct Waiting {
    context: NewContext,
    is_named: bool,
}

/// A group that is being kept.
struct Running {
    number: u64,
    contexts: Arc<[NewContext]>,
    bytes: usize,
    step: Step,
}

enum Step {
    Attempt(Pin<Box<dyn Future<Output = Result<(), String>> + Send>>),
    Waiting(Pin<Box<Sleep>>),
}

impl Keeping {
    pub(super) fn new(entrance: Entrance) -> Self {
        Self { entrance, running: None, next: Group::default() }
    }

    /// Bytes of all contexts that wait.
    pub(super) fn bytes(&self) -> usize {
        self.next.bytes + self.running.as_ref().map_or(0, |running| running.bytes)
    }

    /// Adds a context, or finds it. Returns the number of its group.
    pub(super) fn add(&mut self, context: NewContext, is_named: bool) -> u64 {
        let next = self.next.devices.get(&context.device);
        match &self.running {
            Some(running) if next.is_none() && running.makes_newest(&context) => running.number,
            _ => self.next.add(context, is_named),
        }
    }

    /// Waits for the outcome of a group; for ever if there is none.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Grouped> {
        if self.running.is_none() && !self.next.devices.is_empty() {
            let following = Group { number: self.next.number + 1, ..Group::default() };
            self.running = Some(Running::new(std::mem::replace(&mut self.next, following), &self.entrance));
        }
        let Some(running) = &mut self.running else { return Poll::Pending };
        let outcome = ready!(running.poll(&self.entrance, context));
        Poll::Ready(match outcome {
            Err(why) => Grouped::Refused(why),
            Ok(()) => {
                let (group, contexts) = (running.number, running.kept());
                self.running = None;
                Grouped::Kept { group, contexts }
            }
        })
    }
}

impl Group {
    fn add(&mut self, context: NewContext, is_named: bool) -> u64 {
        let own = self.devices.entry(context.device.clone()).or_default();
        match own.last_mut() {
            Some(last) if last.context.version == context.version => last.is_named |= is_named,
            Some(last) if !last.is_named => {
                self.bytes = self.bytes - last.context.bytes.len() + context.bytes.len();
                *last = Waiting { context, is_named };
            }
            _ => {
                self.bytes += context.bytes.len();
                own.push(Waiting { context, is_named });
            }
        }
        self.number
    }
}

impl Running {
    fn new(group: Group, entrance: &Entrance) -> Self {
        let contexts = group.devices.into_values().flatten().map(|waiting| waiting.context).collect();
        let step = attempt(&contexts, entrance);
        Self { number: group.number, contexts, bytes: group.bytes, step }
    }

    /// Whether this context is its device's newest once the group is kept.
    fn makes_newest(&self, context: &NewContext) -> bool {
        let newest = self.contexts.iter().rfind(|it| it.device == context.device);
        newest.is_some_and(|it| it.version == context.version)
    }

    fn kept(&self) -> Vec<(String, String)> {
        self.contexts.iter().map(|it| (it.device.clone(), it.version.clone())).collect()
    }

    fn poll(&mut self, entrance: &Entrance, context: &mut Context<'_>) -> Poll<Result<(), String>> {
        loop {
            match &mut self.step {
                Step::Waiting(wait) => {
                    ready!(wait.as_mut().poll(context));
                    self.step = attempt(&self.contexts, entrance);
                }
                Step::Attempt(attempt) => {
                    let outcome = ready!(attempt.as_mut().poll(context));
                    self.step = Step::Waiting(Box::pin(sleep(RETRY_WAIT)));
                    return Poll::Ready(outcome);
                }
            }
        }
    }
}

fn attempt(contexts: &Arc<[NewContext]>, entrance: &Entrance) -> Step {
    let (contexts, entrance) = (Arc::clone(contexts), entrance.clone());
    Step::Attempt(Box::pin(async move {
        let originals: Vec<_> = contexts.iter().map(NewContext::original).collect();
        entrance.keep_contexts(&originals).await.map(|_| ())
    }))
}

impl NewContext {
    fn original(&self) -> Original<'_> {
        Original {
            bytes: &self.bytes,
            content_type: CONTENT_TYPE,
            origin: &self.origin,
            format: self.format,
            device: &self.device,
            ..Original::default()
        }
    }
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeping").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
