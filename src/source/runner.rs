//! Runs a source: when its turns come, what follows when one fails, when it ends.
//!
//! Knows no vendor and no transport. Invariants: one turn of a source at a time; a turn
//! that fails, panics included, harms no other source and is tried again after a back-off
//! with a cap, also after a connection that was closed in good order; a stop ends waits
//! at once and turns by its deadline.

use super::description::{Reporter, SourceState};
use crate::base::{Backoff, Stop, Stopped, panic_message};
use crate::clock::Clock;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// A turn begins up to this part of the pace later, so that sources of one pace spread.
const JITTER: f64 = 0.05;
/// A connection that lasted so long had nothing to do with the failures before it.
const STABLE_AFTER: Duration = Duration::from_mins(1);

/// Why a turn was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It will probably pass by itself; tried again after a back-off.
    #[error("{0}")]
    Failing(String),
    /// Somebody has to change something; tried again in case they have.
    #[error("{why}")]
    Misconfigured {
        /// What is wrong and what to do.
        why: String,
        /// The wait before the next turn; a back-off where absent.
        retry_in: Option<Duration>,
    },
    /// A stop ended a wait.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A source that asks again and again.
pub trait Polled: Send + 'static {
    /// One turn: requests, decoding, ingest. Facts go to the reporter.
    ///
    /// # Errors
    /// See [`SourceError`].
    fn poll(&mut self, reporter: &mut Reporter) -> impl Future<Output = Result<(), SourceError>> + Send;
}

/// A source that connects and is sent data.
pub trait Connected: Send + 'static {
    /// Connects and takes what comes until the connection ends. Reports [`SourceState::Running`]
    /// once the connection delivers.
    ///
    /// # Errors
    /// See [`SourceError`].
    fn connect(&mut self, reporter: &mut Reporter) -> impl Future<Output = Result<(), SourceError>> + Send;
}

/// When turns come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// From the beginning of a turn to the beginning of the next.
    pub every: Duration,
    /// The first turn begins within this time, by chance: 10,000 devices spread over it.
    pub first_within: Duration,
    /// The first and the longest wait after a failure.
    pub backoff: (Duration, Duration),
}

impl Schedule {
    fn backoff(&self) -> Backoff {
        let (first, longest) = self.backoff;
        Backoff::new(first, longest).unwrap_or(Backoff::STANDARD)
    }

    fn first_wait(&self) -> Duration {
        self.first_within.mul_f64(fastrand::f64())
    }

    fn next_wait(&self, took: Duration) -> Duration {
        self.every.saturating_sub(took) + self.every.mul_f64(JITTER * fastrand::f64())
    }
}

/// Runs a polled source until a stop.
pub(super) async fn run_polled(
    mut source: impl Polled,
    schedule: Schedule,
    mut reporter: Reporter,
    stop: Stop,
    clock: Clock,
) {
    let mut backoff = schedule.backoff();
    let mut wait = schedule.first_wait();
    while stop.sleep(wait).await.is_ok() {
        let begun = clock.monotonic();
        let outcome = unless_panicked(source.poll(&mut reporter)).await;
        wait = match outcome {
            Ok(()) => {
                backoff.reset();
                reporter.report(SourceState::Running, None);
                schedule.next_wait(clock.elapsed(begun))
            }
            Err(error) => match wait_after(error, &mut backoff, &mut reporter) {
                Ok(wait) => wait,
                Err(Stopped) => return,
            },
        };
    }
}

/// Runs a connected source until a stop.
pub(super) async fn run_connected(
    mut source: impl Connected,
    schedule: Schedule,
    mut reporter: Reporter,
    stop: Stop,
    clock: Clock,
) {
    let mut backoff = schedule.backoff();
    let mut wait = schedule.first_wait();
    while stop.sleep(wait).await.is_ok() {
        let begun = clock.monotonic();
        let Ok(outcome) = stop.unless_asked(unless_panicked(source.connect(&mut reporter))).await else { return };
        if clock.elapsed(begun) >= STABLE_AFTER {
            backoff.reset();
        }
        let error = outcome.err().unwrap_or_else(|| SourceError::Failing("the connection was closed".to_owned()));
        wait = match wait_after(error, &mut backoff, &mut reporter) {
            Ok(wait) => wait,
            Err(Stopped) => return,
        };
    }
}

fn wait_after(error: SourceError, backoff: &mut Backoff, reporter: &mut Reporter) -> Result<Duration, Stopped> {
    match error {
        SourceError::Stopped(stopped) => Err(stopped),
        SourceError::Failing(why) => {
            reporter.report(SourceState::Failing, Some(why));
            Ok(backoff.next_wait())
        }
        SourceError::Misconfigured { why, retry_in } => {
            reporter.report(SourceState::Misconfigured, Some(why));
            Ok(retry_in.unwrap_or_else(|| backoff.next_wait()))
        }
    }
}

/// A panic in a source's code is a failure of that source alone.
async fn unless_panicked(turn: impl Future<Output = Result<(), SourceError>>) -> Result<(), SourceError> {
    let mut turn = pin!(turn);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| turn.as_mut().poll(context))) {
        Ok(progress) => progress,
        Err(panic) => Poll::Ready(Err(SourceError::Failing(format!(
            "the source's own code failed: {}; this is a fault of the program, please report it",
            panic_message(&*panic)
        )))),
    })
    .await
}
