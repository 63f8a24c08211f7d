//! Commands to a running service, through a Unix socket in its data directory
//! that only its owner may open.
//!
//! One line of JSON asks, one line of JSON answers, and the connection ends. A
//! command whose client goes away is carried out all the same: it was asked for.
//! This module carries commands; what they do is the [`Handler`]'s.

mod client;
mod server;
#[cfg(test)]
mod tests;

pub use client::{ControlError, ask, is_served};
pub use server::{Control, StartError};

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What may be asked of a running service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Rewind a sink, or all, to the first record received at or after a time.
    Replay(Replay),
    /// Say what such a replay would send; the answer's data are [`ReplayEstimate`]s.
    EstimateReplay(Replay),
    /// Hand a dead letter to its sinks again.
    Resubmit {
        /// Its number.
        letter: u64,
    },
    /// Settle a dead letter without delivering it.
    Drop {
        /// Its number.
        letter: u64,
    },
    /// Ask a source for an action that it offers.
    Source {
        /// The source's name.
        source: String,
        /// The action's name.
        action: String,
    },
    /// What the status page shows.
    Status,
}

/// A replay that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The sink's name; all of them where absent.
    pub sink: Option<String>,
    /// RFC 3339.
    pub from: String,
    /// Only this source's records are sent again.
    pub source: Option<String>,
    /// How they are read.
    #[serde(default)]
    pub reread: Reread,
}

/// What a replay would send to a sink.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayEstimate {
    /// The sink's name.
    pub sink: String,
    /// The first record that would be sent again, and the first that would not;
    /// absent where the sink has not come that far yet.
    pub way: Option<(u64, u64)>,
    /// Records with something for the sink.
    pub records: u64,
    /// Samples in them.
    pub samples: u64,
    /// Records that were read to find that out.
    pub looked_at: u64,
    /// Whether all were read; if not, the numbers follow from those that were.
    pub is_counted: bool,
    /// How long it would take; absent where the sink's speed was not measured.
    pub minutes: Option<f64>,
}

/// How a replay reads records, where not as ingest did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reread {
    /// Decode also what ingest could not decode.
    #[serde(default)]
    pub redecode: bool,
    /// Judge by the limits that are configured now.
    #[serde(default)]
    pub current_rule: bool,
    /// Judge times against the clock of now.
    #[serde(default)]
    pub at_now: bool,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Answer {
    /// Done; a sentence a line.
    Done {
        /// What was done.
        lines: Vec<String>,
    },
    /// Not done, and why.
    Refused {
        /// What stands in the way and what to do.
        why: String,
    },
    /// The asked-for data.
    Data {
        /// As JSON.
        data: serde_json::Value,
    },
}

/// Carries out a command. Called from one thread at a time, so two commands at
/// once follow each other.
pub type Handler = Arc<dyn Fn(Command) -> Answer + Send + Sync>;

/// The socket of a data directory.
#[must_use]
pub fn socket_path(data_directory: &Path) -> PathBuf {
    data_directory.join("control.sock")
}
