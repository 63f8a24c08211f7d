//! What can go wrong, as sentences that say what, where, why and what to do.

use super::{SegmentName, Sequence};
use std::io;
use std::path::PathBuf;

/// Why a record could not be made safe. The sender has not been told that it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The cap is reached and no sink is far enough to let an old segment go.
    #[error(
        "the journal is full: {used_bytes} of {cap_bytes} bytes hold records that {slowest} still needs; get that sink going again, or raise the journal's cap"
    )]
    Full {
        /// Bytes of all segments.
        used_bytes: u64,
        /// The configured cap.
        cap_bytes: u64,
        /// The cursor that is furthest behind.
        slowest: String,
    },
    /// The source holds its share, and sinks are not far enough to take some of it off.
    #[error(
        "the source holds {held_bytes} of the journal's {cap_bytes} bytes, and more would leave too little to others; get {slowest} going again, or raise the journal's cap"
    )]
    ShareFull {
        /// Bytes of its records that not all required sinks have.
        held_bytes: u64,
        /// The configured cap.
        cap_bytes: u64,
        /// The cursor that is furthest behind.
        slowest: String,
    },
    /// The volume has no room.
    #[error("the volume of {directory} has no room for the journal ({detail}); free some space, it goes on by itself")]
    DiskFull {
        /// The journal's directory.
        directory: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// A write or a sync failed, and so did the second attempt in a new segment.
    #[error(
        "the journal in {directory} could not be written ({detail}); look at the disk and the system's log, the next record tries anew"
    )]
    Failed {
        /// The journal's directory.
        directory: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// The record is larger than a record may be.
    #[error("the record has {bytes} bytes, more than the {bytes_max} that the journal takes")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The bound.
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
        "the journal in {directory} is in use by another process; stop that one first, or use another data directory"
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
        "segment {segment} in {directory} is damaged at offset {offset}, in a place that had been synced: {what}; records there may have been acknowledged, so nothing is cut by itself; restore the file from a copy, or see what can be kept of it with `meterline journal repair --segment {id}`",
        id = segment.id
    )]
    Damaged {
        /// The journal's directory.
        directory: PathBuf,
        /// The segment.
        segment: SegmentName,
        /// Where in it.
        offset: u64,
        /// What was found.
        what: &'static str,
    },
    /// Written by a newer program.
    #[error(
        "segment {segment} in {directory} has format version {format_version}, which this program is too old to open; start the newer program again"
    )]
    TooNew {
        /// The journal's directory.
        directory: PathBuf,
        /// The segment.
        segment: SegmentName,
        /// Its format.
        format_version: u16,
    },
    /// The file names contradict each other.
    #[error(
        "the segments {before} and {after} in {directory} do not follow each other; a file of another journal was put here"
    )]
    Order {
        /// The journal's directory.
        directory: PathBuf,
        /// The lower id.
        before: SegmentName,
        /// The higher id.
        after: SegmentName,
    },
    /// The last records of the previous run could not be made safe again.
    #[error("the last records of the previous run could not be written again: {0}")]
    Rewrite(AppendError),
    /// A ledger is unusable.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The system refused.
    #[error("the journal in {directory} cannot be opened: {what}: {source}")]
    Io {
        /// The journal's directory.
        directory: PathBuf,
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What is there is not what was written.
    #[error(
        "segment {segment} in {directory} is damaged at offset {offset} (record {sequence} cannot be read); restore the file from a copy, or stop the service and see what can be kept of it with `meterline journal repair --segment {id}`",
        id = segment.id
    )]
    Damaged {
        /// The journal's directory.
        directory: PathBuf,
        /// The segment.
        segment: SegmentName,
        /// Where in it.
        offset: u64,
        /// The record that was to be read.
        sequence: Sequence,
    },
    /// Written by a newer program.
    #[error(
        "segment {segment} in {directory} has format version {format_version}, which this program is too old to read; start the newer program again"
    )]
    TooNew {
        /// The journal's directory.
        directory: PathBuf,
        /// The segment.
        segment: SegmentName,
        /// Its format.
        format_version: u16,
    },
    /// Retention took it.
    #[error("record {wanted} is not retained any more, the oldest is {oldest}")]
    Retained {
        /// What was to be read.
        wanted: Sequence,
        /// What there is.
        oldest: Sequence,
    },
    /// There never was such a record.
    #[error("record {wanted} was never written, the next will be {next}")]
    Beyond {
        /// What was to be read.
        wanted: Sequence,
        /// The next record.
        next: Sequence,
    },
    /// The system refused.
    #[error("{file} in {directory} cannot be read: {source}")]
    Io {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a name or a version cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Not a name that fits into a line.
    #[error("{name:?} cannot be a source's name: it needs 1 to {bytes_max} bytes without control characters")]
    Name {
        /// The name.
        name: String,
        /// The longest name.
        bytes_max: usize,
    },
    /// The file is not what was written.
    #[error(
        "{file} in {directory} is damaged in line {line}; records refer to it, so restore it from a copy of the directory"
    )]
    Damaged {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// The system refused.
    #[error("{file} in {directory} cannot be read or written: {source}")]
    Io {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a gap cannot be noted.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the list of gaps in {directory} cannot be written: {detail}; nothing is passed over until it can")]
pub struct GapError {
    /// The journal's directory.
    pub directory: PathBuf,
    /// What the system said.
    pub detail: String,
}

/// Why a cursor cannot be loaded or stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CursorError {
    /// Not a name that can be a file's.
    #[error("{name:?} cannot be a cursor's name: it needs 1 to {bytes_max} letters, digits, '-' or '_'")]
    Name {
        /// The name.
        name: String,
        /// The longest name.
        bytes_max: usize,
    },
    /// The file is not what was written.
    #[error(
        "the cursor file {file} in {directory} is damaged; whoever uses it starts again at the oldest record (everything since is delivered once more)"
    )]
    Damaged {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
    },
    /// The system refused.
    #[error("the cursor file {file} in {directory} cannot be written: {detail}")]
    Io {
        /// The journal's directory.
        directory: PathBuf,
        /// The file.
        file: String,
        /// What the system said.
        detail: String,
    },
}
