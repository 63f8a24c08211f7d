//! A replay: the record a sink is rewound to, how records are read again, and the note
//! that stores the replay with the sink's cursor, so that a restart continues it.
//!
//! The pump sends everything from the given record on again, in journal order, so a
//! correction always follows the value it corrects. For the same reason a replay runs to
//! its end once begun: half of one would leave old values over their corrections. With a
//! source named, the other sources' records are skipped up to the sink's safe position at
//! the time of the request. All records journaled by then, also those that the sink had
//! not had, may be read differently from ingest ([`Reread`]). Invariant: a record at or
//! above the end is read normally.
//!
//! A loss in the sink's store is stored as a replay, too: it is over when the lost records are
//! safe again.
//!
//! Known limits: where two sources deliver the same meter, a replay of one source can
//! overwrite a later value of the other (use a replay without a source); a second replay
//! during the first does what both ask for, without a source.
//!
//! Nothing here moves a running pump (`rewind` does).

use crate::journal::{Cursor, CursorError, Journal, Sequence, SourceId};
use crate::reading::UnixNanos;

/// How a replay reads records differently from ingest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reread {
    /// Decode also records that ingest could not decode.
    pub redecode: bool,
    /// Judge by the current limits, not by the record's.
    pub current_rule: bool,
    /// Judge times against this moment, not against the receive time.
    pub judged_at: Option<UnixNanos>,
}

/// A request to set a sink back to an earlier record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewind {
    /// The first record to send again. If retention deleted it, the oldest one.
    pub from: Sequence,
    /// Only this source's records are sent again.
    pub source: Option<SourceId>,
    /// How they are read.
    pub reread: Reread,
}

/// The result of a rewind; durable when it is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewound {
    /// The first record of the replay.
    pub from: Sequence,
    /// The record after the replay: the first that was not safe before, or, where records
    /// are read differently, the first that was not journaled yet.
    pub until: Sequence,
}

/// A rewind was not made, or not yet.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RewindError {
    /// The sink has no position yet.
    #[error("the sink has not started yet ({0}); fix that first")]
    NotStarted(String),
    /// The cursor cannot be stored.
    #[error("the rewind could not be made durable, so it was not made: {0}")]
    Cursor(#[from] CursorError),
    /// The pump's thread is busy with the sink.
    #[error("the sink is busy with a request and will rewind after it; its status shows when")]
    Busy,
    /// The pump is being stopped.
    #[error("the sink is being stopped; rewind it offline, or after the next start")]
    Stopped,
}

/// The effect of a rewind on a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) rewound: Rewound,
    /// The record at which the sink continues.
    pub(super) next: Sequence,
    /// The replay that runs from there.
    pub(super) replay: Replay,
}

impl Rewind {
    /// A rewind to a record, of all sources, read normally.
    pub fn to(from: Sequence) -> Self {
        Self { from, source: None, reread: Reread::default() }
    }

    /// The plan for a sink that is safe below `safe`, with a journal that holds `oldest`
    /// up to `end`; `None` where there is nothing to do.
    pub(super) fn plan(&self, oldest: Sequence, end: Sequence, safe: Sequence) -> Option<Plan> {
        let until = if self.reread == Reread::default() { safe } else { safe.max(end) };
        let from = self.from.max(oldest);
        let next = from.min(safe);
        (from < until).then_some(Plan {
            rewound: Rewound { from, until },
            next,
            replay: Replay {
                until: safe,
                source: self.source,
                reread: self.reread,
                reread_in: Span { from, until },
                was_safe: Span { from: next, until: safe },
            },
        })
    }
}

/// The records from `from` up to, and without, `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Sequence,
    pub(super) until: Sequence,
}

impl Span {
    const EMPTY: Self = Self { from: Sequence(0), until: Sequence(0) };

    pub(super) fn contains(self, sequence: Sequence) -> bool {
        (self.from..self.until).contains(&sequence)
    }

