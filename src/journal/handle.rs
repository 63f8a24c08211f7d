//! The handle of the open journal: open, append, read, close.
//!
//! Connects the parts of the journal; their rules are in their own heads.

use super::append::Append;
use super::block;
use super::catalog::Catalog;
use super::checkpoints::Checkpoints;
use super::cursor::Cursors;
use super::disk::{RealDisk, SharedDisk};
use super::error::{AppendError, CursorError, LedgerError, OpenError, ReadError};
use super::frame;
use super::gaps::Gaps;
use super::identity::{self, ResolvedCursor};
use super::ledger::{Ledger, SourceName};
use super::lock::Lock;
use super::options::Options;
use super::outcome::{OpenReport, Usage};
use super::pending::Pending;
use super::place::Place;
use super::reader::Reader;
use super::record::{JournalId, Position, RecordHeader, RuleVersion, Sequence, SourceId};
use super::recover;
use super::retention::SegmentRemover;
use super::share::{Share, Shares};
use super::view::{SegmentSummary, View};
use super::writer::Writer;
use crate::reading::Limits;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// The open journal. Clones are the same journal; it closes when the last one is dropped.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    remover: Arc<SegmentRemover>,
    view: View,
    cursors: Arc<Cursors>,
    pending: Arc<Pending>,
    shares: Arc<Shares>,
    place: Arc<Place>,
    journal: JournalId,
    record_bytes_max: usize,
    /// The writer's thread and the directory's lock, until the journal is closed.
    running: Mutex<Option<(JoinHandle<()>, Lock)>>,
}

