//! How much of the journal each source holds undelivered, so that one that floods
//! while sinks are away cannot fill it for all.
//!
//! A source may hold at most seven times what is still free. So one alone gets
//! seven eighths of the journal, two get seven fifteenths each, and whoever is quiet
//! finds room whatever the others do: a segment at least, where there are four (starts of a journal that is full use
//! it up, one a segment). No share has to be configured, and none lies idle. What is delivered to all required sinks counts for nobody: it gives way.
//!
//! Bytes are counted by stretches of the journal, of a 64th of it each: so the
//! memory is bounded whatever the backlog, a start scans nothing (the stretches are
//! stored when one is complete), and a stretch that is partly delivered counts as a
//! whole. What a kill forgets is the stretch under way; it counts as nobody's.

use super::disk::{self, SharedDisk};
use super::ledger::{Ledger, SourceName, checked_line, with_checksum};
use super::{AppendError, Options, Sequence, SourceId};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A source may hold so many times what is free.
const TIMES_FREE: u64 = 7;
/// The journal in stretches.
const STRETCHES: u64 = 64;
/// So often it is looked, in bytes, as a part of the journal.
const CHECKS: u64 = 256;
/// So often it is looked while somebody is held back.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// In a journal of fewer no segment is kept back.
const SEGMENTS_LEAST: u64 = 4;
/// Before the first source: what nobody is known to have brought.
const UNKNOWN_SOURCE: SourceId = SourceId(0);
const FILE: &str = "shares";
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Bytes by source, in the order of their first record.
pub(super) type BytesBySource = Vec<(SourceId, u64)>;

/// Adds to a tally.
pub(super) fn add(tally: &mut BytesBySource, source: SourceId, bytes: u64) {
    match tally.iter_mut().find(|(known, _)| *known == source) {
        Some((_, so_far)) => *so_far += bytes,
        None => tally.push((source, bytes)),
    }
}

/// What a source holds of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Its name.
    pub source: Arc<str>,
    /// Bytes of its records that not all required sinks have.
    pub held_bytes: u64,
    /// Whether it is refused until the sinks have some of them.
    pub is_held_back: bool,
}

/// How full the journal is of what cannot give way.
#[derive(Debug)]
pub(super) struct FillLevel {
    pub(super) oldest: Sequence,
    /// Every required cursor is beyond what comes before this.
    pub(super) delivered: Sequence,
    /// Segments that hold something after it, the room reserved in the last one counted.
    pub(super) undelivered_bytes: u64,
    /// The name of the slowest cursor.
    pub(super) slowest: String,
}

/// Who holds how much.
#[derive(Debug)]
pub(super) struct Shares {
    disk: SharedDisk,
    names: Arc<Ledger<SourceName>>,
    cap_bytes: u64,
    segment_bytes: u64,
    is_limited: bool,
    /// Read for every record, so that no lock is taken while nobody is held back.
    any_held_back: AtomicBool,
    state: Mutex<ShareState>,
}

#[derive(Debug, Default)]
struct ShareState {
    stretches: VecDeque<Stretch>,
    held: BytesBySource,
    held_back: Vec<SourceId>,
    unlooked_bytes: u64,
    looked: Option<Instant>,
    slowest: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Stretch {
    /// The record after its last.
    until: Sequence,
    bytes: BytesBySource,
}

impl Stretch {
    fn total(&self) -> u64 {
        self.bytes.iter().map(|(_, bytes)| bytes).sum()
    }

    fn to_line(&self) -> String {
        let shares = self.bytes.iter().map(|(source, bytes)| format!(" {}:{bytes}", source.0));
        with_checksum(&format!("{}{}", self.until, shares.collect::<String>()))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = checked_line(line)?.split(' ');
        let until = Sequence(words.next()?.parse().ok()?);
        let share = |word: &str| {
            let (source, bytes) = word.split_once(':')?;
            Some((SourceId(source.parse().ok()?), bytes.parse().ok()?))
        };
        let bytes = words.map(share).collect::<Option<BytesBySource>>()?;
        Some(Self { until, bytes })
    }
}

impl Shares {
    /// As stored; of the `stored_bytes` before `next`, what no stretch tells of is nobody's.
    pub(super) fn read(
        disk: SharedDisk,
        names: Arc<Ledger<SourceName>>,
        options: &Options,
        next: Sequence,
        stored_bytes: u64,
    ) -> Self {
        let mut stretches = stored(&disk);
        stretches.retain(|stretch| stretch.until <= next);
        let known: u64 = stretches.iter().map(Stretch::total).sum();
        let unknown = stored_bytes.saturating_sub(known);
        stretches.push_back(Stretch { until: next, bytes: vec![(UNKNOWN_SOURCE, unknown)] });
        Self {
            disk,
            names,
            cap_bytes: options.cap_bytes,
            segment_bytes: options.segment_bytes,
            is_limited: options.is_shared,
            any_held_back: AtomicBool::new(false),
            state: Mutex::new(ShareState { stretches, ..ShareState::default() }),
        }
    }

    /// Whether a record of this source is taken.
    pub(super) fn admit(&self, source: SourceId) -> Result<(), AppendError> {
        if !self.any_held_back.load(Ordering::Relaxed) {
            return Ok(());
        }
        let state = self.state.lock();
        if !state.held_back.contains(&source) {
            return Ok(());
        }
        let held_bytes = state.held.iter().find(|(known, _)| *known == source).map_or(0, |(_, bytes)| *bytes);
        Err(AppendError::ShareFull { held_bytes, cap_bytes: self.cap_bytes, slowest: state.slowest.clone() })
    }