    /// The smallest span that holds both.
    fn around(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), until: self.until.max(other.until) }
    }

    fn touches(self, other: Self) -> bool {
        self.from <= other.until && other.from <= self.until
    }

    fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once("..")?;
        Some(Self { from: Sequence(from.parse().ok()?), until: Sequence(until.parse().ok()?) })
    }
}

/// A running replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replay {
    /// The first record that the sink had not confirmed when the replay was requested.
    until: Sequence,
    /// Only this source's records are sent, below `until`.
    source: Option<SourceId>,
    pub(super) reread: Reread,
    /// The records to read again: from the requested one to the journal's end at that time,
    /// whether the sink had had them or not.
    reread_in: Span,
    /// The records that the sink's store had before the replay.
    was_safe: Span,
}

impl Replay {
    /// The first record that is read normally again.
    pub(super) fn end(&self) -> Sequence {
        self.until.max(self.reread_in.until)
    }

    /// The first record that the sink had not confirmed when the replay was requested.
    pub(super) fn until(&self) -> Sequence {
        self.until
    }

    /// The records that the sink's store had and lost, as a replay: an exact store may still hold the position after them.
    pub(super) fn of_loss(from: Sequence, until: Sequence) -> Self {
        let (reread, reread_in, was_safe) = (Reread::default(), Span::EMPTY, Span { from, until: from });
        Self { until, source: None, reread, reread_in, was_safe }
    }

    /// The same, up to at least the first record that an exact store has not had.
    pub(super) fn at_least_until(self, until: Sequence) -> Self {
        Self { until: self.until.max(until), ..self }
    }

    /// Whether its first record is above this one.
    pub(super) fn began_after(&self, sequence: Sequence) -> bool {
        sequence < self.was_safe.from
    }

    pub(super) fn rereads(&self, sequence: Sequence) -> bool {
        self.reread_in.contains(sequence)
    }

    pub(super) fn skips(&self, sequence: Sequence, source: SourceId) -> bool {
        sequence < self.until && self.source.is_some_and(|only| only != source)
    }

    /// The first record from `from` on that the sink's store has not had.
    pub(super) fn first_not_safe(&self, from: Sequence) -> Sequence {
        if self.was_safe.contains(from) { self.was_safe.until } else { from }
    }

    /// One replay that does what both ask for, where this one was requested while the other
    /// ran.
    pub(super) fn merged_with(self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        let (now, then) = (self.reread, before.reread);
        let is_one = self.was_safe.touches(before.was_safe);
        Self {
            until: self.until.max(before.until),
            source: None,
            reread: Reread {
                redecode: now.redecode || then.redecode,
                current_rule: now.current_rule || then.current_rule,
                judged_at: now.judged_at.or(then.judged_at),
            },
            reread_in: self.reread_in.around(before.reread_in),
            was_safe: if is_one { self.was_safe.around(before.was_safe) } else { self.was_safe },
        }
    }

    /// The same, after the sink's store lost everything from a record on.
    pub(super) fn after_loss(self, lost_from: Sequence) -> Self {
        let was_safe = Span { until: self.was_safe.until.min(lost_from), ..self.was_safe };
        Self { source: None, was_safe, ..self }
    }

    /// The line that is stored with the cursor.
    pub(super) fn to_note(self) -> String {
        let Self { until, source, reread, reread_in, was_safe } = self;
        let mut note = format!(
            "replay until={until} reread-in={}..{} was-safe={}..{}",
            reread_in.from, reread_in.until, was_safe.from, was_safe.until
        );
        let options = [
            source.map(|source| format!(" source={}", source.0)),
            reread.redecode.then(|| " redecode".to_owned()),
            reread.current_rule.then(|| " rule=current".to_owned()),
            reread.judged_at.map(|at| format!(" judged-at={}", at.0)),
        ];
        note.extend(options.into_iter().flatten());
        note
    }

