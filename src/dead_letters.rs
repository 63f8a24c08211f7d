//! What could not be delivered, kept until somebody decides.
//!
//! The letters lie in a journal of their own (the same code and promises: synced
//! before it is acknowledged, checked, recovered), each with the body it came in,
//! so that it can be shown, exported and re-submitted when the main journal has
//! long let it go. What was decided about a letter is a record too. A cursor named
//! `open` pins the oldest letter that nobody has decided about.
//!
//! **Re-submitting** is as if the sender had sent the body again now: it goes
//! through ingest, is judged by today's rule and stands at the journal's end,
//! where the later value of a key wins. So a letter that is older than a correction
//! of the same keys should be looked at before (`show`) and dropped instead. The
//! other way, a delivery into the middle of what was sent already, would need a
//! second writer beside the pumps, and with it an order that nobody could promise.
//!
//! Bounds: [`LETTERS_BYTES_MAX`] on disk and [`OPEN_LETTERS_MAX`] open letters. When
//! they are reached, the oldest open letters give way, counted and logged, as long
//! as they are of a kind that may ([`Kind::is_evictable`]): else a single meter with a
//! wrong clock would stop the keeper, the journal behind it, and ingest. An older
//! letter that may not give way holds the room of all after it; then a new one is
//! an error for whoever writes it, who stops and says so.
//!
//! Knows nothing of sources and sinks beyond their names.

mod index;
mod letter;
mod read;
#[cfg(test)]
mod tests;

pub use letter::{Kind, DeadLetter, LetterId, LetterSummary, RowSummary, Row, Settlement};
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

/// All letters together, on disk.
pub const LETTERS_BYTES_MAX: u64 = if cfg!(test) { 60 << 20 } else { 256 << 20 };
/// Letters that nobody has decided about; each takes about 300 bytes of memory.
pub const OPEN_LETTERS_MAX: usize = if cfg!(test) { 8 } else { 20_000 };

const SEGMENT_BYTES: u64 = 20 << 20;
/// Many at once, so that a full house is not cleared letter by letter.
const EVICTION_BATCH: usize = if cfg!(test) { 2 } else { 500 };
const OPEN_CURSOR: &str = "open";
/// Formats of this journal's records; numbers are stored and never reused.
const FORMAT_LETTER: u16 = 1;
const FORMAT_SETTLED: u16 = 2;

/// The letters; a clone is the same.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    journal: Journal,
    clock: Clock,
    source: SourceId,
    rule: RuleVersion,
    index: Arc<Mutex<Index>>,
}

