//! The sink: from the pump's records to committed rows.
//!
//! Invariant: the progress is exactly the cursor of the last commit.

use super::batch::Batch;
use super::file;
use super::keep::{Keep, Retention};
use super::log::LOG_BYTES_MAX;
use super::store::Store;
use crate::base::human;
use crate::clock::Clock;
use crate::deliver::{Delivery, Progress, Sink, SinkError};
use crate::journal::{JournalId, Position, Sequence};
use metrics::{Counter, Gauge};
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Age of a transaction's first record at which it is committed.
const TRANSACTION_AGE_MAX: Duration = Duration::from_millis(200);
/// Time between checks of the store's files while nothing is committed.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Steps on the tables after a commit while the database is beyond `keep_size`: together they delete more samples than
/// a commit adds.
const STEPS_BEYOND_SIZE: usize = 3;
/// Time between attempts to empty a large log while readers prevent it: each waits for them up to a second.
const LOG_TRIED_EVERY: Duration = if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(10) };

/// The SQLite sink.
pub struct Sqlite {
    file: PathBuf,
    clock: Clock,
    count: Counts,
    keep: Keep,
    time_zone: String,
    store: Option<Store>,
    /// The generation of the last commit, which the next opened store must continue.
    generation: Option<i64>,
    /// When the store's files were last checked.
    checked: Option<Instant>,
    /// When it was last tried to empty a large log.
    log_tried: Option<Instant>,
    batch: Batch,
    /// When the batch must be committed; `None` while it is empty.
    due: Option<Instant>,
    /// Whether another step on the tables may be due.
    is_untidy: bool,
    /// Why a step after a commit failed.
    fault: Option<SinkError>,
    /// The position after the last record taken.
    taken: Position,
    /// The first uncommitted record.
    committed: Sequence,
}

impl Sqlite {
    /// A sink called `name` that writes to `file`, which is opened or created with the pump's
    /// first call.
    pub fn new(name: &str, file: impl Into<PathBuf>, clock: Clock) -> Self {
        Self {
            file: file.into(),
            clock,
            count: Counts::new(name),
            keep: Keep::default(),
            time_zone: "UTC".to_owned(),
            store: None,
            generation: None,
            checked: None,
            log_tried: None,
            batch: Batch::default(),
            due: None,
            is_untidy: true,
            fault: None,
            taken: Position { journal: JournalId(Uuid::nil()), next: Sequence::FIRST },
            committed: Sequence::FIRST,
        }
    }

    /// Deletes what retention does not want.
    #[must_use]
    pub fn keeping(mut self, retention: Retention) -> Self {
        self.keep = Keep::new(retention);
        self
    }

    /// Sets the time zone of meters whose description names none.
    #[must_use]
    pub fn in_time_zone(mut self, name: &str) -> Self {
        name.clone_into(&mut self.time_zone);
        self
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        let Some(store) = &mut self.store else { return Err(SinkError::waiting("the store is not open yet")) };
        let committed = store.commit(&self.batch, self.taken)?;
        self.generation = Some(committed.generation);
        self.checked = Some(self.clock.monotonic());
        self.committed = self.taken.next;
        self.keep.stored(self.batch.rows().iter().map(|row| row.at).max(), committed.is_replay);
        let kept = self.keep.oldest(self.clock.now());
        if let Some(kept) = kept.filter(|kept| self.batch.rows().iter().any(|row| row.at < *kept)) {
            store.check_sealing(kept);
        }
        self.batch.clear();
        self.due = None;
        self.is_untidy = true;
        self.count.requests.increment(1);
        self.count.rows.increment(committed.rows as u64);
        self.count.expired.increment(committed.moved as u64);
        self.count.corrections.increment(committed.corrections);
        Ok(())
    }

    fn advance(&mut self, delivery: &Delivery<'_>) {
        self.taken = Position { journal: delivery.record.journal, next: delivery.record.sequence.next() };
        if self.due.is_none() {
            self.due = Some(self.clock.monotonic() + TRANSACTION_AGE_MAX);
        }
    }

