//! A thread that asks smart-me for something again and again, until it is told to stop.

use super::pause::Pause;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The running thread, and what it last said of itself.
#[derive(Debug)]
pub struct Worker<Status> {
    status: Arc<Mutex<Status>>,
    pause: Arc<Pause>,
    /// Its sender goes with the thread.
    ended: Mutex<Receiver<()>>,
}

impl<Status: Clone> Worker<Status> {
    /// Runs this until it returns, which it does soon after the pause is ended. It
    /// says in `status` how it is.
    pub(super) fn start(
        status: Arc<Mutex<Status>>,
        pause: Arc<Pause>,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (ends, ended) = sync_channel(0);
        std::thread::Builder::new().name("smart-me".to_owned()).spawn(move || {
            run();
            drop(ends);
        })?;
        Ok(Self { status, pause, ended: Mutex::new(ended) })
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        locked(&self.status).clone()
    }

    /// Ends the waits; a request that is under way is not broken off.
    pub fn stop(&self) {
        self.pause.end();
    }

    /// Waits until the thread has ended, at most so long: a request that the cloud
    /// does not answer ends with the process.
    pub fn join(&self, grace: Duration) {
        let ended = locked(&self.ended).recv_timeout(grace);
        if ended == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("a request to smart-me was under way at the stop; it is left unanswered");
        }
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
