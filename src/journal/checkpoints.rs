//! Checkpoints: what a sink's store had confirmed, and when, in the store's own
//! terms, so that a store that forgets something is found out and sent it again.
//!
//! One small text file for each sink, replaced as a whole, seconds apart for some
//! minutes and thinned for a day. This module keeps them; what a mark says is the
//! sink's. Invariants: positions and times do not decrease along the ring; what was
//! cut is durably gone when the cut returns; their number is bounded.

use super::disk::{self, SharedDisk};
use super::ledger::{checked_line, with_checksum};
use super::{CursorError, JournalId, Position, Sequence};
use crate::reading::UnixNanos;

pub(super) const FILE_PREFIX: &str = "checkpoints-";
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Room for an offset and a checksum of each of 256 partitions, and a topic's name.
const MARK_BYTES_MAX: usize = 8192;
const SECOND_NS: i64 = 1_000_000_000;
/// Distance of the newest ones.
const FINE_EVERY_NS: i64 = 5 * SECOND_NS;
/// How long they are kept like that.
const FINE_FOR_NS: i64 = 10 * 60 * SECOND_NS;
/// Distance of the older ones.
const COARSE_EVERY_NS: i64 = 10 * 60 * SECOND_NS;
/// How long those are kept; the oldest one of all stays longer, until another takes its place.
const COARSE_FOR_NS: i64 = 24 * 3600 * SECOND_NS;
/// Bound of the ring whatever the clock does.
const CHECKPOINTS_MAX: usize = 400;

/// What a store had confirmed at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Everything below is confirmed.
    pub position: Position,
    /// When that was seen.
    pub confirmed: UnixNanos,
    /// By what the store can be asked whether it still has it: one line, the sink's own.
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
    disk: SharedDisk,
    file: String,
    ring: Vec<Checkpoint>,
}

impl Checkpoints {
    /// Reads those of a sink. A damaged file is said and counts as none.
    pub(super) fn read(disk: SharedDisk, name: &str) -> Result<Self, CursorError> {
        let mut checkpoints = Self { disk, file: format!("{FILE_PREFIX}{name}"), ring: Vec::new() };
        let bytes = disk::read_whole(&*checkpoints.disk, &checkpoints.file, FILE_BYTES_MAX)
            .map_err(|error| checkpoints.io(&error))?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        match text.lines().map(Checkpoint::parse).collect::<Option<Vec<_>>>() {
            Some(ring) => checkpoints.ring = ring,
            None => tracing::warn!(
                file = checkpoints.file,
                directory = %checkpoints.disk.path().display(),
                "the checkpoints are damaged and not used: what this sink's store lost before now is not noticed; \
                 `meterline replay` sends it again"
            ),
        }
        Ok(checkpoints)
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Checkpoint] {
        &self.ring
    }

    /// The newest.
    #[must_use]
    pub fn newest(&self) -> Option<&Checkpoint> {
        self.ring.last()
    }

    /// Whether one made now would be far enough from the newest to be worth it.
    #[must_use]
    pub fn is_due(&self, now: UnixNanos) -> bool {
        self.newest().is_none_or(|newest| now.since(newest.confirmed).unsigned_abs() >= FINE_EVERY_NS.unsigned_abs())
    }

    /// Adds one and thins the older; durable on return. One whose position is lower
    /// than the newest's (after a rewind) is left out: the newest says more.
    ///
    /// # Errors
    /// A failing disk, or a mark that is no line; the ring is then as before.
    pub fn add(&mut self, checkpoint: Checkpoint) -> Result<(), CursorError> {
        if checkpoint.mark.len() > MARK_BYTES_MAX || checkpoint.mark.contains(['\n', '\r']) {
            return Err(self.io(&std::io::Error::other("a checkpoint's mark has to be one short line")));
        }
        if self.newest().is_some_and(|newest| checkpoint.position.next < newest.position.next) {
            return Ok(());
        }
        let mut ring = self.ring.clone();
        ring.push(checkpoint);
        thin(&mut ring);
        self.replace(ring)
    }

    /// Keeps only the first `count`; durable on return.
    ///
    /// # Errors
    /// A failing disk; the ring is then as before.
    pub fn cut(&mut self, count: usize) -> Result<(), CursorError> {
        if count >= self.ring.len() {
            return Ok(());
        }
        let mut ring = self.ring.clone();
        ring.truncate(count);
        self.replace(ring)
    }

    fn replace(&mut self, ring: Vec<Checkpoint>) -> Result<(), CursorError> {
        let text: String = ring.iter().map(Checkpoint::to_line).collect();
        disk::replace(&*self.disk, &self.file, text.as_bytes()).map_err(|error| self.io(&error))?;
        self.ring = ring;
        Ok(())
    }

    fn io(&self, error: &std::io::Error) -> CursorError {
        CursorError::Io { directory: self.disk.path().to_owned(), file: self.file.clone(), detail: error.to_string() }
    }
}

/// Of the older ones, one for each stretch of time stays.
fn thin(ring: &mut Vec<Checkpoint>) {
    let Some(now) = ring.last().map(|newest| newest.confirmed) else { return };
    let is_old = |checkpoint: &Checkpoint| now.since(checkpoint.confirmed) > COARSE_FOR_NS;
    // The newest of those beyond a day stands for all of them.
    let beyond = ring.iter().take_while(|checkpoint| is_old(checkpoint)).count();
    ring.drain(..beyond.saturating_sub(1));
    ring.dedup_by(|later, kept| {
        let is_coarse = now.since(later.confirmed) > FINE_FOR_NS;
        is_coarse && later.confirmed.0 / COARSE_EVERY_NS == kept.confirmed.0 / COARSE_EVERY_NS
    });
    let surplus = ring.len().saturating_sub(CHECKPOINTS_MAX);
    ring.drain(..surplus);
}
