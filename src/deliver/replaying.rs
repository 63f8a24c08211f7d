//! A replay under way: how far it goes, and how its records are read.
//!
//! It is kept with the sink's stored cursor, so that a restart in the middle goes
//! on in the same way. Invariant: a record at or above its end is read as always.

use super::sink::Delivery;
use crate::journal::{Record, Sequence, SourceId, Verdict};
use crate::reading::{Limits, UnixNanos};
use crate::wire::PayloadFormat;
use std::collections::HashMap;
use std::sync::Arc;

/// How a replay reads records, where not as the door did when they came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reread {
    /// Decode also what the door could not decode.
    pub redecode: bool,
    /// Judge by the limits that are configured now, not by those of the record.
    pub current_rule: bool,
    /// Judge times against this moment, not against the time of receipt.
    pub judged_at: Option<UnixNanos>,
}

/// The limits that are configured now, by source.
#[derive(Debug, Clone, Default)]
pub struct CurrentRules(Arc<HashMap<String, Limits>>);

impl CurrentRules {
    /// Of these sources; any other has the standard limits.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = (String, Limits)>) -> Self {
        Self(Arc::new(rules.into_iter().collect()))
    }

    fn of(&self, source: &str) -> Limits {
        self.0.get(source).copied().unwrap_or(Limits::DEFAULT)
    }
}

/// What of the way up to `until` is done otherwise than always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replaying {
    /// The first record that had not been safe when the replay was asked for.
    pub(super) until: Sequence,
    /// Only this source's records are sent, below `until`.
    pub(super) source: Option<SourceId>,
    pub(super) reread: Reread,
    /// What is reread: from the record that was asked for to what had come by then,
    /// be it behind or before the sink.
    pub(super) reread_from: Sequence,
    pub(super) reread_until: Sequence,
    /// Whether everything below `until` is still safe without it.
    pub(super) can_be_taken_back: bool,
    /// Its first record, and the first that it has not handed over for certain.
    pub(super) began: Sequence,
    pub(super) sent_below: Sequence,
    /// It is given up: below `until` only what corrects something that it had handed
    /// over is sent, and read as always.
    pub(super) is_taken_back: bool,
}

/// So many records more are announced at once, and an eighth of the way so far.
const AHEAD_MIN: u64 = if cfg!(test) { 1 } else { 1024 };

impl Replaying {
    /// The first record that is read as always again.
    pub(super) fn end(&self) -> Sequence {
        if self.is_taken_back { self.until } else { self.until.max(self.reread_until) }
    }

    fn rereads(&self, sequence: Sequence) -> bool {
        !self.is_taken_back && (self.reread_from..self.reread_until).contains(&sequence)
    }

    /// The first record that it may have handed over, and the first that it has not.
    pub(super) fn sent(&self) -> (Sequence, Sequence) {
        (self.began, self.sent_below.max(self.began))
    }

    /// The first record from `from` on that was not safe before it. A sink that is
    /// further back than it began was not set back by it: its store forgot something.
    pub(super) fn first_not_safe(&self, from: Sequence) -> Sequence {
        if self.can_be_taken_back && from >= self.began { from.max(self.until) } else { from }
    }

    /// What is to be durable before it hands this record over, where it is not yet.
    pub(super) fn announcing(self, sequence: Sequence) -> Option<Self> {
        if self.is_taken_back || sequence < self.sent_below || sequence >= self.until {
            return None;
        }
        let ahead = (sequence.0.saturating_sub(self.began.0) / 8).max(AHEAD_MIN);
        let sent_below = Sequence(sequence.0.saturating_add(ahead)).min(self.until);
        Some(Self { sent_below, ..self })
    }

    pub(super) fn as_before_taken_back(self) -> Self {
        Self { is_taken_back: false, ..self }
    }

    /// Both at once, where one was asked for while the other was under way: nothing
    /// that either wanted is left out.
    pub(super) fn joined_to(self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        let (now, then) = (self.reread, before.reread);
        Self {
            until: self.until.max(before.until),
            source: None,
            reread: Reread {
                redecode: now.redecode || then.redecode,
                current_rule: now.current_rule || then.current_rule,
                judged_at: now.judged_at.or(then.judged_at),
            },
            reread_from: self.reread_from.min(before.reread_from),
            reread_until: self.reread_until.max(before.reread_until),
            can_be_taken_back: self.can_be_taken_back && before.can_be_taken_back,
            began: self.began.min(before.began),
            sent_below: self.sent_below.max(before.sent_below),
            is_taken_back: false,
        }
    }

    /// The same, after the sink's store lost something of what was safe.
    pub(super) fn after_a_loss(self) -> Self {
        Self { source: None, can_be_taken_back: false, is_taken_back: false, ..self }
    }

