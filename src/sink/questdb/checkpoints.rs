//! The sink's checkpoints: made when rows are confirmed, compared with the table before
//! rows are sent after a start, a rewind or an error.
//!
//! Between those, polling the table state is enough: while the table's id and the server's
//! start time stay the same, its files cannot have been restored from a copy. Does not
//! know rows. Invariants: a loss is reported as an error until the pump has rewound the
//! sink to the first record to send again, and only then the checkpoints are cut; so a
//! crash in between finds the loss again. After a cut the current table becomes the newest
//! checkpoint, so that no loss is found twice.

use super::confirm::TableState;
use super::fingerprint::{CheckpointState, Comparison, Fingerprint, Transaction, compare};
use super::server::Server;
use crate::deliver::{Log, SinkError};
use crate::journal::{Checkpoint, Checkpoints, CursorError, Position, Sequence};
use crate::reading::UnixNanos;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The server's table, as its state was just read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) server: &'a Server,
    pub(super) state: &'a TableState,
}

/// The checkpoints of a table.
#[derive(Debug)]
pub(super) struct TableCheckpoints {
    checkpoints: Checkpoints,
    log: Log,
    /// The first record to send again at the last reported loss.
    reported: Option<Sequence>,
    /// Limits the warning of a purged log to once.
    has_warned: bool,
    /// Limits the warning of a failed store to the first one.
    is_failing: bool,
}

impl TableCheckpoints {
    /// The checkpoints of the sink called `name`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn open(log: Log, name: &str) -> Result<Self, CursorError> {
        let checkpoints = log.checkpoints(name)?;
        Ok(Self { checkpoints, log, reported: None, has_warned: false, is_failing: false })
    }

    /// Checks that the table has everything it confirmed, before rows are sent from
    /// `position` on.
    ///
    /// # Errors
    /// [`SinkError::lost`] where records below `position` must be sent again; any other
    /// error when the server or the disk fails.
    pub(super) fn check(&mut self, table: Table<'_>, position: Position, now: UnixNanos) -> Result<(), SinkError> {
        let Table { server, state } = table;
        let (back_to, kept, what) = match self.compare(table)? {
            Comparison::Intact => return self.begin(table, position, now),
            Comparison::Unknown => {
                self.warn_of_purge(server);
                return Ok(());
            }
            Comparison::Lost { back_to } => {
                (back_to, back_to + 1, "lost confirmed transactions, as after a restored copy".to_owned())
            }
            Comparison::OtherTable => (self.checkpoints.all().len().saturating_sub(1), 0, "was recreated".to_owned()),
            Comparison::Restarted { back_to } => {
                (back_to, back_to + 1, format!("is on a server that was restarted {}", since(state, now)))
            }
        };
        let Some(target) = self.checkpoints.all().get(back_to).map(|checkpoint| checkpoint.position.next) else {
            return Ok(());
        };
        if self.is_to_report(target, position.next) {
            self.reported = Some(target);
            return Err(SinkError::lost(
                target,
                format!(
                    "table {} in QuestDB at {} {what}: sending again from record {target}; if it lost earlier \
                     records too, send them with `meterline replay`",
                    server.table(),
                    server.url()
                ),
            ));
        }
        tracing::warn!(
            url = %server.url(), table = %server.table(), from = position.next.0,
            "the table {what}; sending again"
        );
        let below = self.checkpoints.all().partition_point(|one| one.position.next <= position.next);
        self.checkpoints.cut(kept.min(below)).map_err(|error| cannot_cut(&error))?;
        self.reported = None;
        self.add(table, position, now)
    }

    /// Makes a checkpoint if one is due: everything below `position` is confirmed.
    ///
    /// # Errors
    /// When the server fails.
    pub(super) fn note(&mut self, table: Table<'_>, position: Position, now: UnixNanos) -> Result<(), SinkError> {
        let is_further = self.checkpoints.newest().is_none_or(|newest| newest.position.next < position.next);
        if is_further && self.checkpoints.is_due(now) {
            self.add(table, position, now)?;
        }
        Ok(())
    }

    /// Whether a loss is to be reported: records that retention deleted are reported once,
    /// because they cannot be sent again.
    fn is_to_report(&self, target: Sequence, next: Sequence) -> bool {
        let reachable = target.max(self.log.oldest().next);
        reachable < next || (target < next && self.reported != Some(target))
    }

    /// Makes the first checkpoint at the sink's start, if there is none.
    fn begin(&mut self, table: Table<'_>, position: Position, now: UnixNanos) -> Result<(), SinkError> {
        if self.checkpoints.newest().is_some() { Ok(()) } else { self.add(table, position, now) }
    }

    /// Makes a checkpoint. A failed store does not stop the sink: the previous checkpoint
    /// only goes back a little further.
    fn add(&mut self, table: Table<'_>, position: Position, now: UnixNanos) -> Result<(), SinkError> {
        let logged = transaction(table.server, table.state.id, table.state.writer_txn)?;
        let mark = Fingerprint::new(table.state, logged).to_string();
        let added = self.checkpoints.add(Checkpoint { position, confirmed: now, mark });
        if let (Err(error), false) = (&added, self.is_failing) {
            tracing::warn!(%error, "QuestDB's checkpoint cannot be stored; retrying, delivery continues");
        }
        self.is_failing = added.is_err();
        Ok(())
    }

    fn compare(&self, Table { server, state }: Table<'_>) -> Result<Comparison, SinkError> {
        let checkpoints: Vec<_> = self.checkpoints.all().iter().map(confirmed).collect();
        let Some(newest) = checkpoints.last().and_then(|newest| newest.fingerprint) else {
            return Ok(compare(&checkpoints, state, &[]));
        };
        let log = transaction(server, state.id, newest.number)?;
        match compare(&checkpoints, state, log.as_slice()) {
            Comparison::Lost { .. } => Ok(compare(&checkpoints, state, &transactions(server, state.id, &checkpoints)?)),
            other => Ok(other),
        }
    }

    fn warn_of_purge(&mut self, server: &Server) {
        if !self.has_warned {
            self.has_warned = true;
            tracing::warn!(
                url = %server.url(), table = %server.table(),
                "losses of confirmed rows cannot be detected now, because the server purged its transaction log \
                 (cairo.default.sequencer.part.txn.count); delivery continues"
            );
        }
    }
}

