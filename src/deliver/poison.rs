//! Panics in a sink's code: at which record, how often, and the consequence.
//!
//! After three panics at one record the record becomes a dead letter and is skipped.
//! Where the record is unknown (the panic came while sending a batch), or no dead letters
//! are configured, the sink is blocked; it is still retried.

use super::error::PumpError;
use super::shared::Shared;
use crate::base::panic_message;
use crate::dead_letters::{DeadLetters, Kind};
use crate::journal::Sequence;
use std::any::Any;
use std::collections::BTreeSet;

/// Panics at one record after which the record is poison.
const PANICS_MAX: u32 = 3;

/// The panics of a sink's code.
#[derive(Default)]
pub(super) struct PanicLog {
    current: Option<Sequence>,
    /// The record of the last panic, and the panics there in a row.
    last: Option<(Sequence, u32)>,
    poisoned: BTreeSet<Sequence>,
    restarts: u64,
}

impl PanicLog {
    /// Notes that a record is being handed over.
    pub(super) fn begin(&mut self, sequence: Sequence) {
        self.current = Some(sequence);
    }

    /// Ends the handover. After a failure it returns the record that failed.
    pub(super) fn end(&mut self) -> Option<Sequence> {
        self.current.take()
    }

    pub(super) fn is_poison(&self, sequence: Sequence) -> bool {
        !self.poisoned.is_empty() && self.poisoned.contains(&sequence)
    }

    /// Loads the poison records of this sink from the dead letters.
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

    /// Records a panic, with everything below `safe` safe, and returns the pump's error.
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
            (Some(poison), Some(letters)) => self.dead_letter(poison, shared, letters, message),
            _ => PumpError::blocked(format!(
                "the code of sink {name} failed {panics} times at record {sequence} or after it: {message}; this is a \
                 fault of the program: inspect that record with `meterline journal --records` and report it"
            )),
        }
    }

    fn dead_letter(&mut self, poison: Sequence, shared: &Shared, letters: &DeadLetters, message: &str) -> PumpError {
        let name = &shared.name;
        let reason = format!("the sink's code failed at it: {message}");
        let letter = shared.log.letter(poison, Kind::Poison, name, None, &reason);
        let added = letter.and_then(|letter| {
            let not_kept = |error| {
                PumpError::blocked(format!(
                    "record {poison} makes the sink's code panic and cannot be moved to the dead letters: {error}"
                ))
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
                    "moved a record to the dead letters because the sink's code panics on it; please report this bug"
                );
                PumpError::waiting(format!(
                    "the code of sink {name} failed {PANICS_MAX} times at record {poison}, which is now dead letter {id}: {message}"
                ))
            }
            Err(error) => error,
        }
    }
}
