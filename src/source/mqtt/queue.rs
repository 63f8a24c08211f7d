//! The messages that are not in the journal yet, in the order of their receipt.
//!
//! Many wait for their sync at once, so that one group of the journal holds many messages. Invariants: a
//! message leaves the queue when it is synced, so acknowledgements keep the order of receipt, which MQTT
//! demands. A repeated message waits behind the one that it repeats. A message that the journal refuses stays
//! and is tried again. One that needs a new context is not handed to the journal before that is kept. The queue is
//! bounded in messages and bytes.

use super::keeping::{Grouped, Keeping, NewContext};
use crate::ingest::{Entrance, Receipt, Refusal};
use crate::secret::Secret;
use crate::wire::PayloadFormat;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Messages that may wait for their sync, and their bytes with the bytes of new contexts.
pub(super) const MESSAGES_MAX: usize = 4_096;
pub(super) const BYTES_MAX: usize = 32 << 20;
/// The wait before a refused message is tried again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// The switch of test builds that kills the service at a step of a message: 1 before its sync, 2 before and 3
/// after its acknowledgement.
#[cfg(feature = "test-faults")]
pub(super) const DIES_AT: &str = "mqtt-dies-at";

/// The work for a message.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The context to keep before the records.
    pub(super) context: Option<NewContext>,
    /// Batches for the journal.
    pub(super) records: Vec<Vec<u8>>,
    /// Their readings.
    pub(super) readings: usize,
    /// The values to subscribe to after that.
    pub(super) filter: Option<Secret>,
}

impl Work {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.context.is_none() && self.records.is_empty() && self.filter.is_none()
    }
}

/// The waiting messages of a source.
pub(super) struct Queue {
    entrance: Entrance,
    keeping: Keeping,
    items: VecDeque<Item>,
    bytes: usize,
    refused: Option<String>,
}

/// A message that waits.
struct Item {
    /// The group of contexts that has to be kept before.
    group: Option<u64>,
    records: Vec<Arc<Vec<u8>>>,
    /// Its packet id on this connection; `None` if it needs no acknowledgement.
    packet: Option<u16>,
    readings: usize,
    filter: Option<Secret>,
    step: Step,
    was_refused: bool,
}

enum Step {
    /// It waits for its turn.
    Idle,
    /// The journal has it.
    Running(Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>),
    /// The journal refused it.
    Waiting(Pin<Box<Sleep>>),
}

/// The outcome of the first message, or of contexts.
#[derive(Debug)]
pub(super) enum Settled {
    /// Contexts are kept: devices and versions.
    Kept(Vec<(String, String)>),
    /// It is synced.
    Stored {
        /// The packet to acknowledge.
        packet: Option<u16>,
        /// Its readings.
        readings: usize,
        /// The values to subscribe to.
        filter: Option<Secret>,
    },
    /// The journal refuses it for now; it stays.
    Blocked,
    /// The journal will never take it; it is given up.
    GivenUp {
        /// The packet to acknowledge.
        packet: Option<u16>,
        /// The refusal.
        why: String,
    },
}

impl Queue {
    pub(super) fn new(entrance: Entrance) -> Self {
        let keeping = Keeping::new(entrance.clone());
        Self { entrance, keeping, items: VecDeque::new(), bytes: 0, refused: None }
    }

    /// Whether one more message may wait.
    pub(super) fn has_room(&self) -> bool {
        self.items.len() < MESSAGES_MAX && self.bytes + self.keeping.bytes() < BYTES_MAX
    }

