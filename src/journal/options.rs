//! The bounds of a journal, and what they must fulfil together.

use super::block::{BLOCK, on_disk, round_up};
use super::frame::FRAME_HEADER_LEN;
use super::group::GROUP_HEADER_BYTES;
use super::{CommitOutcome, OpenError};
use crate::clock::Clock;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

const MIB: u64 = 1024 * 1024;
const DAY_NS: i64 = 86_400_000_000_000;

/// The largest payload of a journal with the usual options.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// Where the volume has no room for a whole segment, one is begun that is not
/// smaller than this, and holds the group at hand.
pub(super) const SEGMENT_BYTES_LEAST: u64 = MIB;

/// How much is kept for replay beyond what the slowest cursor needs. It gives way
/// before anything is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// At most so many bytes.
    pub bytes: u64,
    /// At most so old, by receive time.
    pub age_ns: i64,
}

/// A cursor that may be left behind: it pins what it needs only within a bound, and
/// gives way altogether before an append is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalCursor {
    /// The cursor's name.
    pub cursor: String,
    /// Of the journal's newest bytes, so many are held for it (whole segments that
    /// fit, the room reserved in the last one counted). Beyond them it has what is
    /// kept for replay.
    pub lag_bytes_max: u64,
}

/// What a journal is opened with.
#[derive(Clone)]
pub struct Options {
    /// Where its files are.
    pub directory: PathBuf,
    /// Size of a segment, reserved when it is begun.
    pub segment_bytes: u64,
    /// All segments together, the reserved room of the last included.
    pub cap_bytes: u64,
    /// What is kept for replay.
    pub retain: Retention,
    /// The cursors that may be left behind.
    pub optional: Vec<OptionalCursor>,
    /// Whether several sources share it, so that none may fill it (see `share`).
    pub is_shared: bool,
    /// The largest payload.
    pub record_bytes_max: usize,
    /// A group that has this many bytes takes no further record.
    pub group_bytes_max: usize,
    /// The time.
    pub clock: Clock,
    /// Told of every commit, on the writer's thread: must be quick.
    pub on_commit: Arc<dyn Fn(&CommitOutcome) + Send + Sync>,
}

impl Options {
    /// Segments of 64 MiB, 16 GiB in all, of which a week and 4 GiB for replay.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            segment_bytes: 64 * MIB,
            cap_bytes: 16 * 1024 * MIB,
            retain: Retention { bytes: 4 * 1024 * MIB, age_ns: 7 * DAY_NS },
            optional: Vec::new(),
            is_shared: false,
            record_bytes_max: RECORD_BYTES_MAX,
            group_bytes_max: 4 * 1024 * 1024,
            clock: Clock::system(),
            on_commit: Arc::new(|_| {}),
        }
    }

    /// Whether every record fits into a group, every group into a segment, and
    /// two segments under the cap (one to fill, one to drain).
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let record = on_disk(self.record_bytes_max) + on_disk(FRAME_HEADER_LEN);
        if u32::try_from(record).is_err() || u32::try_from(self.group_bytes_max).is_err() {
            return Err(OpenError::Sizes("a record and a group must stay under 4 GiB".to_owned()));
        }
        let group = round_up(GROUP_HEADER_BYTES + record.max(on_disk(self.group_bytes_max)));
        let needed = segment_bytes_for(group);
        if self.segment_bytes < needed {
            return Err(OpenError::Sizes(format!(
                "a segment of {} bytes cannot hold the largest group; it needs {needed} bytes for records of {} and groups of {} bytes",
                self.segment_bytes, self.record_bytes_max, self.group_bytes_max
            )));
        }
        if self.cap_bytes / 2 < self.segment_bytes {
            return Err(OpenError::Sizes(format!(
                "a cap of {} bytes is less than two segments of {} bytes",
                self.cap_bytes, self.segment_bytes
            )));
        }
        Ok(())
    }
}

/// A segment that holds a group of so many bytes: its header, the group, a closing group.
pub(super) fn segment_bytes_for(group_bytes: u64) -> u64 {
    BLOCK + group_bytes + BLOCK
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("directory", &self.directory).finish_non_exhaustive()
    }
}
