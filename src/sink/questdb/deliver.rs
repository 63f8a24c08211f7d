//! The sink: from the pump's records to confirmed rows.
//!
//! Knows nothing of encoding or HTTP. Invariants: rows leave in journal order, one
//! request at a time; nothing is sent before a look at the table found it able to
//! take rows, over connections younger than the last rewind; refused rows are
//! durably kept before the progress passes their record; and any doubt about what
//! the table holds ends in an error, after which the pump rewinds and the rows
//! since the last confirmed record are sent again, which the table's keys make
//! harmless.

use super::config::Config;
use super::confirm::{TableState, Unconfirmed, table_state};
use super::encode::{REFUSED_ROWS_MAX, ReadingRows, RefusedRow, RefusedRows, Rows};
use super::fault::Fault;
use super::ring::Ring;
use super::schema;
use super::server::Server;
use crate::clock::Clock;
use crate::deliver::{Delivery, Progress, Sink, SinkError};
use crate::journal::{CursorError, Journal, JournalId, Position, Sequence};
use metrics::{Counter, Gauge};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How often the server is asked for confirmation while something waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A row measured longer than this before it was received is late.
const LATE_AFTER_NS: i64 = 600 * 1_000_000_000;

/// Delivers into one table of a QuestDB server.
pub struct QuestDb {
    server: Server,
    linger: Duration,
    clock: Clock,
    refused: RefusedRows,
    count: Counts,
    rows: Rows,
    /// When the rows must go out; `None` while there are none.
    due: Option<Instant>,
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
            linger: config.linger,
            clock,
            refused,
            count: Counts::new(name),
            rows: Rows::new(config.table.clone(), config.rows_max),
            due: None,
            unconfirmed: Unconfirmed::default(),
            ring: Ring::open(journal, name)?,
            table: None,
            next_look: None,
            journal: JournalId(Uuid::nil()),
            next: Sequence::FIRST,
        })
    }

    /// Sends the rows, without those that are refused for their own values.
    fn send(&mut self) -> Result<(), SinkError> {
        let Some(first) = self.rows.first() else { return Ok(()) };
        if self.table.is_none() {
            self.make_ready()?;
        }
        let mut refused = self.rows.refused().to_vec();
        let left_out = self.post(&mut refused)?;
        let sent = self.rows.len() - left_out.len();
        self.count.rows.increment(sent as u64);
        self.keep(refused)?;
        if sent > 0 {
            self.unconfirmed.sent(first, sent);
        }
        self.rows.clear();
        self.due = None;
        Ok(())
    }

    /// Posts the rows until all that are left are taken; the numbers of those left out.
    fn post(&self, refused: &mut Vec<RefusedRow>) -> Result<BTreeSet<usize>, SinkError> {
        let mut left_out = BTreeSet::new();
        loop {
            if refused.len() > REFUSED_ROWS_MAX {
                return Err(self.too_many_refused(refused));
            }
            if left_out.len() == self.rows.len() {
                return Ok(left_out);
            }
            let body = self.rows.body_without(&left_out);
            self.count.requests.increment(1);
            self.count.bytes.increment(body.len() as u64);
            match self.server.write(&body) {
                Ok(()) => return Ok(left_out),
                Err(Fault::Sink(error)) => return Err(error),
                Err(Fault::Row { line, reason }) => {
                    let number = self.rows.number_of_line(line, &left_out);
                    let row = number.and_then(|number| self.rows.refused_row(number, &reason));
                    let (Some(number), Some(row)) = (number, row) else {
                        return Err(self.no_such_line(line, &reason));
                    };
                    left_out.insert(number);
                    refused.push(row);
                }
            }
        }
    }

    /// Hands refused rows over to be kept.
    fn keep(&mut self, refused: Vec<RefusedRow>) -> Result<(), SinkError> {
        if let Some(row) = refused.first() {
            tracing::warn!(
                rows = refused.len(), sequence = row.sequence.0, meter = %row.meter, reason = %row.reason,
                "QuestDB can never store some rows for their own values; they are kept as dead letters (the first is named)"
            );
        }
        self.count.refused.increment(refused.len() as u64);
        refused.into_iter().try_for_each(|row| (self.refused)(row))
    }

    /// Looks at the table before anything is sent to it, after every rewind.
    fn make_ready(&mut self) -> Result<(), SinkError> {
        let state = table_state(&self.server)?;
        schema::check_ready(&self.server)?;
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
            schema::check_ready(&self.server)?;
        }
        self.table = Some(state);
        self.unconfirmed.looked(&state);
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
        let next_unsafe = self.unconfirmed.first().or(self.rows.first()).unwrap_or(self.next);
        let look = self.next_look.filter(|_| self.unconfirmed.first().is_some());
        Progress { next_unsafe, wake_at: self.due.into_iter().chain(look).min() }
    }

    fn is_past(&self, moment: Instant) -> bool {
        self.clock.monotonic() >= moment
    }

    fn too_many_refused(&self, refused: &[RefusedRow]) -> SinkError {
        let (url, table) = (self.server.url(), self.server.table());
        let example = refused.last().map_or_else(String::new, |row| {
            format!(" (record {}, meter {}, {}: {})", row.sequence, row.meter, row.obis, row.reason)
        });
        SinkError::blocked(format!(
            "QuestDB at {url} refused more than {REFUSED_ROWS_MAX} rows of one request into {table}{example}: that is \
             no accident of a meter; tighten the limits of the account that sent them, or mend the table"
        ))
    }

    fn no_such_line(&self, line: usize, reason: &str) -> SinkError {
        SinkError::blocked(format!(
            "QuestDB at {} refused line {line} of a request that has fewer ({reason}): this is a fault of meterline \
             or of an untested server version",
            self.server.url()
        ))
    }
}

