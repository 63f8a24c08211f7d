//! The place of the journal: whether its directory's names still stand for the open files.
//!
//! A file whose name is gone can still be written and synced, and everything in it is lost
//! when the process ends. So the writer compares the lock file and the active segment with
//! their names, about every second and before it begins a segment. While they differ,
//! nothing is written and nothing is acknowledged. Records acknowledged since the last
//! comparison, at most [`CHECK_EVERY`] before, are lost if the files do not come back.

use super::AppendError;
use super::disk::SharedDisk;
use super::lock::LOCK_FILE;
use parking_lot::Mutex;
use std::io;
use std::time::Duration;

/// Time between two comparisons.
pub(super) const CHECK_EVERY: Duration = Duration::from_secs(1);

/// Device and inode.
pub(super) type FileId = (u64, u64);

/// The place of an open journal.
#[derive(Debug)]
pub(super) struct Place {
    disk: SharedDisk,
    lock: FileId,
    /// The result of the last comparison.
    moved: Mutex<Option<AppendError>>,
}

impl Place {
    pub(super) fn new(disk: SharedDisk, lock: FileId) -> Self {
        Self { disk, lock, moved: Mutex::new(None) }
    }

    /// Compares the names with the open files: the lock, and the active segment if there is one.
    pub(super) fn check(&self, segment: Option<(&str, FileId)>) -> Result<(), AppendError> {
        let mut open = [Some((LOCK_FILE, self.lock)), segment].into_iter().flatten();
        let found = open.try_for_each(|(name, id)| self.compare(name, id));
        let before = std::mem::replace(&mut *self.moved.lock(), found.clone().err());
        match (&before, &found) {
            (None, Err(error)) => tracing::error!(%error, "the journal stops"),
            (Some(_), Ok(())) => {
                tracing::info!(directory = %self.disk.path().display(), "the journal's files are back")
            }
            _ => {}
        }
        found
    }

    /// The error of the last comparison.
    pub(super) fn moved(&self) -> Option<AppendError> {
        self.moved.lock().clone()
    }

    fn compare(&self, name: &str, id: FileId) -> Result<(), AppendError> {
        let detail = match self.disk.identity(name) {
            Ok(found) if found == id => return Ok(()),
            Ok(_) => format!("the file {name} is another one than before"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => format!("the file {name} is missing"),
            Err(error) => format!("the file {name} cannot be found: {error}"),
        };
        Err(AppendError::Moved { directory: self.disk.path().to_owned(), detail })
    }
}
