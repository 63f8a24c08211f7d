//! The bound on SQLite's log, and the room that is left to other users of the volume.
//!
//! SQLite empties its log by checkpoints, which copy it to the database, but never past the
//! snapshot of a program that is reading. So one reader can let the log grow without end,
//! beside a journal that has a cap. Here the sink makes the checkpoints, watches the log,
//! and commits nothing while the log is larger than [`LOG_BYTES_MAX`]: the journal is the
//! queue. One transaction may exceed the bound. A volume with less than [`FREE_BYTES_MIN`]
//! stops the sink as well, so that a checkpoint and the journal always have room.

use super::names::{file_id, log_of};
use crate::base::human;
use crate::deliver::SinkError;
use rusqlite::Connection;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Size of the log beyond which nothing is committed.
pub const LOG_BYTES_MAX: u64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// Free bytes of the volume below which nothing is committed.
pub const FREE_BYTES_MIN: u64 = 64 << 20;
/// Free bytes of the volume below which no tables are joined, because a join copies them.
pub(super) const JOIN_FREE_BYTES_MIN: u64 = if cfg!(test) { FREE_BYTES_MIN } else { 1 << 30 };
/// Growth of the log after which a checkpoint is made.
const CHECKPOINT_BYTES: u64 = if cfg!(test) { 64 << 10 } else { 4 << 20 };
/// Programs that an error names at most.
const READERS_NAMED_MAX: usize = 5;

/// The kinds of checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// Copies as much as no reader prevents.
    Copy,
    /// Waits a moment for readers, copies everything and truncates the log.
    Empty,
}

impl Checkpoint {
    /// Makes the checkpoint. Returns whether the database now has everything.
    pub(super) fn make(self, store: &Connection) -> rusqlite::Result<bool> {
        let sql = match self {
            Self::Copy => "PRAGMA wal_checkpoint(PASSIVE)",
            Self::Empty => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        let (busy, pages, copied): (i64, i64, i64) =
            store.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(busy == 0 && pages == copied)
    }
}

/// The log of an open store.
#[derive(Debug)]
pub(super) struct Log {
    bytes: u64,
    /// The size at which the next checkpoint is made.
    checkpoint_at: u64,
}

impl Log {
    pub(super) fn of(file: &Path) -> Self {
        Self { bytes: log_bytes(file), checkpoint_at: CHECKPOINT_BYTES }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the size again.
    pub(super) fn measure(&mut self, file: &Path) {
        let bytes = log_bytes(file);
        if bytes < self.bytes {
            // It was emptied and begins again.
            self.checkpoint_at = CHECKPOINT_BYTES;
        }
        self.bytes = bytes;
    }

    /// Whether a checkpoint is due.
    pub(super) fn is_checkpoint_due(&self) -> bool {
        self.bytes >= self.checkpoint_at
    }

    /// Notes an attempt. Where a reader prevents it, another one for every commit would cost a
    /// sync each.
    pub(super) fn note_checkpoint(&mut self) {
        self.checkpoint_at = self.bytes + CHECKPOINT_BYTES;
    }

    /// Whether it is more than a quarter of its bound: the rest is for commits.
    pub(super) fn is_large(&self) -> bool {
        self.bytes > LOG_BYTES_MAX / 4
    }

    pub(super) fn is_beyond_bound(&self) -> bool {
        self.bytes > LOG_BYTES_MAX
    }
}

/// The size of the log; 0 if there is none.
fn log_bytes(file: &Path) -> u64 {
    fs::metadata(log_of(file)).map_or(0, |metadata| metadata.len())
}

/// The error while the log is beyond its bound.
pub(super) fn beyond_bound(file: &Path, bytes: u64) -> SinkError {
    let readers = readers(file);
    let who = if readers.is_empty() {
        "a program of another user or container, or with too many open files to be found".to_owned()
    } else {
        readers.join(", ")
    };
    SinkError::waiting(format!(
        "the log of the store {} has {}, its bound is {}: a program holds a read transaction, so that SQLite cannot \
         empty the log. End the transaction or the program. Open by: {who}. The journal keeps what follows meanwhile",
        file.display(),
        human::bytes(bytes),
        human::bytes(LOG_BYTES_MAX),
    ))
}

/// Refuses a volume with too little free space.
///
/// # Errors
/// Less than [`FREE_BYTES_MIN`], or a volume that cannot be read.
pub(super) fn refuse_full_volume(file: &Path) -> Result<(), SinkError> {
    refuse_volume_below(file, FREE_BYTES_MIN)
}

/// Refuses a volume with less than `least` free bytes.
///
/// # Errors
/// Less, or a volume that cannot be read.
pub(super) fn refuse_volume_below(file: &Path, least: u64) -> Result<(), SinkError> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let free = free_bytes(directory).map_err(|error| {
        SinkError::waiting(format!("the free space of the volume of {} cannot be read: {error}", file.display()))
    })?;
    if free >= least {
        return Ok(());
    }
    Err(SinkError::blocked(format!(
        "the volume of the store {} has {} left; below {} the store takes nothing more, so that the journal has room. \
         Free some space, delivery then continues automatically",
        file.display(),
        human::bytes(free),
        human::bytes(least),
    )))
}

fn free_bytes(directory: &Path) -> io::Result<u64> {
    let volume = rustix::fs::statvfs(directory)?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// Other programs that have the database open, as far as the system shows them.
fn readers(file: &Path) -> Vec<String> {
    let (Ok(database), Ok(processes)) = (file_id(file), fs::read_dir("/proc")) else { return Vec::new() };
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let others = numbers.filter(|number| *number != std::process::id());
    let readers = others.filter(|number| has_open(*number, database));
    readers.take(READERS_NAMED_MAX).map(described).collect()
}

fn has_open(process: u32, file: (u64, u64)) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    let is_it = |path: &Path| fs::metadata(path).is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == file);
    descriptors.flatten().any(|descriptor| is_it(&descriptor.path()))
}

fn described(process: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    format!("{} (process {process})", name.trim_end())
}
