//! Records on their way to the writer: groups being filled, in order.
//!
//! Appending threads copy frames in under a short lock that is never held across
//! I/O. A full group is followed by the next, so nobody waits for room here: the
//! memory is bounded by what the callers have in flight, and by two spare buffers.

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
use std::time::Duration;

/// Buffers kept for the next groups: one is filled while the other is written.
const SPARE_BUFFERS_MAX: usize = 2;

/// A group before its commit: room for its header, then its frames.
#[derive(Debug)]
pub(super) struct GroupBuffer {
    bytes: Vec<u8>,
    /// Where the frames end; beyond it is padding.
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

    /// A group as it was read from a segment (header and frames), to be written again.
    pub(super) fn recovered(bytes: Vec<u8>, count: u32, newest_received: UnixNanos) -> Self {
        Self { frames_end: bytes.len(), bytes, count, newest_received, tally: BytesBySource::new(), waiters: Arc::default() }
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

    /// Bytes it takes in a segment.
    pub(super) fn bytes_on_disk(&self) -> u64 {
        round_up(on_disk(self.frames_end))
    }

    /// The group as it is written at that place: numbered, headed and padded.
    /// May be called again for another place.
    pub(super) fn seal(&mut self, place: &GroupLocation) -> &[u8] {
        let header = GroupHeader {
            salt: place.salt,
            segment_id: place.segment_id,
            offset: place.offset,
            first: place.first,
            count: self.count,
            frames_len: u32::try_from(self.frames_end - GROUP_HEADER_LEN).unwrap_or(u32::MAX),
            synced_through: place.offset,
        };
        self.bytes.resize(self.frames_end.next_multiple_of(BLOCK_LEN), 0);
        number_frames(&mut self.bytes[GROUP_HEADER_LEN..self.frames_end], place.first);
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

/// Where a group is about to be written.
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
}

#[derive(Debug, Default)]
struct Queue {
    groups: VecDeque<GroupBuffer>,
    spare: Vec<Vec<u8>>,
    writer_sleeps: bool,
    closed: bool,
}

/// What the writer is to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Commit this.
    Group(GroupBuffer),
    /// Nothing came for the whole wait.
    Idle,
    /// Nothing is left and nothing will come.
    Closed,
}

impl Pending {
    pub(super) fn new(group_bytes_max: usize) -> Self {
        Self { group_bytes_max, queue: Mutex::default(), work: Condvar::new() }
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

    /// The oldest group, or what the lack of one means.
    pub(super) fn next_work(&self, idle_after: Duration) -> Work {
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

    /// Gives a buffer back after its commit.
    pub(super) fn recycle(&self, group: GroupBuffer) {
        if group.bytes.capacity() <= self.group_bytes_max.next_multiple_of(BLOCK_LEN) * 2 {
            let mut queue = self.queue.lock();
            if queue.spare.len() < SPARE_BUFFERS_MAX {
                queue.spare.push(group.bytes);
            }
        }
    }

    /// Takes nothing more; the writer finishes what is there.
    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.work.notify_all();
    }

    /// Takes nothing more and fails what is there: for when the writer is gone.
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
    /// The group that is being filled, or the next one if that has no room. A
    /// record larger than a group has a group of its own.
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
