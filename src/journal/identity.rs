//! The journal that a record belongs to, and the resolution of cursors along a chain of journals.

use super::catalog::{Catalog, Segment};
use super::{JournalId, Position, Sequence};
use std::sync::Arc;

/// The start of a reader with a stored cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolvedCursor {
    /// At the cursor's position.
    At(Position),
    /// Retention deleted the cursor's next record: at the oldest record, with a gap.
    Retained(Position),
    /// The cursor's journal is not in this chain, or another journal continued before the
    /// cursor's sequence: at the oldest record that the sink cannot have seen.
    UnknownJournal(Position),
    /// The cursor is beyond the end: the sink saw records that this journal does not hold.
    /// Refused, because new records would get sequences that the cursor counts as done.
    BeyondEnd {
        /// The cursor's next record.
        cursor: Sequence,
        /// The journal's end.
        end: Position,
    },
}

impl ResolvedCursor {
    /// The position; `None` if refused.
    pub fn position(self) -> Option<Position> {
        match self {
            Self::At(position) | Self::Retained(position) | Self::UnknownJournal(position) => Some(position),
            Self::BeyondEnd { .. } => None,
        }
    }
}

/// The position of a sequence, with the journal of the record before it, or `current`
/// if there is no record.
pub(super) fn position(catalog: &Catalog, current: JournalId, next: Sequence) -> Position {
    let before = Sequence(next.0.saturating_sub(1));
    let segments = catalog.segments();
    let after = segments.partition_point(|segment| segment.name.first <= before);
    let journal = match segments.get(after.saturating_sub(1)) {
        Some(segment) => journal_near(catalog, &segments, segment).unwrap_or(current),
        None => current,
    };
    Position { journal, next }
}

/// The segment's journal; if its header is unreadable, the previous journal in the next
/// segment's header.
fn journal_near(catalog: &Catalog, segments: &[Arc<Segment>], segment: &Segment) -> Option<JournalId> {
    catalog.journal_of(segment).ok().or_else(|| {
        let next = segments.iter().find(|other| other.name.id > segment.name.id)?;
        catalog.header(next).ok().map(|header| header.previous_journal)
    })
}

/// Resolves a cursor's position to the start of its reader.
pub(super) fn resolve(catalog: &Catalog, current: JournalId, wanted: Position) -> ResolvedCursor {
    let oldest = position(catalog, current, catalog.oldest());
    let end = position(catalog, current, catalog.next());
    if wanted.next > end.next {
        return match fork(catalog, current, wanted.journal) {
            Fork::Open => ResolvedCursor::BeyondEnd { cursor: wanted.next, end },
            Fork::At(position) => ResolvedCursor::UnknownJournal(position),
            Fork::Unknown => ResolvedCursor::UnknownJournal(oldest),
        };
    }
    if wanted.next < oldest.next {
        return match fork(catalog, current, wanted.journal) {
            Fork::Unknown => ResolvedCursor::UnknownJournal(oldest),
            Fork::Open | Fork::At(_) => ResolvedCursor::Retained(oldest),
        };
    }
    if position(catalog, current, wanted.next).journal == wanted.journal || before_oldest(catalog, &wanted) {
        return ResolvedCursor::At(wanted);
    }
    match fork(catalog, current, wanted.journal) {
        // Another journal continued at the end of the cursor's journal.
        Fork::At(position) if position.next < wanted.next => ResolvedCursor::UnknownJournal(position),
        _ => ResolvedCursor::UnknownJournal(oldest),
    }
}

/// Whether the oldest record is next, and the deleted one before it was of this journal.
fn before_oldest(catalog: &Catalog, wanted: &Position) -> bool {
    let segments = catalog.segments();
    let oldest = segments.first().filter(|segment| segment.name.first == wanted.next);
    oldest
        .and_then(|segment| catalog.header(segment).ok())
        .is_some_and(|header| header.previous_journal == wanted.journal)
}

/// The continuation of the chain after a journal's last record.
enum Fork {
    /// It is the journal being written.
    Open,
    /// Another journal continues at this position.
    At(Position),
    /// It is not in the chain.
    Unknown,
}

fn fork(catalog: &Catalog, current: JournalId, journal: JournalId) -> Fork {
    let segments = catalog.segments();
    let last = segments.iter().rposition(|segment| journal_near(catalog, &segments, segment) == Some(journal));
    let Some(last) = last else {
        let names_it = |segment: &Arc<Segment>| catalog.header(segment).is_ok_and(|it| it.previous_journal == journal);
        return match segments.first() {
            None if journal == current => Fork::Open,
            Some(first) if names_it(first) => Fork::At(Position { journal, next: first.name.first }),
            _ => Fork::Unknown,
        };
    };
    match segments.get(last + 1) {
        Some(after) => Fork::At(Position { journal, next: after.name.first }),
        None if journal == current => Fork::Open,
        // The next segment will belong to another journal and begin at the end.
        None => Fork::At(Position { journal, next: catalog.next() }),
    }
}
