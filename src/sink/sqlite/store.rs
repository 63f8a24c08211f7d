//! The open store: the connection, the files it was opened on, its generation and its log.
//!
//! Invariants: a commit is reported only if afterwards the store's names stand for the files
//! that it was written to; nothing is copied to a database that was replaced, and no log that
//! belongs to another one is removed.

use super::batch::Batch;
use super::file::{self, sink_error};
use super::generation::{self, Generation, LOG_HEADER_BYTES};
use super::keep::Keep;
use super::log::{self, Checkpoint, Log};
use super::names::{self, NamedFiles};
use super::periods::Periods;
use super::seal;
use super::tidy;
use super::write::{self, Committed, Dictionaries};
use crate::deliver::SinkError;
use crate::journal::{JournalId, Position, Sequence};
use crate::reading::UnixNanos;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};

/// An open store.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    file: PathBuf,
    names: NamedFiles,
    generation: Generation,
    /// Whether it is the recorded store, a new one or a copy without faults.
    is_trusted: bool,
    log: Log,
    dictionaries: Dictionaries,
    periods: Periods,
    /// About the number of fresh samples: a repeated one counts again.
    fresh_rows: i64,
    /// At this number it is checked again whether to seal.
    seal_check_at: i64,
    /// And at this time.
    seal_check_after: i64,
}

impl Store {
    /// Opens or creates the store. One that was replaced by a copy is checked as a whole.
    ///
    /// # Errors
    /// Files that cannot be used, that do not belong together or that are damaged.
    pub(super) fn open(file: &Path, time_zone: &str) -> Result<Self, SinkError> {
        let failed = |error: &rusqlite::Error| sink_error(file, error);
        file::create(file)?;
        let database = names::file_id(file).map_err(|_| replaced(file))?;
        generation::refuse_foreign_log(file)?;
        let (connection, is_new) = file::connect(file)?;
        let mut generation = Generation::read(&connection).map_err(|error| failed(&error))?;
        let names = NamedFiles::of(file).map_err(|_| replaced(file))?;
        if !names.has_database(database) {
            return Err(replaced(file));
        }
        let (file, log) = (file.to_owned(), Log::of(file));
        if log.bytes() <= LOG_HEADER_BYTES {
            generation.checkpointed = generation.current;
        }
        let periods = Periods::read(&connection).map_err(|error| sink_error(&file, &error))?;
        let fresh_rows = tidy::fresh_rows(&connection).map_err(|error| sink_error(&file, &error))?;
        let mut store = Self {
            connection,
            file,
            names,
            generation,
            is_trusted: false,
            log,
            dictionaries: Dictionaries::new(time_zone),
            periods,
            fresh_rows,
            seal_check_at: 0,
            seal_check_after: 0,
        };
        store.is_trusted = is_new || generation::is_recorded(&store.file, generation.current);
        if is_new {
            store.checkpoint(Checkpoint::Empty)?;
        } else if !store.is_trusted {
            store.adopt_copy()?;
        } else if store.log.is_checkpoint_due() {
            store.checkpoint(Checkpoint::Empty)?;
        }
        Ok(store)
    }

    /// The stored cursor; of no journal in a new store.
    pub(super) fn cursor(&self) -> Result<Position, SinkError> {
        write::read_cursor(&self.connection).map_err(|error| self.failed(&error))
    }

    /// Increases with every commit.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// The number of tables that hold samples.
    pub(super) fn periods(&self) -> usize {
        self.periods.all().len()
    }

