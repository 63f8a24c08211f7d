//! Where a pump begins.
//!
//! At the lower of what the cursor file says and what the sink's own store says.
//! The store commits before the file follows, so normally the store is ahead by
//! what came in the last second, and repeating that is harmless. It is behind
//! where it was put back from a copy or made anew: what it forgot is sent again.
//! The file is moved first by a rewind, so a crash right after cannot undo it.

use super::replay::Replay;
use super::shared::Shared;
use super::sink::Sink;
use super::trouble::Trouble;
use crate::journal::{Cursor, CursorError, Position, ResolvedCursor, Sequence};
use uuid::Uuid;

/// Where to begin, and what was seen on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) next: Sequence,
    /// Where what retention took before the sink had it begins; it ends at `next`.
    pub(super) gap_from: Option<Sequence>,
    /// The replay that was under way.
    pub(super) replay: Option<Replay>,
}

pub(super) fn start(shared: &Shared, sink: &mut dyn Sink) -> Result<Start, Trouble> {
    let cursor = stored_cursor(shared)?;
    let store = sink.stored_position()?;
    let from_file = cursor.as_ref().map(|cursor| resolve(shared, cursor.position, "the cursor")).transpose()?;
    let from_store = store.map(|position| resolve(shared, position, "the store")).transpose()?;
    let found = || from_file.into_iter().chain(from_store);
    let next = found().map(|found| found.next).min().unwrap_or_else(|| shared.journal.oldest().next);
    let wanted = found().map(|found| found.gap_from.unwrap_or(found.next)).min();
    let replay = cursor.and_then(|cursor| Replay::from_note(&cursor.note));
    // A store that is behind where a replay began was put back: it forgot something.
    let replay = replay.map(|replay| match wanted {
        Some(wanted) if replay.began_after(wanted) => replay.after_a_loss(wanted),
        _ => replay,
    });
    let gap_from = found().filter_map(|found| found.gap_from).min();
    let gap_from = gap_from.map(|from| replay.map_or(from, |replay| replay.first_not_safe(from)));
    Ok(Start {
        next,
        gap_from: gap_from.filter(|from| *from < next),
        replay: replay.filter(|replay| next < replay.end()),
    })
}

fn stored_cursor(shared: &Shared) -> Result<Option<Cursor>, Trouble> {
    match shared.journal.cursors().load(&shared.name) {
        Ok(cursor) => Ok(cursor),
        Err(error @ CursorError::Damaged { .. }) => {
            tracing::warn!(sink = shared.name, %error, "starting at the oldest retained record");
            Ok(None)
        }
        Err(error) => Err(Trouble::waiting(error.to_string())),
    }
}

/// Where a position leads.
#[derive(Debug, Clone, Copy)]
struct Found {
    next: Sequence,
    gap_from: Option<Sequence>,
}

fn resolve(shared: &Shared, position: Position, who: &str) -> Result<Found, Trouble> {
    match shared.journal.resolve(position) {
        ResolvedCursor::At(found) => Ok(Found { next: found.next, gap_from: None }),
        ResolvedCursor::Retained(found) => {
            tracing::warn!(
                sink = shared.name,
                wanted = position.next.0,
                oldest = found.next.0,
                "{who} names a record that is not retained any more; starting at the oldest"
            );
            Ok(Found { next: found.next, gap_from: Some(position.next) })
        }
        ResolvedCursor::UnknownJournal(found) => {
            if position.journal.0 != Uuid::nil() {
                tracing::warn!(
                    sink = shared.name, journal = %position.journal, start = found.next.0,
                    "{who} names a journal that these records are not of; starting at the oldest record it cannot have seen"
                );
            }
            Ok(Found { next: found.next, gap_from: None })
        }
        ResolvedCursor::BeyondEnd { cursor, end } => Err(Trouble::blocked(format!(
            "{who} of sink {} is at record {cursor}, beyond the journal's end at {}: this is not the journal it was \
             fed from (was its directory put back from a copy?); put the right one back, or start the sink anew with \
             `meterline journal forget {}`",
            shared.name, end.next, shared.name
        ))),
    }
}
