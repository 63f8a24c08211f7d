//! The parts that follow what ingest accepts, without reading the journal.

use crate::contexts::Contexts;
use crate::recent_records::RecentRecords;
use crate::wire::{Judged, PayloadFormat};
use std::fmt;
use std::sync::Arc;

/// The parts that follow what ingest accepts.
#[derive(Debug, Clone, Default)]
pub struct Followers {
    /// Gets an outline of each record.
    pub recent: RecentRecords,
    /// Gets the contexts of messages.
    pub contexts: Contexts,
    /// Gets the readings of some sources.
    pub observer: Option<Arc<dyn ReadingObserver>>,
}

/// Gets the readings of the sources that it chooses, after their sync. It runs on ingest's
/// threads, so it must be quick.
pub trait ReadingObserver: fmt::Debug + Send + Sync {
    /// Whether it wants the readings of this source; asked once.
    fn observes(&self, source: &str) -> bool;

    /// Gets the deliverable readings of one body.
    fn observe<'a>(&self, format: PayloadFormat, readings: &mut dyn Iterator<Item = Judged<'a>>);
}