    /// The size of the log.
    pub(super) fn log_bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// The size of the database without its log.
    pub(super) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |metadata| metadata.len())
    }

    /// Refuses to go on while the log is beyond its bound or the volume nearly full.
    ///
    /// # Errors
    /// The reason, and the programs that have the store open.
    pub(super) fn ensure_room(&mut self) -> Result<(), SinkError> {
        let is_tight = log::refuse_full_volume(&self.file).is_err();
        if self.log.is_beyond_bound() || (is_tight && self.log.bytes() > 0) {
            self.checkpoint(Checkpoint::Empty)?;
        }
        if self.log.is_beyond_bound() {
            return Err(log::beyond_bound(&self.file, self.log.bytes()));
        }
        if is_tight { log::refuse_full_volume(&self.file) } else { Ok(()) }
    }

    /// Writes a batch and its cursor. When this returns they are synced to the named files.
    ///
    /// # Errors
    /// When nothing is stored, or not in the files that now have the names.
    pub(super) fn commit(&mut self, batch: &Batch, cursor: Position) -> Result<Committed, SinkError> {
        self.ensure_room()?;
        for &(journal, first) in batch.journals() {
            self.meet(journal, first).map_err(|error| sink_error(&self.file, &error))?;
        }
        let checkpointed = self.generation.checkpointed;
        let done =
            write::commit(&mut self.connection, &mut self.dictionaries, &self.periods, batch, cursor, checkpointed);
        let committed = done.map_err(|error| sink_error(&self.file, &error))?;
        self.fresh_rows += i64::try_from(committed.fresh).unwrap_or(i64::MAX);
        self.generation.current = committed.generation;
        self.committed()?;
        Ok(committed)
    }

    /// Does the next step on the tables. Returns the number of samples that retention deleted; `None` if
    /// there is nothing to do.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub(super) fn tidy(&mut self, keep: &Keep, wall: UnixNanos) -> Result<Option<usize>, SinkError> {
        // While readers keep the log from being emptied, its room is for commits.
        if self.log.is_large() {
            return Ok(None);
        }
        let Some(step) = self.next_step(keep, wall).map_err(|error| self.failed(&error))? else { return Ok(None) };
        self.ensure_room()?;
        let expired = self.change(|store, periods| tidy::apply(store, periods, step));
        let expired = expired.map_err(|error| sink_error(&self.file, &error))?;
        self.committed()?;
        Ok(Some(expired))
    }

    /// Whether the database is larger than retention wants.
    ///
    /// # Errors
    /// When its size cannot be read.
    pub(super) fn is_beyond_size(&self, keep: &Keep) -> Result<bool, SinkError> {
        let Some(size) = keep.size() else { return Ok(false) };
        file::used_bytes(&self.connection).map(|used| used > size).map_err(|error| self.failed(&error))
    }

    /// With the next step, checks whether to seal, if samples from before `oldest` may be among the fresh ones: the
    /// check counts all of these.
    pub(super) fn check_sealing(&mut self, oldest: UnixNanos) {
        if self.periods.place_of(oldest) + 1 == self.periods.all().len() {
            self.seal_check_after = i64::MIN;
        }
    }

    fn next_step(&mut self, keep: &Keep, wall: UnixNanos) -> rusqlite::Result<Option<tidy::Step>> {
        // With an age a few samples are sealed, too, once they are old enough.
        let is_check_due =
            self.fresh_rows >= self.seal_check_at || (keep.span_ns().is_some() && wall.0 >= self.seal_check_after);
        if is_check_due && !tidy::is_crowded(&self.periods) {
            self.fresh_rows = tidy::fresh_rows(&self.connection)?;
            if let Some(step) = tidy::seal_due(&self.connection, &self.periods, self.fresh_rows, keep, wall)? {
                return Ok(Some(step));
            }
            self.seal_check_at = (self.fresh_rows + seal::CHECK_EVERY).max(seal::ROWS);
            self.seal_check_after = wall.0.saturating_add(seal::CHECK_EVERY_NS);
        }
        let has_room = log::refuse_volume_below(&self.file, log::JOIN_FREE_BYTES_MIN).is_ok();
        tidy::due(&self.connection, &self.periods, keep, wall, has_room)
    }

    /// Notes a journal that is new to the store.
    fn meet(&mut self, journal: JournalId, first: Sequence) -> rusqlite::Result<()> {
        if write::is_known(&self.connection, journal)? {
            return Ok(());
        }
        self.change(|store, _| write::meet(store, journal, first))
    }

    /// Changes the tables beside the samples of a commit, in a transaction of its own.
    fn change<T>(&mut self, change: impl FnOnce(&Connection, &Periods) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&transaction, &self.periods)?;
        let periods = Periods::read(&transaction)?;
        let generation = write::next_generation(&transaction, self.generation.checkpointed)?;
        transaction.commit()?;
        (self.periods, self.generation.current) = (periods, generation);
        Ok(done)
    }

    /// Whether readers kept a large log from being emptied.
    pub(super) fn has_large_log(&self) -> bool {
        self.log.is_large()
    }

    /// Tries to empty the log. Waits a moment for readers.
    ///
    /// # Errors
    /// When SQLite cannot copy it.
    pub(super) fn empty_log(&mut self) -> Result<(), SinkError> {
        self.checkpoint(Checkpoint::Empty)
    }

    /// Checks that the names still stand for the open files.
    ///
    /// # Errors
    /// When they do not: the position must be read again, from the files that have the names.
    pub(super) fn check_names(&self) -> Result<(), SinkError> {
        if self.names.are_unchanged(&self.file) { Ok(()) } else { Err(replaced(&self.file)) }
    }

    /// The error for a store that does not continue the one before.
    pub(super) fn is_another(&self) -> SinkError {
        replaced(&self.file)
    }

    fn committed(&mut self) -> Result<(), SinkError> {
        self.check_names()?;
        self.log.measure(&self.file);
        if !self.log.is_checkpoint_due() {
            return Ok(());
        }
        // Readers that follow each other leave no moment for a mere copy.
        self.checkpoint(if self.log.is_large() { Checkpoint::Empty } else { Checkpoint::Copy })
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), SinkError> {
        let is_complete = checkpoint.make(&self.connection).map_err(|error| self.failed(&error))?;
        self.names.note_checkpoint(&self.file);
        self.log.note_checkpoint();
        self.log.measure(&self.file);
        if is_complete {
            self.generation.checkpointed = self.generation.current;
        }
        if is_complete && self.is_trusted {
            self.record();
        }
        Ok(())
    }

    fn record(&self) {
        if let Err(error) = generation::record(&self.file, self.generation.current) {
            let sidecar = generation::sidecar_of(&self.file);
            tracing::warn!(file = %sidecar.display(), %error, "cannot be written; the next start checks the whole store");
        }
    }

    /// Checks a store that was put in the place of another, and begins another life of it.
    fn adopt_copy(&mut self) -> Result<(), SinkError> {
        let file = self.file.display();
        tracing::info!(%file, "the store was restored or copied; checking all of it, which takes minutes if it is large");
        let fault = generation::integrity_fault(&self.connection).map_err(|error| self.failed(&error))?;
        if let Some(fault) = fault {
            return Err(SinkError::blocked(format!(
                "the store {file} is a damaged copy ({fault}): files that are being written cannot be copied one by one. \
                 Restore another copy with `meterline store restore`, or move {file}, its -wal and its -shm away: a new \
                 store is filled from the journal"
            )));
        }
        self.is_trusted = true;
        self.checkpoint(Checkpoint::Empty)?;
        let (next, checkpointed) = (generation::after_copy(self.generation.current), self.generation.checkpointed);
        let set = write::set_generation(&self.connection, next, checkpointed);
        set.map_err(|error| self.failed(&error))?;
        self.generation.current = next;
        // Also where a reader prevents the checkpoint: otherwise every open would begin another life.
        self.record();
        self.checkpoint(Checkpoint::Empty)
    }

    fn failed(&self, error: &rusqlite::Error) -> SinkError {
        sink_error(&self.file, error)
    }
}

impl Drop for Store {
    /// When it is closed, SQLite copies the log to the open database and removes the log by its
    /// name, which may be another file by now.
    fn drop(&mut self) {
        let (file, is_unchanged) = (self.file.display().to_string(), self.names.are_unchanged(&self.file));
        // The copy is made here, so that it is recorded.
        if is_unchanged && let Err(error) = self.checkpoint(Checkpoint::Copy) {
            tracing::debug!(file, %error, "no checkpoint at the close; the next open makes it");
        }
        if !is_unchanged && let Err(error) = generation::leave_log(&self.connection) {
            tracing::warn!(file, %error, "the log of a replaced store cannot be kept");
        }
    }
}

fn replaced(file: &Path) -> SinkError {
    SinkError::replaced(format!(
        "the files of the store {} were moved, removed, replaced or changed by another program; continuing with the \
         files that have the names now, from the position stored in them",
        file.display()
    ))
}
