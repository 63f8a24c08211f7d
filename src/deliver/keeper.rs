//! The keeper: a sink with a pump of its own. It copies every undecodable body and every
//! record with set-aside samples to the dead letters before retention may delete it. Its
//! cursor pins the journal like any sink's. A repeated record is not kept twice while its
//! letter is open. Of a record that ingest found wholly deliverable it needs nothing, so such
//! a record is not read.

use super::sink::{Delivery, Exception, Known, Progress, RecordFilter, Sink, SinkError};
use crate::dead_letters::{DeadLetter, DeadLetters, Kind};
use crate::journal::{Position, Sequence, Verdict};
use crate::recent_records::{Recent, RecentRecords};
use crate::wire::{self, PayloadFormat, Tally};

/// The sink that fills the dead letters.
#[derive(Debug)]
pub struct Keeper {
    letters: DeadLetters,
    recent: RecentRecords,
    next_unsafe: Sequence,
}

impl Keeper {
    /// A keeper that writes to these letters and reads no record that ingest found deliverable.
    pub fn new(letters: DeadLetters, recent: RecentRecords) -> Self {
        Self { letters, recent, next_unsafe: Sequence::FIRST }
    }
}

impl Sink for Keeper {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        Ok(None)
    }

    fn record_filter(&self) -> RecordFilter {
        RecordFilter::Exceptions
    }

    fn take_known(&mut self, sequence: Sequence) -> Result<Known, SinkError> {
        Ok(match self.recent.get(sequence) {
            Recent::Outline(outline) if outline.is_deliverable => {
                self.next_unsafe = sequence.next();
                Known::Taken { readings: 0, received: outline.received }
            }
            Recent::Outline(_) | Recent::Older => Known::Unknown,
            Recent::NotYet => Known::NotYet,
        })
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError> {
        self.next_unsafe = delivery.record.sequence.next();
        Ok(0)
    }

    fn keep(&mut self, exception: &Exception<'_>) -> Result<(), SinkError> {
        let (record, header) = (&exception.record, &exception.record.header);
        let (kind, reason) = match (header.verdict, exception.format) {
            (_, None) => (Kind::Undecodable, "a payload format that this version does not know".to_owned()),
            (Verdict::Undecodable, Some(format)) => (Kind::Undecodable, framing_fault(format, record.payload)),
            (Verdict::PartlySetAside | Verdict::Deliverable | Verdict::Lost, Some(format)) => {
                (Kind::SetAside, reasons(format, exception))
            }
        };
        let letter = DeadLetter {
            kind,
            source: exception.source.to_owned(),
            received: header.received,
            journal: record.journal,
            sequence: record.sequence,
            format: header.format,
            sink: None,
            row: None,
            reason,
            body: record.payload.to_vec(),
        };
        self.letters.add(&letter).map_err(|error| SinkError::blocked(error.to_string()))?;
        self.next_unsafe = record.sequence.next();
        Ok(())
    }

    fn settle(&mut self, _drain: bool) -> Result<Progress, SinkError> {
        Ok(Progress::new(self.next_unsafe, None))
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        self.next_unsafe = position.next;
        Ok(())
    }
}

fn framing_fault(format: PayloadFormat, body: &[u8]) -> String {
    match wire::readings(format, body) {
        Err(error) => error.to_string(),
        Ok(_) => "this version can decode it: re-submit it".to_owned(),
    }
}

/// The reasons why samples of the record were set aside, each once, with its count.
fn reasons(format: PayloadFormat, exception: &Exception<'_>) -> String {
    let record = &exception.record;
    match wire::readings(format, record.payload) {
        Err(error) => error.to_string(),
        Ok(readings) => Tally::of(readings, exception.limits, record.header.received).reasons(),
    }
}
