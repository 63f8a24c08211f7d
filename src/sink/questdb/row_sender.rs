//! Sends rows to the server: live rows at once, late rows held back and sent together.
//!
//! Does not know encoding, HTTP or table states. Invariants: rows are sent in journal order,
//! except late ones (`held_rows` explains why the last value still wins); live rows
//! before held rows; one request at a time; a refused row is durably kept before its
//! request counts as sent.
//!
//! Held rows pin the cursor at the lowest of their records. They are sent after a time, at
//! their bound, and when everything is sent: also at a stop, which rewrites their
//! partitions once and saves the next start all records since. If sending fails, the pump
//! stops and reads them again; the held time continues over that, so that repeated errors
//! do not delay them without end.

use super::config::Config;
use super::confirm::{RowKind, TableState, Unconfirmed};
use super::encode::{REFUSED_ROWS_MAX, ReadingRows, RefusedRow, RefusedRows, Rows};
use super::fault::Fault;
use super::held_rows::{HeldRows, late_before};
use super::schema::PartitionUnit;
use super::server::Server;
use crate::clock::Clock;
use crate::deliver::{Delivery, Log, Progress, SinkError};
use crate::journal::Sequence;
use crate::reading::Sample;
use bytes::Bytes;
use metrics::{Counter, Gauge};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The rows that are not safe yet, and their requests.
pub(super) struct RowSender {
    linger: Duration,
    late_flush: Duration,
    clock: Clock,
    log: Log,
    refused: RefusedRows,
    count: Counts,
    rows: Rows,
    /// When the live rows must be sent; `None` while there are none.
    due: Option<Instant>,
    held: HeldRows,
    /// Since when unconfirmed rows are held; kept over a rewind.
    held_since: Option<Instant>,
    /// The table's partition unit.
    unit: PartitionUnit,
    unconfirmed: Unconfirmed,
}

impl RowSender {
    /// A sender without rows; `name` is the sink's name in metrics.
    pub(super) fn new(name: &str, config: &Config, clock: Clock, log: Log, refused: RefusedRows) -> Self {
        Self {
            linger: config.linger,
            late_flush: config.late_flush,
            clock,
            log,
            refused,
            count: Counts::new(name),
            rows: Rows::new(config.table.clone(), config.rows_max),
            due: None,
            held: HeldRows::new(config.late_rows_max),
            held_since: None,
            unit: PartitionUnit::Day,
            unconfirmed: Unconfirmed::default(),
        }
    }

