//! The options of a journal, and the checks between them.

use super::block::{BLOCK, on_disk, round_up};
use super::frame::FRAME_HEADER_LEN;
use super::group::GROUP_HEADER_BYTES;
use super::{CommitOutcome, OpenError};
use crate::clock::Clock;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;
const DAY_NS: i64 = 86_400_000_000_000;

/// The largest payload with default options, in bytes.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// The default of [`Options::group_wait_max`]: about the time of a sync.
const GROUP_WAIT_MAX: Duration = Duration::from_millis(1);

/// The smallest segment begun on a volume without room for a whole one; it always has
/// room for the current group.
pub(super) const SEGMENT_BYTES_LEAST: u64 = MIB;

/// The data kept for replay beyond the slowest cursor. It is deleted before any append
/// is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The maximum number of bytes.
    pub bytes: u64,
    /// The maximum age by receive time, in ns.
    pub age_ns: i64,
}

/// A cursor that may lose records: it pins records only within a bound, and none at all
/// before an append would be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalCursor {
    /// The cursor's name.
    pub cursor: String,
    /// The newest bytes of the journal that it pins (whole segments that fit, including the
    /// reserved room of the last one). Beyond them only the data kept for replay exists.
    pub lag_bytes_max: u64,
}

/// The options of a journal.
#[derive(Clone)]
pub struct Options {
    /// The directory of its files.
    pub directory: PathBuf,
    /// The size of a segment, reserved when it is created.
    pub segment_bytes: u64,
    /// The maximum size of all segments, including the reserved room of the last.
    pub cap_bytes: u64,
    /// The data kept for replay.
    pub retain: Retention,
    /// The cursors that may lose records.
    pub optional: Vec<OptionalCursor>,
    /// Whether several sources share it, so that none may fill it alone (see `share`).
    pub is_shared: bool,
    /// The largest payload in bytes.
    pub record_bytes_max: usize,
    /// The size at which a group accepts no further record.
    pub group_bytes_max: usize,
    /// How long after an answer a group waits for the senders that were answered.
    pub group_wait_max: Duration,
    /// The clock.
    pub clock: Clock,
    /// Called for every commit on the writer's thread; must be fast.
    pub on_commit: Arc<dyn Fn(&CommitOutcome) + Send + Sync>,
}

impl Options {
    /// Segments of 64 MiB, a cap of 16 GiB, a week and 4 GiB for replay.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            segment_bytes: 64 * MIB,
            cap_bytes: 16 * 1024 * MIB,
            retain: Retention { bytes: 4 * 1024 * MIB, age_ns: 7 * DAY_NS },
            optional: Vec::new(),
            is_shared: false,
            record_bytes_max: RECORD_BYTES_MAX,
            group_bytes_max: 512 * 1024,
            group_wait_max: GROUP_WAIT_MAX,
            clock: Clock::system(),
            on_commit: Arc::new(|_| {}),
        }
    }

    /// Checks that every record fits into a group, every group into a segment, and two
    /// segments under the cap (one to fill, one to drain).
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let record = on_disk(self.record_bytes_max) + on_disk(FRAME_HEADER_LEN);
        if u32::try_from(record).is_err() || u32::try_from(self.group_bytes_max).is_err() {
            return Err(OpenError::Sizes("a record and a group must be smaller than 4 GiB".to_owned()));
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

/// The size of a segment for a group of this size: header, group, closing group.
pub(super) fn segment_bytes_for(group_bytes: u64) -> u64 {
    BLOCK + group_bytes + BLOCK
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("directory", &self.directory).finish_non_exhaustive()
    }
}
