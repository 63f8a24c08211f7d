//! The journal's errors, as messages with the cause, the place and the next step.

use super::{SegmentName, Sequence};
use std::io;
use std::path::PathBuf;

/// Why a record could not be made durable. It was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The cap is reached, and the slowest sink still needs the oldest segment.
    #[error(
        "the journal is full: {used_bytes} of {cap_bytes} bytes are used, and {slowest} still needs the oldest records; fix that sink, or raise the journal's cap"
    )]
    Full {
        /// Bytes of all segments.
        used_bytes: u64,
        /// The configured cap.
        cap_bytes: u64,
        /// The name of the slowest cursor.
        slowest: String,
    },
    /// The source's share of undelivered records is used up.
    #[error(
        "the source's share of the journal is full: {held_bytes} of {cap_bytes} bytes are its undelivered records, and the rest is kept for other sources; fix {slowest}, or raise the journal's cap"
    )]
    ShareFull {
        /// Bytes of its records that a required sink still needs.
        held_bytes: u64,
        /// The configured cap.
        cap_bytes: u64,
        /// The name of the slowest cursor.
        slowest: String,
    },
    /// The volume is full.
    #[error(
        "the volume of {directory} has no room for the journal ({detail}); free some space, then it continues automatically"
    )]
    DiskFull {
        /// The journal's directory.
        directory: PathBuf,
        /// The system's error.
        detail: String,
    },
    /// A write or a sync failed, and so did the second attempt in a new segment.
    #[error(
        "cannot write the journal in {directory} ({detail}); check the disk and the system log; the running service retries with the next record"
    )]
    Failed {
        /// The journal's directory.
        directory: PathBuf,
        /// The system's error.
        detail: String,
    },
    /// The directory or its files were moved, removed or replaced. Records acknowledged in the
    /// last second before this was noticed may be lost.
    #[error(
        "the journal in {directory} was moved, removed or replaced while the service runs ({detail}); nothing is accepted until its files are back. If they cannot come back, stop the service, restore the directory from a copy or leave it empty, and start it again"
    )]
    Moved {
        /// The journal's directory.
        directory: PathBuf,
        /// The name and the difference.
        detail: String,
    },
    /// The record is too large.
    #[error("the record has {bytes} bytes, the limit is {bytes_max}")]
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// The journal is being closed.
    #[error("the journal is closed")]
    Closed,
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the journal in {directory} is in use by another process; stop that process first, or use another data directory"
    )]
    Locked {
        /// The journal's directory.
        directory: PathBuf,
    },
    /// The sizes do not fit together.
    #[error("the journal's sizes do not fit together: {0}")]
    Sizes(String),
    /// Damage that is not the torn end of an interrupted write.
    #[error(
        "segment {segment} in {directory} is damaged at offset {offset}: {what}. It may hold acknowledged records, so meterline does not truncate it. Restore the file from a copy, or run `meterline journal repair --segment {id}` to see which records can be kept",
        id = segment.id
    )]
    Damaged {
        /// The journal's directory.
        directory: PathBuf,
        /// The segment.
        segment: SegmentName,
        /// The offset in it.
        offset: u64,
        /// The damage found.
        what: &'static str,
    },
    /// Written by a newer program.
    #[error(
        "segment {segment} in {directory} has format version {format_version}, which this version of meterline is too old to read; install the newer version"
    )]
    TooNew {
        /// The journal's directory.
        directory: PathBuf,
        /// The segment.
        segment: SegmentName,
        /// Its format.
        format_version: u16,
    },
    /// Two segments do not follow each other.
    #[error(
        "the segments {before} and {after} in {directory} do not follow each other; a file of another journal is in this directory"
    )]
    Order {
        /// The journal's directory.
        directory: PathBuf,
        /// The lower id.
        before: SegmentName,
        /// The higher id.
        after: SegmentName,
    },
    /// The last records of the previous run could not be written again.
    #[error("cannot rewrite the last records of the previous run: {0}; check the disk, then start again")]
    Rewrite(AppendError),
    /// A ledger is unusable.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A system call failed.
    #[error("the journal in {directory} cannot be opened: {what}: {source}")]
    Io {
        /// The journal's directory.
        directory: PathBuf,
        /// The failed operation.
        what: String,
        /// The system's error.
        source: io::Error,
    },
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stored bytes are damaged.
    #[error(
        "segment {segment} in {directory} is damaged at offset {offset} (record {sequence} cannot be read); restore the file from a copy, or stop the service and check which records can be kept with `meterline journal repair --segment {id}`",
        id = segment.id
    )]
    Damaged {
        /// The journal's directory.
        directory: PathBuf,
        /// The segment.
        segment: SegmentName,
        /// The offset in it.
        offset: u64,
        /// The record that cannot be read.
        sequence: Sequence,
    },
    /// Written by a newer program.
    #[error(
        "segment {segment} in {directory} has format version {format_version}, which this version of meterline is too old to read; install the newer version"
    )]
    TooNew {
        /// The journal's directory.
        directory: PathBuf,
        /// The segment.
        segment: SegmentName,
        /// Its format.
        format_version: u16,
    },
    /// Retention deleted it.
    #[error("record {wanted} was deleted by retention, the oldest is {oldest}")]
    Retained {
        /// The requested record.
        wanted: Sequence,
        /// The oldest record.
        oldest: Sequence,
    },
    /// The record does not exist yet.
    #[error("record {wanted} does not exist yet, the next is {next}")]
    Beyond {
        /// The requested record.
        wanted: Sequence,
        /// The next record.
        next: Sequence,
    },
    /// A system call failed.
    #[error("{file} in {directory} cannot be read: {source}")]
    Io {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
        /// The system's error.
        source: io::Error,
    },
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The source's name is invalid.
    #[error("{name:?} is not a valid source name: use 1 to {bytes_max} bytes without control characters")]
    Name {
        /// The name.
        name: String,
        /// The maximum length in bytes.
        bytes_max: usize,
    },
    /// The file is damaged.
    #[error(
        "{file} in {directory} is damaged in line {line}; records refer to it, so restore the file from a copy of the directory"
    )]
    Damaged {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
        /// The line number, from 1.
        line: usize,
    },
    /// A system call failed.
    #[error("{file} in {directory} cannot be read or written: {source}")]
    Io {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
        /// The system's error.
        source: io::Error,
    },
}

/// Why a gap record cannot be written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the gap list in {directory} cannot be written: {detail}; no record is skipped until it can be written")]
pub struct GapError {
    /// The journal's directory.
    pub directory: PathBuf,
    /// The system's error.
    pub detail: String,
}

/// Why a cursor cannot be loaded or stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CursorError {
    /// The cursor's name is invalid.
    #[error("{name:?} is not a valid cursor name: use 1 to {bytes_max} letters, digits, '-' or '_'")]
    Name {
        /// The name.
        name: String,
        /// The maximum length in bytes.
        bytes_max: usize,
    },
    /// The file is damaged.
    #[error(
        "the cursor file {file} in {directory} is damaged; its sink starts again at the oldest record (everything since then is delivered again)"
    )]
    Damaged {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
    },
    /// A system call failed.
    #[error("the file {file} in {directory} cannot be read or written: {detail}")]
    Io {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
        /// The system's error.
        detail: String,
    },
    /// A cursor or checkpoints were not stored, for this reason.
    #[error("{0}")]
    NotStored(String),
}
