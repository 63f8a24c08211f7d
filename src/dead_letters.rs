//! Dead letters: undelivered data that waits for a re-submit or a drop.
//!
//! Dead letters have a journal of their own (same code and promises: synced before
//! acknowledged, checked, recovered). Each contains the original body, so it can be
//! shown, exported and re-submitted after the main journal has deleted the record. A
//! decision about a dead letter is a record too. The cursor `open` pins the oldest
//! open one.
//!
//! **Re-submit** works as if the sender had sent the body again now: it passes ingest,
//! is judged by the current rule and is appended at the journal's end, where the later
//! value of a key wins. So a dead letter that is older than a correction of the same keys
//! should be shown first (`show`) and dropped. A delivery into the middle of the sent data
//! would need a second writer beside the pumps, which would break their order.
//!
//! Bounds: [`LETTERS_BYTES_MAX`] on disk and [`OPEN_LETTERS_MAX`] open dead letters. At
//! a bound the oldest open ones are evicted, counted and logged, if their kind is
//! evictable ([`Kind::is_evictable`]): else one meter with a wrong clock would stop the
//! keeper, then the journal, then ingest. An older dead letter that is not evictable
//! blocks the room of all later ones; then adding one is an error, and the pump that
//! needs it stops with that error.
//!
//! Knows sources and sinks only by name.

mod index;
mod letter;
mod read;
#[cfg(test)]
mod tests;

pub use letter::{DeadLetter, Kind, LetterId, LetterSummary, Row, RowSummary, Settlement};
pub use read::{StoredLetter, read_all, read_one};

use crate::clock::Clock;
use crate::journal::{
    Append, AppendError, Cursor, CursorError, Journal, LedgerError, OpenError, Options, ReadError, RecordHeader,
    Retention, RuleVersion, Sequence, SourceId, Verdict,
};
use crate::metrics;
use crate::reading::Limits;
use index::Index;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The maximum size of all dead letters on disk.
pub const LETTERS_BYTES_MAX: u64 = if cfg!(test) { 60 << 20 } else { 256 << 20 };
/// The maximum number of open dead letters; each takes about 300 bytes of memory.
pub const OPEN_LETTERS_MAX: usize = if cfg!(test) { 8 } else { 20_000 };

const SEGMENT_BYTES: u64 = 20 << 20;
/// Evictions in one batch, so that a full store is not cleared one by one.
const EVICTION_BATCH: usize = if cfg!(test) { 2 } else { 500 };
const OPEN_CURSOR: &str = "open";
/// The formats of this journal's records; numbers are stored and never reused.
const FORMAT_LETTER: u16 = 1;
const FORMAT_SETTLED: u16 = 2;

/// The dead letters. A clone is the same store.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    journal: Journal,
    clock: Clock,
    source: SourceId,
    rule: RuleVersion,
    index: Arc<Mutex<Index>>,
    /// Open dead letters by [`Kind::index`], so that a page need not wait for the index,
    /// which is held across syncs.
    counts: Arc<[AtomicU64; Kind::ALL.len()]>,
}

