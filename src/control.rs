//! The control socket: commands to a running service through a Unix socket in its data
//! directory. Only the owner of the directory may open it.
//!
//! A connection carries one request and one answer, each a line of JSON. A command is
//! carried out even if its client disconnects. This module transports commands; the
//! [`Handler`] carries them out.

mod client;
mod server;
#[cfg(test)]
mod tests;

pub use client::{ControlError, ask, ask_data, is_served, not_served};
pub use server::{Control, StartError};

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A command to a running service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Rewinds a sink, or all sinks, to the first record received at or after a time.
    Replay(Replay),
    /// Estimates such a replay; the answer's data are [`ReplayEstimate`]s.
    EstimateReplay(Replay),
    /// Sends the body of a dead letter through ingest again.
    Resubmit {
        /// The number of the letter.
        letter: u64,
    },
    /// Settles a dead letter without delivering it.
    Drop {
        /// The number of the letter.
        letter: u64,
    },
    /// Runs an action of a source.
    Source {
        /// The name of the source.
        source: String,
        /// The name of the action.
        action: String,
    },
    /// Reloads the configuration; the answer's data are [`Reloaded`].
    Reload {
        /// Only say what would change.
        dry_run: bool,
    },
    /// Returns the data of the built-in page.
    Status,
}

impl Command {
    /// Whether it may wait for a server elsewhere, so that other commands do not wait for it.
    fn may_wait_for_a_server(&self) -> bool {
        matches!(self, Self::Source { .. } | Self::Reload { .. })
    }
}

/// The request for a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The name of the sink; if absent, all sinks.
    pub sink: Option<String>,
    /// The receive time of the first record, as RFC 3339.
    pub from: String,
    /// Restricts the replay to the records of this source.
    pub source: Option<String>,
    /// The differences to the reading at receipt.
    #[serde(default)]
    pub reread: Reread,
}

/// The outcome of a reload of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reloaded {
    /// The file.
    pub file: String,
    /// The changes that are in use now.
    pub applied: Vec<String>,
    /// The changed keys that need a restart.
    pub restart: Vec<String>,
    /// The errors of a refused configuration; nothing was changed.
    pub faults: Vec<String>,
}

/// The estimate of a replay for one sink.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayEstimate {
    /// The name of the sink.
    pub sink: String,
    /// The first record of the replay and the first record after it; absent if the sink's
    /// cursor has not reached the start yet.
    pub range: Option<(u64, u64)>,
    /// The number of records with data for the sink.
    pub records: u64,
    /// The number of samples in these records.
    pub samples: u64,
    /// The number of records that keep their stored readings although they are to be decoded again.
    pub kept: u64,
    /// The number of records that were read for the estimate.
    pub records_read: u64,
    /// Whether all records were read. If not, the numbers are extrapolated.
    pub is_exact: bool,
    /// The duration in minutes; absent if the sink's speed was not measured.
    pub minutes: Option<f64>,
}

/// The differences between a replay's decoding and judging and ingest's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reread {
    /// Decode undecodable records again.
    #[serde(default)]
    pub redecode: bool,
    /// Apply the configured limits instead of those in force at receipt.
    #[serde(default)]
    pub current_rule: bool,
    /// Check measurement times against the current time instead of the receive time.
    #[serde(default)]
    pub at_now: bool,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Answer {
    /// The command was carried out.
    Done {
        /// One message per line.
        lines: Vec<String>,
    },
    /// The command was refused.
    Refused {
        /// The reason and the remedy.
        why: String,
    },
    /// The requested data.
    Data {
        /// As JSON.
        data: serde_json::Value,
    },
}

/// Carries out a command. Calls never overlap, except those that may wait for a server elsewhere.
pub type Handler = Arc<dyn Fn(Command) -> Answer + Send + Sync>;

/// The message for an answer of another kind than the command has.
pub const UNEXPECTED_ANSWER: &str =
    "the running service gave an unexpected answer; the service and the command may have different versions";

impl Answer {
    /// Returns the data.
    ///
    /// # Errors
    /// A message: why the service refuses, or that the answer is of another kind.
    pub fn data(self) -> Result<serde_json::Value, String> {
        match self {
            Self::Data { data } => Ok(data),
            Self::Refused { why } => Err(why),
            Self::Done { .. } => Err(UNEXPECTED_ANSWER.to_owned()),
        }
    }
}

/// Returns the path of the socket in a data directory.
pub fn socket_path(data_directory: &Path) -> PathBuf {
    data_directory.join("control.sock")
}
