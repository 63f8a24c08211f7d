//! The stop signal, with one deadline for all work.
//!
//! Invariants: a stop cannot be revoked, and its first deadline holds. A stop ends waits at
//! once; running work may continue until the deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A stop signal. Clones share it.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<Option<Instant>>>);

/// The error of a wait that a stop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the service is stopping")]
pub struct Stopped;

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Stop {
    /// Requests all holders of this signal to end by `deadline`. A second call has no
    /// effect.
    pub fn by(&self, deadline: Instant) {
        self.0.send_if_modified(|asked| {
            let is_first = asked.is_none();
            asked.get_or_insert(deadline);
            is_first
        });
    }

    /// The deadline, once a stop is requested.
    pub fn deadline(&self) -> Option<Instant> {
        *self.0.borrow()
    }

    /// Returns once a stop is requested.
    pub async fn asked(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        self.0.subscribe().wait_for(Option::is_some).await.ok();
    }

    /// Waits for `duration`.
    ///
    /// # Errors
    /// When a stop was asked for, before or meanwhile.
    pub async fn sleep(&self, duration: Duration) -> Result<(), Stopped> {
        self.unless_asked(tokio::time::sleep(duration)).await
    }

    /// Runs `work`, and drops it when a stop is requested.
    ///
    /// # Errors
    /// When a stop was asked for, before or meanwhile.
    pub async fn unless_asked<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            () = self.asked() => Err(Stopped),
            done = work => Ok(done),
        }
    }
    /// Runs `work`, and drops it at the deadline of a stop.
    ///
    /// # Errors
    /// When the deadline passed before the work was done.
    pub async fn until_deadline<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        let passed = async {
            self.asked().await;
            if let Some(deadline) = self.deadline() {
                tokio::time::sleep_until(deadline.into()).await;
            }
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = passed => Err(Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_stop_ends_waits_now_and_later_and_its_first_deadline_holds() {
        let stop = Stop::default();
        assert_eq!(stop.deadline(), None);
        assert_eq!(stop.sleep(Duration::from_millis(1)).await, Ok(()));
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.sleep(LONG).await }
        });
        let first = tokio::time::Instant::now().into_std();
        stop.by(first);
        stop.by(first + LONG);
        assert_eq!(waiting.await.unwrap(), Err(Stopped));
        assert_eq!(stop.sleep(LONG).await, Err(Stopped));
        assert_eq!(stop.unless_asked(std::future::ready(1)).await, Err(Stopped));
        assert_eq!(stop.deadline(), Some(first));
    }

    #[tokio::test]
    async fn work_continues_until_the_deadline_of_a_stop_and_is_dropped_then() {
        let stop = Stop::default();
        let now = tokio::time::Instant::now().into_std();
        stop.by(now + Duration::from_millis(50));
        assert_eq!(stop.until_deadline(tokio::time::sleep(Duration::from_millis(1))).await, Ok(()));
        assert_eq!(stop.until_deadline(std::future::pending::<()>()).await, Err(Stopped));
    }
}
