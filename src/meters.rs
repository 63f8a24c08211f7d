//! Which versions of the meters' descriptions there are: what is told of a meter is
//! compared with what was described last, and what is new is recorded.
//!
//! Knows neither who tells nor ingest: it is handed a list, the time and a way to
//! record. Invariants:
//! - A version is on disk before it is recorded, and after a start all of them are
//!   recorded again: so a kill at any moment repeats the same versions with the same
//!   times, one change never makes two, and a store that was added gets them all.
//! - A meter that is not in a list is as it was.
//! - The first version of a meter holds from 1970, where the file was never lost and
//!   no meter was ever forgotten; otherwise from when that was, because older
//!   versions may be in the stores and must stand.
//! - The metering point is no part of what makes a version. It is configured for all
//!   times, so all versions that are remembered get another one.

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

/// Versions of one record.
const BATCH_VERSIONS_MAX: usize = 1000;

/// Why descriptions were not recorded. The next list tries again.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// The file of what was described cannot be written.
    #[error("what is known of the meters cannot be stored in {}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It was not taken, for this reason.
    #[error("what is known of the meters was not taken: {0}")]
    NotTaken(String),
}

/// What is history of all meters; a clone is the same.
#[derive(Clone)]
pub struct Meters(Arc<MetersInner>);

struct MetersInner {
    file: PathBuf,
    points: Points,
    history: Mutex<VersionHistory>,
}

impl Meters {
    /// What was described before from this data directory; `now` counts where the file
    /// was there and cannot be read: it is kept beside, and every meter gets a version
    /// from now on.
    #[must_use]
    pub fn open(data_directory: &Path, points: Points, now: UnixNanos) -> Self {
        let file = data_directory.join(file::FILE);
        let mut history = file::read_or_start_empty(&file, now);
        history.begin(&points);
        Self(Arc::new(MetersInner { file, points, history: Mutex::new(history) }))
    }

    /// Compares what `source` tells of meters with what was described last, and hands
    /// what is new to `record`, a body of
    /// [`PayloadFormat::Meters`](crate::wire::PayloadFormat::Meters) at a time; it must
    /// be durable when that returns.
    ///
    /// # Errors
    /// What could not be stored or recorded waits, and comes first the next time.
    pub fn describe(
        &self,
        source: &str,
        told: impl IntoIterator<Item = (MeterId, Description)>,
        now: UnixNanos,
        mut record: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), DescribeError> {
        let mut history = self.0.history.lock();
        self.record(&mut history, &mut record)?;
        history.compare(source, told, &self.0.points, now);
        self.record(&mut history, &mut record)
    }

    fn record(
        &self,
        history: &mut VersionHistory,
        record: &mut impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), DescribeError> {
        let versions = history.waiting();
        if versions.is_empty() {
            return Ok(());
        }
        let file = &self.0.file;
        file::write(file, history).map_err(|error| DescribeError::File { file: file.clone(), error })?;
        for batch in versions.chunks(BATCH_VERSIONS_MAX) {
            record(&encode(batch.iter().copied())).map_err(DescribeError::NotTaken)?;
        }
        history.recorded();
        Ok(())
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").field("file", &self.0.file).finish_non_exhaustive()
    }
}