    /// Why the journal refuses the first message, or a context cannot be kept.
    pub(super) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Whether a message with this packet id of the connection waits.
    pub(super) fn holds(&self, packet: u16) -> bool {
        self.items.iter().any(|item| item.packet == Some(packet))
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a message. Without work it waits only for those before it.
    pub(super) fn push(&mut self, work: Work, packet: Option<u16>) {
        let Work { context, records, readings, filter } = work;
        let group = context.map(|context| self.keeping.add(context, !records.is_empty()));
        let records: Vec<_> = records.into_iter().map(Arc::new).collect();
        let mut item = Item { group, records, packet, readings, filter, step: Step::Idle, was_refused: false };
        self.bytes += item.bytes();
        if self.refused.is_none() {
            item.start_if_idle(&self.entrance);
        }
        self.items.push_back(item);
    }

    /// The connection of these packets has ended: the broker will send them again, and configurations that name what
    /// to subscribe to. The messages stay.
    pub(super) fn forget_packets(&mut self) {
        for item in &mut self.items {
            (item.packet, item.filter) = (None, None);
        }
    }

    /// Waits until the first message is synced or refused, or contexts are; for ever if there is none. May be
    /// cancelled.
    pub(super) async fn settle(&mut self) -> Settled {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Settled> {
        if let Poll::Ready(grouped) = self.keeping.poll(context) {
            return Poll::Ready(self.grouped(grouped));
        }
        let Some(front) = self.items.front_mut().filter(|front| front.group.is_none()) else { return Poll::Pending };
        let outcome = ready!(front.poll(&self.entrance, context));
        let settled = match outcome {
            Err(Refusal::Unavailable { reason, .. }) => {
                self.refused = Some(reason.to_owned());
                return Poll::Ready(Settled::Blocked);
            }
            Ok(()) => Settled::Stored { packet: front.packet, readings: front.readings, filter: front.filter.take() },
            Err(error) => Settled::GivenUp { packet: front.packet, why: error.to_string() },
        };
        let is_accepted = !front.records.is_empty();
        if let Some(item) = self.items.pop_front() {
            self.bytes = self.bytes.saturating_sub(item.bytes());
        }
        if is_accepted && self.refused.take().is_some() {
            self.start_idle();
        }
        Poll::Ready(settled)
    }

    /// Hands the messages of kept contexts to the journal, unless it refuses the first one.
    fn grouped(&mut self, grouped: Grouped) -> Settled {
        match grouped {
            Grouped::Refused(why) => {
                self.refused = Some(why);
                Settled::Blocked
            }
            Grouped::Kept { group, contexts } => {
                for item in &mut self.items {
                    item.group.take_if(|own| *own <= group);
                }
                if !self.items.front().is_some_and(|front| front.was_refused) {
                    self.refused = None;
                    self.start_idle();
                }
                Settled::Kept(contexts)
            }
        }
    }

    /// The journal accepts: all messages share its groups.
    fn start_idle(&mut self) {
        for item in &mut self.items {
            item.start_if_idle(&self.entrance);
        }
    }
}

impl Item {
    fn bytes(&self) -> usize {
        self.records.iter().map(|body| body.len()).sum()
    }

    fn start(&mut self, entrance: &Entrance) {
        let (entrance, records) = (entrance.clone(), self.records.clone());
        self.step = Step::Running(Box::pin(async move {
            #[cfg(feature = "test-faults")]
            die_unsynced().await;
            for body in &records {
                let outcome = entrance.take(PayloadFormat::ReadingBatch, body).await;
                let (Receipt::Empty | Receipt::Stored { .. }) = outcome?;
            }
            Ok(())
        }));
    }

    /// Hands its records to the journal before its turn.
    fn start_if_idle(&mut self, entrance: &Entrance) {
        if self.group.is_some() || self.records.is_empty() || !matches!(self.step, Step::Idle) {
            return;
        }
        self.start(entrance);
        // The first poll appends. A later one, in its turn, registers who waits. An outcome is kept.
        let context = &mut Context::from_waker(Waker::noop());
        if let Step::Running(attempt) = &mut self.step
            && let Poll::Ready(outcome) = attempt.as_mut().poll(context)
        {
            self.step = Step::Running(Box::pin(std::future::ready(outcome)));
        }
    }

    fn poll(&mut self, entrance: &Entrance, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        loop {
            match &mut self.step {
                Step::Idle if self.records.is_empty() => return Poll::Ready(Ok(())),
                Step::Idle => self.start(entrance),
                Step::Waiting(wait) => {
                    ready!(wait.as_mut().poll(context));
                    self.start(entrance);
                }
                Step::Running(attempt) => {
                    let outcome = ready!(attempt.as_mut().poll(context));
                    if matches!(outcome, Err(Refusal::Unavailable { .. })) {
                        // A message behind a refused one may be taken at once when its turn comes.
                        self.step =
                            if self.was_refused { Step::Waiting(Box::pin(sleep(RETRY_WAIT))) } else { Step::Idle };
                        self.was_refused = true;
                    }
                    return Poll::Ready(outcome);
                }
            }
        }
    }
}

/// Ends the process if the switch says so. It waits before, so that an acknowledgement that is too early is sent.
#[cfg(feature = "test-faults")]
async fn die_unsynced() {
    if crate::faults::number(DIES_AT) == Some(1) {
        sleep(RETRY_WAIT).await;
        crate::faults::die_at(DIES_AT, 1);
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("messages", &self.items.len()).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
