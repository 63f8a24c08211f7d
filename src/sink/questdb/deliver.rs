//! The sink: from the pump's records to confirmed rows.
//!
//! Knows nothing of encoding or HTTP. Invariants: rows leave in journal order, but
//! for late ones, which are held back (`held` says why the last value stands all the
//! same); one request at a time; nothing is sent before a look at the table found it able to
//! take rows, over connections younger than the last rewind; refused rows are
//! durably kept before the progress passes their record; and any doubt about what
//! the table holds ends in an error, after which the pump rewinds and the rows
//! since the last confirmed record are sent again, which the table's keys make
//! harmless.
//!
//! Held rows pin the cursor at the lowest of their records. They go out when they
//! were held for so long, when they are full, and when everything is asked for: at a
//! stop, too, which costs one rewritten partition each and spares the next start all
//! records since. Where they cannot be sent, the error stops the pump and they are
//! read again; how long they were held counts on over that, so that errors that come
//! again and again do not put them off for good.

mod counts;
mod send;

use super::config::Config;
use super::confirm::{Lane, TableState, Unconfirmed, table_state};
use super::encode::{ReadingRows, RefusedRows, Rows};
use super::held::Held;
use super::meters::MetersTable;
use super::ring::Ring;
use super::schema::{self, PartitionUnit};
use super::server::Server;
use crate::clock::Clock;
use crate::deliver::{Delivery, Progress, Sink, SinkError};
use crate::journal::{CursorError, Journal, JournalId, Position, Sequence};
use crate::reading::Sample;
use counts::Counts;
use std::fmt;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How often the server is asked for confirmation while something waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Delivers into one table of a QuestDB server.
pub struct QuestDb {
    server: Server,
    meters: MetersTable,
    linger: Duration,
    late_flush: Duration,
    clock: Clock,
    refused: RefusedRows,
    count: Counts,
    rows: Rows,
    /// When the rows must go out; `None` while there are none.
    due: Option<Instant>,
    held: Held,
    /// Since when something is held that is not confirmed; it stands over a rewind.
    held_since: Option<Instant>,
    /// How the table is cut into partitions.
    unit: PartitionUnit,
    unconfirmed: Unconfirmed,
    ring: Ring,
    /// The last look since the rewind; `None` until the table was found ready.
    table: Option<TableState>,
    next_look: Option<Instant>,
    /// The journal of the record after the last one taken.
    journal: JournalId,
    /// The record after the last one taken.
    next: Sequence,
}

impl QuestDb {
    /// A sink called `name`; it connects when the pump first rewinds it. Rows the
    /// server can never store go to `refused`; what it confirmed is noted in the
    /// journal's checkpoints of that name.
    ///
    /// # Errors
    /// When the checkpoints cannot be read.
    pub fn new(
        name: &str,
        config: &Config,
        clock: Clock,
        journal: &Journal,
        refused: RefusedRows,
    ) -> Result<Self, CursorError> {
        Ok(Self {
            server: Server::new(config),
            meters: MetersTable::new(config),
            linger: config.linger,
            late_flush: config.late_flush,
            clock,
            refused,
            count: Counts::new(name),
            rows: Rows::new(config.table.clone(), config.rows_max),
            due: None,
            held: Held::new(config.late_rows_max),
            held_since: None,
            unit: PartitionUnit::Day,
            unconfirmed: Unconfirmed::default(),
            ring: Ring::open(journal, name)?,
            table: None,
            next_look: None,
            journal: JournalId(Uuid::nil()),
            next: Sequence::FIRST,
        })
    }

    /// Puts a row into its lane, and sends what is full.
    fn push(&mut self, rows_of_it: &ReadingRows<'_>, sample: Sample) -> Result<(), SinkError> {
        if self.held.is_late(rows_of_it.origin.at, rows_of_it.received, self.unit) {
            self.count.late_rows.increment(1);
            self.rows.try_out(rows_of_it, sample);
            self.held.push(rows_of_it, sample, self.unit);
        } else {
            self.rows.push(rows_of_it, sample);
        }
        if self.held.is_full() {
            self.send_all()
        } else if self.rows.is_full() {
            self.send(Lane::Live)
        } else {
            Ok(())
        }
    }

    /// What is held now is held from now on.
    fn hold_anew(&mut self) {
        self.held_since = self.held.first().map(|_| self.clock.monotonic());
    }

    /// When the held rows must go out; not while those before them are unconfirmed.
    fn late_due(&self) -> Option<Instant> {
        self.held.first()?;
        if self.unconfirmed.first_late().is_some() {
            return None;
        }
        Some(self.held_since? + self.late_flush)
    }