    /// Counts a group that was committed; `next` is the record after it.
    pub(super) fn note(&self, tally: &BytesBySource, bytes_on_disk: u64, next: Sequence) {
        let mut state = self.state.lock();
        let is_complete = state.stretches.back().is_none_or(|last| last.total() >= self.cap_bytes / STRETCHES);
        let to_store = is_complete.then(|| text(&state.stretches));
        if is_complete {
            state.stretches.push_back(Stretch { until: next, bytes: BytesBySource::new() });
        }
        if let Some(last) = state.stretches.back_mut() {
            last.until = next;
            for (source, bytes) in parts(tally, bytes_on_disk) {
                add(&mut last.bytes, source, bytes);
            }
        }
        state.unlooked_bytes += bytes_on_disk;
        drop(state);
        if let Some(text) = to_store {
            self.store(&text);
        }
    }

    /// Whether it is time to look who holds how much.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let state = self.state.lock();
        let is_long_ago = state.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= CHECK_EVERY);
        state.unlooked_bytes >= self.cap_bytes / CHECKS || (is_long_ago && !state.held_back.is_empty())
    }

    /// Looks who holds how much of what is not delivered, and who has to wait for it.
    pub(super) fn update(&self, fill: &FillLevel, now: Instant) {
        let mut state = self.state.lock();
        let gone = state.stretches.iter().take_while(|stretch| stretch.until <= fill.oldest).count();
        state.stretches.drain(..gone);
        state.held = held(&state.stretches, fill.delivered);
        let free = self.free_bytes(fill.undelivered_bytes);
        let is_over = |bytes: u64| self.is_limited && bytes > free.saturating_mul(TIMES_FREE);
        let over = state.held.iter().filter(|(source, bytes)| *source != UNKNOWN_SOURCE && is_over(*bytes));
        let held_back: Vec<SourceId> = over.map(|(source, _)| *source).collect();
        self.report(&state.held_back, &held_back, &fill.slowest);
        self.any_held_back.store(!held_back.is_empty(), Ordering::Relaxed);
        state.held_back = held_back;
        fill.slowest.clone_into(&mut state.slowest);
        state.unlooked_bytes = 0;
        state.looked = Some(now);
    }

    /// What may still be begun: whole segments, and one of them is kept for who was quiet.
    fn free_bytes(&self, undelivered_bytes: u64) -> u64 {
        let kept = if self.cap_bytes / SEGMENTS_LEAST < self.segment_bytes { 0 } else { self.segment_bytes };
        let free = self.cap_bytes.saturating_sub(undelivered_bytes);
        (free - free % self.segment_bytes).saturating_sub(kept)
    }

    /// Stores what is known, for the next start.
    pub(super) fn close(&self) {
        let text = text(&self.state.lock().stretches);
        self.store(&text);
    }

    /// What every source holds, as of the last look.
    pub(super) fn list(&self) -> Vec<Share> {
        let state = self.state.lock();
        let share = |&(source, held_bytes): &(SourceId, u64)| {
            let SourceName(name) = self.names.get(source.0)?;
            Some(Share { source: name, held_bytes, is_held_back: state.held_back.contains(&source) })
        };
        state.held.iter().filter_map(share).collect()
    }

    fn report(&self, before: &[SourceId], after: &[SourceId], slowest: &str) {
        let name = |source: &SourceId| self.names.get(source.0).map_or_else(|| "?".into(), |SourceName(name)| name);
        for source in after.iter().filter(|source| !before.contains(source)) {
            tracing::warn!(source = %name(source), waits_for = slowest, "it holds its share of the journal undelivered; its bodies are answered 503, so that others find room, until the sinks have some of them");
        }
        for source in before.iter().filter(|source| !after.contains(source)) {
            tracing::info!(source = %name(source), "it has room in the journal again");
        }
    }

    fn store(&self, text: &str) {
        if let Err(error) = disk::replace(&*self.disk, FILE, text.as_bytes()) {
            tracing::warn!(%error, "who holds how much of the journal could not be stored; after a start it counts as nobody's");
        }
    }
}

fn text(stretches: &VecDeque<Stretch>) -> String {
    stretches.iter().map(Stretch::to_line).collect()
}

/// What was stored; a damaged file says nothing.
fn stored(disk: &SharedDisk) -> VecDeque<Stretch> {
    let bytes = disk::read_whole(&**disk, FILE, FILE_BYTES_MAX).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let stretches = text.lines().map(Stretch::parse).collect::<Option<VecDeque<_>>>().unwrap_or_default();
    if stretches.iter().zip(stretches.iter().skip(1)).all(|(one, next)| one.until <= next.until) {
        stretches
    } else {
        VecDeque::new()
    }
}

/// What a group took on disk, by who brought how much of it.
fn parts(tally: &BytesBySource, bytes_on_disk: u64) -> impl Iterator<Item = (SourceId, u64)> + '_ {
    let total: u64 = tally.iter().map(|(_, bytes)| bytes).sum();
    let nobodys = (total == 0).then_some((UNKNOWN_SOURCE, bytes_on_disk));
    let part = move |&(source, bytes): &(SourceId, u64)| {
        let part = u128::from(bytes_on_disk) * u128::from(bytes) / u128::from(total.max(1));
        (source, u64::try_from(part).unwrap_or(u64::MAX))
    };
    tally.iter().map(part).chain(nobodys)
}

fn held(stretches: &VecDeque<Stretch>, delivered: Sequence) -> BytesBySource {
    let mut held = BytesBySource::new();
    for stretch in stretches.iter().filter(|stretch| stretch.until > delivered) {
        for &(source, bytes) in &stretch.bytes {
            add(&mut held, source, bytes);
        }
    }
    held
}
