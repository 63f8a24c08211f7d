//! The sink that notes which readings arrived, so that gaps can be found. Like the keeper,
//! it has a pump of its own. It stores its state every minute, or earlier after many
//! bytes, so that its cursor holds back little of the journal; with many meters less often,
//! so that a reading costs the same. After a start it reads the records since then again,
//! which changes nothing. Its cursor pins the journal within [`PINNED_BYTES_MAX`] only:
//! where retention deleted records before it had them, no reading of that time counts as
//! missing. Records that ingest described are not read.

use super::sink::{Delivery, Known, Progress, Sink, SinkError};
use crate::clock::Clock;
use crate::coverage::Coverage;
use crate::journal::{Journal, JournalId, Position, Sequence};
use crate::metrics;
use crate::recent_records::{Recent, RecentRecords};
use crate::wire::SeenReading;
use std::fmt;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Interval between searches for gaps, and between stores of the state.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// The state is stored early after records of this size, or of some times the state's own.
const STORE_BYTES: u64 = 16 << 20;
const TIMES_STATE: u64 = 8;
/// A state of this size doubles the interval between stores, one of twice the size triples it.
const LARGE_STATE_BYTES: u64 = 4 << 20;
/// Interval between overviews for the page.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// The newest bytes of the journal that its cursor pins.
pub const PINNED_BYTES_MAX: u64 = 512 << 20;

/// The sink that notes arrived readings.
pub struct CoverageSink {
    coverage: Coverage,
    recent: RecentRecords,
    journal: Journal,
    clock: Clock,
    /// The record after the last noted one.
    next: Sequence,
    stored: Sequence,
    /// Bytes of the records taken since the last store.
    unstored_bytes: u64,
    /// The size of the stored state.
    state_bytes: u64,
    /// The number of readings already counted as untracked.
    untracked: u64,
    judge_at: Instant,
    store_at: Instant,
    publish_at: Instant,
}

impl CoverageSink {
    /// A sink that notes into `coverage` and reads no record that ingest described.
    pub fn new(coverage: Coverage, recent: RecentRecords, journal: Journal, clock: Clock) -> Self {
        let now = clock.monotonic();
        let next = Sequence::FIRST;
        Self {
            coverage,
            recent,
            journal,
            clock,
            next,
            stored: next,
            unstored_bytes: 0,
            state_bytes: 0,
            untracked: 0,
            judge_at: now,
            store_at: now,
            publish_at: now,
        }
    }

    /// Searches for gaps, once every journaled record is noted.
    fn judge(&mut self, now: Instant) {
        if self.next < self.journal.next() {
            return;
        }
        self.judge_at = now + LOOK_EVERY;
        self.coverage.judge(self.clock.now());
        self.count();
    }

    fn store(&mut self, now: Instant) -> Result<(), SinkError> {
        let stored = self.coverage.store(self.journal.position(self.next));
        let stored = stored
            .map_err(|error| SinkError::blocked(format!("the list of missing readings cannot be stored: {error}")));
        self.state_bytes = stored?.unwrap_or(self.state_bytes);
        let times = self.state_bytes / LARGE_STATE_BYTES + 1;
        self.store_at = now + LOOK_EVERY * u32::try_from(times).unwrap_or(u32::MAX);
        self.stored = self.next;
        self.unstored_bytes = 0;
        Ok(())
    }

    fn store_bytes(&self) -> u64 {
        STORE_BYTES.max(self.state_bytes.saturating_mul(TIMES_STATE))
    }

    fn publish(&mut self, now: Instant) {
        self.publish_at = now + PUBLISH_EVERY;
        self.coverage.publish();
        let overview = self.coverage.overview();
        metrics::gauge("meterline_gap_meters", &[]).set(as_f64(overview.meters as u64));
        metrics::counter("meterline_gap_readings_untracked_total", &[]).increment(overview.untracked - self.untracked);
        self.untracked = overview.untracked;
    }

    fn count(&self) {
        for (source, summary) in self.coverage.summaries() {
            let labels = [("source", source)];
            metrics::gauge("meterline_gaps_open", &labels).set(as_f64(summary.open));
            metrics::gauge("meterline_gap_readings_missing", &labels).set(as_f64(summary.slots));
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

    fn take_known(&mut self, sequence: Sequence) -> Result<Known, SinkError> {
        let outline = match self.recent.get(sequence) {
            Recent::Outline(outline) => outline,
            Recent::NotYet => return Ok(Known::NotYet),
            Recent::Older => return Ok(Known::Unknown),
        };
        self.coverage.note(&outline.source, outline.received, outline.readings.iter().copied());
        self.unstored_bytes += outline.bytes;
        Ok(Known::Taken { readings: outline.readings.len() as u64, received: outline.received })
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError> {
        let mut readings = 0;
        let seen = delivery.readings().filter_map(|reading| {
            readings += 1;
            SeenReading::of(&reading)
        });
        self.coverage.note(delivery.source, delivery.record.header.received, seen);
        self.unstored_bytes += delivery.record.payload.len() as u64;
        Ok(readings)
    }

    fn reached(&mut self, next: Sequence) {
        self.next = next;
        self.coverage.noted_below(next);
    }

    fn is_full(&self) -> bool {
        self.unstored_bytes >= self.store_bytes()
    }

    fn settle(&mut self, drain: bool) -> Result<Progress, SinkError> {
        let now = self.clock.monotonic();
        if now >= self.judge_at {
            self.judge(now);
        }
        if now >= self.publish_at {
            self.publish(now);
        }
        if drain || now >= self.store_at || self.is_full() {
            self.store(now)?;
        }
        let wake_at = Some(self.judge_at.min(self.store_at));
        Ok(Progress { next_unsafe: self.stored, next_waiting: self.next, wake_at })
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        let noted = self.coverage.position().map_or(self.next, |stored| stored.next.max(self.next));
        if position.next > noted {
            tracing::warn!(
                from = noted.0,
                until = position.next.0,
                "gap detection does not know the records that retention deleted; no reading of that time counts as missing"
            );
            self.coverage.skip_to(self.clock.now());
        }
        self.reached(position.next);
        self.stored = position.next;
        self.unstored_bytes = 0;
        Ok(())
    }
}

impl fmt::Debug for CoverageSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoverageSink").field("next", &self.next).finish_non_exhaustive()
    }
}
