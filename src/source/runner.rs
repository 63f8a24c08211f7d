//! Runs sources: schedule, back-off after failures, stop.
//!
//! Knows no vendor and no transport. Invariants: a source has one run at a time; a failed
//! run, panics included, affects no other source and is repeated after a bounded back-off;
//! so is a connection that the server closed in good order. A stop ends waits at once and
//! runs by its deadline.

use super::description::{Reporter, SourceState};
use crate::base::{Backoff, Stop, Stopped, panic_message};
use crate::clock::Clock;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// A run starts late by up to this part of the interval, so that sources with one interval spread.
const JITTER: f64 = 0.05;
/// A connection that lasted this long resets the back-off.
const STABLE_AFTER: Duration = Duration::from_mins(1);

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// A temporary failure; repeated after a back-off.
    #[error("{0}")]
    Failing(String),
    /// The device wants fewer requests; repeated after this wait.
    #[error("{why}")]
    Limited {
        /// The answer of the device.
        why: String,
        /// The wait before the next run.
        retry_in: Duration,
    },
    /// The operator must change something; repeated in case this has happened.
    #[error("{why}")]
    Misconfigured {
        /// The fault and the remedy.
        why: String,
        /// The wait before the next run; `None` for a back-off.
        retry_in: Option<Duration>,
    },
    /// A stop ended a wait.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A source that polls.
pub trait Polled: Send + 'static {
    /// One run: requests, decoding, ingest. Facts go to the reporter.
    ///
    /// # Errors
    /// See [`SourceError`].
    fn poll(&mut self, reporter: &mut Reporter) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// The interval of its runs, if it is not the one of its schedule. The wait after a failure is not shorter.
    fn interval(&self) -> Option<Duration> {
        None
    }
}

/// A source that connects and receives data.
pub trait Connected: Send + 'static {
    /// Connects and receives data until the connection ends. Reports [`SourceState::Running`]
    /// once the connection delivers.
    ///
    /// # Errors
    /// See [`SourceError`].
    fn connect(&mut self, reporter: &mut Reporter) -> impl Future<Output = Result<(), SourceError>> + Send;
}

/// The timing of a source's runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// From the start of a run to the start of the next.
    pub every: Duration,
    /// The first run starts at a random time within this period: 10,000 devices spread over it.
    pub first_within: Duration,
    /// The first and longest wait after a failure.
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

    fn next_wait(every: Duration, took: Duration) -> Duration {
        every.saturating_sub(took) + every.mul_f64(JITTER * fastrand::f64())
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
        // In a box, so that only a run takes memory, and not each of thousands of sources that wait.
        let outcome = catch_panic(Box::pin(source.poll(&mut reporter))).await;
        wait = match outcome {
            Ok(()) => {
                backoff.reset();
                reporter.report(SourceState::Running, None);
                Schedule::next_wait(source.interval().unwrap_or(schedule.every), clock.elapsed(begun))
            }
            Err(error) => {
                let wait_min = source.interval().unwrap_or_default();
                match wait_after(error, wait_min, &mut backoff, &mut reporter) {
                    Ok(wait) => wait,
                    Err(Stopped) => return,
                }
            }
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
        let Ok(outcome) = stop.unless_asked(catch_panic(Box::pin(source.connect(&mut reporter)))).await else { return };
        if reporter.state() == SourceState::Running || clock.elapsed(begun) >= STABLE_AFTER {
            backoff.reset();
        }
        let error = outcome.err().unwrap_or_else(|| SourceError::Failing("the connection was closed".to_owned()));
        wait = match wait_after(error, Duration::ZERO, &mut backoff, &mut reporter) {
            Ok(wait) => wait,
            Err(Stopped) => return,
        };
    }
}

/// The wait before the next run; one that the error does not say is `wait_min` or longer.
fn wait_after(
    error: SourceError,
    wait_min: Duration,
    backoff: &mut Backoff,
    reporter: &mut Reporter,
) -> Result<Duration, Stopped> {
    match error {
        SourceError::Stopped(stopped) => Err(stopped),
        SourceError::Failing(why) => {
            reporter.report(SourceState::Failing, Some(why));
            Ok(backoff.next_wait().max(wait_min))
        }
        SourceError::Limited { why, retry_in } => {
            reporter.report(SourceState::Failing, Some(why));
            Ok(retry_in)
        }
        SourceError::Misconfigured { why, retry_in } => {
            reporter.report(SourceState::Misconfigured, Some(why));
            Ok(retry_in.unwrap_or_else(|| backoff.next_wait().max(wait_min)))
        }
    }
}

/// Converts a panic into a failure of this source.
async fn catch_panic(run: impl Future<Output = Result<(), SourceError>>) -> Result<(), SourceError> {
    let mut run = pin!(run);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context))) {
        Ok(progress) => progress,
        Err(panic) => Poll::Ready(Err(SourceError::Failing(format!(
            "the source panicked: {}; this is a bug, please report it",
            panic_message(&*panic)
        )))),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_one_interval_start_apart_and_none_runs_more_often_than_it_may() {
        let (every, took) = (Duration::from_secs(10), Duration::from_secs(4));
        let schedule = Schedule { every, first_within: every, backoff: (every, every) };
        let spread = |waits: Vec<Duration>, from: Duration, until: Duration| {
            let (first, last) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(*first >= from && *last <= until, "{first:?} to {last:?}");
            assert!(*last - *first > (until - from) / 2, "{first:?} to {last:?}");
        };
        spread((0..1000).map(|_| schedule.first_wait()).collect(), Duration::ZERO, every);
        let waits = |took| (0..1000).map(|_| Schedule::next_wait(every, took)).collect();
        let jitter = every.mul_f64(JITTER);
        spread(waits(took), every - took, every - took + jitter);
        spread(waits(every * 2), Duration::ZERO, jitter);
    }
}