    pub(super) fn leaves_out(&self, sequence: Sequence, source: SourceId) -> bool {
        // Whoever corrects what it had sent.
        !self.is_taken_back && sequence < self.until && self.source.is_some_and(|only| only != source)
    }

    /// As it is stored with the cursor: one line.
    pub(super) fn to_note(self) -> String {
        let mut words = vec![format!("replay-until={}", self.until)];
        words.push(format!("reread-from={}", self.reread_from));
        words.push(format!("reread-until={}", self.reread_until));
        words.extend(self.source.map(|source| format!("source={}", source.0)));
        words.extend(self.reread.redecode.then(|| "redecode".to_owned()));
        words.extend(self.reread.current_rule.then(|| "rule=current".to_owned()));
        words.extend(self.reread.judged_at.map(|at| format!("judged-at={}", at.0)));
        words.extend(self.can_be_taken_back.then(|| "can-be-taken-back".to_owned()));
        words.push(format!("began={}", self.began));
        words.push(format!("sent-below={}", self.sent_below));
        words.extend(self.is_taken_back.then(|| "is-taken-back".to_owned()));
        words.join(" ")
    }

    /// Reads a note; `None` for an empty one, and for one of another program.
    pub(super) fn from_note(note: &str) -> Option<Self> {
        let mut words = note.split(' ');
        let until = Sequence(words.next()?.strip_prefix("replay-until=")?.parse().ok()?);
        let mut replaying = Self {
            until,
            source: None,
            reread: Reread::default(),
            reread_from: Sequence(0),
            reread_until: until,
            can_be_taken_back: false,
            began: Sequence(0),
            sent_below: until,
            is_taken_back: false,
        };
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("source", number) => replaying.source = Some(SourceId(number.parse().ok()?)),
                ("reread-from", number) => replaying.reread_from = Sequence(number.parse().ok()?),
                ("reread-until", number) => replaying.reread_until = Sequence(number.parse().ok()?),
                ("redecode", "") => replaying.reread.redecode = true,
                ("rule", "current") => replaying.reread.current_rule = true,
                ("judged-at", nanos) => replaying.reread.judged_at = Some(UnixNanos(nanos.parse().ok()?)),
                ("can-be-taken-back", "") => replaying.can_be_taken_back = true,
                ("began", number) => replaying.began = Sequence(number.parse().ok()?),
                ("sent-below", number) => replaying.sent_below = Sequence(number.parse().ok()?),
                ("is-taken-back", "") => replaying.is_taken_back = true,
                _ => return None,
            }
        }
        Some(replaying)
    }
}

/// How one record is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    redecode: bool,
    limits: Limits,
    judged_at: UnixNanos,
}

impl Reading {
    /// As the door did, or as the replay asks that goes over the record. `limits`
    /// are those of the record's own rule.
    pub(super) fn of(
        record: &Record<'_>,
        source: &str,
        limits: Limits,
        replaying: Option<&Replaying>,
        rules: &CurrentRules,
    ) -> Self {
        let over_it = replaying.filter(|replaying| replaying.rereads(record.sequence));
        let reread = over_it.map(|replaying| replaying.reread).unwrap_or_default();
        Self {
            redecode: reread.redecode,
            limits: if reread.current_rule { rules.of(source) } else { limits },
            judged_at: reread.judged_at.unwrap_or(record.header.received),
        }
    }

    /// The record as it goes to a store; `None` where there is nothing in it for one.
    pub(super) fn delivery<'a>(&'a self, record: Record<'a>, source: &'a str) -> Option<Delivery<'a>> {
        let is_read = record.header.verdict != Verdict::Undecodable || self.redecode;
        let format = PayloadFormat::from_number(record.header.format).filter(|_| is_read)?;
        Some(Delivery { record, source, limits: &self.limits, judged_at: self.judged_at, format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_note_is_read_as_it_was_written(
            until: u64, source: Option<u32>, redecode: bool, current_rule: bool, at: Option<i64>, over: (u64, u64),
            sent: (u64, u64), back: (bool, bool)
        ) {
            let replaying = Replaying {
                until: Sequence(until),
                source: source.map(SourceId),
                reread: Reread { redecode, current_rule, judged_at: at.map(UnixNanos) },
                reread_from: Sequence(over.0),
                reread_until: Sequence(over.1),
                can_be_taken_back: back.0,
                began: Sequence(sent.0),
                sent_below: Sequence(sent.1),
                is_taken_back: back.1,
            };
            prop_assert_eq!(Replaying::from_note(&replaying.to_note()), Some(replaying));
        }

        #[test]
        fn any_other_note_is_none(note in "[a-z=0-9 -]{0,40}") {
            if let Some(replaying) = Replaying::from_note(&note) {
                prop_assert!(Replaying::from_note(&replaying.to_note()) == Some(replaying));
            }
        }
    }
}
