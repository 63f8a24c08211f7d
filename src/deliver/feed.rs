//! Feeds records from the log's reader to the sink, without those that are not for it.

use super::cursor::StoredCursor;
use super::error::PumpError;
use super::records::ReadMode;
use super::redecode::Redecoded;
use super::replay::Replay;
use super::sink::{Exception, Known, RecordFilter, Sink, SinkError};
use super::state::Pump;
use crate::journal::{Record, Sequence, Verdict};
use crate::reading::Limits;
use crate::wire::PayloadFormat;

/// Records handed over before the sink is settled and commands are handled.
const ITERATION_RECORDS_MAX: usize = 512;

/// Why one iteration stopped reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeedEnd {
    /// There is more to read.
    MoreToRead,
    /// The sink has no room for more.
    SinkFull,
    /// Everything synced was read.
    CaughtUp,
    /// The next record failed before, and not everything before it is safe yet.
    FailedRecord,
    /// The next record was never sent to the exact store, and the stored cursor is still in the
    /// replay before it: after a kill now, it would be sent twice.
    ReplayEnd,
}

impl Pump {
    /// Reads and hands over records until the iteration, the sink or the log ends it.
    pub(super) fn feed(&mut self) -> Result<FeedEnd, PumpError> {
        let Some(position) = &mut self.position else { return Ok(FeedEnd::CaughtUp) };
        let Some(mut reader) = position.reader.take() else { return Ok(FeedEnd::CaughtUp) };
        let (readings_before, replay) = (self.readings, self.replay.as_ref());
        let (synced, is_stopping) = (self.shared.log.next(), self.shared.stop_deadline().is_some());
        let mut end = FeedEnd::MoreToRead;
        for count in 0..ITERATION_RECORDS_MAX {
            let next = reader.next_sequence();
            let (sink, cursor) = (self.sink.as_ref(), &self.cursor);
            if let Some(before) = end_before(next, position.safe, self.failed_at, replay, sink, cursor) {
                end = before;
                break;
            }
            if replay.is_none() && next < synced && !self.panics.is_poison(next) {
                self.panics.begin(next);
                let known = self.sink.take_known(next)?;
                self.panics.end();
                match known {
                    Known::Taken { readings, received } => {
                        if count == 0 {
                            position.probe_delay(next, received);
                        }
                        self.readings += readings;
                        position.last_taken = Some(next);
                        reader.skip_to(next.next());
                        continue;
                    }
                    // One wait costs less than a read, and is enough if it will be known at all.
                    Known::NotYet if !is_stopping && self.awaited.replace(next) != Some(next) => {
                        end = FeedEnd::CaughtUp;
                        break;
                    }
                    Known::NotYet | Known::Unknown => {}
                }
            }
            let Some(record) = reader.read()? else {
                end = FeedEnd::CaughtUp;
                break;
            };
            let (sequence, header) = (record.sequence, record.header);
            if count == 0 {
                position.probe_delay(sequence, header.received);
            }
            let is_skipped = replay.is_some_and(|replay| replay.skips(sequence, header.source));
            if is_skipped || header.verdict == Verdict::Lost || self.panics.is_poison(sequence) {
                continue;
            }
            let (source, limits) = self.lookups.look_up(self.shared.log.names(), &record)?;
            let mode = ReadMode::of(&record, &source, limits, replay, &self.options.rules);
            self.panics.begin(sequence);
            let readings = match self.sink.record_filter() {
                RecordFilter::Deliverable => take(&record, &source, &mode, &mut self.redecoded, self.sink.as_mut())?,
                RecordFilter::Exceptions => keep(&record, &source, &limits, self.sink.as_mut())?,
            };
            self.panics.end();
            if let Some(readings) = readings {
                self.readings += readings;
                position.last_taken = Some(sequence);
            }
            // Each description is a request of its own.
            if header.format == PayloadFormat::Meters.number() && self.shared.must_end() {
                break;
            }
        }
        self.sink.reached(reader.next_sequence());
        position.reader = Some(reader);
        self.metrics.readings.increment(self.readings - readings_before);
        Ok(end)
    }
}

/// The reason why the record `next` is not read yet; `safe` is the lowest unsafe record.
fn end_before(
    next: Sequence,
    safe: Sequence,
    failed_at: Option<Sequence>,
    replay: Option<&Replay>,
    sink: &dyn Sink,
    cursor: &StoredCursor,
) -> Option<FeedEnd> {
    let is_held_back = |replay: &Replay| next >= replay.until() && !cursor.has_reached(replay.until());
    if failed_at == Some(next) && safe < next {
        Some(FeedEnd::FailedRecord)
    } else if sink.is_full() {
        Some(FeedEnd::SinkFull)
    } else if sink.is_exact() && replay.is_some_and(is_held_back) {
        Some(FeedEnd::ReplayEnd)
    } else {
        None
    }
}

/// Gives a store the deliverable part of a record, decoded again if the replay asks for it. Returns
/// the number of readings; `None` if the store did not take it.
fn take(
    record: &Record<'_>,
    source: &str,
    mode: &ReadMode,
    redecoded: &mut Redecoded,
    sink: &mut dyn Sink,
) -> Result<Option<u64>, SinkError> {
    let again = if mode.redecodes(record) { redecoded.decode(source, record) } else { None };
    let record = Record { payload: again.as_deref().unwrap_or(record.payload), ..*record };
    let Some(delivery) = mode.delivery(record, source) else { return Ok(None) };
    if delivery.format == PayloadFormat::Meters {
        return Ok(sink.describe(&delivery)?.then_some(0));
    }
    sink.take(&delivery).map(Some)
}

/// Gives the keeper a record that is not, or not wholly, for the stores. It never counts
/// as taken, because nothing of it is in flight afterwards.
fn keep(record: &Record<'_>, source: &str, limits: &Limits, sink: &mut dyn Sink) -> Result<Option<u64>, SinkError> {
    let format = PayloadFormat::from_number(record.header.format);
    if format.is_none() || record.header.verdict != Verdict::Deliverable {
        sink.keep(&Exception { record: *record, source, limits, format })?;
    }
    Ok(None)
}
