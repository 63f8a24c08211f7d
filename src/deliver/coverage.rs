//! The sink that notes what came, so that what did not come is found out: behind a
//! pump of its own, like the keeper. It stores what it knows every minute, or sooner
//! when much came, so that it holds no more of the journal than that; the records
//! since then are read again after a start, which changes nothing.

use super::sink::{Delivery, Progress, Sink, SinkError};
use crate::clock::Clock;
use crate::coverage::{Coverage, SeenReading, Slot};
use crate::journal::{Journal, JournalId, Position, Sequence};
use crate::metrics;
use crate::reading::{Flags, registry};
use crate::wire::Judged;
use std::fmt;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// So often it is looked what is missing, and stored.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// And stored after so many bytes of records.
const STORE_BYTES: u64 = 16 << 20;

/// Is shown every record that is noted, on the pump's thread: must be quick.
type Observe = Box<dyn FnMut(&Delivery<'_>) + Send>;

/// Notes what came.
pub struct CoverageSink {
    coverage: Coverage,
    observe: Observe,
    journal: Journal,
    clock: Clock,
    /// Everything below was noted or holds nothing to be noted.
    next: Sequence,
    stored: Sequence,
    /// Bytes of the records taken since then.
    unstored_bytes: u64,
    judge_at: Instant,
    store_at: Instant,
}

impl CoverageSink {
    /// Notes there, and shows `observe` every record that is noted.
    #[must_use]
    pub fn new(coverage: Coverage, observe: Observe, journal: Journal, clock: Clock) -> Self {
        let now = clock.monotonic();
        let next = Sequence::FIRST;
        Self { coverage, observe, journal, clock, next, stored: next, unstored_bytes: 0, judge_at: now, store_at: now }
    }

    /// Looks what is missing, where everything that came until now was noted.
    fn judge(&mut self, now: Instant) {
        if self.next < self.journal.next() {
            return;
        }
        self.judge_at = now + LOOK_EVERY;
        self.coverage.judge(self.clock.now());
        self.count();
    }

    fn store(&mut self, now: Instant) -> Result<(), SinkError> {
        self.store_at = now + LOOK_EVERY;
        self.coverage
            .store(self.journal.position(self.next))
            .map_err(|error| SinkError::blocked(format!("what is missing cannot be noted: {error}")))?;
        self.stored = self.next;
        self.unstored_bytes = 0;
        Ok(())
    }

    fn count(&self) {
        for (source, summary) in self.coverage.summaries() {
            let labels = [("source", source)];
            metrics::gauge("meterline_gaps_open", &labels).set(as_f64(summary.open));
            metrics::gauge("meterline_gap_quarter_hours_missing", &labels).set(as_f64(summary.slots));
        }
        for (source, state) in self.coverage.take_closed() {
            let labels = [("source", source), ("how", state.label().to_owned())];
            metrics::counter("meterline_gaps_closed_total", &labels).increment(1);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^53")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

impl Sink for CoverageSink {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        let nothing = Position { journal: JournalId(Uuid::nil()), next: Sequence::FIRST };
        Ok(Some(self.coverage.position().unwrap_or(nothing)))
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError> {
        let mut readings = 0;
        let seen = delivery.readings().map(|reading| {
            readings += 1;
            SeenReading {
                meter: reading.meter,
                at: reading.at,
                has_counter: Slot::exactly(reading.at).is_some() && has_counter(&reading),
                is_repair: reading.flags.contains(Flags::GAP_REPAIR),
            }
        });
        self.coverage.note(delivery.source, delivery.record.header.received, seen);
        (self.observe)(delivery);
        self.unstored_bytes += delivery.record.payload.len() as u64;
        Ok(readings)
    }

    fn reached(&mut self, next: Sequence) {
        self.next = next;
        self.coverage.noted_below(next);
    }

    fn is_full(&self) -> bool {
        self.unstored_bytes >= STORE_BYTES
    }

    fn settle(&mut self, drain: bool) -> Result<Progress, SinkError> {
        let now = self.clock.monotonic();
        if now >= self.judge_at {
            self.judge(now);
        }
        if drain || now >= self.store_at || self.unstored_bytes >= STORE_BYTES {
            self.store(now)?;
        }
        let wake_at = Some(self.judge_at.min(self.store_at));
        Ok(Progress { next_unsafe: self.stored, next_waiting: self.next, wake_at })
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        self.reached(position.next);
        self.stored = position.next;
        self.unstored_bytes = 0;
        Ok(())
    }
}

fn has_counter(reading: &Judged<'_>) -> bool {
    reading.samples().any(|sample| is_counter(sample.obis))
}

fn is_counter(obis: crate::reading::Obis) -> bool {
    registry::entry(obis).is_some_and(|entry| entry.kind == registry::Kind::Counter)
}

impl fmt::Debug for CoverageSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoverageSink").field("next", &self.next).finish_non_exhaustive()
    }
}
