//! The handle of a running pump.

use super::log::Log;
use super::replay::{Rewind, RewindError, Rewound};
use super::shared::Shared;
use super::sink::Sink;
use super::state::{Pump, PumpOptions};
use super::status::PumpStatus;
use crate::clock::Clock;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a rewind request waits for its answer. A pump that is in the middle of a
/// request to its store rewinds only afterwards.
const REWIND_WAIT: Duration = Duration::from_secs(10);
/// How long a pump may take beyond its deadline to store its cursor. Pumps that are stopped
/// together share it.
const JOIN_GRACE: Duration = Duration::from_secs(1);

/// A pump's thread cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("the thread of sink {sink} cannot be started: {source}; raise the thread limit or free some memory")]
pub struct StartError {
    /// The sink.
    pub sink: String,
    /// The system's error.
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
    /// When the system cannot start a thread.
    pub fn start(
        name: impl Into<String>,
        sink: Box<dyn Sink>,
        log: impl Into<Log>,
        clock: Clock,
        options: PumpOptions,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared::new(name.into(), log.into(), clock));
        let pump = Pump::new(Arc::clone(&shared), sink, options);
        let thread = std::thread::Builder::new().name(format!("pump-{}", shared.name)).spawn(move || pump.run());
        let thread = thread.map_err(|source| StartError { sink: shared.name.clone(), source })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// The sink's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The current status.
    pub fn status(&self) -> PumpStatus {
        self.shared.status()
    }

    /// Rewinds the sink and returns once that is durable. Does nothing where the sink has
    /// not reached the first record yet.
    ///
    /// # Errors
    /// See [`RewindError`].
    pub fn rewind(&self, rewind: Rewind) -> Result<Rewound, RewindError> {
        self.shared.ask(rewind).recv_timeout(REWIND_WAIT).unwrap_or(Err(RewindError::Busy))
    }

    /// Asks the pump to send the rest of the log until `deadline` and then to end.
    /// Returns at once, so that all pumps can be stopped in parallel.
    pub fn stop(&self, deadline: Instant) {
        self.shared.stop_by(deadline, JOIN_GRACE);
    }

    /// Asks the pump to end before its next step, without sending the rest. [`Self::join`] waits up to `grace` for it.
    #[cfg(feature = "kafka")]
    pub(super) fn stop_within(&self, grace: Duration) {
        self.shared.stop_by(self.shared.clock.monotonic(), grace);
    }

    /// Whether the thread has ended.
    #[cfg(feature = "kafka")]
    pub(super) fn has_ended(&self) -> bool {
        self.shared.has_ended()
    }

    /// Waits for the thread's end, at most until shortly after the stop's deadline. A pump
    /// that is still in a request then is abandoned: its stored cursor is safe.
    pub fn join(&self) {
        let sink = self.shared.name.as_str();
        if !self.shared.wait_for_end() {
            tracing::warn!(
                sink,
                "the sink is still busy at the deadline; the pump is abandoned, the next start resumes at its stored cursor"
            );
            return;
        }
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(sink, "the pump's thread panicked; the next start resumes at its stored cursor");
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
