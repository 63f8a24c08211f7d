//! The parts of a record, and its position in the journal.

use crate::reading::UnixNanos;
use std::fmt;
use uuid::Uuid;

/// A record's number in the journal: 1, 2, 3 ... without gaps and never reused,
/// also across segments, restarts and journal ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The first record ever.
    pub const FIRST: Self = Self(1);

    /// The record after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The random 128-bit id of the journal that wrote a segment. A copied or restored data
/// directory writes its next segment under a new id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct JournalId(pub Uuid);

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A source's number in the journal's list of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// The number of limits in the journal's list of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleVersion(pub u32);

/// The verdict of ingest on a record. Numbers are stored and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// All of it can be delivered.
    Deliverable = 0,
    /// Some of it is set aside.
    PartlySetAside = 1,
    /// Its framing is broken; a later decoder may read it.
    Undecodable = 2,
    /// Placeholder of a record that a repair could not recover: empty, without a source, for
    /// no sink.
    Lost = 3,
}

impl Verdict {
    /// The verdict of a stored number; `None` if unknown.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Deliverable),
            1 => Some(Self::PartlySetAside),
            2 => Some(Self::Undecodable),
            3 => Some(Self::Lost),
            _ => None,
        }
    }

    /// The name of the verdict in commands and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Deliverable => "deliverable",
            Self::PartlySetAside => "partly-set-aside",
            Self::Undecodable => "undecodable",
            Self::Lost => "lost",
        }
    }
}

/// The properties of a record beside its payload and sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    /// Its source.
    pub source: SourceId,
    /// The payload format number; the journal does not know its meaning.
    pub format: u16,
    /// Ingest's verdict.
    pub verdict: Verdict,
    /// The limits that judged it.
    pub rule: RuleVersion,
    /// When it was received, stamped once.
    pub received: UnixNanos,
}

/// A stored record, borrowed from the reader's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The journal that wrote it.
    pub journal: JournalId,
    /// Its sequence.
    pub sequence: Sequence,
    /// Its properties.
    pub header: RecordHeader,
    /// The body as received.
    pub payload: &'a [u8],
}

/// A position in the journal: the next record, and the id of the journal that counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The journal of the record before it (of the oldest record at the start).
    pub journal: JournalId,
    /// The next record.
    pub next: Sequence,
}
