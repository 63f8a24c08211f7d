//! Pending groups: the queue of records between the appending threads and the writer.
//!
//! Appending threads copy frames under a short lock that is never held across I/O. A
//! full group is followed by the next, so no thread waits for room here: the memory is
//! bounded by the records that callers wait for, plus two spare buffers.
//!
//! A commit costs the same for one record and for a hundred. So while many senders are in flight,
//! the writer waits for more of them after an answer, within bounds: see [`Expected`].

use super::append::{Append, Waiters};
use super::block::{BLOCK_LEN, on_disk, round_up};
use super::frame::{FRAME_HEADER_LEN, number_frames};
use super::group::{GROUP_HEADER_LEN, GroupHeader};
use super::share::{self, BytesBySource};
use super::{AppendError, RecordHeader, Sequence};
use crate::clock::Clock;
use crate::reading::UnixNanos;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Spare buffers: one is filled while the other is written.
const SPARE_BUFFERS_MAX: usize = 2;
/// A group of this many records does not wait for more: its commit is a small part of their cost.
const EXPECTED_MAX: u32 = 64;
/// A group leaves out this many of the senders in flight: with no more than these, every commit
/// begins at once, and with more, the processor has work during the commit. Measured with 8 and 32
/// senders: a group that waits for most of them takes less CPU a record, but makes them slower.
const LEFT_OUT: u32 = 32;

/// A group before its commit: space for its header, then its frames.
#[derive(Debug)]
pub(super) struct GroupBuffer {
    bytes: Vec<u8>,
    /// The end of the frames; padding follows.
    frames_end: usize,
    count: u32,
    newest_received: UnixNanos,
    /// Bytes by source.
    tally: BytesBySource,
    waiters: Arc<Waiters>,
}

impl GroupBuffer {
    pub(super) fn empty(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        bytes.resize(GROUP_HEADER_LEN, 0);
        Self {
            bytes,
            frames_end: GROUP_HEADER_LEN,
            count: 0,
            newest_received: UnixNanos(i64::MIN),
            tally: BytesBySource::new(),
            waiters: Arc::default(),
        }
    }

    /// A group read from a segment (header and frames), to be written again.
    pub(super) fn recovered(bytes: Vec<u8>, count: u32, newest_received: UnixNanos) -> Self {
        Self {
            frames_end: bytes.len(),
            bytes,
            count,
            newest_received,
            tally: BytesBySource::new(),
            waiters: Arc::default(),
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn newest_received(&self) -> UnixNanos {
        self.newest_received
    }

    pub(super) fn tally(&self) -> &BytesBySource {
        &self.tally
    }

    pub(super) fn waiters(&self) -> &Arc<Waiters> {
        &self.waiters
    }

    /// Its size in a segment.
    pub(super) fn bytes_on_disk(&self) -> u64 {
        round_up(on_disk(self.frames_end))
    }

    /// The bytes of the group for this location: frames numbered, header set, padded. May be
    /// called again for another location.
    pub(super) fn seal(&mut self, location: &GroupLocation) -> &[u8] {
        let header = GroupHeader {
            salt: location.salt,
            segment_id: location.segment_id,
            offset: location.offset,
            first: location.first,
            count: self.count,
            frames_len: u32::try_from(self.frames_end - GROUP_HEADER_LEN).unwrap_or(u32::MAX),
            synced_through: location.offset,
        };
        self.bytes.resize(self.frames_end.next_multiple_of(BLOCK_LEN), 0);
        number_frames(&mut self.bytes[GROUP_HEADER_LEN..self.frames_end], location.first);
        self.bytes[..GROUP_HEADER_LEN].copy_from_slice(&header.to_bytes());
        &self.bytes
    }

    pub(super) fn push(
        &mut self,
        frame_header: &[u8; FRAME_HEADER_LEN],
        payload: &[u8],
        header: &RecordHeader,
    ) -> Append {
        self.bytes.extend_from_slice(frame_header);
        self.bytes.extend_from_slice(payload);
        self.frames_end = self.bytes.len();
        self.newest_received = self.newest_received.max(header.received);
        share::add(&mut self.tally, header.source, (FRAME_HEADER_LEN + payload.len()) as u64);
        let index = self.count;
        self.count += 1;
        Append::new(Arc::clone(&self.waiters), index)
    }

    fn has_room(&self, frame_len: usize, group_bytes_max: usize) -> bool {
        self.frames_end + frame_len <= group_bytes_max
    }
}

/// The location of a group in a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupLocation {
    pub(super) salt: u64,
    pub(super) segment_id: u64,
    pub(super) offset: u64,
    pub(super) first: Sequence,
}

/// The queue between the appending threads and the writer.
#[derive(Debug)]
pub(super) struct Pending {
    group_bytes_max: usize,
    group_wait_max: Duration,
    clock: Clock,
    queue: Mutex<Queue>,
    work: Condvar,
    /// How often the writer asked for work.
    turns: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    groups: VecDeque<GroupBuffer>,
    spare: Vec<Vec<u8>>,
    expected: Option<Expected>,
    /// The writer sleeps until the first group has this many records.
    wake_at: Option<u32>,
    closed: bool,
}

/// The records that the writer waits for after an answer.
///
/// The senders in flight are those that were just answered, who send again, and those whose records
/// wait already. So groups grow while more senders come in the time of a commit, and nothing is
/// expected of a few. The time counts from the answer: a record that comes later never waits.
#[derive(Debug, Clone, Copy)]
struct Expected {
    records: u32,
    until: Instant,
}

impl Expected {
    fn after(answered: u32, waiting: u32, until: Instant) -> Self {
        let in_flight = answered.saturating_add(waiting);
        Self { records: in_flight.saturating_sub(LEFT_OUT).min(EXPECTED_MAX), until }
    }
}

/// The next work of the writer.
#[derive(Debug)]
pub(super) enum Work {
    /// Commit this group.
    Group(GroupBuffer),
    /// No record arrived during the wait.
    Idle,
    /// The queue is empty and closed.
    Closed,
}

impl Pending {
    pub(super) fn new(group_bytes_max: usize, group_wait_max: Duration, clock: Clock) -> Self {
        let (queue, work, turns) = (Mutex::default(), Condvar::new(), AtomicU64::new(0));
        Self { group_bytes_max, group_wait_max, clock, queue, work, turns }
    }

