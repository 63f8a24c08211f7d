//! What a replay is: where it sets a sink back to, how its records are read, and the
//! note that keeps it with the sink's cursor, so that a restart goes on with it.
//!
//! The pump sends everything from the given record on again, in journal order, up to
//! now; so a correction always follows what it corrects. For the same reason a replay
//! that has begun runs to its end: half of one would leave old values over their
//! corrections. With a source named, the other sources' records are skipped up to where
//! the sink was safe when the replay was asked for. All records that had come by then,
//! also those that the sink had not had, may be read otherwise than ingest read them
//! ([`Reread`]). Invariant: a record at or above its end is read as always.
//!
//! Known limits: where two sources bring the same meter, a replay of one of them can
//! put its value over a later one of the other (replay without a source then); and a
//! second replay during a first does what both ask for, without a source.
//!
//! Nothing here moves a running pump (`rewind` does).

use crate::journal::{Cursor, CursorError, Journal, Sequence, SourceId};
use crate::reading::UnixNanos;

/// How a replay reads records, where not as ingest did when they came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reread {
    /// Decode also what ingest could not decode.
    pub redecode: bool,
    /// Judge by the limits that are configured now, not by those of the record.
    pub current_rule: bool,
    /// Judge times against this moment, not against the time of receipt.
    pub judged_at: Option<UnixNanos>,
}

/// Where to go back to, and how to read what comes from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewind {
    /// The first record to be sent again. Older than retained: the oldest.
    pub from: Sequence,
    /// Only this source's records are sent again.
    pub source: Option<SourceId>,
    /// How they are read.
    pub reread: Reread,
}

/// What a rewind did; durable when it is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewound {
    /// The first record that it is about.
    pub from: Sequence,
    /// The first record that it changes nothing for: the first that had not been safe
    /// before, or, where records are read otherwise, the first that had not come yet.
    pub until: Sequence,
}

/// Why a rewind was not made, or not yet.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RewindError {
    /// The place is not known yet.
    #[error("the sink has not found its place yet ({0}); mend that first")]
    NotStarted(String),
    /// The cursor cannot be stored.
    #[error("the rewind could not be made durable, so it was not made: {0}")]
    Cursor(#[from] CursorError),
    /// Its thread is busy with the sink.
    #[error("the sink is busy with a request and will rewind after it; ask for its status to see when")]
    Busy,
    /// It is being stopped.
    #[error("the sink is being stopped; rewind it offline, or after the next start")]
    Stopped,
}

/// What a rewind does to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) rewound: Rewound,
    /// Where the sink goes on.
    pub(super) next: Sequence,
    /// The replay that is under way from there.
    pub(super) replay: Replay,
}

impl Rewind {
    /// Everything from a record on, read as always.
    #[must_use]
    pub fn to(from: Sequence) -> Self {
        Self { from, source: None, reread: Reread::default() }
    }

    /// What it does to a sink that is safe below `safe`, with a journal that holds
    /// `oldest` up to `end`; `None` where there is nothing to do.
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

/// Records from one up to, and without, another.
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

    /// The smallest that holds both.
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

/// A replay under way: what of the way is done otherwise than always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replay {
    /// The first record that had not been safe when it was asked for.
    until: Sequence,
    /// Only this source's records are sent, below `until`.
    source: Option<SourceId>,
    pub(super) reread: Reread,
    /// What is reread: from the record that was asked for to what had come by then, be
    /// it behind or before the sink.
    reread_in: Span,
    /// What the sink's store has had since before the replay.
    was_safe: Span,
}

impl Replay {
    /// The first record that is read as always again.
    pub(super) fn end(&self) -> Sequence {
        self.until.max(self.reread_in.until)
    }

    /// Whether its first record lies behind this one.
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

    /// Both at once, where one was asked for while the other was under way: nothing
    /// that either wanted is left out.
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

    /// The same, after the sink's store lost what it had had from a record on.
    pub(super) fn after_loss(self, lost_from: Sequence) -> Self {
        let was_safe = Span { until: self.was_safe.until.min(lost_from), ..self.was_safe };
        Self { source: None, was_safe, ..self }
    }

    /// As it is stored with the cursor: one line.
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

    /// Reads a note; `None` for an empty one, and for one of another program.
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

/// Sets a stored cursor back, for the next start; `None` where the sink has not come
/// that far yet. For a journal that no pump reads.
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
    fn what_a_store_had_before_a_replay_counts_as_had_until_it_loses_it() {
        let first_not_safe = |replay: Replay, from| replay.first_not_safe(Sequence(from)).0;
        let replay = rewind(3, 10);
        assert_eq!([2, 3, 9, 10].map(|from| first_not_safe(replay, from)), [2, 10, 10, 10]);
        let lost = replay.after_loss(Sequence(7));
        assert_eq!([3, 6, 7, 9].map(|from| first_not_safe(lost, from)), [7, 7, 7, 9]);
        assert_eq!(first_not_safe(replay.after_loss(Sequence(1)), 3), 3);
        // A second one while the first is at 5: what lies before the first's end is there.
        assert_eq!(first_not_safe(rewind(1, 5).merged_with(Some(replay)), 1), 10);
        assert_eq!(first_not_safe(rewind(7, 9).merged_with(Some(rewind(2, 4))), 2), 2);
    }
}