/// Why dead letters cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// Their journal cannot be opened.
    #[error("the dead letters cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// A dead letter could not be written.
    #[error("a dead letter could not be written: {0}")]
    Append(#[from] AppendError),
    /// A dead letter could not be read.
    #[error("a dead letter could not be read: {0}")]
    Read(#[from] ReadError),
    /// Their cursor could not be stored.
    #[error("the dead letters' cursor could not be stored: {0}")]
    Cursor(#[from] CursorError),
    /// Their ledgers could not be written.
    #[error("the dead letters' ledgers could not be written: {0}")]
    Ledger(#[from] LedgerError),
    /// No room, and the oldest open dead letter is not evictable.
    #[error(
        "the dead letters are full ({OPEN_LETTERS_MAX} open ones, or {LETTERS_BYTES_MAX} bytes since the oldest open one), \
         and the oldest ({oldest}) cannot be removed automatically; re-submit or drop it (see \
         `meterline dead-letters list`)"
    )]
    Full {
        /// The oldest open dead letter.
        oldest: LetterId,
    },
    /// There is no such dead letter.
    #[error("there is no dead letter {0}; `meterline dead-letters list` shows the existing ones")]
    Unknown(LetterId),
    /// It was settled before.
    #[error("dead letter {0} was settled before")]
    Settled(LetterId),
    /// The record is not a valid dead letter.
    #[error("the stored record of dead letter {0} cannot be used: {1}")]
    Invalid(LetterId, String),
}

/// The options of the dead letters' journal.
pub fn journal_options(directory: impl Into<PathBuf>, clock: Clock) -> Options {
    let mut options = Options::new(directory);
    options.segment_bytes = SEGMENT_BYTES;
    options.cap_bytes = LETTERS_BYTES_MAX;
    options.retain = Retention { bytes: LETTERS_BYTES_MAX / 4, age_ns: i64::MAX };
    options.clock = clock;
    options
}

impl DeadLetters {
    /// Opens the dead letters of a directory and reads which are open.
    ///
    /// # Errors
    /// When the directory is in use, damaged or cannot be written.
    pub fn open(directory: impl Into<PathBuf>, clock: Clock) -> Result<Self, DeadLetterError> {
        let (journal, _) = Journal::open(journal_options(directory, clock.clone()))?;
        Self::of(journal, clock)
    }

    /// The dead letters of an open journal.
    fn of(journal: Journal, clock: Clock) -> Result<Self, DeadLetterError> {
        let source = journal.source_id("dead-letters")?;
        let rule = journal.rule_version(&Limits::DEFAULT)?;
        let mut index = Index::default();
        let mut reader = journal.reader(journal.oldest().next)?;
        while let Some(record) = reader.read()? {
            let id = LetterId(record.sequence.0);
            match record.header.format {
                FORMAT_LETTER => match DeadLetter::decode(record.payload) {
                    Ok(letter) => index.add(id, &letter),
                    Err(why) => tracing::error!(letter = id.0, why, "a dead letter is not valid"),
                },
                FORMAT_SETTLED => {
                    if let Ok((settled, _)) = letter::decode_settlement(record.payload) {
                        index.settle(settled);
                    }
                }
                _ => {}
            }
        }
        let letters = Self { journal, clock, source, rule, index: Arc::new(Mutex::new(index)), counts: Arc::default() };
        letters.publish_counts(&letters.index());
        letters.store_cursor(&mut letters.index())?;
        Ok(letters)
    }

    /// Writes a dead letter; synced on return. An open one of the same kind about the same
    /// data is not written twice.
    ///
    /// # Errors
    /// When there is no room, or the disk fails: the caller must then stop.
    pub fn add(&self, letter: &DeadLetter) -> Result<LetterId, DeadLetterError> {
        let mut index = self.index();
        if let Some(id) = index.find(letter) {
            return Ok(id);
        }
        // Held across the sync on purpose: dead letters are rare, and their numbers and
        // the index must agree.
        let id = self.append_letter(&mut index, letter)?;
        index.add(id, letter);
        metrics::counter("meterline_dead_letters_total", &[("kind", letter.kind.label().to_owned())]).increment(1);
        self.publish_counts(&index);
        Ok(id)
    }

    /// The dead letter with its body.
    ///
    /// # Errors
    /// When there is no such dead letter, or it cannot be read.
    pub fn get(&self, id: LetterId) -> Result<DeadLetter, DeadLetterError> {
        let mut reader = self.journal.reader(Sequence(id.0)).map_err(|_| DeadLetterError::Unknown(id))?;
        match reader.read()? {
            Some(record) if record.header.format == FORMAT_LETTER => {
                DeadLetter::decode(record.payload).map_err(|why| DeadLetterError::Invalid(id, why))
            }
            _ => Err(DeadLetterError::Unknown(id)),
        }
    }

    /// Settles an open dead letter.
    ///
    /// # Errors
    /// When it is not open, or the disk fails.
    pub fn settle(&self, id: LetterId, how: Settlement) -> Result<(), DeadLetterError> {
        let mut index = self.index();
        if !index.is_open(id) {
            drop(index);
            self.get(id)?;
            return Err(DeadLetterError::Settled(id));
        }
        self.append(FORMAT_SETTLED, &letter::encode_settlement(id, how))?;
        index.settle(id);
        self.publish_counts(&index);
        self.store_cursor(&mut index)
    }

    /// The number of open dead letters by kind. Waits for no write.
    pub fn open_by_kind(&self) -> BTreeMap<String, u64> {
        let count = |kind: Kind| self.counts[kind.index()].load(Ordering::Relaxed);
        Kind::ALL.into_iter().map(|kind| (kind.label().to_owned(), count(kind))).collect()
    }

    /// The records with an open dead letter that made the sink's code panic.
    pub fn poisoned(&self, sink: &str) -> BTreeSet<Sequence> {
        self.index().poisoned(sink)
    }

    /// Closes their journal.
    pub fn close(&self) {
        self.journal.close();
    }

    /// Appends a dead letter, and evicts others first if necessary.
    fn append_letter(&self, index: &mut Index, letter: &DeadLetter) -> Result<LetterId, DeadLetterError> {
        let payload = letter.encode();
        while index.len() >= OPEN_LETTERS_MAX {
            self.evict(index)?;
        }
        loop {
            match self.append(FORMAT_LETTER, &payload) {
                Ok(sequence) => return Ok(LetterId(sequence.0)),
                Err(full @ AppendError::Full { .. }) if index.oldest().is_none() => return Err(full.into()),
                Err(AppendError::Full { .. }) => self.evict(index)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Evicts the oldest open dead letters.
    fn evict(&self, index: &mut Index) -> Result<(), DeadLetterError> {
        let mut evicted = Vec::new();
        while let Some((id, kind)) = index.oldest().filter(|(_, kind)| kind.is_evictable()) {
            if evicted.len() >= EVICTION_BATCH {
                break;
            }
            index.settle(id);
            evicted.push((id, kind));
        }
        let Some((last, _)) = evicted.last() else {
            let oldest = index.oldest().map_or(LetterId(0), |(id, _)| id);
            return Err(DeadLetterError::Full { oldest });
        };
        tracing::warn!(
            letters = evicted.len(),
            last = last.0,
            "the dead letters are full: the oldest were evicted; list the new ones with `meterline dead-letters list`"
        );
        // The room is free only after the cursor has moved.
        self.store_cursor(index)?;
        evicted.into_iter().for_each(|(id, kind)| self.record_eviction(id, kind));
        Ok(())
    }

    /// Records an eviction, so that the dead letter is not open again after a restart.
    /// Without room for that record it is, as long as its segment exists.
    fn record_eviction(&self, id: LetterId, kind: Kind) {
        metrics::counter("meterline_dead_letters_evicted_total", &[("kind", kind.label().to_owned())]).increment(1);
        let settlement = letter::encode_settlement(id, Settlement::Evicted);
        if let Err(error) = self.begin_append(FORMAT_SETTLED, &settlement) {
            tracing::debug!(letter = id.0, %error, "an eviction cannot be recorded");
        }
    }

    fn append(&self, format: u16, payload: &[u8]) -> Result<Sequence, AppendError> {
        self.begin_append(format, payload)?.wait()
    }

    fn begin_append(&self, format: u16, payload: &[u8]) -> Result<Append, AppendError> {
        let header = RecordHeader {
            source: self.source,
            format,
            verdict: Verdict::Deliverable,
            rule: self.rule,
            received: self.clock.now(),
        };
        self.journal.append(header, payload)
    }

    /// Pins the oldest open dead letter and everything after it. A lower cursor only keeps
    /// more, so new dead letters do not move it.
    fn store_cursor(&self, index: &mut Index) -> Result<(), DeadLetterError> {
        let oldest_open = index.oldest().map_or_else(|| self.journal.next(), |(id, _)| Sequence(id.0));
        if index.pinned != Some(oldest_open) {
            let cursor = Cursor::at(OPEN_CURSOR, self.journal.position(oldest_open), self.clock.now());
            self.journal.cursors().store(&cursor)?;
            index.pinned = Some(oldest_open);
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; the count is bounded")]
    fn publish_counts(&self, index: &Index) {
        for kind in Kind::ALL {
            self.counts[kind.index()].store(index.count(kind), Ordering::Relaxed);
            let gauge = metrics::gauge("meterline_dead_letters", &[("kind", kind.label().to_owned())]);
            gauge.set(index.count(kind) as f64);
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock()
    }
}