    /// Copies a frame into the group that is being filled.
    pub(super) fn push(
        &self,
        frame_header: &[u8; FRAME_HEADER_LEN],
        payload: &[u8],
        header: &RecordHeader,
    ) -> Result<Append, AppendError> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(AppendError::Closed);
        }
        let append = queue.group_with_room(FRAME_HEADER_LEN + payload.len(), self.group_bytes_max).push(
            frame_header,
            payload,
            header,
        );
        let wake = queue.wake_at.is_some_and(|records| queue.has(records));
        if wake {
            queue.wake_at = None;
        }
        drop(queue);
        if wake {
            self.work.notify_one();
        }
        Ok(append)
    }

    /// The oldest group once it has the expected records, or [`Work::Idle`] after `idle_after`, or
    /// [`Work::Closed`].
    pub(super) fn next_work(&self, idle_after: Duration) -> Work {
        self.turns.fetch_add(1, Ordering::Relaxed);
        let mut queue = self.queue.lock();
        let mut now = self.clock.monotonic();
        let idle_at = now + idle_after;
        loop {
            let expected = queue.still_expected(now);
            if expected.is_none() {
                if let Some(group) = queue.groups.pop_front() {
                    return Work::Group(group);
                }
                if queue.closed {
                    return Work::Closed;
                }
                if now >= idle_at {
                    return Work::Idle;
                }
            }
            let (records, until) = expected.map_or((1, idle_at), |expected| (expected.records, expected.until));
            queue.wake_at = Some(records);
            self.work.wait_for(&mut queue, until.saturating_duration_since(now));
            queue.wake_at = None;
            now = self.clock.monotonic();
        }
    }

    /// How often the writer asked for work.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Takes a group back after its answer.
    pub(super) fn answered(&self, group: GroupBuffer) {
        let until = self.clock.monotonic() + self.group_wait_max;
        let mut queue = self.queue.lock();
        let waiting = queue.groups.iter().map(|group| group.count).sum();
        queue.expected = Some(Expected::after(group.count, waiting, until));
        let is_usual = group.bytes.capacity() <= self.group_bytes_max.next_multiple_of(BLOCK_LEN) * 2;
        if is_usual && queue.spare.len() < SPARE_BUFFERS_MAX {
            queue.spare.push(group.bytes);
        }
    }

    /// Makes the next group wait for this many records, so that a test knows what is in it.
    #[cfg(test)]
    pub(super) fn gather(&self, records: u32, at_most: Duration) {
        self.queue.lock().expected = Some(Expected { records, until: self.clock.monotonic() + at_most });
    }

    /// Accepts no more records; the writer commits the pending groups.
    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.work.notify_all();
    }

    /// Accepts no more records and fails the pending groups, because the writer has ended.
    pub(super) fn abort(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        let groups = std::mem::take(&mut queue.groups);
        drop(queue);
        for group in groups {
            group.waiters.resolve(Err(AppendError::Closed));
            group.waiters.wake_rest();
        }
    }
}

impl Queue {
    /// Whether the first group has this many records, or no room for more.
    fn has(&self, records: u32) -> bool {
        self.groups.len() > 1 || self.groups.front().is_some_and(|group| group.count >= records)
    }

    /// The records that are still expected. A single one is not: the writer sleeps until it comes.
    fn still_expected(&self, now: Instant) -> Option<Expected> {
        let is_open = |it: &Expected| it.records > 1 && now < it.until && !self.has(it.records) && !self.closed;
        self.expected.filter(is_open)
    }

    /// The group being filled, or a new one if that has no room. A record larger than a
    /// group gets a group of its own.
    fn group_with_room(&mut self, frame_len: usize, group_bytes_max: usize) -> &mut GroupBuffer {
        let fits = self.groups.back().is_some_and(|group| group.has_room(frame_len, group_bytes_max));
        if !fits {
            let group = GroupBuffer::empty(self.spare.pop().unwrap_or_default());
            self.groups.push_back(group);
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }
}

#[cfg(test)]
mod tests;
