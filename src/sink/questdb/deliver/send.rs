//! Requests: the rows of a lane, without those that the server names as refused.
//!
//! Knows nothing of looks and confirmation. Invariants: the live rows go before the
//! held ones; a refused row is durably kept before its request counts as sent.

use super::QuestDb;
use crate::deliver::SinkError;
use crate::sink::questdb::confirm::Lane;
use crate::sink::questdb::encode::{REFUSED_ROWS_MAX, RefusedRow};
use crate::sink::questdb::fault::Fault;
use crate::sink::questdb::held::Held;
use std::collections::BTreeSet;

impl QuestDb {
    /// Sends the rows, without those that are refused for their own values.
    pub(super) fn send(&mut self, lane: Lane) -> Result<(), SinkError> {
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
            self.unconfirmed.sent(lane, first, sent);
        }
        self.rows.clear();
        self.due = None;
        Ok(())
    }

    /// Sends the live rows and after them the held ones, a request or more for each
    /// partition.
    pub(super) fn send_all(&mut self) -> Result<(), SinkError> {
        self.send(Lane::Live)?;
        let mut held = std::mem::take(&mut self.held);
        held.sort();
        let sent = self.send_late(&held);
        held.clear();
        self.held = held;
        if self.unconfirmed.first_late().is_none() {
            self.hold_anew();
        }
        sent
    }

    fn send_late(&mut self, held: &Held) -> Result<(), SinkError> {
        let mut partition = None;
        for (rows_of_it, sample) in held.rows() {
            let start = Some(self.unit.start_of(rows_of_it.origin.at));
            if self.rows.is_full() || partition != start {
                self.send(Lane::Late)?;
            }
            partition = start;
            self.rows.push(&rows_of_it, sample);
        }
        self.send(Lane::Late)
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
