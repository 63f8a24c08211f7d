//! Which versions of the meters' descriptions there are: what is told of a meter is
//! compared with what was described last, and what is new is recorded.
//!
//! Knows neither who tells nor the door: it is handed a list, the time and a way to
//! record. Invariants:
//! - What is to be recorded is on disk before it is recorded, and nothing new is
//!   decided while something waits to be recorded: so a kill at any moment repeats the
//!   same versions with the same times, and one change never makes two versions.
//! - A meter that is not in a list is as it was: `last_seen` stands still, no more.
//! - The first version of a meter holds from 1970, where the file was never lost and
//!   no meter was ever forgotten; otherwise from when that was, because older
//!   versions may be in the stores and must stand.
//! - The metering point is no part of what makes a version. It is configured for all
//!   times, so another one is told of all versions that are remembered.

mod file;
mod known;
mod points;
#[cfg(test)]
mod tests;

pub use known::{HELD_FOR, LAST_SEEN_EVERY, METERS_MAX, TEXT_CHARS_MAX, Told, VERSIONS_MAX};
pub use points::Points;

use crate::reading::UnixNanos;
use crate::wire::meters::encode;
use known::Known;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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

/// What is known of all meters; a clone is the same.
#[derive(Clone)]
pub struct Meters(Arc<State>);

struct State {
    file: PathBuf,
    points: Points,
    known: Mutex<Known>,
}

impl Meters {
    /// What was described before from this data directory; `now` counts where the file
    /// was there and cannot be read: it is kept beside, and every meter gets a version
    /// from now on.
    #[must_use]
    pub fn open(data_directory: &Path, points: Points, now: UnixNanos) -> Self {
        let file = data_directory.join(file::FILE);
        let mut known = file::read_or_begin_anew(&file, now);
        known.place(&points);
        Self(Arc::new(State { file, points, known: Mutex::new(known) }))
    }

    /// Compares what `source` tells of meters with what was described last, and hands
    /// what is new to `record`, a body of
    /// [`PayloadFormat::Meters`](crate::wire::PayloadFormat::Meters) at a time; it must
    /// be durable when that returns. How many versions were recorded.
    ///
    /// # Errors
    /// What could not be stored or recorded waits, and comes first the next time.
    pub fn describe(
        &self,
        source: &str,
        told: impl IntoIterator<Item = Told>,
        now: UnixNanos,
        mut record: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<usize, DescribeError> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.waiting.is_empty() {
            known.compare(source, told, &self.0.points, now);
        }
        let versions: Vec<_> = known.waiting.values().cloned().collect();
        if versions.is_empty() {
            return Ok(0);
        }
        self.store(&known)?;
        for batch in versions.chunks(BATCH_VERSIONS_MAX) {
            record(&encode(batch)).map_err(DescribeError::NotTaken)?;
        }
        known.waiting.clear();
        // Where this fails they are recorded again after a start, which changes nothing.
        self.store(&known)?;
        Ok(versions.len())
    }

    fn store(&self, known: &Known) -> Result<(), DescribeError> {
        let file = &self.0.file;
        file::write(file, known).map_err(|error| DescribeError::File { file: file.clone(), error })
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").field("file", &self.0.file).finish_non_exhaustive()
    }
}
