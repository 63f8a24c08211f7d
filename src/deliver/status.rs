//! The public status of a pump.

use crate::journal::{Kept, Sequence};
use crate::reading::UnixNanos;
use std::time::Duration;

/// The state of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkState {
    /// It takes records.
    Running,
    /// It failed in a way that probably passes without help; it is retried.
    Waiting,
    /// The operator must fix something; it is still retried.
    Blocked,
}

impl SinkState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Running, Self::Waiting, Self::Blocked];

    /// The state as metrics, pages and logs name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
        }
    }
}

/// The status of a pump at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct PumpStatus {
    /// The sink's name in the configuration.
    pub name: String,
    /// Its state.
    pub state: SinkState,
    /// Why it is not running.
    pub why: Option<String>,
    /// When it entered this state.
    pub since: UnixNanos,
    /// Time until the next retry, while it is not running.
    pub next_try_in: Option<Duration>,
    /// The lowest sequence that is not safe yet.
    pub next: Sequence,
    /// Records that are not safe yet, without those at the beginning that the sink holds back
    /// on purpose.
    pub lag_records: u64,
    /// The part of the journal that is kept for the sink, from its cursor to the end.
    pub kept: Kept,
    /// Age of the oldest record that is not safe yet, in seconds; 0 when there is none.
    pub lag_seconds: f64,
    /// Readings handed over since the start, repeats included.
    pub readings: u64,
    /// Readings a second while the sink was last behind; `None` until enough was measured
    /// since the start.
    pub catch_up_rate: Option<f64>,
    /// The end of the running replay.
    pub replaying_until: Option<Sequence>,
    /// Panics of the sink's code since the start.
    pub restarts: u64,
    /// Conditions at its store that do not stop delivery but need the operator.
    pub warnings: Vec<String>,
    /// The last error and its time, also after recovery.
    pub last_error: Option<(UnixNanos, String)>,
    /// The sink's facts about its store: names and values.
    pub facts: Vec<(&'static str, String)>,
}
