//! Gap records: the journal records that a sink will never get, with time and reason.
//!
//! One small text file, replaced as a whole. A gap record is durable before the cursor
//! passes it, and found again after a crash in between. A gap that overlaps or touches
//! an earlier one of the same sink and reason is merged with it, so a sink that is
//! behind for weeks has one. Beyond [`GAPS_MAX`] the oldest are dropped and counted.
//! Invariant: the list covers everything lost, unless the number dropped says otherwise.

use super::disk::{self, SharedDisk};
use super::{GapError, Sequence};
use crate::base::checked::{checked_line, with_checksum};
use crate::reading::UnixNanos;
use parking_lot::Mutex;

const FILE: &str = "gaps";
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The maximum number of gap records kept; older ones are only counted.
pub const GAPS_MAX: usize = 1_000;

/// Why a sink will never get records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// Retention deleted them before the sink had them: the sink was further behind than
    /// allowed, or its store lost data confirmed long ago.
    Retention,
    /// They were damaged, and a repair could not recover them.
    Repair,
}

impl GapReason {
    const ALL: [Self; 2] = [Self::Retention, Self::Repair];

    /// The name of the reason in files, commands and pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Repair => "repair",
        }
    }

    fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.label() == label)
    }
}

/// Journal records that a sink will never get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The sink, or [`Gap::JOURNAL`] if the journal itself lost them.
    pub sink: String,
    /// The first record.
    pub from: Sequence,
    /// The first record after them.
    pub until: Sequence,
    /// When it was found or last extended.
    pub at: UnixNanos,
    /// The reason.
    pub reason: GapReason,
}

impl Gap {
    /// The name of the journal itself, in place of a sink.
    pub const JOURNAL: &str = "journal";

    /// The number of records.
    pub fn records(&self) -> u64 {
        self.until.0.saturating_sub(self.from.0)
    }

    fn to_line(&self) -> String {
        let Self { sink, from, until, at, reason } = self;
        with_checksum(&format!("gap {sink} {from} {until} {} {}", at.0, reason.label()))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("gap ")?.split(' ');
        let sink = words.next()?.to_owned();
        let (from, until) = (Sequence(words.next()?.parse().ok()?), Sequence(words.next()?.parse().ok()?));
        let at = UnixNanos(words.next()?.parse().ok()?);
        let reason = GapReason::from_label(words.next()?)?;
        words.next().is_none().then_some(Self { sink, from, until, at, reason })
    }

    /// Whether both can be merged.
    fn joins(&self, other: &Self) -> bool {
        let is_alike = self.sink == other.sink && self.reason == other.reason;
        is_alike && self.from <= other.until && other.from <= self.until
    }
}

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct List {
    /// Oldest first.
    gaps: Vec<Gap>,
    /// The number of gap records dropped for newer ones.
    dropped: u64,
}

impl List {
    fn to_text(&self) -> String {
        let gaps: String = self.gaps.iter().map(Gap::to_line).collect();
        with_checksum(&format!("dropped {}", self.dropped)) + &gaps
    }

    fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().map(checked_line).collect::<Option<Vec<_>>>()?;
        let Some((first, rest)) = lines.split_first() else { return Some(Self::default()) };
        let dropped = first.strip_prefix("dropped ")?.parse().ok()?;
        let gaps = rest.iter().map(|line| Gap::parse(line)).collect::<Option<_>>()?;
        Some(Self { gaps, dropped })
    }

    fn with(&self, mut gap: Gap) -> Self {
        let mut list = self.clone();
        list.gaps.retain(|other| {
            let is_joined = other.joins(&gap);
            if is_joined {
                gap.from = gap.from.min(other.from);
                gap.until = gap.until.max(other.until);
            }
            !is_joined
        });
        list.gaps.push(gap);
        let surplus = list.gaps.len().saturating_sub(GAPS_MAX);
        list.gaps.drain(..surplus);
        list.dropped += surplus as u64;
        list
    }
}

/// All gap records of a journal.
#[derive(Debug)]
pub struct Gaps {
    disk: SharedDisk,
    /// Held briefly, never across a write.
    list: Mutex<List>,
    /// One write at a time.
    writing: Mutex<()>,
}

impl Gaps {
    /// Reads the file. A damaged one is logged and replaced: it must not prevent a start.
    pub(super) fn read(disk: SharedDisk) -> std::io::Result<Self> {
        let bytes = disk::read_whole(&*disk, FILE, FILE_BYTES_MAX)?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let list = List::parse(&text).unwrap_or_else(|| {
            let directory = disk.path().display();
            tracing::error!(file = FILE, %directory, "the gap list is damaged and starts empty; restore the file from a copy to know which records sinks did not get");
            List::default()
        });
        Ok(Self { disk, list: Mutex::new(list), writing: Mutex::default() })
    }

    /// Adds a gap record; durable on return. An empty one is ignored.
    ///
    /// # Errors
    /// A failing disk; the list is then unchanged.
    pub fn add(&self, gap: Gap) -> Result<(), GapError> {
        if gap.records() == 0 {
            return Ok(());
        }
        let _writing = self.writing.lock();
        let longer = self.list.lock().with(gap);
        disk::replace(&*self.disk, FILE, longer.to_text().as_bytes(), FILE_BYTES_MAX)
            .map_err(|error| GapError { directory: self.disk.path().to_owned(), detail: error.to_string() })?;
        *self.list.lock() = longer;
        Ok(())
    }

    /// All gap records kept, oldest first.
    pub fn list(&self) -> Vec<Gap> {
        self.list.lock().gaps.clone()
    }

    /// The number of older gap records dropped.
    pub fn dropped(&self) -> u64 {
        self.list.lock().dropped
    }

    /// When the newest gap of a sink was found or last extended.
    pub fn newest_at(&self, sink: &str) -> Option<UnixNanos> {
        self.list.lock().gaps.iter().filter(|gap| gap.sink == sink).map(|gap| gap.at).max()
    }
}
