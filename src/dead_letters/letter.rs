//! A dead letter and its encoding: one line of JSON with its properties, then the body.

use crate::journal::{JournalId, Sequence};
use crate::reading::{MeterId, Obis, UnixNanos};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// A dead letter's number: its sequence in the dead letters' journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LetterId(pub u64);

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The kind of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The body is undecodable.
    Undecodable,
    /// Some samples of the body are implausible.
    SetAside,
    /// A sink refused a row for its own content.
    RefusedRow,
    /// A record that made a sink's code panic.
    Poison,
    /// An undecodable body that was refused. It is in no journal; its digest is stored
    /// instead of the journal and sequence.
    RefusedBody,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Undecodable, Self::SetAside, Self::RefusedRow, Self::Poison, Self::RefusedBody];

    /// Position in [`Kind::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Whether the oldest ones may be evicted when there is no room for new ones.
    ///
    /// Data from a sender must never stop the service. Data that a sink could not store
    /// was promised to be delivered: that sink stops until an operator decides.
    pub fn is_evictable(self) -> bool {
        match self {
            Self::Undecodable | Self::SetAside | Self::RefusedBody => true,
            Self::RefusedRow | Self::Poison => false,
        }
    }

    /// The name of the kind in metrics, commands and JSON.
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

/// The decision about a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settlement {
    /// Its body passed ingest again.
    Resubmitted,
    /// An operator dropped it.
    Dropped,
    /// It was evicted for newer ones, because of a bound.
    Evicted,
}

/// A row of a body that a sink refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    /// The reading's index in the record.
    pub index: u32,
    /// The meter.
    pub meter: MeterId,
    /// The register.
    pub obis: Obis,
    /// When it was measured.
    pub at: UnixNanos,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its kind.
    pub kind: Kind,
    /// The record's source.
    pub source: String,
    /// When the record was received.
    pub received: UnixNanos,
    /// The journal of the record.
    pub journal: JournalId,
    /// The record.
    pub sequence: Sequence,
    /// The record's payload format number.
    pub format: u16,
    /// The sink that refused it, if any.
    pub sink: Option<String>,
    /// The row, if it is about one.
    pub row: Option<Row>,
    /// The reason, as a sentence.
    pub reason: String,
    /// The record's payload.
    pub body: Vec<u8>,
}

/// A dead letter without its body, as listed and stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LetterSummary {
    /// Its kind.
    pub kind: Kind,
    /// The record's source.
    pub source: String,
    /// When the record was received, in nanoseconds since 1970 UTC.
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
    /// The reason.
    pub reason: String,
}

/// A row as listed and stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowSummary {
    /// The reading's index in the record.
    pub index: u32,
    /// The meter.
    pub meter: Uuid,
    /// The register in full notation.
    pub obis: String,
    /// When it was measured, in nanoseconds since 1970 UTC.
    pub at_ns: i64,
}

impl DeadLetter {
    /// The dead letter without its body.
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

    /// Encodes the dead letter.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(&self.summary()).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Decodes a dead letter.
    ///
    /// # Errors
    /// Why the bytes are not valid.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let line = bytes.iter().position(|&byte| byte == b'\n').ok_or("the first line has no end")?;
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

/// Encodes a decision.
pub(super) fn encode_settlement(letter: LetterId, how: Settlement) -> Vec<u8> {
    serde_json::to_vec(&Settled { letter, how }).unwrap_or_default()
}

/// Decodes a decision.
pub(super) fn decode_settlement(bytes: &[u8]) -> Result<(LetterId, Settlement), String> {
    let settled: Settled = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok((settled.letter, settled.how))
}
