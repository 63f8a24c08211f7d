//! Reports of the journal about commits, opens and its usage.

use super::{SegmentName, Sequence};
use std::fmt;
use std::time::Duration;

/// The outcome of a commit, passed to [`super::Options::on_commit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitOutcome {
    /// Records of the group.
    pub records: u32,
    /// Bytes it took on disk.
    pub bytes: u64,
    /// Time of write and sync.
    pub duration: Duration,
    /// Failed writes or syncs; each one ended the segment.
    pub failed_writes: u32,
    /// Whether it is durable; if not, all its records were refused.
    pub ok: bool,
}

/// The report of an open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// The oldest readable record.
    pub oldest: Sequence,
    /// The next record.
    pub next: Sequence,
    /// The number of segments.
    pub segments: usize,
    /// Records of the previous run that were not proven synced and were written again.
    pub rewritten: u64,
    /// The segment and offset at which an interrupted write was cut.
    pub torn: Option<(SegmentName, u64)>,
    /// Whether the directory is new or a copy, so that its next segments get a new journal id.
    pub is_new_journal: bool,
    /// Cursors with a damaged file; their readers start at the oldest record.
    pub damaged_cursors: Vec<String>,
}

impl fmt::Display for OpenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { oldest, next, segments, rewritten, .. } = self;
        let last = next.0.saturating_sub(1);
        if last < oldest.0 {
            write!(f, "{segments} segments, empty")?;
        } else {
            write!(f, "{segments} segments, records {oldest} to {last}")?;
        }
        if *rewritten > 0 {
            write!(f, "; the last {rewritten} were not proven to be synced and were written again")?;
        }
        if let Some((segment, offset)) = self.torn {
            write!(f, "; an interrupted write was cut from {segment} at offset {offset}")?;
        }
        if self.is_new_journal && self.segments == 0 {
            write!(f, "; a new journal")?;
        } else if self.is_new_journal {
            write!(f, "; the directory is a copy, or its lock file was damaged, so new records get a new journal id")?;
        }
        match self.damaged_cursors.as_slice() {
            [] => Ok(()),
            names => write!(f, "; damaged cursors start at the oldest record: {}", names.join(", ")),
        }
    }
}

/// The usage of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all segments, including reserved room.
    pub bytes: u64,
    /// The cap of these bytes.
    pub cap_bytes: u64,
    /// The number of segments.
    pub segments: usize,
    /// The oldest readable record.
    pub oldest: Sequence,
    /// The next record to be synced.
    pub next: Sequence,
}
