//! Confirms acknowledged rows by polling the server's table state.
//!
//! Acknowledged (204) rows can be lost: the table was dropped under the connection, its
//! files were restored from an older copy, or it was suspended and the operator skipped
//! transactions. So after requests the sink polls the end of the table's log
//! (`sequencerTxn`) and its applied part (`writerTxn`); rows sent before a poll are
//! confirmed once the log is applied up to the end that the poll saw.
//!
//! Does not know HTTP or rows. Invariants: pending commits are in the order of their
//! transactions; their number is bounded whatever the server does, because one may be
//! merged into a later one.

use super::server::Server;
use super::sql::Row;
use crate::deliver::SinkError;
use crate::journal::Sequence;
use std::collections::VecDeque;

/// Polls with unconfirmed requests at most; beyond it the last two are merged.
const PENDING_MAX: usize = 1024;

/// The server's state of the table at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TableState {
    /// The table's id; a recreated table has another one.
    pub(super) id: i64,
    /// The last transaction in the table's log.
    pub(super) sequencer_txn: i64,
    /// The last applied transaction.
    pub(super) writer_txn: i64,
    /// The server's start time, in microseconds since 1970.
    pub(super) started_us: i64,
}

/// Reads the state of the sink's table.
///
/// # Errors
/// When the server fails, and when the table cannot take rows: missing, without a WAL,
/// suspended.
pub(super) fn table_state(server: &Server) -> Result<TableState, SinkError> {
    let (url, table) = (server.url(), server.table());
    let answer = server.execute(&format!(
        "SELECT t.id, w.suspended, w.writerTxn, w.sequencerTxn, w.errorTag, w.errorMessage, \
         cast(pg_postmaster_start_time() AS LONG) started \
         FROM tables() t LEFT JOIN wal_tables() w ON t.table_name = w.name WHERE t.table_name = '{table}'"
    ))?;
    let Some(row) = answer.rows().next() else {
        return Err(SinkError::blocked(format!(
            "table {table} is missing in QuestDB at {url}: run `meterline migrate` to create it"
        )));
    };
    if row.is_true("suspended") {
        return Err(suspended(server, &row));
    }
    let started_us = row.integer("started").unwrap_or_default();
    match (row.integer("id"), row.integer("writerTxn"), row.integer("sequencerTxn")) {
        (Some(id), Some(writer_txn), Some(sequencer_txn)) => {
            Ok(TableState { id, sequencer_txn, writer_txn, started_us })
        }
        _ => Err(SinkError::blocked(format!(
            "table {table} in QuestDB at {url} is not a WAL table: run `ALTER TABLE {table} SET TYPE WAL` and restart \
             QuestDB, or drop it and run `meterline migrate`"
        ))),
    }
}

fn suspended(server: &Server, row: &Row<'_>) -> SinkError {
    let (url, table) = (server.url(), server.table());
    let reason = match (row.text("errorTag"), row.text("errorMessage")) {
        ("", "") => "no reason given".to_owned(),
        (tag, message) => format!("{tag}: {message}"),
    };
    SinkError::blocked(format!(
        "table {table} in QuestDB at {url} is suspended ({reason}): fix the cause (often a full disk), then run \
         `ALTER TABLE {table} RESUME WAL`"
    ))
}

/// The kind of rows in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    /// Rows sent as they came.
    Live,
    /// Rows held back and sent separately.
    Late,
}

/// The acknowledged requests that are not confirmed yet.
#[derive(Debug, Default)]
pub(super) struct Unconfirmed {
    /// Requests since the last poll.
    since_poll: Option<SentRows>,
    /// Earlier requests, by the poll that followed them.
    pending: VecDeque<PendingCommit>,
}

#[derive(Debug, Clone, Copy)]
struct SentRows {
    /// The lowest record with a live row in them.
    live: Option<Sequence>,
    /// The lowest record with a late row in them.
    late: Option<Sequence>,
    rows: usize,
}

impl SentRows {
    fn and(self, other: Self) -> Self {
        let lowest = |one: Option<Sequence>, other| one.into_iter().chain(other).min();
        Self { live: lowest(self.live, other.live), late: lowest(self.late, other.late), rows: self.rows + other.rows }
    }
}

#[derive(Debug, Clone, Copy)]
struct PendingCommit {
    sent: SentRows,
    /// The end of the table's log at the poll.
    txn: i64,
}

impl Unconfirmed {
    /// Notes an acknowledged request whose lowest record is `first`.
    pub(super) fn sent(&mut self, kind: RowKind, first: Sequence, rows: usize) {
        let sent = match kind {
            RowKind::Live => SentRows { live: Some(first), late: None, rows },
            RowKind::Late => SentRows { live: None, late: Some(first), rows },
        };
        self.since_poll = Some(self.since_poll.map_or(sent, |before| before.and(sent)));
    }

    /// Whether a request was acknowledged since the last poll.
    pub(super) fn sent_since_poll(&self) -> bool {
        self.since_poll.is_some()
    }

