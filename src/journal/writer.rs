//! The writer: commits groups, starts new segments, and never syncs a handle again after
//! a sync on it failed.
//!
//! The synced mark moves, and waiters get a success, only after the sync of their group.
//! A segment gets its final name only when its header is durable. If the volume has no
//! room for a whole segment, a smaller one is created, and segments kept for replay are
//! removed, before anything is refused.

use super::append::Waiters;
use super::block::{BLOCK, round_up};
use super::catalog::{Catalog, Segment};
use super::disk::{DiskFile, TEMPORARY_SUFFIX, cut, remove_quietly};
use super::options::{SEGMENT_BYTES_LEAST, segment_bytes_for};
use super::pending::{GroupBuffer, GroupLocation, Pending, Work};
use super::place::{self, FileId, Place};
use super::recover::Recovered;
use super::retention::SegmentRemover;
use super::segment_header::{ENDS_MAX, SegmentEnd, SegmentHeader};
use super::share::Shares;
use super::{AppendError, CommitOutcome, JournalId, SegmentName, Sequence};
use crate::reading::UnixNanos;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The idle time after which a closing group proves the last group.
const IDLE_AFTER: Duration = Duration::from_secs(1);
/// Attempts to write a group, each in a new segment, before it is refused.
const WRITES_MAX: u32 = 2;
/// The time a woken task may take to wake the rest of its group before the writer does.
const ASLEEP_MAX: Duration = Duration::from_millis(10);

/// Writes the journal.
#[derive(Debug)]
pub(super) struct Writer {
    remover: Arc<SegmentRemover>,
    catalog: Arc<Catalog>,
    shares: Arc<Shares>,
    place: Arc<Place>,
    place_checked: Instant,
    active: Option<Active>,
    next: Sequence,
    next_segment_id: u64,
    /// The journal of the last record.
    last_journal: JournalId,
    /// Segment ends that no durable header records yet.
    ends: Vec<SegmentEnd>,
    /// Segments without records, to be removed once the next one exists.
    empty: Vec<SegmentName>,
}

/// The segment being written.
#[derive(Debug)]
struct Active {
    segment: Arc<Segment>,
    header: Arc<SegmentHeader>,
    file: Box<dyn DiskFile>,
    id: FileId,
    /// The offset up to which it is synced.
    offset: u64,
    newest_received: UnixNanos,
    /// Whether nothing after the last group proves it.
    is_open: bool,
}

impl Writer {
    pub(super) fn new(
        remover: Arc<SegmentRemover>,
        shares: Arc<Shares>,
        place: Arc<Place>,
        recovered: Recovered,
    ) -> Self {
        Self {
            shares,
            place,
            place_checked: remover.options.clock.monotonic(),
            catalog: Arc::clone(&remover.catalog),
            active: None,
            next: recovered.next,
            next_segment_id: recovered.next_segment_id,
            last_journal: recovered.last_journal.unwrap_or(remover.journal),
            ends: recovered.ends,
            empty: recovered.empty,
            remover,
        }
    }

    /// Writes the last group of the previous run again, into a segment of its own. The
    /// segment gets its name only after the group is synced: else its header would end the
    /// old segment before a group that exists nowhere else.
    pub(super) fn rewrite(&mut self, mut group: GroupBuffer) -> Result<(), AppendError> {
        let bytes = segment_bytes_for(group.bytes_on_disk());
        if let Err(error) = self.remover.make_room(bytes) {
            // These records may have been acknowledged, so they may exceed the cap, by one group at most.
            tracing::warn!(%error, "the journal exceeds its cap by up to one group, because the last records of the previous run are rewritten");
        }
        let mut active = self.create(bytes, bytes, Some(&mut group), &mut 0)?;
        active.newest_received = group.newest_received();
        self.take_over(active, group.count());
        self.shares.note(group.tally(), group.bytes_on_disk(), self.next);
        Ok(())
    }

    /// Commits until the journal is closed.
    pub(super) fn run(mut self, pending: &Pending) {
        let _abort = AbortOnExit(pending);
        let mut answered = Arc::<Waiters>::default();
        loop {
            let is_watching = answered.has_rest();
            match pending.next_work(if is_watching { ASLEEP_MAX } else { IDLE_AFTER }) {
                Work::Group(mut group) => {
                    self.commit_and_answer(&mut group);
                    answered.wake_rest();
                    answered = Arc::clone(group.waiters());
                    pending.answered(group);
                    if self.place.moved().is_none() {
                        self.shares.store_if_due();
                    }
                    if self.shares.is_due(self.remover.options.clock.monotonic()) {
                        self.update_shares();
                    }
                }
                Work::Idle if is_watching => answered.wake_rest(),
                // Nothing is written or removed under names that may stand for other files.
                Work::Idle if self.check_place().is_err() => {}
                Work::Idle => {
                    self.close_group();
                    self.remover.expire();
                    self.update_shares();
                }
                Work::Closed => {
                    answered.wake_rest();
                    if self.check_place().is_ok() {
                        self.close_group();
                        self.shares.close();
                    }
                    return;
                }
            }
        }
    }