    /// Checks the files about every second, and does a step on the tables.
    fn maintain(&mut self) -> Result<(), SinkError> {
        let (now, wall) = (self.clock.monotonic(), self.clock.now());
        let Some(store) = &mut self.store else { return Ok(()) };
        if self.checked.is_none_or(|checked| now >= checked + CHECK_EVERY) {
            self.checked = Some(now);
            store.check_names()?;
            // A reader may have held up the last step, and samples get old without a commit.
            self.is_untidy = true;
        }
        if store.has_large_log() && self.log_tried.is_none_or(|tried| now >= tried + LOG_TRIED_EVERY) {
            self.log_tried = Some(now);
            store.empty_log()?;
        }
        let mut steps = 0;
        while self.is_untidy && (steps == 0 || (steps < STEPS_BEYOND_SIZE && store.is_beyond_size(&self.keep)?)) {
            steps += 1;
            let expired = store.tidy(&self.keep, wall)?;
            self.is_untidy = expired.is_some();
            self.generation = Some(store.generation().current);
            self.count.expired.increment(expired.unwrap_or_default() as u64);
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.batch.is_full() || self.due.is_some_and(|due| self.clock.monotonic() >= due)
    }
}

impl Sink for Sqlite {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        self.store = None;
        if self.generation.is_none() {
            file::create_directory(&self.file)?;
        }
        let store = Store::open(&self.file, &self.time_zone)?;
        let position = store.cursor()?;
        self.generation = Some(store.generation().current);
        self.store = Some(store);
        Ok(Some(position))
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError> {
        let readings = self.batch.push(delivery);
        self.advance(delivery);
        Ok(readings)
    }

    fn describe(&mut self, delivery: &Delivery<'_>) -> Result<bool, SinkError> {
        self.batch.describe(delivery);
        self.advance(delivery);
        Ok(true)
    }

    fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    fn settle(&mut self, drain: bool) -> Result<Progress, SinkError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let is_due = self.is_due() || (drain && self.due.is_some());
        if is_due {
            self.commit()?;
        }
        match self.maintain() {
            // The progress of the commit counts first.
            Err(fault) if is_due => self.fault = Some(fault),
            maintained => maintained?,
        }
        self.count.show(self.batch.len(), self.store.as_ref());
        let wake_at = if self.is_untidy || self.fault.is_some() { Some(self.clock.monotonic()) } else { self.due };
        Ok(Progress::new(self.batch.first().unwrap_or(self.committed), wake_at))
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        self.batch.clear();
        self.due = None;
        self.fault = None;
        self.taken = position;
        self.committed = position.next;
        // The old handle may be broken, or its file moved away.
        self.store = None;
        let store = Store::open(&self.file, &self.time_zone)?;
        if self.generation.is_some_and(|earlier| !store.generation().continues(earlier)) {
            return Err(store.is_another());
        }
        let is_new = store.cursor()?.journal.0.is_nil();
        let store = self.store.insert(store);
        self.count.show(0, Some(store));
        store.ensure_room()?;
        // From here on, the store says itself from where it was filled.
        if is_new { self.commit() } else { Ok(()) }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let Some(store) = &self.store else { return Vec::new() };
        let log = format!("{} of at most {}", human::bytes(store.log_bytes()), human::bytes(LOG_BYTES_MAX));
        vec![("file", human::bytes(store.bytes())), ("tables", store.periods().to_string()), ("log", log)]
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("file", &self.file).field("committed", &self.committed).finish_non_exhaustive()
    }
}

/// The sink's metrics.
struct Counts {
    rows: Counter,
    requests: Counter,
    corrections: Counter,
    expired: Counter,
    in_flight: Gauge,
    file_bytes: Gauge,
    log_bytes: Gauge,
}

impl Counts {
    fn new(name: &str) -> Self {
        let labels = [("sink", name.to_owned())];
        let counter = |family| crate::metrics::counter(family, &labels);
        let gauge = |family| crate::metrics::gauge(family, &labels);
        Self {
            rows: counter("meterline_sink_rows_total"),
            requests: counter("meterline_sink_requests_total"),
            corrections: counter("meterline_sink_corrections_total"),
            expired: counter("meterline_sink_rows_expired_total"),
            in_flight: gauge("meterline_sink_in_flight_rows"),
            file_bytes: gauge("meterline_sink_file_bytes"),
            log_bytes: gauge("meterline_sink_log_bytes"),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^53")]
    fn show(&self, in_flight: usize, store: Option<&Store>) {
        self.in_flight.set(in_flight as f64);
        if let Some(store) = store {
            self.file_bytes.set(store.bytes() as f64);
            self.log_bytes.set(store.log_bytes() as f64);
        }
    }
}