    /// Reads a note; `None` for an empty one or one of another version.
    pub(super) fn from_note(note: &str) -> Option<Self> {
        let mut replay = Self {
            until: Sequence(0),
            source: None,
            reread: Reread::default(),
            reread_in: Span::EMPTY,
            was_safe: Span::EMPTY,
        };
        for word in note.strip_prefix("replay ")?.split(' ') {
            match word.split_once('=').unwrap_or((word, "")) {
                ("until", number) => replay.until = Sequence(number.parse().ok()?),
                ("reread-in", span) => replay.reread_in = Span::parse(span)?,
                ("was-safe", span) => replay.was_safe = Span::parse(span)?,
                ("source", number) => replay.source = Some(SourceId(number.parse().ok()?)),
                ("redecode", "") => replay.reread.redecode = true,
                ("rule", "current") => replay.reread.current_rule = true,
                ("judged-at", nanos) => replay.reread.judged_at = Some(UnixNanos(nanos.parse().ok()?)),
                _ => return None,
            }
        }
        Some(replay)
    }
}

/// Rewinds a stored cursor for the next start, in a journal that no pump reads. Returns
/// `None` where the sink has not reached the first record yet.
///
/// # Errors
/// When the cursor cannot be read or stored.
pub fn rewind_stored(
    journal: &Journal,
    sink: &str,
    rewind: &Rewind,
    now: UnixNanos,
) -> Result<Option<Rewound>, CursorError> {
    let Some(cursor) = journal.cursors().load(sink)? else { return Ok(None) };
    let safe = cursor.position.next;
    let Some(plan) = rewind.plan(journal.oldest().next, journal.next(), safe) else { return Ok(None) };
    let before = Replay::from_note(&cursor.note).filter(|before| before.end() > safe);
    let mut cursor = Cursor::at(sink, journal.position(plan.next), now);
    cursor.note = plan.replay.merged_with(before).to_note();
    journal.cursors().store(&cursor)?;
    Ok(Some(plan.rewound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span() -> impl Strategy<Value = Span> {
        any::<(u64, u64)>().prop_map(|(from, until)| Span { from: Sequence(from), until: Sequence(until) })
    }

    proptest! {
        #[test]
        fn a_note_is_read_as_it_was_written(
            until: u64, source: Option<u32>, redecode: bool, current_rule: bool, at: Option<i64>,
            reread_in in span(), was_safe in span(),
        ) {
            let reread = Reread { redecode, current_rule, judged_at: at.map(UnixNanos) };
            let (until, source) = (Sequence(until), source.map(SourceId));
            let replay = Replay { until, source, reread, reread_in, was_safe };
            prop_assert_eq!(Replay::from_note(&replay.to_note()), Some(replay));
        }

        #[test]
        fn any_other_note_is_none_or_means_the_same_when_written_again(note in "(replay )?[a-z=0-9. -]{0,40}") {
            if let Some(replay) = Replay::from_note(&note) {
                prop_assert_eq!(Replay::from_note(&replay.to_note()), Some(replay));
            }
        }
    }

    fn rewind(from: u64, safe: u64) -> Replay {
        Rewind::to(Sequence(from)).plan(Sequence(1), Sequence(safe), Sequence(safe)).unwrap().replay
    }

    #[test]
    fn records_stored_before_a_replay_count_as_stored_until_the_store_loses_them() {
        let first_not_safe = |replay: Replay, from| replay.first_not_safe(Sequence(from)).0;
        let replay = rewind(3, 10);
        assert_eq!([2, 3, 9, 10].map(|from| first_not_safe(replay, from)), [2, 10, 10, 10]);
        let lost = replay.after_loss(Sequence(7));
        assert_eq!([3, 6, 7, 9].map(|from| first_not_safe(lost, from)), [7, 7, 7, 9]);
        assert_eq!(first_not_safe(replay.after_loss(Sequence(1)), 3), 3);
        // A second replay while the first is at 5: the store has everything before the first's end.
        assert_eq!(first_not_safe(rewind(1, 5).merged_with(Some(replay)), 1), 10);
        assert_eq!(first_not_safe(rewind(7, 9).merged_with(Some(rewind(2, 4))), 2), 2);
    }
}
