//! The position at which a pump starts: the lower of the cursor file's and the store's, or the
//! store's where that is exact.
//!
//! The store commits before the file follows, so normally the store is about a second
//! ahead, and repeating those records is harmless. To an exact store they are not sent again:
//! there the file counts only until it has left a replay. An exact store behind the file lost its
//! position. A store that was restored from a copy
//! or made new is behind, and its lost records are sent again; those that are no longer
//! retained become a gap. A sink that was not sent anything yet has none: its cursor says so
//! until the first record is safe. A rewind moves the file
//! first, so a crash right after cannot undo it.

use super::cursor::NOTHING_SENT;
use super::error::PumpError;
use super::replay::Replay;
use super::shared::Shared;
use super::sink::Sink;
use crate::journal::{Cursor, CursorError, Position, ResolvedCursor, Sequence};
use uuid::Uuid;

/// The start position of a pump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) next: Sequence,
    /// The first record that retention deleted before the sink had it; the gap ends at `next`.
    pub(super) gap_from: Option<Sequence>,
    /// Whether the store has no position and was not sent anything yet.
    pub(super) is_first: bool,
    /// The replay that was running.
    pub(super) replay: Option<Replay>,
}

pub(super) fn start(shared: &Shared, sink: &mut dyn Sink) -> Result<Start, PumpError> {
    let cursor = stored_cursor(shared)?;
    let store = sink.stored_position()?;
    let from_file = cursor.as_ref().map(|cursor| resolve(shared, cursor.position, "the cursor")).transpose()?;
    let from_store = store.map(|position| resolve(shared, position, "the store")).transpose()?;
    let is_new = from_store.is_some_and(|store| store.is_of_unknown_journal);
    let mut replay = cursor.as_ref().and_then(|cursor| Replay::from_note(&cursor.note));
    let (from_file, from_store) = match (from_file, from_store) {
        (Some(file), Some(store)) if sink.is_exact() => match replay.filter(|replay| file.next < replay.until()) {
            Some(running) => {
                // A replay that was requested without the service knows only the cursor, which follows the store.
                replay = Some(running.at_least_until(store.next));
                (Some(file), None)
            }
            None => (None, Some(store)),
        },
        both => both,
    };
    let found = || from_file.into_iter().chain(from_store);
    let next = found().map(|found| found.next).min().unwrap_or_else(|| shared.log.oldest().next);
    let wanted = found().map(|found| found.gap_from.unwrap_or(found.next)).min();
    let had_records = cursor.as_ref().is_some_and(|cursor| cursor.note != NOTHING_SENT);
    // A store that is new, or behind the start of a replay, lost data.
    let replay = replay.map(|replay| match wanted {
        Some(wanted) if is_new || replay.began_after(wanted) => replay.after_loss(wanted),
        _ => replay,
    });
    // A store without a position that was sent records lost all of them.
    let is_empty = store.is_some_and(|position| position.journal.0.is_nil());
    let lost_from = (is_empty && had_records).then_some(Sequence::FIRST);
    let gap_from = found().filter_map(|found| found.gap_from).chain(lost_from).min();
    let gap_from = gap_from.map(|from| replay.map_or(from, |replay| replay.first_not_safe(from)));
    Ok(Start {
        next,
        gap_from: gap_from.filter(|from| *from < next),
        is_first: is_empty && !had_records,
        replay: replay.filter(|replay| next < replay.end()),
    })
}

fn stored_cursor(shared: &Shared) -> Result<Option<Cursor>, PumpError> {
    match shared.log.load_cursor(&shared.name) {
        Ok(cursor) => Ok(cursor),
        Err(error @ CursorError::Damaged { .. }) => {
            tracing::warn!(sink = shared.name, %error, "starting at the oldest retained record");
            Ok(None)
        }
        Err(error) => Err(PumpError::waiting(error.to_string())),
    }
}

/// The start that one stored position gives.
#[derive(Debug, Clone, Copy)]
struct StartPoint {
    next: Sequence,
    gap_from: Option<Sequence>,
    is_of_unknown_journal: bool,
}

fn resolve(shared: &Shared, position: Position, who: &str) -> Result<StartPoint, PumpError> {
    match shared.log.resolve(position) {
        ResolvedCursor::At(found) => Ok(StartPoint { next: found.next, gap_from: None, is_of_unknown_journal: false }),
        ResolvedCursor::Retained(found) => {
            tracing::warn!(
                sink = shared.name,
                wanted = position.next.0,
                oldest = found.next.0,
                "{who} names a record that is no longer retained; starting at the oldest"
            );
            Ok(StartPoint { next: found.next, gap_from: Some(position.next), is_of_unknown_journal: false })
        }
        ResolvedCursor::UnknownJournal(found) => {
            if position.journal.0 != Uuid::nil() {
                tracing::warn!(
                    sink = shared.name, journal = %position.journal, start = found.next.0,
                    "{who} belongs to a journal that this one does not continue; starting at the oldest record that the sink cannot have"
                );
            }
            Ok(StartPoint { next: found.next, gap_from: None, is_of_unknown_journal: true })
        }
        ResolvedCursor::BeyondEnd { cursor, end } => Err(PumpError::blocked(format!(
            "{who} of sink {} is at record {cursor}, beyond the journal's end at {}: this is not the journal that \
             fed it (was its directory restored from a copy?); restore the right one, or reset the sink with \
             `meterline journal forget {}`",
            shared.name, end.next, shared.name
        ))),
    }
}