    /// Drops all rows.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.due = None;
        self.held.clear();
        self.unconfirmed.clear();
    }

    /// Sets the partition unit for later rows.
    pub(super) fn set_partition_unit(&mut self, unit: PartitionUnit) {
        self.unit = unit;
    }

    /// Takes the rows of a record and sends full requests. Returns the number of readings.
    pub(super) fn take(&mut self, server: &Server, delivery: &Delivery<'_>) -> Result<u64, SinkError> {
        let mut readings = 0;
        for reading in delivery.readings() {
            readings += 1;
            let rows_of_it = ReadingRows::new(delivery, &reading);
            let late_before = late_before(rows_of_it.received, self.unit);
            for sample in reading.samples() {
                self.push(server, &rows_of_it, sample, late_before)?;
            }
        }
        if self.rows.first().is_some() && self.due.is_none() {
            self.due = Some(self.clock.monotonic() + self.linger);
        }
        if self.held.first().is_some() && self.held_since.is_none() {
            self.held_since = Some(self.clock.monotonic());
        }
        Ok(readings)
    }

    /// Adds a live or late row, and sends full requests.
    fn push(
        &mut self,
        server: &Server,
        rows_of_it: &ReadingRows<'_>,
        sample: Sample,
        late_before: i64,
    ) -> Result<(), SinkError> {
        if self.held.is_late(rows_of_it.origin.at, late_before) {
            self.count.late_rows.increment(1);
            self.rows.check_encodes(rows_of_it, sample);
            self.held.push(rows_of_it, sample, late_before);
        } else {
            self.rows.push(rows_of_it, sample);
        }
        if self.held.is_full() {
            self.send_all(server)
        } else if self.rows.is_full() {
            self.send(server, RowKind::Live)
        } else {
            Ok(())
        }
    }

    /// Sends the due rows, or everything.
    pub(super) fn send_due(&mut self, server: &Server, everything: bool) -> Result<(), SinkError> {
        let now = self.clock.monotonic();
        if everything || self.late_due().is_some_and(|due| now >= due) {
            self.send_all(server)
        } else if self.due.is_some_and(|due| now >= due) {
            self.send(server, RowKind::Live)
        } else {
            Ok(())
        }
    }

    /// Whether rows wait for confirmation.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.unconfirmed.first().is_some()
    }

    /// Whether a request was acknowledged since the last poll.
    pub(super) fn sent_since_poll(&self) -> bool {
        self.unconfirmed.sent_since_poll()
    }

    /// Applies a polled table state.
    pub(super) fn poll_result(&mut self, state: &TableState) {
        let had_late = self.unconfirmed.first_late().is_some();
        self.unconfirmed.poll_result(state);
        if had_late && self.unconfirmed.first_late().is_none() {
            self.restart_held_timer();
        }
    }

    /// The progress, where `next` is the record after the last one taken.
    pub(super) fn progress(&self, next: Sequence, next_poll: Option<Instant>) -> Progress {
        let lowest = |of: &[Option<Sequence>]| of.iter().flatten().copied().min().unwrap_or(next);
        let poll = next_poll.filter(|_| self.is_unconfirmed());
        Progress {
            next_unsafe: lowest(&[self.unconfirmed.first(), self.rows.first(), self.held.first()]),
            next_waiting: lowest(&[self.unconfirmed.first_live(), self.rows.first()]),
            wake_at: [self.due, self.late_due(), poll].into_iter().flatten().min(),
        }
    }

    /// Sets the gauges of rows in flight and held.
    pub(super) fn update_metrics(&self) {
        let held_for = self.held_since.map_or(Duration::ZERO, |since| self.clock.elapsed(since));
        self.count.show(self.rows.len() + self.unconfirmed.rows(), self.held.len(), held_for);
    }

    /// Restarts the timer of the held rows.
    fn restart_held_timer(&mut self) {
        self.held_since = self.held.first().map(|_| self.clock.monotonic());
    }

    /// When the held rows must be sent; `None` while earlier late rows are unconfirmed.
    fn late_due(&self) -> Option<Instant> {
        self.held.first()?;
        if self.unconfirmed.first_late().is_some() {
            return None;
        }
        Some(self.held_since? + self.late_flush)
    }

    /// Sends the live rows, then the held rows with separate requests for each partition.
    fn send_all(&mut self, server: &Server) -> Result<(), SinkError> {
        self.send(server, RowKind::Live)?;
        let mut held = std::mem::take(&mut self.held);
        held.sort();
        let sent = self.send_late(server, &held);
        held.clear();
        self.held = held;
        if self.unconfirmed.first_late().is_none() {
            self.restart_held_timer();
        }
        sent
    }

    fn send_late(&mut self, server: &Server, held: &HeldRows) -> Result<(), SinkError> {
        let mut partition = None;
        for (rows_of_it, sample) in held.rows() {
            let start = Some(self.unit.start_of(rows_of_it.origin.at));
            if self.rows.is_full() || partition != start {
                self.send(server, RowKind::Late)?;
            }
            partition = start;
            self.rows.push(&rows_of_it, sample);
        }
        self.send(server, RowKind::Late)
    }

    /// Sends the rows, except those refused for their own values.
    fn send(&mut self, server: &Server, kind: RowKind) -> Result<(), SinkError> {
        let Some(first) = self.rows.first() else { return Ok(()) };
        let mut refused = self.rows.refused().to_vec();
        let body = self.rows.take_body();
        let posted = self.post(server, &body, &mut refused);
        self.rows.put_back(body);
        let left_out = posted?;
        let sent = self.rows.len() - left_out.len();
        self.count.rows.increment(sent as u64);
        self.keep(refused)?;
        if sent > 0 {
            self.unconfirmed.sent(kind, first, sent);
        }
        self.rows.clear();
        self.due = None;
        Ok(())
    }

    /// Posts the rows until the server accepts the rest. Returns the numbers of the rows left
    /// out.
    fn post(&self, server: &Server, body: &Bytes, refused: &mut Vec<RefusedRow>) -> Result<BTreeSet<usize>, SinkError> {
        let mut left_out = BTreeSet::new();
        loop {
            if refused.len() > REFUSED_ROWS_MAX {
                return Err(too_many_refused(server, refused));
            }
            if left_out.len() == self.rows.len() {
                return Ok(left_out);
            }
            let body = self.rows.body_without(body, &left_out);
            self.log.check_ownership()?;
            self.count.requests.increment(1);
            self.count.bytes.increment(body.len() as u64);
            match server.write(body) {
                Ok(()) => return Ok(left_out),
                Err(Fault::Sink(error)) => return Err(error),
                Err(Fault::Row { line, reason }) => {
                    let number = self.rows.number_of_line(line, &left_out);
                    let row = number.and_then(|number| self.rows.refused_row(number, &reason));
                    let (Some(number), Some(row)) = (number, row) else {
                        return Err(no_such_line(server, line, &reason));
                    };
                    left_out.insert(number);
                    refused.push(row);
                }
            }
        }
    }

    /// Keeps the refused rows as dead letters.
    fn keep(&mut self, refused: Vec<RefusedRow>) -> Result<(), SinkError> {
        if let Some(row) = refused.first() {
            tracing::warn!(
                rows = refused.len(), sequence = row.sequence.0, meter = %row.meter, reason = %row.reason,
                "QuestDB can never store some rows because of their values; they are kept as dead letters (the first is named)"
            );
        }
        self.count.refused.increment(refused.len() as u64);
        refused.into_iter().try_for_each(|row| (self.refused)(row))
    }
}