    /// Applies a polled state: it gives the requests since the last poll a transaction and
    /// confirms the applied ones.
    pub(super) fn poll_result(&mut self, state: &TableState) {
        if let Some(sent) = self.since_poll.take() {
            self.add(PendingCommit { sent, txn: state.sequencer_txn });
        }
        while self.pending.front().is_some_and(|commit| commit.txn <= state.writer_txn) {
            self.pending.pop_front();
        }
    }

    /// The lowest record with an unconfirmed row.
    pub(super) fn first(&self) -> Option<Sequence> {
        self.first_live().into_iter().chain(self.first_late()).min()
    }

    /// The lowest record with an unconfirmed live row.
    pub(super) fn first_live(&self) -> Option<Sequence> {
        self.all().filter_map(|sent| sent.live).min()
    }

    /// The lowest record with an unconfirmed late row.
    pub(super) fn first_late(&self) -> Option<Sequence> {
        self.all().filter_map(|sent| sent.late).min()
    }

    /// The number of unconfirmed rows.
    pub(super) fn rows(&self) -> usize {
        self.all().map(|sent| sent.rows).sum()
    }

    fn all(&self) -> impl Iterator<Item = SentRows> {
        self.pending.iter().map(|commit| commit.sent).chain(self.since_poll)
    }

    /// Drops all requests.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn add(&mut self, commit: PendingCommit) {
        let is_full = self.pending.len() >= PENDING_MAX;
        match self.pending.back_mut() {
            Some(last) if is_full => {
                last.txn = commit.txn;
                last.sent = last.sent.and(commit.sent);
            }
            _ => self.pending.push_back(commit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(writer_txn: i64, sequencer_txn: i64) -> TableState {
        TableState { id: 6, sequencer_txn, writer_txn, started_us: 77 }
    }

    #[test]
    fn nothing_is_confirmed_before_the_log_is_applied_up_to_the_end_at_a_later_poll() {
        let mut unconfirmed = Unconfirmed::default();
        unconfirmed.sent(RowKind::Live, Sequence(10), 8);
        unconfirmed.sent(RowKind::Live, Sequence(12), 8);
        assert_eq!(unconfirmed.first(), Some(Sequence(10)));
        unconfirmed.poll_result(&state(4, 6));
        assert_eq!((unconfirmed.first(), unconfirmed.rows()), (Some(Sequence(10)), 16));
        unconfirmed.sent(RowKind::Live, Sequence(20), 1);
        unconfirmed.poll_result(&state(5, 7));
        assert_eq!(unconfirmed.first(), Some(Sequence(10)), "5 is before both polls");
        unconfirmed.poll_result(&state(6, 9));
        assert_eq!((unconfirmed.first(), unconfirmed.rows()), (Some(Sequence(20)), 1), "6 was the first poll");
        unconfirmed.poll_result(&state(7, 9));
        assert_eq!(unconfirmed.first(), None);
    }

    #[test]
    fn a_poll_that_finds_everything_applied_confirms_all_earlier_requests() {
        let mut unconfirmed = Unconfirmed::default();
        unconfirmed.sent(RowKind::Live, Sequence(10), 8);
        unconfirmed.poll_result(&state(6, 6));
        assert_eq!((unconfirmed.first(), unconfirmed.rows()), (None, 0));
    }

    #[test]
    fn a_server_that_never_applies_costs_no_memory_and_confirms_nothing_early() {
        let mut unconfirmed = Unconfirmed::default();
        let polls = 3 * i64::try_from(PENDING_MAX).unwrap();
        for txn in 1..=polls {
            unconfirmed.sent(RowKind::Live, Sequence(u64::try_from(txn).unwrap()), 1);
            unconfirmed.poll_result(&state(0, txn));
        }
        assert_eq!(unconfirmed.pending.len(), PENDING_MAX);
        assert_eq!(unconfirmed.rows(), 3 * PENDING_MAX);
        unconfirmed.poll_result(&state(polls - 1, polls));
        assert_eq!(unconfirmed.first(), Some(Sequence(u64::try_from(PENDING_MAX).unwrap())));
        unconfirmed.poll_result(&state(polls, polls));
        assert_eq!(unconfirmed.first(), None);
    }

    #[test]
    fn a_late_request_pins_its_records_and_is_not_waiting() {
        let mut unconfirmed = Unconfirmed::default();
        unconfirmed.sent(RowKind::Live, Sequence(20), 8);
        unconfirmed.poll_result(&state(4, 6));
        unconfirmed.sent(RowKind::Late, Sequence(3), 2);
        assert_eq!((unconfirmed.first(), unconfirmed.first_live()), (Some(Sequence(3)), Some(Sequence(20))));
        unconfirmed.poll_result(&state(6, 7));
        assert_eq!((unconfirmed.first(), unconfirmed.first_live()), (Some(Sequence(3)), None));
        unconfirmed.poll_result(&state(7, 7));
        assert_eq!(unconfirmed.first(), None);
    }
}