    fn commit_and_answer(&mut self, group: &mut GroupBuffer) {
        let started = self.remover.options.clock.monotonic();
        #[cfg(feature = "test-faults")]
        while crate::faults::number("journal-hangs-at").is_some_and(|at| i64::try_from(self.next.0) == Ok(at)) {
            std::thread::park();
        }
        #[cfg(feature = "test-faults")]
        group.waiters().answer_early_and_die(self.next);
        let mut failed_writes = 0;
        let outcome = self.refuse_if_moved().and_then(|()| self.commit(group, &mut failed_writes));
        let outcome = outcome.and_then(|first| self.check_place_if_due().map(|()| first));
        (self.remover.options.on_commit)(&CommitOutcome {
            records: group.count(),
            bytes: group.bytes_on_disk(),
            duration: self.remover.options.clock.elapsed(started),
            failed_writes,
            ok: outcome.is_ok(),
        });
        group.waiters().resolve(outcome);
    }

    /// Checks the place again after it was found moved.
    fn refuse_if_moved(&mut self) -> Result<(), AppendError> {
        if self.place.moved().is_some() { self.check_place() } else { Ok(()) }
    }

    fn check_place_if_due(&mut self) -> Result<(), AppendError> {
        let is_due = self.remover.options.clock.elapsed(self.place_checked) >= place::CHECK_EVERY;
        if is_due { self.check_place() } else { Ok(()) }
    }

    fn check_place(&mut self) -> Result<(), AppendError> {
        self.place_checked = self.remover.options.clock.monotonic();
        let segment = self.active.as_ref().map(|active| (active.header.name.to_string(), active.id));
        self.place.check(segment.as_ref().map(|(name, id)| (name.as_str(), *id)))
    }

    /// Makes a group durable; if its write or sync fails, once more in a new segment.
    fn commit(&mut self, group: &mut GroupBuffer, failed_writes: &mut u32) -> Result<Sequence, AppendError> {
        let first = self.next;
        let mut writes = 0;
        loop {
            self.ensure_room(group.bytes_on_disk(), failed_writes)?;
            let Err(error) = self.write(group) else { return Ok(first) };
            self.end_active();
            *failed_writes += 1;
            writes += 1;
            if writes == WRITES_MAX {
                return Err(self.failed(&error));
            }
            tracing::warn!(%error, "a group could not be written; it is written again to a new segment");
        }
    }

    /// One write and one sync at the end of the active segment.
    fn write(&mut self, group: &mut GroupBuffer) -> io::Result<()> {
        let Some(active) = &mut self.active else { return Err(io::Error::other("there is no segment")) };
        let place = active.place(self.next);
        active.file.write_at(group.seal(&place), place.offset)?;
        active.file.sync()?;
        active.offset += group.bytes_on_disk();
        active.newest_received = active.newest_received.max(group.newest_received());
        active.is_open = group.count() > 0;
        self.next = Sequence(self.next.0 + u64::from(group.count()));
        self.last_journal = active.header.journal;
        self.catalog.advance(self.next, active.offset);
        self.shares.note(group.tally(), group.bytes_on_disk(), self.next);
        Ok(())
    }

    /// Updates the shares of the sources.
    pub(super) fn update_shares(&self) {
        self.shares.update(&self.remover.fill(), self.remover.options.clock.monotonic());
    }

    /// Writes a closing group, so that a start need not write the last group again.
    fn close_group(&mut self) {
        if !self.active.as_ref().is_some_and(|active| active.is_open) {
            return;
        }
        if let Err(error) = self.write(&mut GroupBuffer::empty(Vec::new())) {
            tracing::warn!(%error, "a closing group could not be written; the next group starts a new segment");
            self.end_active();
        }
    }

    /// Ensures that the active segment has room for a group and a closing group after it.
    fn ensure_room(&mut self, group_bytes: u64, failed_writes: &mut u32) -> Result<(), AppendError> {
        if self.active.as_ref().is_some_and(|active| active.has_room(group_bytes)) {
            return Ok(());
        }
        self.check_place()?;
        let bytes = self.remover.options.segment_bytes;
        self.remover.make_room(bytes)?;
        self.end_active();
        let least = bytes.min(segment_bytes_for(round_up(group_bytes)).max(SEGMENT_BYTES_LEAST));
        let active = self.create(bytes, least, None, failed_writes)?;
        self.take_over(active, 0);
        self.remover.expire();
        Ok(())
    }

    /// Ends the active segment at its last synced offset.
    fn end_active(&mut self) {
        let Some(active) = self.active.take() else { return };
        if self.next == active.header.name.first {
            // It is empty and will be removed, so the ends in its header must be recorded again.
            self.ends.clone_from(&active.header.ends);
            self.empty.push(active.header.name);
        } else {
            self.ends.push(active.end(self.next));
        }
        match cut(&*self.catalog.disk, &active.header.name.to_string(), active.offset) {
            Ok(()) => active.segment.set_bytes(active.offset),
            Err(error) => {
                tracing::warn!(segment = %active.header.name, %error, "cannot release the reserved room of a segment");
            }
        }
    }

