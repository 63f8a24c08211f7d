//! Shares: the undelivered bytes of each source in the journal, limited so that a source
//! that floods while sinks are away cannot fill it for all.
//!
//! A source may hold at most seven times the free space. So one source alone gets seven
//! eighths of the journal, two get seven fifteenths each, and a quiet source finds room
//! whatever the others do: at least one segment, if there are four (starts of a full
//! journal use it up, one segment each). No share is configured and no space lies idle.
//! Records delivered to all required sinks count for no source, because they can be
//! removed.
//!
//! Bytes are counted by stretches of a 64th of the journal each. So the memory is bounded
//! for any backlog, a start scans nothing (a complete stretch is stored), and a partly
//! delivered stretch counts as a whole. A kill loses the current stretch, whose bytes then
//! count for no source.

use super::disk::{self, SharedDisk};
use super::ledger::{Ledger, SourceName};
use super::{AppendError, Options, Sequence, SourceId};
use crate::base::checked::{checked_line, with_checksum};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The maximum share of a source, as a multiple of the free space.
const TIMES_FREE: u64 = 7;
/// The number of stretches of the journal.
const STRETCHES: u64 = 64;
/// Updates per journal size: one after each 256th of it.
const CHECKS: u64 = 256;
/// The interval of updates while a source is held back.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// The least number of segments for which one is reserved.
const SEGMENTS_LEAST: u64 = 4;
/// The source of bytes whose source is unknown.
const UNKNOWN_SOURCE: SourceId = SourceId(0);
const FILE: &str = "shares";
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Bytes by source, in the order of their first record.
pub(super) type BytesBySource = Vec<(SourceId, u64)>;

/// Adds bytes of a source.
pub(super) fn add(tally: &mut BytesBySource, source: SourceId, bytes: u64) {
    match tally.iter_mut().find(|(known, _)| *known == source) {
        Some((_, so_far)) => *so_far += bytes,
        None => tally.push((source, bytes)),
    }
}

/// The share of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The source's name.
    pub source: Arc<str>,
    /// Bytes of its records that a required sink still needs.
    pub held_bytes: u64,
    /// Whether it is refused until the sinks have received some of them.
    pub is_held_back: bool,
}

/// The fill level of records that cannot be removed.
#[derive(Debug)]
pub(super) struct FillLevel {
    pub(super) oldest: Sequence,
    /// Every record before it was delivered to all required sinks.
    pub(super) delivered: Sequence,
    /// Bytes of the segments with later records, including the reserved room of the last one.
    pub(super) undelivered_bytes: u64,
    /// The name of the slowest cursor.
    pub(super) slowest: String,
}

/// The shares of all sources.
#[derive(Debug)]
pub(super) struct Shares {
    disk: SharedDisk,
    names: Arc<Ledger<SourceName>>,
    cap_bytes: u64,
    segment_bytes: u64,
    is_limited: bool,
    /// Read for every record, so that no lock is taken while no source is held back.
    any_held_back: AtomicBool,
    state: Mutex<ShareState>,
}

#[derive(Debug, Default)]
struct ShareState {
    stretches: VecDeque<Stretch>,
    held: BytesBySource,
    held_back: Vec<SourceId>,
    bytes_since_update: u64,
    updated: Option<Instant>,
    slowest: String,
    /// Whether a stretch was completed since the last store.
    is_store_due: bool,
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
    /// Reads the stored stretches. Of the `stored_bytes` before `next`, bytes in no stretch
    /// have an unknown source.
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

    /// Checks that a record of this source is accepted.
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
        state.is_store_due |= is_complete;
        if is_complete {
            state.stretches.push_back(Stretch { until: next, bytes: BytesBySource::new() });
        }
        if let Some(last) = state.stretches.back_mut() {
            last.until = next;
            for (source, bytes) in parts(tally, bytes_on_disk) {
                add(&mut last.bytes, source, bytes);
            }
        }
        state.bytes_since_update += bytes_on_disk;
    }

    /// Stores the shares if a stretch was completed. Called after the group's answers, because
    /// no sender waits for it.
    pub(super) fn store_if_due(&self) {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.is_store_due) {
            let text = text(&state.stretches);
            drop(state);
            self.store(&text);
        }
    }

    /// Whether an update is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let state = self.state.lock();
        let is_overdue = state.updated.is_none_or(|updated| now.saturating_duration_since(updated) >= CHECK_EVERY);
        state.bytes_since_update >= self.cap_bytes / CHECKS || (is_overdue && !state.held_back.is_empty())
    }

    /// Updates the undelivered bytes of each source, and the sources held back.
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
        state.bytes_since_update = 0;
        state.updated = Some(now);
    }

    /// The free bytes: whole segments, minus one reserved for quiet sources.
    fn free_bytes(&self, undelivered_bytes: u64) -> u64 {
        let kept = if self.cap_bytes / SEGMENTS_LEAST < self.segment_bytes { 0 } else { self.segment_bytes };
        let free = self.cap_bytes.saturating_sub(undelivered_bytes);
        (free - free % self.segment_bytes).saturating_sub(kept)
    }

    /// Stores the shares for the next start.
    pub(super) fn close(&self) {
        let text = text(&self.state.lock().stretches);
        self.store(&text);
    }

    /// The share of every source, as of the last update.
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
            tracing::warn!(source = %name(source), waits_for = slowest, "the source holds too much of the journal and gets 503 until the sinks catch up");
        }
        for source in before.iter().filter(|source| !after.contains(source)) {
            tracing::info!(source = %name(source), "the source has room in the journal again");
        }
    }

    fn store(&self, text: &str) {
        if let Err(error) = disk::replace(&*self.disk, FILE, text.as_bytes(), FILE_BYTES_MAX) {
            tracing::warn!(%error, "cannot store the per-source sizes of the journal; after a restart, older bytes do not count towards any source's limit");
        }
    }
}

fn text(stretches: &VecDeque<Stretch>) -> String {
    stretches.iter().map(Stretch::to_line).collect()
}

/// The stored stretches; none if the file is damaged.
fn stored(disk: &SharedDisk) -> VecDeque<Stretch> {
    let bytes = disk::read_whole(&**disk, FILE, FILE_BYTES_MAX).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let stretches = text.lines().map(Stretch::parse).collect::<Option<VecDeque<_>>>();
    let is_ordered =
        |it: &VecDeque<Stretch>| it.iter().zip(it.iter().skip(1)).all(|(one, next)| one.until <= next.until);
    stretches.filter(is_ordered).unwrap_or_else(|| {
        let directory = disk.path().display();
        tracing::warn!(file = FILE, %directory, "the list of each source's bytes is damaged and not used: records that are in the journal now count for no source; you need not do anything");
        VecDeque::new()
    })
}

/// The bytes of a group on disk, divided by source.
fn parts(tally: &BytesBySource, bytes_on_disk: u64) -> impl Iterator<Item = (SourceId, u64)> + '_ {
    let total: u64 = tally.iter().map(|(_, bytes)| bytes).sum();
    let unknown = (total == 0).then_some((UNKNOWN_SOURCE, bytes_on_disk));
    let part = move |&(source, bytes): &(SourceId, u64)| {
        let part = u128::from(bytes_on_disk) * u128::from(bytes) / u128::from(total.max(1));
        (source, u64::try_from(part).unwrap_or(u64::MAX))
    };
    tally.iter().map(part).chain(unknown)
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
