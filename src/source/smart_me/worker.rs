//! A thread that asks smart-me for something again and again, until it is told to stop.

use super::pause::Pause;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The running thread.
#[derive(Debug)]
pub(super) struct Worker {
    pause: Arc<Pause>,
    /// Its sender goes with the thread.
    ended: Mutex<Receiver<()>>,
}

impl Worker {
    /// Runs this until it returns, which it does soon after the pause is ended.
    pub(super) fn start(pause: Arc<Pause>, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (ends, ended) = sync_channel(0);
        std::thread::Builder::new().name("smart-me".to_owned()).spawn(move || {
            run();
            drop(ends);
        })?;
        Ok(Self { pause, ended: Mutex::new(ended) })
    }

    /// Ends the waits; a request that is under way is not broken off.
    pub(super) fn stop(&self) {
        self.pause.end();
    }

    /// Waits until the thread has ended, at most so long: a request that the cloud
    /// does not answer ends with the process.
    pub(super) fn join(&self, grace: Duration) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(grace);
        if ended == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("a request to smart-me was under way at the stop; it is left unanswered");
        }
    }
}