    fn take_over(&mut self, active: Active, count: u32) {
        self.ends.clear();
        self.catalog.begin(Arc::clone(&active.segment));
        self.next = Sequence(self.next.0 + u64::from(count));
        self.catalog.advance(self.next, active.offset);
        if count > 0 {
            self.last_journal = active.header.journal;
        }
        self.active = Some(active);
        for name in std::mem::take(&mut self.empty) {
            self.catalog.forget(name);
            remove_quietly(&*self.catalog.disk, &name.to_string());
        }
    }

    /// Creates a segment of `bytes`, or of at least `least` if the volume has no room,
    /// durable with its header (and its first group, if given). A failed one is tried once
    /// more.
    fn create(
        &mut self,
        bytes: u64,
        least: u64,
        mut group: Option<&mut GroupBuffer>,
        failed_writes: &mut u32,
    ) -> Result<Active, AppendError> {
        let (mut size, mut writes) = (bytes, 0);
        loop {
            let error = match self.try_create(size, group.as_deref_mut()) {
                Ok(active) => return Ok(active),
                Err(error) => error,
            };
            if !is_full(&error) {
                *failed_writes += 1;
                writes += 1;
                if writes == WRITES_MAX {
                    return Err(self.failed(&error));
                }
                tracing::warn!(%error, "cannot create a segment; retrying once");
            } else if size > least {
                size = round_up(size / 2).max(least);
            } else if self.remover.try_remove_oldest()? {
                size = bytes;
            } else {
                return Err(self.failed(&error));
            }
        }
    }

    fn try_create(&mut self, bytes: u64, group: Option<&mut GroupBuffer>) -> io::Result<Active> {
        let name = SegmentName { id: self.next_segment_id, first: self.next };
        // Also after a failure: a partial segment may reappear after a crash.
        self.next_segment_id += 1;
        let made = self.write_new(name, bytes, group);
        if made.is_err() {
            remove_quietly(&*self.catalog.disk, &format!("{name}{TEMPORARY_SUFFIX}"));
            remove_quietly(&*self.catalog.disk, &name.to_string());
        }
        made
    }

    fn write_new(&self, name: SegmentName, bytes: u64, group: Option<&mut GroupBuffer>) -> io::Result<Active> {
        let disk = &self.catalog.disk;
        let header = Arc::new(self.header(name));
        let temporary = format!("{name}{TEMPORARY_SUFFIX}");
        let file = disk.open_or_create(&temporary)?;
        file.set_len(0)?;
        file.reserve(bytes)?;
        file.write_at(&header.to_block(), 0)?;
        let segment = Arc::new(Segment::with_header(bytes, Arc::clone(&header)));
        let (id, newest_received) = (file.identity()?, UnixNanos(i64::MIN));
        let mut active = Active { segment, header, file, id, offset: BLOCK, newest_received, is_open: false };
        if let Some(group) = group {
            let place = active.place(name.first);
            active.file.write_at(group.seal(&place), place.offset)?;
            active.offset += group.bytes_on_disk();
            active.is_open = true;
        }
        active.file.sync()?;
        disk.rename(&temporary, &name.to_string())?;
        disk.sync_names()?;
        Ok(active)
    }

    fn header(&self, name: SegmentName) -> SegmentHeader {
        // More ends than fit cannot occur: every durable header empties the list, and only ended segments add to it.
        debug_assert!(self.ends.len() <= ENDS_MAX);
        SegmentHeader {
            name,
            journal: self.remover.journal,
            previous_journal: self.last_journal,
            salt: Uuid::new_v4().as_u64_pair().0,
            ends: self.ends.clone(),
        }
    }

    fn failed(&self, error: &io::Error) -> AppendError {
        let directory = self.remover.options.directory.clone();
        let detail = error.to_string();
        if is_full(error) {
            AppendError::DiskFull { directory, detail }
        } else {
            AppendError::Failed { directory, detail }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Active {
    fn place(&self, first: Sequence) -> GroupLocation {
        let header = &self.header;
        GroupLocation { salt: header.salt, segment_id: header.name.id, offset: self.offset, first }
    }

    fn has_room(&self, group_bytes: u64) -> bool {
        self.offset + round_up(group_bytes) + BLOCK <= self.segment.bytes()
    }

    fn end(&self, next: Sequence) -> SegmentEnd {
        let (segment_id, offset) = (self.header.name.id, self.offset);
        SegmentEnd { segment_id, offset, next, newest_received: self.newest_received }
    }
}

/// Fails all remaining waiters when the writer ends for any reason.
struct AbortOnExit<'a>(&'a Pending);

impl Drop for AbortOnExit<'_> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
