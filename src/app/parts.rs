//! The running parts that sources, commands and pages use.

use super::kafka_log::KafkaLog;
use super::live::Live;
use crate::clock::Clock;
use crate::coverage::Coverage;
use crate::dead_letters::DeadLetters;
use crate::deliver::PumpHandle;
use crate::ingest::Ingest;
use crate::journal::Journal;
use crate::meters::Meters;
use crate::reading::Units;
use crate::source::SourceGroups;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The running parts. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) clock: Clock,
    pub(super) runtime: Handle,
    pub(super) journal: Journal,
    pub(super) dead_letters: DeadLetters,
    pub(super) coverage: Coverage,
    pub(super) meters: Meters,
    pub(super) units: Units,
    pub(super) ingest: Ingest,
    pub(super) live: Live,
    pub(super) pumps: Arc<Vec<PumpHandle>>,
    pub(super) kafka_log: KafkaLog,
    pub(super) sources: Arc<SourceGroups>,
}

impl Parts {
    /// Ends the counters of sources that the configuration does not have: ones that a reload removed, or whose dead
    /// letters were re-submitted.
    pub(super) fn end_unconfigured_sources(&self) {
        self.ingest.end_sources(|name| self.live.options(name).is_none());
    }
}
