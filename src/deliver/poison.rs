//! A sink's code that fails (panics): which record it was at, how often, and what
//! becomes of that record.
//!
//! Dead three times at the same record, the record is dead-lettered and passed
//! over. Where the pump cannot know the record (the code failed while sending a
//! batch), or has no place for dead letters, the sink is blocked and says so; it
//! is tried again all the same.

use super::refused_rows::letter_of;
use super::shared::Shared;
use super::error::PumpError;
use crate::base::panic_message;
use crate::dead_letters::{DeadLetters, Kind};
use crate::journal::Sequence;
use std::any::Any;
use std::collections::BTreeSet;

/// So many panics at one record make it poison.
const PANICS_MAX: u32 = 3;

/// What a sink's code died of.
#[derive(Default)]
pub(super) struct PanicLog {
    current: Option<Sequence>,
    /// Where it died last, and how often in a row.
    last: Option<(Sequence, u32)>,
    poisoned: BTreeSet<Sequence>,
    restarts: u64,
}

impl PanicLog {
    /// A record is being handed over.
    pub(super) fn begin(&mut self, sequence: Sequence) {
        self.current = Some(sequence);
    }

    /// It was; or it could not be, then this is the record.
    pub(super) fn end(&mut self) -> Option<Sequence> {
        self.current.take()
    }

    pub(super) fn is_poison(&self, sequence: Sequence) -> bool {
        !self.poisoned.is_empty() && self.poisoned.contains(&sequence)
    }

    /// RecordFilter over which records are dead letters of this sink now.
    pub(super) fn load(&mut self, letters: Option<&DeadLetters>, sink: &str) {
        if let Some(letters) = letters {
            self.poisoned = letters.poisoned(sink);
        }
    }

    pub(super) fn forget_below(&mut self, safe: Sequence) {
        self.last = self.last.filter(|(sequence, _)| *sequence >= safe);
    }

    pub(super) fn restarts(&self) -> u64 {
        self.restarts
    }

    fn count(&mut self, sequence: Sequence) -> u32 {
        self.restarts += 1;
        let before = self.last.filter(|(last, _)| *last == sequence).map_or(0, |(_, count)| count);
        self.last = Some((sequence, before + 1));
        before + 1
    }

    /// What follows from a panic in the sink's code, with everything below `safe` safe.
    pub(super) fn record(
        &mut self,
        panic: &(dyn Any + Send),
        safe: Sequence,
        shared: &Shared,
        letters: Option<&DeadLetters>,
    ) -> PumpError {
        let message = panic_message(panic);
        let current = self.current;
        let sequence = current.unwrap_or(safe);
        let panics = self.count(sequence);
        let name = &shared.name;
        if panics < PANICS_MAX {
            return PumpError::waiting(format!(
                "the code of sink {name} failed at record {sequence}, {panics} of {PANICS_MAX} times: {message}"
            ));
        }
        match (current, letters) {
            (Some(poison), Some(letters)) => self.set_aside(poison, shared, letters, message),
            _ => PumpError::blocked(format!(
                "the code of sink {name} failed {panics} times at record {sequence} or after it: {message}; this is a \
                 fault of the program: look at `meterline journal --records` there, and report it"
            )),
        }
    }

    fn set_aside(&mut self, poison: Sequence, shared: &Shared, letters: &DeadLetters, message: &str) -> PumpError {
        let name = &shared.name;
        let reason = format!("the sink's code failed at it: {message}");
        let letter = letter_of(&shared.journal, poison, Kind::Poison, name, None, &reason).map_err(PumpError::from);
        let added = letter.and_then(|letter| {
            let not_kept = |error| {
                PumpError::blocked(format!("record {poison} kills the sink's code and cannot be set aside: {error}"))
            };
            letters.add(&letter).map_err(not_kept)
        });
        match added {
            Ok(id) => {
                self.poisoned.insert(poison);
                self.last = None;
                tracing::error!(
                    sink = name,
                    record = poison.0,
                    letter = id.0,
                    "a record that kills the sink's code was set aside"
                );
                PumpError::waiting(format!(
                    "the code of sink {name} failed {PANICS_MAX} times at record {poison}, which is dead letter {id} now: {message}"
                ))
            }
            Err(error) => error,
        }
    }
}
