//! What a record of the journal is made of.

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

/// 128 random bits of the journal that wrote a segment; a copy or a restore of a
/// data directory writes its next segment under a new one.
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

/// A version in the journal's list of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleVersion(pub u32);

/// What ingest found. Numbers are stored and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Everything in it can be delivered.
    Deliverable = 0,
    /// Some of it is set aside.
    PartlySetAside = 1,
    /// Its framing fails; nothing can be read from it (yet).
    Undecodable = 2,
    /// Stands in the place of a record that a repair could not read: holds nothing,
    /// has no source and is for no sink.
    Lost = 3,
}

impl Verdict {
    /// The verdict of a stored number, if this program knows it.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Deliverable),
            1 => Some(Self::PartlySetAside),
            2 => Some(Self::Undecodable),
            3 => Some(Self::Lost),
            _ => None,
        }
    }

    /// The verdict as commands and JSON name it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Deliverable => "deliverable",
            Self::PartlySetAside => "partly-set-aside",
            Self::Undecodable => "undecodable",
            Self::Lost => "lost",
        }
    }
}

/// What is known of a record beside its bytes and its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    /// Who brought it.
    pub source: SourceId,
    /// Payload format number; the journal does not know what it means.
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
    /// The journal whose segment holds it.
    pub journal: JournalId,
    /// Its number.
    pub sequence: Sequence,
    /// What is known of it.
    pub header: RecordHeader,
    /// The bytes as they came.
    pub payload: &'a [u8],
}

/// A place in the journal: the next record to be read, and the id of the journal
/// it was counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The journal of the record before it (of the oldest record at the start).
    pub journal: JournalId,
    /// The next record.
    pub next: Sequence,
}
