//! The keeper: a sink that copies every undecodable record and every record with
//! samples set aside to the dead letters, before retention may take it.
//!
//! Driven by a pump of its own, whose cursor pins the journal like any sink's. A
//! record that comes again is not kept twice: its identity is journal and sequence.

use super::sink::{Delivery, Exception, Progress, Sink, SinkError, Takes};
use crate::dead_letters::{Adding, BodyKind, BodyLetter, DeadLetterError, DeadLetters, Letter, Origin};
use crate::journal::{Position, Sequence, Verdict};
use crate::reading::{Limits, SetAside, UnixNanos};
use crate::wire::{self, PayloadFormat, Tally};
use std::fmt::Write as _;

/// Letters on their way to disk at once.
const ADDING_MAX: usize = 64;

/// Keeps what is not delivered.
#[derive(Debug)]
pub struct Keeper {
    letters: DeadLetters,
    adding: Vec<Adding>,
    next: Sequence,
}

impl Keeper {
    /// A keeper that writes to `letters`.
    #[must_use]
    pub fn new(letters: DeadLetters) -> Self {
        Self { letters, adding: Vec::new(), next: Sequence::FIRST }
    }

    fn wait_for_all(&mut self) -> Result<(), SinkError> {
        // All of them are waited for, also after one failed: none may stay half-known.
        let outcomes: Vec<_> = self.adding.drain(..).map(Adding::wait).collect();
        outcomes.into_iter().try_for_each(|outcome| outcome.map(drop)).map_err(refused)
    }
}

impl Sink for Keeper {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        Ok(None)
    }

    fn takes(&self) -> Takes {
        Takes::Exceptions
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<(), SinkError> {
        self.next = delivery.record.sequence.next();
        Ok(())
    }

    fn keep(&mut self, exception: &Exception<'_>) -> Result<(), SinkError> {
        let adding = self.letters.begin(&letter(exception)).map_err(refused)?;
        self.adding.push(adding);
        self.next = exception.record.sequence.next();
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.adding.len() >= ADDING_MAX
    }

    fn settle(&mut self, _drain: bool) -> Result<Progress, SinkError> {
        self.wait_for_all()?;
        Ok(Progress { next_unsafe: self.next, wake_at: None })
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        // What is on its way must be known as kept before it comes again.
        self.wait_for_all().ok();
        self.next = position.next;
        Ok(())
    }
}

fn refused(error: DeadLetterError) -> SinkError {
    if error.is_passing() { SinkError::waiting(error.to_string()) } else { SinkError::blocked(error.to_string()) }
}

fn letter(exception: &Exception<'_>) -> Letter {
    let Exception { record, source, limits, format } = exception;
    let header = record.header;
    let kind = if header.verdict == Verdict::PartlySetAside { BodyKind::SetAside } else { BodyKind::Undecodable };
    Letter::Body(BodyLetter {
        kind,
        origin: Some(Origin { journal: record.journal, sequence: record.sequence }),
        source: (*source).to_owned(),
        format: header.format,
        received: header.received,
        reason: reason(*format, record.payload, limits, header.received),
        body: record.payload.to_vec(),
    })
}

/// Why it is an exception, as far as this program can tell.
fn reason(format: Option<PayloadFormat>, body: &[u8], limits: &Limits, received: UnixNanos) -> String {
    let Some(format) = format else { return "a payload format that this program does not know".to_owned() };
    match wire::readings(format, body) {
        Err(error) => error.to_string(),
        Ok(readings) => set_aside_by_reason(&Tally::of(readings, limits, received)),
    }
}

fn set_aside_by_reason(tally: &Tally) -> String {
    let mut text = String::from("set aside:");
    for reason in SetAside::ALL {
        let count = tally.set_aside[reason.index()];
        if count > 0 {
            // Writing to a string cannot fail.
            write!(text, " {} {count}", reason.label()).ok();
        }
    }
    text
}
