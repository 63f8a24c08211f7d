//! The admin listener: `/metrics`, `/livez`, `/readyz`, the status page and its JSON.
//!
//! It has its own thread and runtime, so that it answers while the data plane is busy.
//! It reads snapshots through [`Views`] and changes nothing. It knows no type of source
//! or sink. It has no login: its address and the host names of its pages protect it.

mod answer;
mod frame;
mod headline;
mod hosts;
mod page;
mod parameters;
mod server;
mod status;
#[cfg(test)]
mod tests;

pub use headline::headline;
pub use server::{Admin, CONNECTIONS_MAX, StartError};
pub use status::{
    CertificateStatus, ClockStatus, DeadLetterStatus, GapStatus, Headline, IngestStatus, JournalStatus, MeterStatus,
    MetersStatus, MissingGapStatus, MissingStatus, SharedStatus, SinkStatus, Status, ValueStatus,
};

use std::fmt;
use std::sync::Arc;

/// The contents of the admin listener; each call takes a new snapshot.
#[derive(Clone)]
pub struct Views {
    /// The Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// `Err` with the reason while ingest would answer 503.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// The contents of the status page.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Views")
    }
}
