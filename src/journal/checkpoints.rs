//! Checkpoints: the positions that a sink's store had confirmed, with a mark by which
//! the store can be asked again. They detect a store that lost confirmed data, so that
//! it is resent.
//!
//! One small text file per sink, replaced as a whole, unless another log keeps them: seconds apart for some minutes,
//! thinned for a day. The meaning of a mark belongs to the sink. Invariants: positions
//! and times never decrease along the list; a cut is durable when it returns; the number
//! is bounded.

use super::disk::{self, SharedDisk};
use super::{CursorError, JournalId, Position, Sequence};
use crate::base::checked::{checked_line, with_checksum};
use crate::reading::UnixNanos;
use std::fmt;

pub(super) const FILE_PREFIX: &str = "checkpoints-";
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The maximum length of a mark: room for an offset and a checksum of each of 256 partitions, and a topic's name.
const MARK_BYTES_MAX: usize = 8192;
const SECOND_NS: i64 = 1_000_000_000;
/// The distance of the newest checkpoints.
const FINE_EVERY_NS: i64 = 5 * SECOND_NS;
/// The age up to which they keep that distance.
const FINE_FOR_NS: i64 = 10 * 60 * SECOND_NS;
/// The distance of older checkpoints.
const COARSE_EVERY_NS: i64 = 10 * 60 * SECOND_NS;
/// The maximum age of those; the oldest one stays until another one replaces it.
const COARSE_FOR_NS: i64 = 24 * 3600 * SECOND_NS;
/// The maximum number of checkpoints, whatever the clock does.
const CHECKPOINTS_MAX: usize = 400;

/// A position that a store had confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Every record below it is confirmed.
    pub position: Position,
    /// When it was confirmed.
    pub confirmed: UnixNanos,
    /// The sink's own line, with which it can ask the store whether the data still exists.
    pub mark: String,
}

impl Checkpoint {
    fn to_line(&self) -> String {
        let Position { journal, next } = self.position;
        with_checksum(&format!("{journal} {next} {} {}", self.confirmed.0, self.mark))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = checked_line(line)?.splitn(4, ' ');
        let journal = JournalId(words.next()?.parse().ok()?);
        let next = Sequence(words.next()?.parse().ok()?);
        let confirmed = UnixNanos(words.next()?.parse().ok()?);
        Some(Self { position: Position { journal, next }, confirmed, mark: words.next()?.to_owned() })
    }
}

/// The checkpoints of one sink, oldest first.
#[derive(Debug)]
pub struct Checkpoints {
    kept: Kept,
    list: Vec<Checkpoint>,
}

/// Where the list is kept.
enum Kept {
    /// In a file beside the segments.
    InFile { disk: SharedDisk, file: String },
    /// Elsewhere, by this function.
    By(Keep),
}

type Keep = Box<dyn Fn(&[Checkpoint]) -> Result<(), CursorError> + Send>;

impl Checkpoints {
    /// Reads the checkpoints of a sink. A damaged file is logged and counts as empty.
    pub(super) fn read(disk: SharedDisk, name: &str) -> Result<Self, CursorError> {
        let file = format!("{FILE_PREFIX}{name}");
        let bytes = disk::read_whole(&*disk, &file, FILE_BYTES_MAX).map_err(|error| io(&disk, &file, &error))?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let list = text.lines().map(Checkpoint::parse).collect::<Option<Vec<_>>>().unwrap_or_else(|| {
            tracing::warn!(
                file,
                directory = %disk.path().display(),
                "the checkpoints file is damaged and not used: data that this sink's store lost before now is not detected; \
                 `meterline replay` resends it"
            );
            Vec::new()
        });
        Ok(Self { kept: Kept::InFile { disk, file }, list })
    }

    /// Checkpoints that begin with `list` and are not in a file: `keep` gets each new list and makes it durable.
    /// For a sink whose log is not the journal.
    pub fn kept_by(
        list: Vec<Checkpoint>,
        keep: impl Fn(&[Checkpoint]) -> Result<(), CursorError> + Send + 'static,
    ) -> Self {
        Self { kept: Kept::By(Box::new(keep)), list }
    }

    /// All checkpoints, oldest first.
    pub fn all(&self) -> &[Checkpoint] {
        &self.list
    }

    /// The newest checkpoint.
    pub fn newest(&self) -> Option<&Checkpoint> {
        self.list.last()
    }

    /// Whether the newest checkpoint is old enough for a new one at `now`.
    pub fn is_due(&self, now: UnixNanos) -> bool {
        self.newest().is_none_or(|newest| now.since(newest.confirmed).unsigned_abs() >= FINE_EVERY_NS.unsigned_abs())
    }

    /// Adds a checkpoint and thins the older ones; durable on return. One below the newest
    /// position (after a rewind) is skipped.
    ///
    /// # Errors
    /// A failing disk, or a mark that is not one line; the list is then unchanged.
    pub fn add(&mut self, checkpoint: Checkpoint) -> Result<(), CursorError> {
        if checkpoint.mark.len() > MARK_BYTES_MAX || checkpoint.mark.contains(['\n', '\r']) {
            return Err(CursorError::NotStored("a checkpoint's mark must be one short line".to_owned()));
        }
        if self.newest().is_some_and(|newest| checkpoint.position.next < newest.position.next) {
            return Ok(());
        }
        let mut list = self.list.clone();
        list.push(checkpoint);
        thin(&mut list);
        self.replace(list)
    }

    /// Keeps only the first `count` checkpoints; durable on return.
    ///
    /// # Errors
    /// A failing disk; the list is then unchanged.
    pub fn cut(&mut self, count: usize) -> Result<(), CursorError> {
        if count >= self.list.len() {
            return Ok(());
        }
        let mut list = self.list.clone();
        list.truncate(count);
        self.replace(list)
    }

    fn replace(&mut self, list: Vec<Checkpoint>) -> Result<(), CursorError> {
        match &self.kept {
            Kept::InFile { disk, file } => {
                let text: String = list.iter().map(Checkpoint::to_line).collect();
                disk::replace(&**disk, file, text.as_bytes(), FILE_BYTES_MAX)
                    .map_err(|error| io(disk, file, &error))?;
            }
            Kept::By(keep) => keep(&list)?,
        }
        self.list = list;
        Ok(())
    }
}

fn io(disk: &SharedDisk, file: &str, error: &std::io::Error) -> CursorError {
    CursorError::Io { directory: disk.path().to_owned(), file: file.to_owned(), detail: error.to_string() }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InFile { file, .. } => file,
            Self::By(_) => "kept elsewhere",
        })
    }
}

/// Keeps one of the older checkpoints per interval.
fn thin(list: &mut Vec<Checkpoint>) {
    let Some(now) = list.last().map(|newest| newest.confirmed) else { return };
    let is_old = |checkpoint: &Checkpoint| now.since(checkpoint.confirmed) > COARSE_FOR_NS;
    // Of those older than a day, only the newest is kept.
    let beyond = list.iter().take_while(|checkpoint| is_old(checkpoint)).count();
    list.drain(..beyond.saturating_sub(1));
    list.dedup_by(|later, kept| {
        let is_coarse = now.since(later.confirmed) > FINE_FOR_NS;
        is_coarse && later.confirmed.0 / COARSE_EVERY_NS == kept.confirmed.0 / COARSE_EVERY_NS
    });
    let surplus = list.len().saturating_sub(CHECKPOINTS_MAX);
    list.drain(..surplus);
}
