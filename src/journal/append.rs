//! The wait for a commit: all records of a group get their outcome together.
//!
//! Waking the tasks of a runtime from the writer's thread is the main cost of a small
//! append. So the writer wakes one task of the group; that task wakes the others on its
//! runtime's own thread, where a wake-up is cheap (measured with 256 tasks on two cores:
//! 0.8 µs of CPU a record instead of 2.2, and larger groups). This needs three rules: a
//! future dropped before the outcome removes its waker; one polled or dropped after the
//! outcome wakes the rest; and the writer checks every group once more, so that a task
//! that is woken but does not run cannot delay the others for long.

use super::{AppendError, Sequence};
use parking_lot::{Condvar, Mutex};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

/// The threads and tasks that wait for one group.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// The first record's sequence, or the error. Set once, under the lock of `waiting`.
    outcome: OnceLock<Result<Sequence, AppendError>>,
    waiting: Mutex<Waiting>,
    /// Tasks remain that the woken task must wake.
    has_rest: AtomicBool,
    done: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In order of first poll; `None` if the future was dropped.
    wakers: Vec<Option<Waker>>,
    threads: usize,
}

impl Waiters {
    /// Sets the outcome and wakes all threads and one task, outside the lock.
    pub(super) fn resolve(&self, outcome: Result<Sequence, AppendError>) {
        let mut waiting = self.waiting.lock();
        if self.outcome.set(outcome).is_err() {
            return;
        }
        let first = std::iter::from_fn(|| waiting.wakers.pop()).flatten().next();
        self.has_rest.store(!waiting.wakers.is_empty(), Ordering::Release);
        let threads = waiting.threads;
        drop(waiting);
        if threads > 0 {
            self.done.notify_all();
        }
        if let Some(waker) = first {
            waker.wake();
        }
    }

    /// Breaks the first promise on purpose at the record that a switch names, so that the check of the stores can be checked.
    #[cfg(feature = "test-faults")]
    pub(super) fn answer_early_and_die(&self, next: Sequence) {
        let at = crate::faults::number("answers-early-at").and_then(|at| u64::try_from(at).ok());
        if at.is_some_and(|at| next.0 >= at) {
            self.resolve(Ok(next));
            self.wake_rest();
            std::thread::park_timeout(std::time::Duration::from_millis(200));
            std::process::abort();
        }
    }

    /// Whether the woken task has not woken the others yet.
    pub(super) fn has_rest(&self) -> bool {
        self.has_rest.load(Ordering::Acquire)
    }

    /// Wakes the remaining tasks, once.
    pub(super) fn wake_rest(&self) {
        if self.has_rest() && self.has_rest.swap(false, Ordering::AcqRel) {
            let wakers = std::mem::take(&mut self.waiting.lock().wakers);
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }
}

/// The future outcome of an append: resolves when the record is synced or has failed.
///
/// Dropping it does not cancel the append. Await it directly: a future that is kept
/// after its task was woken, neither polled nor dropped, delays others.
#[derive(Debug)]
#[must_use = "a record is safe only once this has resolved"]
pub struct Append {
    group: Arc<Waiters>,
    index: u32,
    /// The index of its waker, while it waits.
    waker: Option<usize>,
}

impl Append {
    pub(super) fn new(group: Arc<Waiters>, index: u32) -> Self {
        Self { group, index, waker: None }
    }

    /// Blocks this thread until the outcome is known.
    ///
    /// # Errors
    /// When the record could not be made durable.
    pub fn wait(self) -> Result<Sequence, AppendError> {
        let mut waiting = self.group.waiting.lock();
        waiting.threads += 1;
        loop {
            if let Some(outcome) = self.outcome() {
                drop(waiting);
                return outcome;
            }
            self.group.done.wait(&mut waiting);
        }
    }

    fn outcome(&self) -> Option<Result<Sequence, AppendError>> {
        match self.group.outcome.get()? {
            Ok(first) => Some(Ok(Sequence(first.0 + u64::from(self.index)))),
            Err(error) => Some(Err(error.clone())),
        }
    }
}

impl Future for Append {
    type Output = Result<Sequence, AppendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.group.outcome.get().is_none() {
            let mut waiting = this.group.waiting.lock();
            // Checked again under the lock that it is set under, so that no outcome is missed.
            if this.group.outcome.get().is_none() {
                match this.waker.and_then(|place| waiting.wakers.get_mut(place)) {
                    Some(waker) => *waker = Some(context.waker().clone()),
                    None => {
                        this.waker = Some(waiting.wakers.len());
                        waiting.wakers.push(Some(context.waker().clone()));
                    }
                }
                return Poll::Pending;
            }
        }
        this.waker = None;
        this.group.wake_rest();
        this.outcome().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Append {
    fn drop(&mut self) {
        let Some(place) = self.waker else { return };
        let mut waiting = self.group.waiting.lock();
        if self.group.outcome.get().is_some() {
            drop(waiting);
            self.group.wake_rest();
        } else if let Some(waker) = waiting.wakers.get_mut(place) {
            *waker = None;
        }
    }
}

#[cfg(test)]
mod tests;
