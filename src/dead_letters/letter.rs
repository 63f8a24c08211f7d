//! A letter, and how it is written: one line of JSON that says what it is, then
//! the body as it came.

use crate::journal::{JournalId, Sequence};
use crate::reading::{MeterId, Obis, UnixNanos};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// A letter's number: its place in the letters' journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LetterId(pub u64);

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why something was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The body's framing fails.
    Undecodable,
    /// Some samples of the body are not plausible.
    SetAside,
    /// A sink refused a row for its own content.
    RefusedRow,
    /// A record a sink's code died of.
    Poison,
    /// A body that was refused because it cannot be read; it is in no journal, its
    /// digest stands where the others name theirs.
    RefusedBody,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Undecodable, Self::SetAside, Self::RefusedRow, Self::Poison, Self::RefusedBody];

    /// Position in [`Kind::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// Whether its oldest letters give way when there is no room for new ones.
    ///
    /// What a sender sends must never stop the service. What a sink could not store
    /// had been promised to be stored: that sink stops until somebody decides.
    #[must_use]
    pub fn is_evictable(self) -> bool {
        match self {
            Self::Undecodable | Self::SetAside | Self::RefusedBody => true,
            Self::RefusedRow | Self::Poison => false,
        }
    }

    /// The kind as metrics, commands and JSON name it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::SetAside => "set-aside",
            Self::RefusedRow => "refused-row",
            Self::Poison => "poison",
            Self::RefusedBody => "refused-body",
        }
    }
}

/// What was decided about a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settlement {
    /// Its body went through ingest again.
    Resubmitted,
    /// Nobody needs it.
    Dropped,
    /// It had to give way to newer ones, because of a limit.
    Evicted,
}

/// Which row of a body a sink refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    /// The reading's place in the record.
    pub index: u32,
    /// Whose.
    pub meter: MeterId,
    /// Which register.
    pub obis: Obis,
    /// When it was measured.
    pub at: UnixNanos,
}

/// Something that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Why.
    pub kind: Kind,
    /// Who brought the record.
    pub source: String,
    /// When it was received.
    pub received: UnixNanos,
    /// The journal of the record.
    pub journal: JournalId,
    /// The record.
    pub sequence: Sequence,
    /// The record's payload format number.
    pub format: u16,
    /// The sink that refused it, where one did.
    pub sink: Option<String>,
    /// The row, where it is about one.
    pub row: Option<Row>,
    /// What happened, in a sentence.
    pub reason: String,
    /// The record's payload.
    pub body: Vec<u8>,
}

/// A letter as it is summary: everything but the body.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LetterSummary {
    /// Why.
    pub kind: Kind,
    /// Who brought the record.
    pub source: String,
    /// When it was received, in nanoseconds since 1970 UTC.
    pub received_ns: i64,
    /// The journal of the record.
    pub journal: Uuid,
    /// The record.
    pub sequence: u64,
    /// The record's payload format number.
    pub format: u16,
    /// The sink that refused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sink: Option<String>,
    /// The row.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row: Option<RowSummary>,
    /// What happened.
    pub reason: String,
}

/// A row as it is summary.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowSummary {
    /// The reading's place in the record.
    pub index: u32,
    /// Whose.
    pub meter: Uuid,
    /// Which register, in full.
    pub obis: String,
    /// When it was measured, in nanoseconds since 1970 UTC.
    pub at_ns: i64,
}

impl DeadLetter {
    /// The letter without its body.
    #[must_use]
    pub fn summary(&self) -> LetterSummary {
        LetterSummary {
            kind: self.kind,
            source: self.source.clone(),
            received_ns: self.received.0,
            journal: self.journal.0,
            sequence: self.sequence.0,
            format: self.format,
            sink: self.sink.clone(),
            row: self.row.map(|row| RowSummary {
                index: row.index,
                meter: row.meter.uuid(),
                obis: row.obis.to_string(),
                at_ns: row.at.0,
            }),
            reason: self.reason.clone(),
        }
    }

    /// The letter as it is written.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(&self.summary()).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Reads a letter as it is written.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let line = bytes.iter().position(|&byte| byte == b'\n').ok_or("its first line has no end")?;
        let (head, body) = bytes.split_at(line);
        let summary: LetterSummary = serde_json::from_slice(head).map_err(|error| error.to_string())?;
        let row = summary.row.map(Row::try_from).transpose()?;
        Ok(Self {
            kind: summary.kind,
            source: summary.source,
            received: UnixNanos(summary.received_ns),
            journal: JournalId(summary.journal),
            sequence: Sequence(summary.sequence),
            format: summary.format,
            sink: summary.sink,
            row,
            reason: summary.reason,
            body: body.get(1..).unwrap_or_default().to_vec(),
        })
    }
}

impl TryFrom<RowSummary> for Row {
    type Error = String;

    fn try_from(row: RowSummary) -> Result<Self, String> {
        let obis = row.obis.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { index: row.index, meter: MeterId::from(row.meter), obis, at: UnixNanos(row.at_ns) })
    }
}

#[derive(Serialize, Deserialize)]
struct Settled {
    letter: LetterId,
    how: Settlement,
}

/// A decision as it is written.
pub(super) fn encode_settlement(letter: LetterId, how: Settlement) -> Vec<u8> {
    serde_json::to_vec(&Settled { letter, how }).unwrap_or_default()
}

/// Reads a decision as it is written.
pub(super) fn decode_settlement(bytes: &[u8]) -> Result<(LetterId, Settlement), String> {
    let settled: Settled = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok((settled.letter, settled.how))
}
