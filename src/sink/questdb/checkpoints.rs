//! The sink's checkpoints: made while rows are confirmed, read again before any
//! are sent after a start, a rewind or an error.
//!
//! Between those, a look at the table is enough: while neither its id nor the
//! server's start changes, its files cannot have been put back under the server.
//! Knows nothing of rows. Invariants: a loss is answered by an error until the
//! pump has rewound the sink to where sending again begins, and only then the
//! ring is cut; so a crash in between finds the loss anew. After a cut the table
//! as it is now becomes the newest checkpoint, so that nothing is found twice.

use super::confirm::TableState;
use super::fingerprint::{CheckpointState, Comparison, Fingerprint, Transaction, compare};
use super::server::Server;
use crate::deliver::SinkError;
use crate::journal::{Checkpoint, Checkpoints, CursorError, Journal, Position, Sequence};
use crate::reading::UnixNanos;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The checkpoints, and what was said of them.
#[derive(Debug)]
pub(super) struct TableCheckpoints {
    checkpoints: Checkpoints,
    journal: Journal,
    /// Where sending again had to begin when a loss was reported last.
    reported: Option<Sequence>,
    /// That the log is purged is said once.
    has_warned: bool,
    /// That the file cannot be written is said once.
    is_failing: bool,
}

impl TableCheckpoints {
    /// The checkpoints of the sink called `name`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn open(journal: &Journal, name: &str) -> Result<Self, CursorError> {
        let checkpoints = journal.checkpoints(name)?;
        Ok(Self { checkpoints, journal: journal.clone(), reported: None, has_warned: false, is_failing: false })
    }

    /// Whether the table has what it had confirmed; asked with the sink's next
    /// record before anything is sent.
    ///
    /// # Errors
    /// [`SinkError::lost`] where sending again has to begin earlier than at
    /// `position`, and when the server or the disk fails.
    pub(super) fn check(
        &mut self,
        server: &Server,
        state: &TableState,
        position: Position,
        now: UnixNanos,
    ) -> Result<(), SinkError> {
        let (url, table) = (server.url(), server.table());
        let (back_to, kept, what) = match self.compare(server, state)? {
            Comparison::Intact => return self.begin(server, state, position, now),
            Comparison::Unknown => {
                self.warn_of_purge(server);
                return Ok(());
            }
            Comparison::Lost { back_to } => {
                (back_to, back_to + 1, "lost transactions that it had confirmed, as after a restored copy".to_owned())
            }
            Comparison::OtherTable => (self.checkpoints.all().len().saturating_sub(1), 0, "was made again".to_owned()),
            Comparison::Restarted { back_to } => {
                (back_to, back_to + 1, format!("is on a server that was started anew {}", since(state, now)))
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
                    "table {table} in QuestDB at {url} {what}: sending again from record {target}, up to which it was \
                     surely kept; what it lost before that, `meterline replay` sends again"
                ),
            ));
        }
        tracing::warn!(%url, %table, from = position.next.0, "the table {what}; sending again");
        let below = self.checkpoints.all().partition_point(|one| one.position.next <= position.next);
        self.checkpoints.cut(kept.min(below)).map_err(|error| cannot_cut(&error))?;
        self.reported = None;
        self.add(server, state, position, now)
    }

    /// Makes a checkpoint if one is due: everything below `position` is confirmed.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub(super) fn note(
        &mut self,
        server: &Server,
        state: &TableState,
        position: Position,
        now: UnixNanos,
    ) -> Result<(), SinkError> {
        let is_further = self.checkpoints.newest().is_none_or(|newest| newest.position.next < position.next);
        if is_further && self.checkpoints.is_due(now) {
            self.add(server, state, position, now)?;
        }
        Ok(())
    }

    /// What retention took already can be reported, but not be sent again.
    fn is_to_report(&self, target: Sequence, next: Sequence) -> bool {
        let reachable = target.max(self.journal.oldest().next);
        reachable < next || (target < next && self.reported != Some(target))
    }

    /// The first checkpoint is where the sink begins: what the table had before.
    fn begin(
        &mut self,
        server: &Server,
        state: &TableState,
        position: Position,
        now: UnixNanos,
    ) -> Result<(), SinkError> {
        if self.checkpoints.newest().is_some() { Ok(()) } else { self.add(server, state, position, now) }
    }

    /// A checkpoint that cannot be stored does not hold the sink up: the one before
    /// it goes back a little further.
    fn add(
        &mut self,
        server: &Server,
        state: &TableState,
        position: Position,
        now: UnixNanos,
    ) -> Result<(), SinkError> {
        let logged = transaction(server, state.id, state.writer_txn)?;
        let mark = Fingerprint::new(state, logged).to_string();
        let added = self.checkpoints.add(Checkpoint { position, confirmed: now, mark });
        if let (Err(error), false) = (&added, self.is_failing) {
            tracing::warn!(%error, "QuestDB's checkpoint cannot be stored; it is tried again, the sink goes on");
        }
        self.is_failing = added.is_err();
        Ok(())
    }

    fn compare(&self, server: &Server, state: &TableState) -> Result<Comparison, SinkError> {
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
                "whether the table still has all that it had confirmed cannot be known, because the server purged its \
                 log of transactions (cairo.default.sequencer.part.txn.count); the sink goes on"
            );
        }
    }
}

fn confirmed(checkpoint: &Checkpoint) -> CheckpointState {
    CheckpointState { at: checkpoint.confirmed, fingerprint: Fingerprint::parse(&checkpoint.mark) }
}

fn since(state: &TableState, now: UnixNanos) -> String {
    let seconds = (now.0 / 1000 - state.started_us) / MICROS_PER_SECOND;
    format!("({seconds} s ago) and may have lost what it had not synced")
}

fn cannot_cut(error: &CursorError) -> SinkError {
    SinkError::waiting(format!("QuestDB's checkpoints cannot be cut, so nothing is sent: {error}"))
}

/// What the log says of one transaction; `None` where it has it not (any more).
fn transaction(server: &Server, table_id: i64, number: i64) -> Result<Option<Transaction>, SinkError> {
    if number < 1 {
        return Ok(None);
    }
    // By place: the log begins with 1 and is not searched. By number where it was purged.
    let found = select(server, table_id, &format!("LIMIT {},{number}", number - 1))?;
    let found = found.into_iter().find(|transaction| transaction.number == number);
    match found {
        Some(found) => Ok(Some(found)),
        None => Ok(select(server, table_id, &format!("WHERE sequencerTxn = {number}"))?.pop()),
    }
}

/// What the log says of all transactions that checkpoints name.
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

/// The server keeps compiled statements by their text, and one of a table that was
/// dropped goes on failing; so the text names which table of that name is meant.
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