/// Why letters cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The letters' journal cannot be opened.
    #[error("the dead letters cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// A letter could not be made safe.
    #[error("a dead letter could not be kept: {0}")]
    Append(#[from] AppendError),
    /// A letter could not be read.
    #[error("a dead letter could not be read: {0}")]
    Read(#[from] ReadError),
    /// The letters' cursor could not be stored.
    #[error("the dead letters' cursor could not be stored: {0}")]
    Cursor(#[from] CursorError),
    /// The letters' lists could not be written.
    #[error("the dead letters' lists could not be written: {0}")]
    Ledger(#[from] LedgerError),
    /// No room, and the oldest open letter must not give way.
    #[error(
        "the dead letters are full ({OPEN_LETTERS_MAX} open ones, or {LETTERS_BYTES_MAX} bytes from the oldest open one \
         on), and that one, {oldest}, must not give way: look at them with `meterline dead-letters list`, then re-submit \
         or drop them, from the oldest on"
    )]
    Full {
        /// The oldest open letter.
        oldest: LetterId,
    },
    /// No such letter.
    #[error("there is no dead letter {0}; `meterline dead-letters list` shows those there are")]
    Unknown(LetterId),
    /// Somebody has decided already.
    #[error("dead letter {0} was settled before")]
    Settled(LetterId),
    /// The record is not what this program writes.
    #[error("dead letter {0} cannot be understood: {1}")]
    Invalid(LetterId, String),
}

/// The letters' journal, as it is opened.
#[must_use]
pub fn journal_options(directory: impl Into<PathBuf>, clock: Clock) -> Options {
    let mut options = Options::new(directory);
    options.segment_bytes = SEGMENT_BYTES;
    options.cap_bytes = LETTERS_BYTES_MAX;
    options.retain = Retention { bytes: LETTERS_BYTES_MAX / 4, age_ns: i64::MAX };
    options.clock = clock;
    options
}

impl DeadLetters {
    /// Opens the letters of a directory and reads which are open.
    ///
    /// # Errors
    /// When the directory is in use, damaged or cannot be written.
    pub fn open(directory: impl Into<PathBuf>, clock: Clock) -> Result<Self, DeadLetterError> {
        let (journal, _) = Journal::open(journal_options(directory, clock.clone()))?;
        let source = journal.source_id("dead-letters")?;
        let rule = journal.rule_version(&Limits::DEFAULT)?;
        let mut index = Index::default();
        let mut reader = journal.reader(journal.oldest().next)?;
        while let Some(record) = reader.read()? {
            let id = LetterId(record.sequence.0);
            match record.header.format {
                FORMAT_LETTER => match DeadLetter::decode(record.payload) {
                    Ok(letter) => index.add(id, &letter),
                    Err(why) => tracing::error!(letter = id.0, why, "a dead letter cannot be understood"),
                },
                FORMAT_SETTLED => {
                    if let Ok((settled, _)) = letter::decode_settlement(record.payload) {
                        index.settle(settled);
                    }
                }
                _ => {}
            }
        }
        let letters = Self { journal, clock, source, rule, index: Arc::new(Mutex::new(index)) };
        letters.set_gauges(&letters.index());
        letters.store_cursor(&mut letters.index())?;
        Ok(letters)
    }

    /// Keeps a letter; it is on disk when this returns. A letter of the same kind
    /// about the same thing that is still open is not kept twice.
    ///
    /// # Errors
    /// When there is no room, or the disk fails: the caller must not go on.
    pub fn add(&self, letter: &DeadLetter) -> Result<LetterId, DeadLetterError> {
        let mut index = self.index();
        if let Some(id) = index.find(letter) {
            return Ok(id);
        }
        // Held across the sync on purpose: letters are rare, and their numbers and
        // the index must agree.
        let id = self.append_letter(&mut index, letter)?;
        index.add(id, letter);
        metrics::counter("meterline_dead_letters_total", &[("kind", letter.kind.label().to_owned())]).increment(1);
        self.set_gauges(&index);
        Ok(id)
    }

    /// A letter with its body.
    ///
    /// # Errors
    /// When there is none of that number, or it cannot be read.
    pub fn get(&self, id: LetterId) -> Result<DeadLetter, DeadLetterError> {
        let mut reader = self.journal.reader(Sequence(id.0)).map_err(|_| DeadLetterError::Unknown(id))?;
        match reader.read()? {
            Some(record) if record.header.format == FORMAT_LETTER => {
                DeadLetter::decode(record.payload).map_err(|why| DeadLetterError::Invalid(id, why))
            }
            _ => Err(DeadLetterError::Unknown(id)),
        }
    }

    /// Notes what was decided about a letter.
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
        self.set_gauges(&index);
        self.store_cursor(&mut index)
    }

    /// The number of open letters by kind.
    #[must_use]
    pub fn open_by_kind(&self) -> BTreeMap<String, u64> {
        let index = self.index();
        Kind::ALL.iter().map(|kind| (kind.label().to_owned(), index.count(*kind))).collect()
    }

    /// The records that a sink's code died of and that nobody has decided about yet.
    #[must_use]
    pub fn poisoned(&self, sink: &str) -> BTreeSet<Sequence> {
        self.index().poisoned(sink)
    }

    /// Closes the letters' journal.
    pub fn close(&self) {
        self.journal.close();
    }

    /// Appends a letter, after others have given way if need be.
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

    /// The oldest open letters give way.
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
            "the dead letters are full: the oldest gave way; look at the new ones with `meterline dead-letters list`"
        );
        // The room is free only once the cursor has let go of it.
        self.store_cursor(index)?;
        evicted.into_iter().for_each(|(id, kind)| self.record_eviction(id, kind));
        Ok(())
    }

    /// So that it does not come back as open after a restart. Where even that finds
    /// no room it does, for as long as its segment is there.
    fn record_eviction(&self, id: LetterId, kind: Kind) {
        metrics::counter("meterline_dead_letters_evicted_total", &[("kind", kind.label().to_owned())]).increment(1);
        let settlement = letter::encode_settlement(id, Settlement::Evicted);
        if let Err(error) = self.begin_append(FORMAT_SETTLED, &settlement) {
            tracing::debug!(letter = id.0, %error, "an evicted letter cannot be marked as such");
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

    /// Pins the oldest open letter, and with it everything younger. A cursor that is
    /// lower than need be only keeps more, so new letters do not move it.
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
    fn set_gauges(&self, index: &Index) {
        for kind in Kind::ALL {
            let gauge = metrics::gauge("meterline_dead_letters", &[("kind", kind.label().to_owned())]);
            gauge.set(index.count(kind) as f64);
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock()
    }
}
