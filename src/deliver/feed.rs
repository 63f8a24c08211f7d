//! From the journal's reader to the sink: which records are for it, and what
//! goes with them.

use super::replaying::Reading;
use super::run::Run;
use super::sink::{Exception, Sink, SinkError, Takes};
use super::touched::Touched;
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
            let replaying = self.replaying.as_ref();
            let is_left_out = replaying.is_some_and(|replaying| replaying.leaves_out(sequence, header.source));
            if is_left_out || header.verdict == Verdict::Lost || self.deaths.is_poison(sequence) {
                continue;
            }
            if let Some(further) = replaying.and_then(|replaying| replaying.announcing(sequence)) {
                let stored = self.cursor.store(&self.shared, place.safe, Some(further));
                stored.map_err(|error| Trouble::waiting(error.to_string()))?;
                self.replaying = Some(further);
            }
            let replaying = self.replaying.as_ref();
            let touched =
                self.touched.as_mut().filter(|_| replaying.is_some_and(|replaying| sequence < replaying.end()));
            let (source, limits) = self.known.look_up(&self.shared.journal, &record)?;
            let reading = Reading::of(&record, &source, limits, replaying, &self.options.rules);
            self.deaths.begin(sequence);
            let readings = match self.sink.takes() {
                Takes::Deliverable => take(&record, &source, &reading, touched, self.sink.as_mut())?,
                Takes::Exceptions => keep(&record, &source, &limits, self.sink.as_mut())?,
            };
            self.deaths.end();
            if let Some(readings) = readings {
                self.known.readings += readings;
                place.last_taken = Some(sequence);
            }
        }
        place.reader = Some(reader);
        self.metrics.readings.increment(self.known.readings - readings_before);
        Ok(fed)
    }
}

/// Gives a store what is deliverable of the record; how many readings, if it took it.
/// Of the rest of a replay that was taken back only what it had touched.
fn take(
    record: &Record<'_>,
    source: &str,
    reading: &Reading,
    touched: Option<&mut Touched>,
    sink: &mut dyn Sink,
) -> Result<Option<u64>, SinkError> {
    let Some(delivery) = reading.delivery(*record, source) else { return Ok(None) };
    if delivery.format == PayloadFormat::Meters {
        return Ok(sink.describe(&delivery)?.then_some(0));
    }
    if touched.is_some_and(|touched| !touched.takes(&delivery)) {
        return Ok(None);
    }
    sink.take(&delivery).map(Some)
}

/// Gives the keeper a record that is not, or not wholly, for the stores. That is
/// nothing that it holds up.
fn keep(record: &Record<'_>, source: &str, limits: &Limits, sink: &mut dyn Sink) -> Result<Option<u64>, SinkError> {
    let format = PayloadFormat::from_number(record.header.format);
    if format.is_none() || record.header.verdict != Verdict::Deliverable {
        sink.keep(&Exception { record: *record, source, limits, format })?;
    }
    Ok(None)
}

impl Known {
    /// Who brought the record, and the limits that judged it.
    pub(super) fn look_up(&mut self, journal: &Journal, record: &Record<'_>) -> Result<(Arc<str>, Limits), Trouble> {
        self.records += 1;
        self.bytes += record.payload.len() as u64;
        let header = &record.header;
        let source = match &self.source {
            Some((id, name)) if *id == header.source => Arc::clone(name),
            _ => {
                let name = journal.source_name(header.source);
                let name = name.ok_or_else(|| not_listed(record, "source", header.source.0))?;
                self.source = Some((header.source, Arc::clone(&name)));
                name
            }
        };
        let limits = match self.limits {
            Some((version, limits)) if version == header.rule => limits,
            _ => {
                let limits = journal.limits(header.rule);
                let limits = limits.ok_or_else(|| not_listed(record, "rule", header.rule.0))?;
                self.limits = Some((header.rule, limits));
                limits
            }
        };
        Ok((source, limits))
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
