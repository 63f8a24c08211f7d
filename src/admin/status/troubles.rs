//! The list of everything that needs a person: its entries, and their order.

use super::kind::Kind;
use crate::base::Level;
use serde::Serialize;

/// The maximum number of entries in the list.
pub const SHOWN_MAX: usize = 50;

/// The checks, in the words of an empty list.
pub(in crate::admin) const CHECKED: [&str; 9] = [
    "data is taken in",
    "every source and device delivers",
    "every sink is running and close behind",
    "no record is lost to a sink",
    "the journal has room",
    "no meter is silent or has a gap",
    "no dead letter is open",
    "the clock, the certificates and the disk are right",
    "no two sources send the same meter",
];

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// How bad it is.
    pub level: Level,
    /// The kind, as a stable name.
    pub kind: Kind,
    /// The part that it is about: a source, a sink or a meter by name; empty if it is the whole service.
    pub part: String,
    /// The fault, its place and its cause.
    pub sentence: String,
    /// When it began, if known.
    pub since: Option<String>,
    /// How often it happened since the start, if known.
    pub times: Option<u64>,
    /// The consequence.
    pub effect: String,
    /// The next command.
    pub command: String,
    /// The section of `docs/runbook.md`.
    pub runbook: &'static str,
}

impl Trouble {
    /// Whether something does not work, or soon will not.
    pub(crate) fn is_fault(&self) -> bool {
        self.level == Level::Fault
    }

    /// How bad it is, in a word.
    pub(crate) fn word(&self) -> &'static str {
        if self.is_fault() { "Fault" } else { "Warning" }
    }
}

/// The list of all troubles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Troubles {
    /// The level of the worst entry.
    pub level: Level,
    /// The state in words: `All well`, `2 things need you`.
    pub summary: String,
    /// The number of all, with those that are not in the list.
    pub count: usize,
    /// The worst ones first, at most [`SHOWN_MAX`].
    pub entries: Vec<Trouble>,
    /// The checks behind the list.
    pub checked: &'static [&'static str],
}

impl Troubles {
    /// Before the other contents are known.
    pub const UNKNOWN: Self =
        Self { level: Level::Good, summary: String::new(), count: 0, entries: Vec::new(), checked: &CHECKED };

    /// The list of these entries and of further ones without an entry.
    pub(in crate::admin) fn new(mut entries: Vec<Trouble>, others: usize) -> Self {
        // The kinds are in the order of urgency; equal ones stay in the order of their parts.
        entries.sort_by_key(|entry| (std::cmp::Reverse(entry.level), entry.kind));
        let count = entries.len() + others;
        entries.truncate(SHOWN_MAX);
        let level = entries.first().map_or(Level::Good, |worst| worst.level);
        let summary = match count {
            0 => "All well".to_owned(),
            1 => "1 thing needs you".to_owned(),
            count => format!("{count} things need you"),
        };
        Self { level, summary, count, entries, checked: &CHECKED }
    }
}
