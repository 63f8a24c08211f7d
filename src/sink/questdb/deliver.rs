//! The sink: from the pump's records to confirmed rows.
//!
//! Does not know encoding or HTTP; `row_sender` sends the rows. Invariants: nothing is sent
//! before the table was checked after the last rewind, over new connections; any doubt
//! about the table's content is an error, after which the pump rewinds and the rows since
//! the last confirmed record are sent again, which the table's keys make harmless.

use super::check::complaints;
use super::checkpoints::{Table, TableCheckpoints};
use super::config::Config;
use super::confirm::{TableState, table_state};
use super::encode::RefusedRows;
use super::meters::MetersTable;
use super::row_sender::RowSender;
use super::schema;
use super::server::Server;
use crate::clock::Clock;
use crate::deliver::{Delivery, Log, Progress, Sink, SinkError};
use crate::journal::{CursorError, JournalId, Position, Sequence};
use std::fmt;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Interval between polls of the table state while rows wait for confirmation.
const POLL_EVERY: Duration = Duration::from_millis(250);

/// The QuestDB sink.
pub struct QuestDb {
    config: Config,
    server: Server,
    meters: MetersTable,
    clock: Clock,
    sender: RowSender,
    checkpoints: TableCheckpoints,
    /// The last table state since the rewind; `None` until the table was checked.
    table: Option<TableState>,
    next_poll: Option<Instant>,
    warnings: Vec<String>,
    /// When to look at the view and the TTL again.
    next_look: Option<Instant>,
    /// The journal of the record after the last one taken.
    journal: JournalId,
    /// The record after the last one taken.
    next: Sequence,
}

impl QuestDb {
    /// A sink called `name`; it connects when the pump first rewinds it. Rows that the
    /// server can never store go to `refused`. Its checkpoints are in `log` under `name`, and it
    /// asks the log before each request whether it may write.
    ///
    /// # Errors
    /// When the checkpoints cannot be read.
    pub fn new(
        name: &str,
        config: &Config,
        clock: Clock,
        log: impl Into<Log>,
        refused: RefusedRows,
    ) -> Result<Self, CursorError> {
        let log = log.into();
        Ok(Self {
            config: config.clone(),
            server: Server::new(config),
            meters: MetersTable::new(config, log.clone()),
            sender: RowSender::new(name, config, clock.clone(), log.clone(), refused),
            clock,
            checkpoints: TableCheckpoints::open(log, name)?,
            table: None,
            next_poll: None,
            warnings: Vec::new(),
            next_look: None,
            journal: JournalId(Uuid::nil()),
            next: Sequence::FIRST,
        })
    }

    /// Checks the table after every rewind, before anything is sent.
    fn make_ready(&mut self) -> Result<(), SinkError> {
        let state = table_state(&self.server)?;
        self.sender.set_partition_unit(schema::check_ready(&self.server, &schema::SAMPLES)?);
        self.checkpoints.check(
            Table { server: &self.server, state: &state },
            self.position(self.next),
            self.clock.now(),
        )?;
        self.table = Some(state);
        Ok(())
    }

    fn position(&self, next: Sequence) -> Position {
        Position { journal: self.journal, next }
    }

    /// Polls the table state and confirms the applied rows.
    fn poll(&mut self) -> Result<(), SinkError> {
        let state = table_state(&self.server)?;
        if let Some(before) = self.table {
            self.compare(before, state)?;
        }
        // A column whose type was changed silently converts the rows of an open
        // connection's next request.
        if self.sender.sent_since_poll() {
            schema::check_ready(&self.server, &schema::SAMPLES)?;
        }
        self.table = Some(state);
        self.sender.poll_result(&state);
        self.next_poll = Some(self.clock.monotonic() + POLL_EVERY);
        let confirmed = self.position(self.progress().next_unsafe);
        self.checkpoints.note(Table { server: &self.server, state: &state }, confirmed, self.clock.now())
    }

    /// Checks that the table is still the one that was written to, with all its rows.
    fn compare(&self, before: TableState, now: TableState) -> Result<(), SinkError> {
        let (url, table) = (self.server.url(), self.server.table());
        let what = if before.id != now.id {
            format!("was dropped and recreated (id {} became {})", before.id, now.id)
        } else if before.started_us != now.started_us {
            "is on a server that was restarted".to_owned()
        } else if now.sequencer_txn < before.sequencer_txn {
            format!("lost transactions (its log went back from {} to {})", before.sequencer_txn, now.sequencer_txn)
        } else if self.sender.sent_since_poll() && now.sequencer_txn == before.sequencer_txn {
            format!("did not keep an acknowledged request (its log still ends at {})", now.sequencer_txn)
        } else {
            return Ok(());
        };
        Err(SinkError::waiting(format!(
            "table {table} in QuestDB at {url} {what}: sending again from the last confirmed record, or from the end of \
             the unchanged part of its log"
        )))
    }

    /// Looks at what does not stop delivery. An error of the server is not reported here:
    /// delivery finds it itself.
    fn look_if_due(&mut self) {
        if self.next_look.is_some_and(|at| self.clock.monotonic() < at) {
            return;
        }
        self.next_look = Some(self.clock.monotonic() + self.config.look_every);
        match complaints(&self.config, &self.server) {
            Ok(warnings) => self.warnings = warnings,
            Err(error) => tracing::debug!(%error, "the view's state is unknown"),
        }
    }

    fn progress(&self) -> Progress {
        self.sender.progress(self.next, self.next_poll)
    }
}

impl Sink for QuestDb {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        Ok(None)
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError> {
        let readings = self.sender.take(&self.server, delivery)?;
        self.next = delivery.record.sequence.next();
        Ok(readings)
    }

    fn describe(&mut self, delivery: &Delivery<'_>) -> Result<bool, SinkError> {
        self.meters.write(&delivery.versions())?;
        self.next = delivery.record.sequence.next();
        Ok(true)
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn settle(&mut self, drain: bool) -> Result<Progress, SinkError> {
        self.sender.send_due(&self.server, drain)?;
        let is_poll_due = self.next_poll.is_none_or(|at| self.clock.monotonic() >= at);
        if self.sender.is_unconfirmed() && is_poll_due {
            self.poll()?;
        }
        self.look_if_due();
        self.sender.update_metrics();
        Ok(self.progress())
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        self.sender.clear();
        self.table = None;
        self.next_poll = None;
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
