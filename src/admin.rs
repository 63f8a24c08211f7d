//! What people and monitoring look at: `/metrics`, `/livez`, `/readyz` and the
//! status page with its JSON, on a listener of its own.
//!
//! It runs on a thread and runtime of its own, so that it answers while the data
//! plane is busy. It reads snapshots through [`Views`] and changes nothing; it
//! knows no source and no sink by type.

mod page;
mod server;
mod status;

pub use server::{Admin, StartError};
pub use status::{
    CertificateStatus, ClockStatus, DeadLetterStatus, GapStatus, IngestStatus, JournalStatus, MeterStatus,
    MetersStatus, MissingGapStatus, MissingStatus, SinkStatus, Status, ValueStatus,
};

use std::fmt;
use std::sync::Arc;

/// What the admin listener shows, each a snapshot taken when asked for.
#[derive(Clone)]
pub struct Views {
    /// The Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// `Err` with the reason while ingest would answer 503.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// Everything on the status page.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Views")
    }
}