fn too_many_refused(server: &Server, refused: &[RefusedRow]) -> SinkError {
    let (url, table) = (server.url(), server.table());
    let example = refused.last().map_or_else(String::new, |row| {
        format!(" (record {}, meter {}, {}: {})", row.sequence, row.meter, row.obis, row.reason)
    });
    SinkError::blocked(format!(
        "QuestDB at {url} refused more than {REFUSED_ROWS_MAX} rows of one request into {table}{example}: that is \
         not one meter's accident; tighten the limits of the account that sent them, or fix the table"
    ))
}

fn no_such_line(server: &Server, line: usize, reason: &str) -> SinkError {
    SinkError::blocked(format!(
        "QuestDB at {} refused line {line} of a request that has fewer ({reason}): this is a bug of meterline, \
         or the server version is untested",
        server.url()
    ))
}

/// The sink's metrics.
struct Counts {
    rows: Counter,
    requests: Counter,
    bytes: Counter,
    refused: Counter,
    late_rows: Counter,
    in_flight: Gauge,
    held_rows: Gauge,
    held_seconds: Gauge,
}

impl Counts {
    fn new(name: &str) -> Self {
        let labels = [("sink", name.to_owned())];
        let counter = |family| crate::metrics::counter(family, &labels);
        let gauge = |family| crate::metrics::gauge(family, &labels);
        Self {
            rows: counter("meterline_sink_rows_total"),
            requests: counter("meterline_sink_requests_total"),
            bytes: counter("meterline_sink_bytes_total"),
            refused: counter("meterline_sink_rows_refused_total"),
            late_rows: counter("meterline_sink_late_rows_total"),
            in_flight: gauge("meterline_sink_in_flight_rows"),
            held_rows: gauge("meterline_sink_held_rows"),
            held_seconds: gauge("meterline_sink_held_seconds"),
        }
    }

    fn show(&self, in_flight_rows: usize, held_rows: usize, held_for: Duration) {
        let number = |rows| f64::from(u32::try_from(rows).unwrap_or(u32::MAX));
        self.in_flight.set(number(in_flight_rows));
        self.held_rows.set(number(held_rows));
        self.held_seconds.set(held_for.as_secs_f64());
    }
}
