//! The index of open dead letters, by number and by subject.

use super::letter::{DeadLetter, Kind, LetterId, Row};
use crate::journal::{JournalId, Sequence};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The data that a dead letter is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Subject {
    kind: Kind,
    journal: JournalId,
    sequence: Sequence,
    sink: Option<String>,
    row: Option<Row>,
}

impl Subject {
    fn of(letter: &DeadLetter) -> Self {
        Self {
            kind: letter.kind,
            journal: letter.journal,
            sequence: letter.sequence,
            sink: letter.sink.clone(),
            row: letter.row,
        }
    }
}

/// The open dead letters.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_id: BTreeMap<LetterId, Subject>,
    by_subject: HashMap<Subject, LetterId>,
    /// Open dead letters, by [`Kind::index`].
    counts: [u64; Kind::ALL.len()],
    /// The position of the stored cursor.
    pub(super) pinned: Option<Sequence>,
}

impl Index {
    pub(super) fn add(&mut self, id: LetterId, letter: &DeadLetter) {
        let subject = Subject::of(letter);
        self.counts[letter.kind.index()] += 1;
        self.by_subject.insert(subject.clone(), id);
        self.by_id.insert(id, subject);
    }

    pub(super) fn settle(&mut self, id: LetterId) {
        if let Some(subject) = self.by_id.remove(&id) {
            self.counts[subject.kind.index()] -= 1;
            self.by_subject.remove(&subject);
        }
    }

    pub(super) fn find(&self, letter: &DeadLetter) -> Option<LetterId> {
        self.by_subject.get(&Subject::of(letter)).copied()
    }

    pub(super) fn is_open(&self, id: LetterId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// The oldest open dead letter.
    pub(super) fn oldest(&self) -> Option<(LetterId, Kind)> {
        self.by_id.first_key_value().map(|(id, subject)| (*id, subject.kind))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The records that made the sink's code panic.
    pub(super) fn poisoned(&self, sink: &str) -> BTreeSet<Sequence> {
        let of_sink = |subject: &&Subject| subject.kind == Kind::Poison && subject.sink.as_deref() == Some(sink);
        self.by_id.values().filter(of_sink).map(|subject| subject.sequence).collect()
    }

    pub(super) fn count(&self, kind: Kind) -> u64 {
        self.counts[kind.index()]
    }
}