impl Journal {
    /// Opens the journal of a directory, and creates it if it does not exist.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(options: Options) -> Result<(Self, OpenReport), OpenError> {
        let directory = options.directory.clone();
        let disk = RealDisk::create(&directory).map_err(|source| OpenError::Io {
            directory,
            what: "the directory cannot be created".to_owned(),
            source,
        })?;
        Self::open_on(Arc::new(disk), options)
    }

    /// Opens the journal on a disk.
    pub(crate) fn open_on(disk: SharedDisk, options: Options) -> Result<(Self, OpenReport), OpenError> {
        options.check()?;
        let io =
            |what: &str, source| OpenError::Io { directory: options.directory.clone(), what: what.to_owned(), source };
        let lock = Lock::take(&*disk).map_err(|source| io("its lock file cannot be used", source))?;
        let lock = lock.ok_or_else(|| OpenError::Locked { directory: options.directory.clone() })?;
        let sources = Arc::new(Ledger::read(Arc::clone(&disk))?);
        let rules = Ledger::read(Arc::clone(&disk))?;
        let lock_id = lock.identity().map_err(|source| io("its lock file cannot be used", source))?;
        let place = Arc::new(Place::new(Arc::clone(&disk), lock_id));
        let cursors = Cursors::read(Arc::clone(&disk)).map_err(|source| io("its cursors cannot be read", source))?;
        let cursors = cursors.at(Arc::clone(&place));
        let gaps = Gaps::read(Arc::clone(&disk)).map_err(|source| io("its gap list cannot be read", source))?;
        let mut recovered = recover::recover(&*disk)?;
        let segments = recovered.segments.clone();
        let catalog = Arc::new(Catalog::new(Arc::clone(&disk), segments, recovered.next, recovered.readable_bytes));
        let shares = Arc::new(Shares::read(disk, Arc::clone(&sources), &options, recovered.next, catalog.bytes()));
        let remover = Arc::new(SegmentRemover {
            catalog: Arc::clone(&catalog),
            cursors: Arc::new(cursors),
            gaps,
            journal: lock.journal,
            unsynced: Mutex::new(true),
            options,
        });
        let rewrite = recovered.rewrite.take();
        let torn = recovered.torn;
        let mut writer = Writer::new(Arc::clone(&remover), Arc::clone(&shares), Arc::clone(&place), recovered);
        let rewritten = rewrite.as_ref().map_or(0, |group| u64::from(group.count()));
        if let Some(group) = rewrite {
            writer.rewrite(group).map_err(OpenError::Rewrite)?;
        }
        remover.expire();
        writer.update_shares();
        let opening = OpenReport {
            oldest: catalog.oldest(),
            next: catalog.next(),
            segments: catalog.segments().len(),
            rewritten,
            torn,
            is_new_journal: lock.is_new_journal,
            damaged_cursors: remover.cursors.damaged(),
        };
        Self::start(remover, writer, (sources, rules, shares, place), lock).map(|journal| (journal, opening))
    }

    fn start(
        remover: Arc<SegmentRemover>,
        writer: Writer,
        (sources, rules, shares, place): (Arc<Ledger<SourceName>>, Ledger<Limits>, Arc<Shares>, Arc<Place>),
        lock: Lock,
    ) -> Result<Self, OpenError> {
        let Options { group_bytes_max, group_wait_max, clock, .. } = &remover.options;
        let pending = Arc::new(Pending::new(*group_bytes_max, *group_wait_max, clock.clone()));
        let journal = lock.journal;
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn({
            let pending = Arc::clone(&pending);
            move || writer.run(&pending)
        });
        let thread = thread.map_err(|source| OpenError::Io {
            directory: remover.options.directory.clone(),
            what: "its writer's thread cannot be started".to_owned(),
            source,
        })?;
        let inner = Inner {
            view: View { catalog: Arc::clone(&remover.catalog), sources, rules },
            cursors: Arc::clone(&remover.cursors),
            pending,
            shares,
            place,
            journal,
            record_bytes_max: remover.options.record_bytes_max,
            running: Mutex::new(Some((thread, lock))),
            remover,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Copies the record into the group that is being filled. The returned future
    /// resolves once the group is synced.
    ///
    /// # Errors
    /// A record that is too large, a source whose share of the journal is full, or a
    /// closed journal.
    pub fn append(&self, header: RecordHeader, payload: &[u8]) -> Result<Append, AppendError> {
        if payload.len() > self.inner.record_bytes_max {
            let (bytes, bytes_max) = (block::on_disk(payload.len()), block::on_disk(self.inner.record_bytes_max));
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        self.inner.shares.admit(header.source)?;
        let frame_header = frame::frame_header(&header, payload);
        self.inner.pending.push(&frame_header, payload, &header)
    }

    /// The number of a source; a new one is durable on return.
    ///
    /// # Errors
    /// An invalid name, or a failing disk.
    pub fn source_id(&self, name: &str) -> Result<SourceId, LedgerError> {
        self.inner.view.sources.source_id(name)
    }

    /// Gives numbers to the sources that have none yet, all with one write: thousands of new
    /// sources do not cost thousands of syncs.
    ///
    /// # Errors
    /// As [`Self::source_id`].
    pub fn add_sources<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), LedgerError> {
        self.inner.view.sources.add_sources(names)
    }

    /// The name of a source's number.
    pub fn source_name(&self, id: SourceId) -> Option<Arc<str>> {
        self.inner.view.source_name(id)
    }

    /// The version of these limits; a new one is durable on return.
    ///
    /// # Errors
    /// A failing disk.
    pub fn rule_version(&self, limits: &Limits) -> Result<RuleVersion, LedgerError> {
        self.inner.view.rules.rule_version(limits)
    }

    /// The limits of a rule version.
    pub fn limits(&self, version: RuleVersion) -> Option<Limits> {
        self.inner.view.limits(version)
    }

    /// A number that grows with each turn of the writer: after each group, and once a second
    /// without records. It stands still while the disk hangs.
    pub fn writer_turns(&self) -> u64 {
        self.inner.pending.turns()
    }

    /// Makes the next group wait for this many records, so that a test knows what is in it.
    #[cfg(test)]
    pub(crate) fn gather(&self, records: u32, at_most: Duration) {
        self.inner.pending.gather(records, at_most);
    }

    /// The readable part of the journal.
    pub fn view(&self) -> &View {
        &self.inner.view
    }

    /// A reader whose first record is `from`.
    ///
    /// # Errors
    /// A record deleted by retention, or beyond the next one.
    pub fn reader(&self, from: Sequence) -> Result<Reader, ReadError> {
        self.inner.view.reader(from)
    }

    /// The oldest readable record.
    pub fn oldest(&self) -> Position {
        self.position(self.inner.view.oldest())
    }

    /// The first sequence that is not synced yet.
    pub fn next(&self) -> Sequence {
        self.inner.view.next()
    }

    /// Waits until `self.next() > next`, and returns whether it is. Returns false early
    /// when [`Journal::wake`] is called.
    pub fn wait_beyond(&self, next: Sequence, timeout: Duration) -> bool {
        self.inner.view.catalog.wait_beyond(next, timeout)
    }

    /// Ends all current [`Journal::wait_beyond`] waits.
    pub fn wake(&self) {
        self.inner.view.catalog.wake();
    }

    /// The id of this journal, which a data directory keeps over restarts.
    pub fn id(&self) -> JournalId {
        self.inner.journal
    }

    /// The position of a sequence.
    pub fn position(&self, next: Sequence) -> Position {
        identity::position(&self.inner.view.catalog, self.inner.journal, next)
    }

    /// The cursors stored beside the segments.
    pub fn cursors(&self) -> &Cursors {
        &self.inner.cursors
    }

    /// The gap records of all sinks.
    pub fn gaps(&self) -> &Gaps {
        &self.inner.remover.gaps
    }

    /// The checkpoints of a sink.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn checkpoints(&self, sink: &str) -> Result<Checkpoints, CursorError> {
        Checkpoints::read(Arc::clone(&self.inner.view.catalog.disk), sink)
    }

    /// The random id of a sink, which its directory and copies of it keep.
    ///
    /// # Errors
    /// A file that cannot be read or written, or is damaged.
    pub fn sink_id(&self, sink: &str) -> Result<uuid::Uuid, CursorError> {
        super::sink_id::read_or_make(&self.inner.view.catalog.disk, sink)
    }

    /// The start of a reader whose cursor has this position.
    pub fn resolve(&self, wanted: Position) -> ResolvedCursor {
        identity::resolve(&self.inner.view.catalog, self.inner.journal, wanted)
    }

    /// The usage of the journal.
    pub fn usage(&self) -> Usage {
        let catalog = &self.inner.view.catalog;
        Usage {
            bytes: catalog.bytes(),
            cap_bytes: self.inner.remover.options.cap_bytes,
            segments: catalog.segments().len(),
            oldest: catalog.oldest(),
            next: catalog.next(),
        }
    }

    /// The undelivered bytes of every source, updated about every second.
    pub fn shares(&self) -> Vec<Share> {
        self.inner.shares.list()
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentSummary> {
        self.inner.view.segments()
    }

    /// The reason why appends are refused while the directory's names do not stand for the open
    /// files. It is compared about every second, also without appends.
    pub fn moved(&self) -> Option<String> {
        self.inner.place.moved().map(|error| error.to_string())
    }

    /// The reason why appends are impossible, if the writer's thread ended unexpectedly.
    pub fn died(&self) -> Option<String> {
        let running = self.inner.running.lock();
        let ended = running.as_ref().is_some_and(|(writer, _)| writer.is_finished());
        ended.then(|| "the journal's writer ended unexpectedly; see its panic in the log above".to_owned())
    }

    /// Commits pending records, proves them with a closing group, and releases the
    /// directory. Later appends are refused; readers continue.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        self.pending.close();
        let running = self.running.lock().take();
        if let Some((writer, lock)) = running {
            if writer.join().is_err() {
                tracing::error!("the journal's writer panicked; records without an answer were not acknowledged");
            }
            drop(lock);
        }
        self.view.catalog.wake();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("usage", &self.usage()).finish_non_exhaustive()
    }
}
