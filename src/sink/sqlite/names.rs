//! The files that the store's names stand for.
//!
//! SQLite keeps writing to open files whose names are gone, or stand for other files by now.
//! So a commit counts only while the names still stand for the files that were opened.
//! Reading the metadata by name is enough: opening a second handle of the database in this
//! process and closing it would drop SQLite's locks.

use crate::base::file::with_suffix;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// SQLite's log of the newest transactions.
pub(super) fn log_of(file: &Path) -> PathBuf {
    with_suffix(file, "-wal")
}

/// The index of the log, shared between processes.
pub(super) fn index_of(file: &Path) -> PathBuf {
    with_suffix(file, "-shm")
}

/// Device and inode.
type FileId = (u64, u64);

/// The database, its log and the log's index, as their names stand for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedFiles {
    database: FileId,
    log: FileId,
    index: FileId,
    /// Only checkpoints write to the database, so another time shows another writer.
    database_changed: (i64, i64),
}

impl NamedFiles {
    /// The files now.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub(super) fn of(file: &Path) -> io::Result<Self> {
        let database = fs::metadata(file)?;
        Ok(Self {
            database: id(&database),
            log: id(&fs::metadata(log_of(file))?),
            index: id(&fs::metadata(index_of(file))?),
            database_changed: (database.mtime(), database.mtime_nsec()),
        })
    }

    /// Whether the names still stand for these files, and only this process wrote to the
    /// database.
    pub(super) fn are_unchanged(&self, file: &Path) -> bool {
        Self::of(file).is_ok_and(|now| now == *self)
    }

    /// Accepts a checkpoint of this process.
    pub(super) fn note_checkpoint(&mut self, file: &Path) {
        if let Ok(now) = Self::of(file) {
            self.database_changed = now.database_changed;
        }
    }

    /// Whether the database is the file with this id.
    pub(super) fn has_database(&self, database: FileId) -> bool {
        self.database == database
    }
}

/// Device and inode of the named file.
pub(super) fn file_id(file: &Path) -> io::Result<FileId> {
    fs::metadata(file).map(|metadata| id(&metadata))
}

fn id(metadata: &fs::Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}
