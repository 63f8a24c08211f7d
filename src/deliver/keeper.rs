//! The keeper: the sink of a pump of its own, which copies every undecodable body
//! and every record with set-aside samples to the dead letters before retention
//! may take it. Its cursor pins the journal like any sink's.

use super::sink::{Delivery, Progress, Sink, SinkError};
use crate::dead_letters::{DeadLetters, Kind, Letter};
use crate::journal::{Position, Sequence, Verdict};
use crate::wire::{self, Judged};

/// Copies what the other sinks leave out.
#[derive(Debug)]
pub struct Keeper {
    letters: DeadLetters,
    next_unsafe: Sequence,
}

impl Keeper {
    /// A keeper that writes to these letters.
    #[must_use]
    pub fn new(letters: DeadLetters) -> Self {
        Self { letters, next_unsafe: Sequence::FIRST }
    }
}

impl Sink for Keeper {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        Ok(None)
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<(), SinkError> {
        let record = &delivery.record;
        let (kind, reason) = match record.header.verdict {
            Verdict::Deliverable => (None, String::new()),
            Verdict::PartlySetAside => (Some(Kind::SetAside), reasons(delivery)),
            Verdict::Undecodable => (Some(Kind::Undecodable), framing_fault(delivery)),
        };
        if let Some(kind) = kind {
            let letter = Letter {
                kind,
                source: delivery.source.to_owned(),
                received: record.header.received,
                journal: record.journal,
                sequence: record.sequence,
                format: record.header.format,
                sink: None,
                row: None,
                reason,
                body: record.payload.to_vec(),
            };
            self.letters.add(&letter).map_err(|error| SinkError::blocked(error.to_string()))?;
        }
        self.next_unsafe = record.sequence.next();
        Ok(())
    }

    fn settle(&mut self, _drain: bool) -> Result<Progress, SinkError> {
        Ok(Progress { next_unsafe: self.next_unsafe, wake_at: None })
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        self.next_unsafe = position.next;
        Ok(())
    }
}

fn framing_fault(delivery: &Delivery<'_>) -> String {
    match wire::readings(delivery.format, delivery.record.payload) {
        Err(error) => error.to_string(),
        Ok(_) => "this program can read it: re-submit it".to_owned(),
    }
}

/// The reasons why samples of the record were set aside, each once.
fn reasons(delivery: &Delivery<'_>) -> String {
    let Ok(readings) = wire::readings(delivery.format, delivery.record.payload) else {
        return framing_fault(delivery);
    };
    let mut labels = std::collections::BTreeSet::new();
    for reading in readings {
        let values = reading.values.clone();
        match Judged::new(reading, delivery.limits, delivery.record.header.received) {
            Err(reason) => drop(labels.insert(reason.label())),
            Ok(_) => labels.extend(
                values
                    .filter_map(|value| value.and_then(|sample| delivery.limits.judge_value(sample.value)).err())
                    .map(crate::reading::SetAside::label),
            ),
        }
    }
    labels.into_iter().collect::<Vec<_>>().join(", ")
}