impl Sink for QuestDb {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        Ok(None)
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<(), SinkError> {
        let received = delivery.record.header.received;
        let mut late_rows = 0;
        for reading in delivery.readings() {
            let is_late = received.since(reading.at) > LATE_AFTER_NS;
            let rows_of_it = ReadingRows::new(delivery, &reading);
            for sample in reading.samples() {
                self.rows.push(&rows_of_it, sample);
                late_rows += u64::from(is_late);
                if self.rows.is_full() {
                    self.send()?;
                }
            }
        }
        self.count.late_rows.increment(late_rows);
        if self.rows.first().is_some() && self.due.is_none() {
            self.due = Some(self.clock.monotonic() + self.linger);
        }
        self.next = delivery.record.sequence.next();
        Ok(())
    }

    fn settle(&mut self, drain: bool) -> Result<Progress, SinkError> {
        if drain || self.due.is_some_and(|due| self.is_past(due)) {
            self.send()?;
        }
        if self.unconfirmed.first().is_some() && self.next_look.is_none_or(|look| self.is_past(look)) {
            self.look()?;
        }
        self.count.in_flight_rows(self.rows.len() + self.unconfirmed.rows());
        Ok(self.progress())
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        self.rows.clear();
        self.due = None;
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

/// What the sink counts.
struct Counts {
    rows: Counter,
    requests: Counter,
    bytes: Counter,
    refused: Counter,
    late_rows: Counter,
    in_flight: Gauge,
}

impl Counts {
    fn new(name: &str) -> Self {
        let labels = [("sink", name.to_owned())];
        let counter = |family| crate::metrics::counter(family, &labels);
        Self {
            rows: counter("meterline_sink_rows_total"),
            requests: counter("meterline_sink_requests_total"),
            bytes: counter("meterline_sink_bytes_total"),
            refused: counter("meterline_sink_rows_refused_total"),
            late_rows: counter("meterline_sink_late_rows_total"),
            in_flight: crate::metrics::gauge("meterline_sink_in_flight_rows", &labels),
        }
    }

    fn in_flight_rows(&self, rows: usize) {
        self.in_flight.set(f64::from(u32::try_from(rows).unwrap_or(u32::MAX)));
    }
}
