//! What a pump shows of itself.

use crate::journal::Sequence;
use crate::reading::UnixNanos;
use std::time::Duration;

/// What state a sink is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkState {
    /// It takes what comes.
    Running,
    /// It failed in a way that will probably pass by itself; it is tried again.
    Waiting,
    /// Somebody has to mend something; it is tried again all the same.
    Blocked,
}

impl SinkState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Running, Self::Waiting, Self::Blocked];

    /// The state as metrics, pages and logs name it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
        }
    }
}

/// A pump at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct PumpStatus {
    /// The sink's name in the configuration.
    pub name: String,
    /// Its state.
    pub state: SinkState,
    /// Why it is not running.
    pub why: Option<String>,
    /// Since when it is in this state.
    pub since: UnixNanos,
    /// How long until it is tried again, while it is not running.
    pub next_try_in: Option<Duration>,
    /// The lowest sequence not yet safe in it.
    pub next: Sequence,
    /// Records not yet safe in it.
    pub lag_records: u64,
    /// Their bytes, about.
    pub lag_bytes: u64,
    /// Age of the oldest record not yet safe; 0 when there is none.
    pub lag_seconds: f64,
    /// Readings handed over since the start; repeats count again.
    pub readings: u64,
    /// Readings a second that it took when it last had more to send than it could
    /// at once; `None` where it was never so since the start.
    pub catch_up_rate: Option<f64>,
    /// The end of the replay that is under way.
    pub replaying_until: Option<Sequence>,
    /// Times its code failed (a panic) and was started again.
    pub restarts: u64,
    /// The last error and when it was, also after it has passed.
    pub last_error: Option<(UnixNanos, String)>,
}
