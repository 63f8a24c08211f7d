//! The wait for a group: every record of a group learns its outcome at once.
//!
//! A group's outcome is set exactly once. Wake-ups across threads are what a
//! small append costs most, so this file is the place to make them cheaper.

use super::{AppendError, Sequence, locked};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

/// Everybody who waits for one group.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// The first record's sequence, or why there is none.
    outcome: OnceLock<Result<Sequence, AppendError>>,
    waiting: Mutex<Waiting>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<Waker>,
    threads: usize,
}

impl Waiters {
    /// Sets the outcome and wakes everybody, outside the lock.
    pub(super) fn resolve(&self, outcome: Result<Sequence, AppendError>) {
        let mut waiting = locked(&self.waiting);
        if self.outcome.set(outcome).is_err() {
            return;
        }
        let wakers = std::mem::take(&mut waiting.wakers);
        let threads = waiting.threads;
        drop(waiting);
        if threads > 0 {
            self.done.notify_all();
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The promise of a record: resolves once it is synced, or could not be.
///
/// Dropping it does not take the record back.
#[derive(Debug)]
pub struct Append {
    group: Arc<Waiters>,
    index: u32,
    /// Its place among the group's wakers, once it waits.
    waker: Option<usize>,
}

impl Append {
    pub(super) fn new(group: Arc<Waiters>, index: u32) -> Self {
        Self { group, index, waker: None }
    }

    /// Blocks this thread until the outcome is known.
    ///
    /// # Errors
    /// When the record could not be made safe.
    pub fn wait(self) -> Result<Sequence, AppendError> {
        let mut waiting = locked(&self.group.waiting);
        waiting.threads += 1;
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            waiting = self.group.done.wait(waiting).unwrap_or_else(PoisonError::into_inner);
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

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        let group = Arc::clone(&self.group);
        let mut waiting = locked(&group.waiting);
        // The outcome is set under this lock, so it cannot slip in between.
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        match self.waker.and_then(|place| waiting.wakers.get_mut(place)) {
            Some(waker) => waker.clone_from(context.waker()),
            None => {
                self.waker = Some(waiting.wakers.len());
                waiting.wakers.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}
