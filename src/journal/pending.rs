//! Pending groups: the queue of records between the appending threads and the writer.
//!
//! Appending threads copy frames under a short lock that is never held across I/O. A
//! full group is followed by the next, so no thread waits for room here: the memory is
//! bounded by the records that callers wait for, plus two spare buffers.

use super::append::{Append, Waiters};
use super::block::{BLOCK_LEN, on_disk, round_up};
use super::frame::{FRAME_HEADER_LEN, number_frames};
use super::group::{GROUP_HEADER_LEN, GroupHeader};
use super::share::{self, BytesBySource};
use super::{AppendError, RecordHeader, Sequence};
use crate::reading::UnixNanos;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Spare buffers: one is filled while the other is written.
const SPARE_BUFFERS_MAX: usize = 2;

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
    queue: Mutex<Queue>,
    work: Condvar,
    /// How often the writer asked for work.
    turns: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    groups: VecDeque<GroupBuffer>,
    spare: Vec<Vec<u8>>,
    writer_sleeps: bool,
    closed: bool,
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
    pub(super) fn new(group_bytes_max: usize) -> Self {
        Self { group_bytes_max, queue: Mutex::default(), work: Condvar::new(), turns: AtomicU64::new(0) }
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
        let wake = std::mem::take(&mut queue.writer_sleeps);
        drop(queue);
        if wake {
            self.work.notify_one();
        }
        Ok(append)
    }

    /// The oldest group, or [`Work::Idle`] after `idle_after`, or [`Work::Closed`].
    pub(super) fn next_work(&self, idle_after: Duration) -> Work {
        self.turns.fetch_add(1, Ordering::Relaxed);
        let mut queue = self.queue.lock();
        loop {
            if let Some(group) = queue.groups.pop_front() {
                queue.writer_sleeps = false;
                return Work::Group(group);
            }
            if queue.closed {
                return Work::Closed;
            }
            queue.writer_sleeps = true;
            let wait = self.work.wait_for(&mut queue, idle_after);
            if wait.timed_out() && queue.groups.is_empty() && !queue.closed {
                return Work::Idle;
            }
        }
    }

    /// How often the writer asked for work.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Returns a buffer after its commit.
    pub(super) fn recycle(&self, group: GroupBuffer) {
        if group.bytes.capacity() <= self.group_bytes_max.next_multiple_of(BLOCK_LEN) * 2 {
            let mut queue = self.queue.lock();
            if queue.spare.len() < SPARE_BUFFERS_MAX {
                queue.spare.push(group.bytes);
            }
        }
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
