//! What the journal says of itself: what a commit was, what an open did, how full it is.

use super::{SegmentName, Sequence};
use std::fmt;
use std::time::Duration;

/// What a commit was, told to [`super::Options::on_commit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitOutcome {
    /// Records of the group.
    pub records: u32,
    /// Bytes it took on disk.
    pub bytes: u64,
    /// Time of write and sync.
    pub duration: Duration,
    /// How often its write or sync failed; each time the segment was given up.
    pub failed_writes: u32,
    /// Whether it is durable; if not, every record of it was refused.
    pub ok: bool,
}

/// What an open found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// The oldest record that can be read.
    pub oldest: Sequence,
    /// The next record.
    pub next: Sequence,
    /// How many segments there are.
    pub segments: usize,
    /// Records of the previous run that were not proven synced and were written again.
    pub rewritten: u64,
    /// The segment and offset where an interrupted write was cut.
    pub torn: Option<(SegmentName, u64)>,
    /// The directory is new, or a copy: its next segments belong to a new journal.
    pub is_new_journal: bool,
    /// Cursors whose file is damaged; their readers start at the oldest record.
    pub damaged_cursors: Vec<String>,
}

impl fmt::Display for OpenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { oldest, next, segments, rewritten, .. } = self;
        write!(f, "{segments} segments, records {oldest} to before {next}")?;
        if *rewritten > 0 {
            write!(f, "; the last {rewritten} were not proven to be on disk and were written again")?;
        }
        if let Some((segment, offset)) = self.torn {
            write!(f, "; an interrupted write was cut from {segment} at offset {offset}")?;
        }
        if self.is_new_journal {
            write!(f, "; the directory is new or a copy, new records get a journal id of their own")?;
        }
        match self.damaged_cursors.as_slice() {
            [] => Ok(()),
            names => write!(f, "; damaged cursors, which start at the oldest record: {}", names.join(", ")),
        }
    }
}

/// How full the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all segments, reserved room included.
    pub bytes: u64,
    /// Their cap.
    pub cap_bytes: u64,
    /// How many segments there are.
    pub segments: usize,
    /// The oldest record that can be read.
    pub oldest: Sequence,
    /// The next record to be synced.
    pub next: Sequence,
}
