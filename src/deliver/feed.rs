//! From the journal's reader to the sink: which records are for it, and what
//! goes with them.

use super::poison::Deaths;
use super::run::Run;
use super::sink::{Delivery, Exception, Sink, Takes};
use super::trouble::Trouble;
use crate::journal::{Journal, Record, RuleVersion, SourceId, Verdict};
use crate::reading::Limits;
use crate::wire::PayloadFormat;
use std::sync::Arc;

/// Records handed over before the sink is settled and commands are looked at.
const LAP_RECORDS_MAX: usize = 512;

/// How a lap of reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fed {
    /// There is more to read.
    Room,
    /// The sink has no room.
    Full,
    /// Everything that is synced was read.
    Tail,
    /// The next record could not be handed over before, and not all before it is safe.
    Stumble,
}

/// What the last records had in common, so that it is not looked up for each.
#[derive(Default)]
pub(super) struct Known {
    source: Option<(SourceId, Arc<str>)>,
    limits: Option<(RuleVersion, Limits)>,
    records: u64,
    bytes: u64,
    readings: u64,
}

impl Run {
    /// Reads and hands over until a bound of a lap, of the sink or of the journal.
    pub(super) fn feed(&mut self) -> Result<Fed, Trouble> {
        let Some(place) = &mut self.place else { return Ok(Fed::Tail) };
        let Some(mut reader) = place.reader.take() else { return Ok(Fed::Tail) };
        let readings_before = self.known.readings;
        let mut fed = Fed::Room;
        for count in 0..LAP_RECORDS_MAX {
            if self.sink.is_full() {
                fed = Fed::Full;
                break;
            }
            if self.stumble.is_some_and(|stumble| stumble == reader.next_sequence() && place.safe < stumble) {
                fed = Fed::Stumble;
                break;
            }
            let Some(record) = reader.read()? else {
                fed = Fed::Tail;
                break;
            };
            let (sequence, header) = (record.sequence, record.header);
            if count == 0 {
                place.mark(sequence, header.received);
            }
            let is_left_out = self.filter.is_some_and(|filter| filter.leaves_out(sequence, header.source));
            if is_left_out || self.deaths.is_poison(sequence) {
                continue;
            }
            if hand_over(&record, self.sink.as_mut(), &self.shared.journal, &mut self.known, &mut self.deaths)? {
                place.last_taken = Some(sequence);
            }
        }
        place.reader = Some(reader);
        self.metrics.readings.increment(self.known.readings - readings_before);
        Ok(fed)
    }
}

/// Gives the record to the sink if it is for it; true if it was taken.
fn hand_over(
    record: &Record<'_>,
    sink: &mut dyn Sink,
    journal: &Journal,
    known: &mut Known,
    deaths: &mut Deaths,
) -> Result<bool, Trouble> {
    let verdict = record.header.verdict;
    let format = PayloadFormat::from_number(record.header.format);
    known.look_up(journal, record)?;
    let (Some((_, source)), Some((_, limits))) = (&known.source, &known.limits) else { return Ok(false) };
    deaths.begin(record.sequence);
    let is_taken = match (sink.takes(), format) {
        (Takes::Deliverable, Some(format)) if verdict != Verdict::Undecodable => {
            let delivery = Delivery { record: *record, source, limits, format };
            sink.take(&delivery)?;
            known.readings += delivery.readings().count() as u64;
            true
        }
        (Takes::Deliverable, _) => false,
        (Takes::Exceptions, Some(_)) if verdict == Verdict::Deliverable => false,
        (Takes::Exceptions, format) => {
            sink.keep(&Exception { record: *record, source, limits, format })?;
            false
        }
    };
    deaths.end();
    Ok(is_taken)
}

impl Known {
    fn look_up(&mut self, journal: &Journal, record: &Record<'_>) -> Result<(), Trouble> {
        self.records += 1;
        self.bytes += record.payload.len() as u64;
        let header = &record.header;
        if self.source.as_ref().is_none_or(|(id, _)| *id != header.source) {
            let name =
                journal.source_name(header.source).ok_or_else(|| not_listed(record, "source", header.source.0))?;
            self.source = Some((header.source, name));
        }
        if self.limits.is_none_or(|(version, _)| version != header.rule) {
            let limits = journal.limits(header.rule).ok_or_else(|| not_listed(record, "rule", header.rule.0))?;
            self.limits = Some((header.rule, limits));
        }
        Ok(())
    }

    pub(super) fn record_bytes_mean(&self) -> u64 {
        self.bytes.checked_div(self.records).unwrap_or(0)
    }

    pub(super) fn readings(&self) -> u64 {
        self.readings
    }
}

fn not_listed(record: &Record<'_>, what: &str, number: u32) -> Trouble {
    Trouble::blocked(format!(
        "record {} names {what} {number}, which the journal's list of {what}s does not have: the list was put back \
         from an older copy; put the right one back",
        record.sequence
    ))
}
