//! The admin listener: `/metrics`, `/livez`, `/readyz`, the built-in page and its JSON.
//!
//! It has its own thread and runtime, so that it answers while the data plane is busy.
//! It reads snapshots through [`Views`] and changes nothing. It knows no type of source
//! or sink. On loopback it needs no login; beyond it a password or a token (`access`).

mod access;
mod answer;
mod chart;
mod events;
mod fleet;
mod flow;
mod frame;
mod history;
mod hosts;
mod login;
mod meter;
mod meter_state;
mod moment;
mod now;
mod page;
mod parameters;
mod range;
mod response;
mod runbook;
mod selection;
mod server;
mod spark;
mod status;
#[cfg(test)]
mod tests;
mod trouble;
mod units;

pub use history::History;
pub use server::{Admin, CONNECTIONS_MAX, StartError};
pub use status::{
    CanaryStatus, CertificateStatus, ClockStatus, DeadLetterStatus, GapStatus, IngestStatus, JournalStatus,
    Kind as TroubleKind, MeterStatus, MetersStatus, MissingGapStatus, MissingStatus, ReloadStatus,
    SHOWN_MAX as TROUBLES_SHOWN_MAX, SharedStatus, SilentMeterStatus, SilentStatus, SinkStatus, Status, Trouble,
    Troubles, ValueStatus, VolumeStatus,
};
pub use trouble::troubles;

use crate::clock::Clock;
use crate::coverage::Coverage;
use crate::ingest::Ingest;
use crate::meters::Meters;
use crate::reading::Units;
use std::fmt;
use std::sync::Arc;

/// The contents of the admin listener; each call takes a new snapshot.
#[derive(Clone)]
pub struct Views {
    /// The Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// `Err` with the reason while ingest would answer 503.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// The contents of the built-in page.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
    /// The newest values of the meters.
    pub ingest: Ingest,
    /// The meters' descriptions.
    pub meters: Meters,
    /// The units of their registers.
    pub units: Units,
    /// The gaps in the meters' readings.
    pub coverage: Coverage,
    /// The past, from the store.
    pub history: History,
    /// Whether the one who asks has a session, which a page offers to end.
    pub is_logged_in: bool,
    /// The time of the views.
    pub clock: Clock,
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Views")
    }
}
