//! Which journal a record belongs to, and where a cursor stands in the chain.

use super::catalog::{Catalog, Segment};
use super::{JournalId, Position, Sequence};
use std::sync::Arc;

/// Where a reader with a stored cursor begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolvedCursor {
    /// Where the cursor says.
    At(Position),
    /// Retention took what the cursor names next: from the oldest record, with a gap.
    Retained(Position),
    /// The journal that the cursor names is not, or at its sequence no longer, the
    /// one of these records: from the oldest record that it cannot have seen.
    UnknownJournal(Position),
    /// The cursor is beyond the end: it saw records that this journal does not
    /// hold. Refused, because what comes next would get sequences it believes done.
    BeyondEnd {
        /// What the cursor names next.
        cursor: Sequence,
        /// The journal's end.
        end: Position,
    },
}

impl ResolvedCursor {
    /// The position, unless refused.
    #[must_use]
    pub fn position(self) -> Option<Position> {
        match self {
            Self::At(position) | Self::Retained(position) | Self::UnknownJournal(position) => Some(position),
            Self::BeyondEnd { .. } => None,
        }
    }
}

/// The position of a sequence: with the journal of the record before it. `current`
/// stands in where there is no record at all.
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

/// The segment's journal, or where its header cannot be read the one that the
/// next segment names as before it.
fn journal_near(catalog: &Catalog, segments: &[Arc<Segment>], segment: &Segment) -> Option<JournalId> {
    catalog.journal_of(segment).ok().or_else(|| {
        let next = segments.iter().find(|other| other.name.id > segment.name.id)?;
        catalog.header(next).ok().map(|header| header.previous_journal)
    })
}

/// Where a cursor at this position begins.
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
        // Another journal wrote on at the end of the one that the cursor names.
        Fork::At(position) if position.next < wanted.next => ResolvedCursor::UnknownJournal(position),
        _ => ResolvedCursor::UnknownJournal(oldest),
    }
}

/// The oldest record is next, and the one before it, now gone, was of the journal named.
fn before_oldest(catalog: &Catalog, wanted: &Position) -> bool {
    let segments = catalog.segments();
    let oldest = segments.first().filter(|segment| segment.name.first == wanted.next);
    oldest
        .and_then(|segment| catalog.header(segment).ok())
        .is_some_and(|header| header.previous_journal == wanted.journal)
}

/// How the chain goes on after a journal's last record here.
enum Fork {
    /// It is the one being written.
    Open,
    /// Another journal goes on from here.
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
        // The next segment will be another journal's, and begins at the end.
        None => Fork::At(Position { journal, next: catalog.next() }),
    }
}
