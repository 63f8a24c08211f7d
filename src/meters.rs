//! Versions of the meters' descriptions: new descriptions are compared with the last
//! version of each meter, and changes are recorded.
//!
//! Knows neither the sources nor ingest: it gets a list, the time and a function that
//! records. No lock of a thread is held while a file is synced or a version recorded: tasks
//! take turns, and a turn takes what all of them brought meanwhile. Invariants:
//! - A version is on disk before it is recorded, and all versions are recorded again
//!   after a start. So a kill at any moment repeats the same versions with the same
//!   times, one change never makes two versions, and a new store gets them all.
//! - A meter that is missing in a list is unchanged.
//! - The first version of a meter is valid from 1970. If the file was lost or a meter
//!   was dropped, it is valid from that time instead, because the stores may hold older
//!   versions, which must stay.
//! - The metering point and the configured role do not make a version. They are configured for
//!   all times, so a change applies to all versions kept.

mod file;
mod history;
mod points;
#[cfg(test)]
mod tests;

pub use file::forget;
pub use history::{TARIFF_CHARS_MAX, TEXT_CHARS_MAX};
pub use points::Points;

use crate::reading::{MeterId, UnixNanos};
use crate::wire::meters::{Description, Version};
use history::VersionHistory;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The maximum number of versions in one record.
const BATCH_VERSIONS_MAX: usize = 1000;
/// From this number of meters on, the file is large: what comes within [`GATHERED_FOR`] is written at once.
const GATHERED_FROM: usize = 100;
/// Thousands of devices are described within seconds after a start.
const GATHERED_FOR: Duration = Duration::from_secs(1);

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
    /// Descriptions that the next turn takes, by source: a newer one replaces one that still waits.
    waiting: Mutex<BTreeMap<String, Waiting>>,
    /// Held briefly, never across a write or a record. It does not change within a turn.
    history: Mutex<VersionHistory>,
    /// Held by the task that stores and records, so that versions are recorded in order.
    turn: tokio::sync::Mutex<()>,
}

/// Descriptions of one source.
struct Waiting {
    descriptions: Vec<(MeterId, Description)>,
    at: UnixNanos,
}

impl Meters {
    /// Opens the versions stored in a data directory. An unreadable file is kept as a
    /// copy, and every meter then gets a new version from `now` on.
    pub fn open(data_directory: &Path, points: Points, now: UnixNanos) -> Self {
        let file = data_directory.join(file::FILE);
        let mut history = file::read_or_start_empty(&file, now);
        history.begin(&points);
        Self(Arc::new(MetersInner {
            file,
            points,
            waiting: Mutex::default(),
            history: Mutex::new(history),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    /// Compares descriptions from `source` with the last versions, and passes new
    /// versions to `record` as bodies of
    /// [`PayloadFormat::Meters`](crate::wire::PayloadFormat::Meters). A body must be
    /// durable when `record` returns. Needs a Tokio runtime.
    ///
    /// # Errors
    /// See [`DescribeError`]. Versions not recorded stay pending and come first next time.
    pub async fn describe<Recorded>(
        &self,
        source: &str,
        descriptions: impl IntoIterator<Item = (MeterId, Description)>,
        now: UnixNanos,
        mut record: impl FnMut(Vec<u8>) -> Recorded,
    ) -> Result<(), DescribeError>
    where
        Recorded: Future<Output = Result<(), String>>,
    {
        let descriptions = descriptions.into_iter().collect();
        self.0.waiting.lock().insert(source.to_owned(), Waiting { descriptions, at: now });
        let _turn = self.0.turn.lock().await;
        if self.0.waiting.lock().is_empty() && !self.0.history.lock().has_pending() {
            // An earlier turn took them.
            return Ok(());
        }
        if self.0.history.lock().meters.len() >= GATHERED_FROM {
            tokio::time::sleep(GATHERED_FOR).await;
        }
        // While none can be recorded, no further versions are made.
        self.record(&mut record).await?;
        let waiting = std::mem::take(&mut *self.0.waiting.lock());
        for (source, Waiting { descriptions, at }) in waiting {
            self.0.history.lock().compare(&source, descriptions, &self.0.points, at);
        }
        self.record(&mut record).await
    }

    /// Passes the valid version of each meter, with its configured role, to `each`. It holds a lock meanwhile, so
    /// `each` must be quick.
    pub fn each_valid(&self, mut each: impl FnMut(&Version)) {
        let history = self.0.history.lock();
        let valid = history.meters.values().filter_map(|meter| meter.versions.last());
        valid.for_each(|version| each(&self.0.points.with_role(version)));
    }

    /// The versions of a meter with its configured role, oldest first; the last one is valid.
    pub fn versions(&self, meter: MeterId) -> Vec<Version> {
        let history = self.0.history.lock();
        let versions = history.meters.get(&meter).into_iter().flat_map(|meter| &meter.versions);
        versions.map(|version| self.0.points.with_role(version).into_owned()).collect()
    }

    /// The name of a meter in its newest description, if it has one.
    pub fn name(&self, meter: MeterId) -> Option<String> {
        let history = self.0.history.lock();
        let newest = history.meters.get(&meter)?.versions.last()?;
        Some(newest.description.name.clone()).filter(|name| !name.is_empty())
    }

    /// Stores the versions and records the pending ones. Only the task whose turn it is calls
    /// it, so none is added meanwhile.
    async fn record<Recorded>(&self, record: &mut impl FnMut(Vec<u8>) -> Recorded) -> Result<(), DescribeError>
    where
        Recorded: Future<Output = Result<(), String>>,
    {
        if !self.0.history.lock().has_pending() {
            return Ok(());
        }
        let this = self.clone();
        // A sync may take long, so it runs on a blocking thread.
        let stored = tokio::task::spawn_blocking(move || {
            let bytes = file::to_bytes(&this.0.history.lock());
            file::write(&this.0.file, &bytes)
        });
        let stored = stored.await.map_err(std::io::Error::other).flatten();
        stored.map_err(|error| DescribeError::File { file: self.0.file.clone(), error })?;
        for number in 0.. {
            let part = number * BATCH_VERSIONS_MAX..(number + 1) * BATCH_VERSIONS_MAX;
            let Some(body) = self.0.history.lock().pending_body(part, &self.0.points) else { break };
            record(body).await.map_err(DescribeError::Refused)?;
        }
        self.0.history.lock().clear_pending();
        Ok(())
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").field("file", &self.0.file).finish_non_exhaustive()
    }
}