    /// Looks at the table before anything is sent to it, after every rewind.
    fn make_ready(&mut self) -> Result<(), SinkError> {
        let state = table_state(&self.server)?;
        self.unit = schema::check_ready(&self.server, &schema::SAMPLES)?;
        self.ring.check(&self.server, &state, self.position(self.next), self.clock.now())?;
        self.table = Some(state);
        Ok(())
    }

    fn position(&self, next: Sequence) -> Position {
        Position { journal: self.journal, next }
    }

    /// Asks how far the table is, and confirms what it has applied.
    fn look(&mut self) -> Result<(), SinkError> {
        let state = table_state(&self.server)?;
        if let Some(before) = self.table {
            self.compare(before, state)?;
        }
        // A column whose type was changed takes the next request of an open
        // connection and converts it without a word.
        if self.unconfirmed.sent_since_look() {
            schema::check_ready(&self.server, &schema::SAMPLES)?;
        }
        self.table = Some(state);
        let had_late = self.unconfirmed.first_late().is_some();
        self.unconfirmed.looked(&state);
        if had_late && self.unconfirmed.first_late().is_none() {
            self.hold_anew();
        }
        self.next_look = Some(self.clock.monotonic() + LOOK_EVERY);
        let confirmed = self.position(self.progress().next_unsafe);
        self.ring.note(&self.server, &state, confirmed, self.clock.now())
    }

    /// Whether the table is the one that was written to, with all that was written.
    fn compare(&self, before: TableState, now: TableState) -> Result<(), SinkError> {
        let (url, table) = (self.server.url(), self.server.table());
        let what = if before.id != now.id {
            format!("was dropped and made again (id {} became {})", before.id, now.id)
        } else if before.started_us != now.started_us {
            "is on a server that was started anew".to_owned()
        } else if now.sequencer_txn < before.sequencer_txn {
            format!("lost transactions (its log went back from {} to {})", before.sequencer_txn, now.sequencer_txn)
        } else if self.unconfirmed.sent_since_look() && now.sequencer_txn == before.sequencer_txn {
            format!("did not keep an acknowledged request (its log still ends at {})", now.sequencer_txn)
        } else {
            return Ok(());
        };
        Err(SinkError::waiting(format!(
            "table {table} in QuestDB at {url} {what}: sending again from the last confirmed record, or from where its \
             log is found unchanged"
        )))
    }

    fn progress(&self) -> Progress {
        let lowest = |of: &[Option<Sequence>]| of.iter().flatten().copied().min().unwrap_or(self.next);
        let look = self.next_look.filter(|_| self.unconfirmed.first().is_some());
        Progress {
            next_unsafe: lowest(&[self.unconfirmed.first(), self.rows.first(), self.held.first()]),
            next_waiting: lowest(&[self.unconfirmed.first_live(), self.rows.first()]),
            wake_at: [self.due, self.late_due(), look].into_iter().flatten().min(),
        }
    }

    fn held_for(&self) -> Duration {
        self.held_since.map_or(Duration::ZERO, |since| self.clock.elapsed(since))
    }

    fn is_past(&self, moment: Instant) -> bool {
        self.clock.monotonic() >= moment
    }
}

impl Sink for QuestDb {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        Ok(None)
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError> {
        let mut readings = 0;
        for reading in delivery.readings() {
            readings += 1;
            let rows_of_it = ReadingRows::new(delivery, &reading);
            for sample in reading.samples() {
                self.push(&rows_of_it, sample)?;
            }
        }
        if self.rows.first().is_some() && self.due.is_none() {
            self.due = Some(self.clock.monotonic() + self.linger);
        }
        if self.held.first().is_some() && self.held_since.is_none() {
            self.held_since = Some(self.clock.monotonic());
        }
        self.next = delivery.record.sequence.next();
        Ok(readings)
    }

    fn describe(&mut self, delivery: &Delivery<'_>) -> Result<bool, SinkError> {
        self.meters.write(&delivery.versions())?;
        self.next = delivery.record.sequence.next();
        Ok(true)
    }

    fn settle(&mut self, drain: bool) -> Result<Progress, SinkError> {
        if drain || self.late_due().is_some_and(|due| self.is_past(due)) {
            self.send_all()?;
        } else if self.due.is_some_and(|due| self.is_past(due)) {
            self.send(Lane::Live)?;
        }
        if self.unconfirmed.first().is_some() && self.next_look.is_none_or(|look| self.is_past(look)) {
            self.look()?;
        }
        self.count.show(self.rows.len() + self.unconfirmed.rows(), self.held.len(), self.held_for());
        Ok(self.progress())
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        self.rows.clear();
        self.due = None;
        self.held.clear();
        self.unconfirmed.clear();
        self.table = None;
        self.next_look = None;
        self.journal = position.journal;
        self.next = position.next;
        self.server.disconnect();
        self.make_ready()
    }
}

impl fmt::Debug for QuestDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuestDb").field("server", &self.server).field("next", &self.next).finish_non_exhaustive()
    }
}