fn confirmed(checkpoint: &Checkpoint) -> CheckpointState {
    CheckpointState { at: checkpoint.confirmed, fingerprint: Fingerprint::parse(&checkpoint.mark) }
}

fn since(state: &TableState, now: UnixNanos) -> String {
    let seconds = (now.0 / 1000 - state.started_us) / MICROS_PER_SECOND;
    format!("({seconds} s ago) and may have lost unsynced data")
}

fn cannot_cut(error: &CursorError) -> SinkError {
    SinkError::waiting(format!("QuestDB's checkpoints cannot be cut, so nothing is sent: {error}"))
}

/// One transaction of the log; `None` if it is missing or purged.
fn transaction(server: &Server, table_id: i64, number: i64) -> Result<Option<Transaction>, SinkError> {
    if number < 1 {
        return Ok(None);
    }
    // First by position, which is fast while the log begins with 1; then by number.
    let found = select(server, table_id, &format!("LIMIT {},{number}", number - 1))?;
    let found = found.into_iter().find(|transaction| transaction.number == number);
    match found {
        Some(found) => Ok(Some(found)),
        None => Ok(select(server, table_id, &format!("WHERE sequencerTxn = {number}"))?.pop()),
    }
}

/// All transactions of the log that checkpoints name.
fn transactions(
    server: &Server,
    table_id: i64,
    checkpoints: &[CheckpointState],
) -> Result<Vec<Transaction>, SinkError> {
    let numbers: Vec<_> = checkpoints
        .iter()
        .filter_map(|one| one.fingerprint)
        .map(|fingerprint| fingerprint.number.to_string())
        .collect();
    select(server, table_id, &format!("WHERE sequencerTxn IN ({})", numbers.join(",")))
}

/// Selects transactions. The server caches compiled statements by text, and one of a
/// dropped table keeps failing; so the text contains the table's id.
fn select(server: &Server, table_id: i64, which: &str) -> Result<Vec<Transaction>, SinkError> {
    let answer = server.execute(&format!(
        "SELECT sequencerTxn, cast(timestamp AS LONG) at, walId FROM wal_transactions('{}') {which} /* {table_id} */",
        server.table()
    ))?;
    let transaction = |row: super::sql::Row<'_>| {
        let (number, at_us) = (row.integer("sequencerTxn")?, row.integer("at")?);
        Some(Transaction { number, at_us, wal: row.integer("walId")? })
    };
    Ok(answer.rows().filter_map(transaction).collect())
}
