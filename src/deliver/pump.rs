//! A running pump, seen from outside.

use super::replay::{Rewind, RewindError, Rewound};
use super::shared::Shared;
use super::sink::Sink;
use super::state::{PumpOptions, Pump};
use super::status::PumpStatus;
use crate::clock::Clock;
use crate::journal::Journal;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A rewind is answered when it is durable; a pump that is in the middle of a
/// request does it after that.
const REWIND_WAIT: Duration = Duration::from_secs(10);
/// What a pump may take beyond its deadline to store its cursor.
const JOIN_GRACE: Duration = Duration::from_secs(1);

/// Why a pump's thread could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the thread of sink {sink} cannot be started: {source}; raise the limit of threads or free some memory")]
pub struct StartError {
    /// The sink.
    pub sink: String,
    /// What the system said.
    pub source: std::io::Error,
}

/// A running pump. When it is dropped its thread ends soon, without draining.
pub struct PumpHandle {
    pub(super) shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl PumpHandle {
    /// Starts the pump of a sink, on a thread named `pump-NAME`, behind the cursor
    /// of the same name.
    ///
    /// # Errors
    /// When the system has no thread.
    pub fn start(
        name: impl Into<String>,
        sink: Box<dyn Sink>,
        journal: Journal,
        clock: Clock,
        options: PumpOptions,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared::new(name.into(), journal, clock));
        let pump = Pump::new(Arc::clone(&shared), sink, options);
        let thread = std::thread::Builder::new().name(format!("pump-{}", shared.name)).spawn(move || pump.run());
        let thread = thread.map_err(|source| StartError { sink: shared.name.clone(), source })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// The sink's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How it is now.
    #[must_use]
    pub fn status(&self) -> PumpStatus {
        self.shared.status()
    }

    /// Sets the sink back, and returns once that is durable. Nothing is done where
    /// the sink has not come that far yet.
    ///
    /// # Errors
    /// See [`RewindError`].
    pub fn rewind(&self, rewind: Rewind) -> Result<Rewound, RewindError> {
        self.shared.ask(rewind).recv_timeout(REWIND_WAIT).unwrap_or(Err(RewindError::Busy))
    }

    /// Asks it to send what the journal holds now, until `deadline`, and to end.
    /// Returns at once, so that all pumps can be asked before one is waited for.
    pub fn stop(&self, deadline: Instant) {
        self.shared.stop_by(deadline);
    }

    /// Waits for its end, at most until a moment after the deadline it was stopped
    /// with. One that is in the middle of a request then is left as it is: its
    /// cursor remembers.
    pub fn join(&self) {
        let sink = self.shared.name.as_str();
        if !self.shared.wait_for_end(JOIN_GRACE) {
            tracing::warn!(sink, "the sink is still busy at the deadline; it is left as it is, its cursor remembers");
            return;
        }
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(sink, "the pump's thread had died; its cursor is as it was stored last");
        }
    }
}

impl Drop for PumpHandle {
    fn drop(&mut self) {
        if self.shared.stop_deadline().is_none() {
            self.stop(self.shared.clock.monotonic());
        }
    }
}

impl fmt::Debug for PumpHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PumpHandle").field("status", &self.status()).finish()
    }
}
