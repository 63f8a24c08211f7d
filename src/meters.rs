//! Versions of the meters' descriptions: new descriptions are compared with the last
//! version of each meter, and changes are recorded.
//!
//! Knows neither the sources nor ingest: it gets a list, the time and a function that
//! records. Invariants:
//! - A version is on disk before it is recorded, and all versions are recorded again
//!   after a start. So a kill at any moment repeats the same versions with the same
//!   times, one change never makes two versions, and a new store gets them all.
//! - A meter that is missing in a list is unchanged.
//! - The first version of a meter is valid from 1970. If the file was lost or a meter
//!   was dropped, it is valid from that time instead, because the stores may hold older
//!   versions, which must stay.
//! - The metering point does not make a version. It is configured for all times, so a
//!   change applies to all versions kept.

mod file;
mod history;
mod points;
#[cfg(test)]
mod tests;

pub use history::TEXT_CHARS_MAX;
pub use points::Points;

use crate::reading::{MeterId, UnixNanos};
use crate::wire::meters::{Description, encode};
use history::VersionHistory;
use parking_lot::Mutex;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The maximum number of versions in one record.
const BATCH_VERSIONS_MAX: usize = 1000;

/// Why descriptions were not recorded. The next list retries.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// The file cannot be written.
    #[error("the meters' descriptions cannot be stored in {}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// Ingest refused the record, for this reason.
    #[error("the meters' descriptions were refused: {0}")]
    Refused(String),
}

/// The descriptions of all meters. A clone is the same.
#[derive(Clone)]
pub struct Meters(Arc<MetersInner>);

struct MetersInner {
    file: PathBuf,
    points: Points,
    history: Mutex<VersionHistory>,
}

impl Meters {
    /// Opens the versions stored in a data directory. An unreadable file is kept as a
    /// copy, and every meter then gets a new version from `now` on.
    pub fn open(data_directory: &Path, points: Points, now: UnixNanos) -> Self {
        let file = data_directory.join(file::FILE);
        let mut history = file::read_or_start_empty(&file, now);
        history.begin(&points);
        Self(Arc::new(MetersInner { file, points, history: Mutex::new(history) }))
    }

    /// Compares descriptions from `source` with the last versions, and passes new
    /// versions to `record` as bodies of
    /// [`PayloadFormat::Meters`](crate::wire::PayloadFormat::Meters). A body must be
    /// durable when `record` returns.
    ///
    /// # Errors
    /// See [`DescribeError`]. Versions not recorded stay pending and come first next time.
    pub fn describe(
        &self,
        source: &str,
        descriptions: impl IntoIterator<Item = (MeterId, Description)>,
        now: UnixNanos,
        mut record: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), DescribeError> {
        let mut history = self.0.history.lock();
        self.record(&mut history, &mut record)?;
        history.compare(source, descriptions, &self.0.points, now);
        self.record(&mut history, &mut record)
    }

    fn record(
        &self,
        history: &mut VersionHistory,
        record: &mut impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), DescribeError> {
        let versions = history.pending();
        if versions.is_empty() {
            return Ok(());
        }
        let file = &self.0.file;
        file::write(file, history).map_err(|error| DescribeError::File { file: file.clone(), error })?;
        for batch in versions.chunks(BATCH_VERSIONS_MAX) {
            record(&encode(batch.iter().copied())).map_err(DescribeError::Refused)?;
        }
        history.clear_pending();
        Ok(())
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").field("file", &self.0.file).finish_non_exhaustive()
    }
}
