//! The sink: from the pump's records to committed rows.
//!
//! Invariant: the progress is exactly the cursor of the last commit.

use super::batch::Batch;
use super::file::{self, sink_error};
use super::write::{Dictionaries, commit, read_cursor};
use crate::clock::Clock;
use crate::deliver::{Delivery, Progress, Sink, SinkError};
use crate::journal::{JournalId, Position, Sequence};
use metrics::{Counter, Gauge};
use rusqlite::Connection;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Age of a transaction's first record at which it is committed.
const TRANSACTION_AGE_MAX: Duration = Duration::from_millis(200);

/// The SQLite sink.
pub struct Sqlite {
    file: PathBuf,
    clock: Clock,
    count: Counts,
    store: Option<Connection>,
    dictionaries: Dictionaries,
    batch: Batch,
    /// When the batch must be committed; `None` while it is empty.
    due: Option<Instant>,
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
            store: None,
            dictionaries: Dictionaries::new(),
            batch: Batch::default(),
            due: None,
            taken: Position { journal: JournalId(Uuid::nil()), next: Sequence::FIRST },
            committed: Sequence::FIRST,
        }
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        let Some(store) = &mut self.store else { return Err(SinkError::waiting("the store is not open yet")) };
        let committed = commit(store, &mut self.dictionaries, &mut self.batch, self.taken)
            .map_err(|error| sink_error(&self.file, &error))?;
        self.committed = self.taken.next;
        self.batch.clear();
        self.due = None;
        self.count.requests.increment(1);
        self.count.rows.increment(committed.rows as u64);
        self.count.corrections.increment(committed.corrections);
        Ok(())
    }

    fn advance(&mut self, delivery: &Delivery<'_>) {
        self.taken = Position { journal: delivery.record.journal, next: delivery.record.sequence.next() };
        if self.due.is_none() {
            self.due = Some(self.clock.monotonic() + TRANSACTION_AGE_MAX);
        }
    }

    fn is_due(&self) -> bool {
        self.batch.is_full() || self.due.is_some_and(|due| self.clock.monotonic() >= due)
    }
}

impl Sink for Sqlite {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => file::open(&self.file)?,
        };
        let position = read_cursor(&store).map_err(|error| sink_error(&self.file, &error))?;
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
        if self.is_due() || (drain && self.due.is_some()) {
            self.commit()?;
        }
        self.count.in_flight.set(self.batch.len() as f64);
        Ok(Progress::new(self.batch.first().unwrap_or(self.committed), self.due))
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        self.batch.clear();
        self.due = None;
        self.dictionaries.forget();
        self.taken = position;
        self.committed = position.next;
        // The old handle may be broken, or its file moved away.
        self.store = None;
        self.store = Some(file::open(&self.file)?);
        Ok(())
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
    in_flight: Gauge,
}

impl Counts {
    fn new(name: &str) -> Self {
        let labels = [("sink", name.to_owned())];
        let counter = |family| crate::metrics::counter(family, &labels);
        Self {
            rows: counter("meterline_sink_rows_total"),
            requests: counter("meterline_sink_requests_total"),
            corrections: counter("meterline_sink_corrections_total"),
            in_flight: crate::metrics::gauge("meterline_sink_in_flight_rows", &labels),
        }
    }
}
