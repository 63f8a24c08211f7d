//! The service's queue, answers and synced mark around a disk that is a number: the writer does
//! what `journal/writer.rs` does, in the same order.

use super::append::Waiters;
use super::catalog::{Catalog, Segment};
use super::disk::NoDisk;
use super::frame::frame_header;
use super::pending::{Pending, Work};
use super::{Append, AppendError, RecordHeader, RuleVersion, SegmentName, Sequence, SourceId, Verdict};
use crate::Mutex;
use crate::clock::Clock;
use crate::reading::UnixNanos;
use std::sync::Arc;
use std::time::Duration;

const GROUP_BYTES_MAX: usize = 4096;
const LONG: Duration = Duration::from_secs(1);

/// The kernel of the journal.
#[derive(Debug)]
pub struct Kernel {
    pending: Pending,
    catalog: Catalog,
    /// Records on the disk.
    synced: Mutex<u64>,
    /// Groups whose sync fails.
    failing: u64,
}

impl Kernel {
    /// A journal whose first `failing` syncs fail.
    pub fn new(failing: u64) -> Self {
        let first = Arc::new(Segment::new(SegmentName { id: 1, first: Sequence::FIRST }, 0));
        Self {
            pending: Pending::new(GROUP_BYTES_MAX, LONG, Clock),
            catalog: Catalog::new(Arc::new(NoDisk), vec![first], Sequence::FIRST, 0),
            synced: Mutex::new(0),
            failing,
        }
    }

    /// Sends a record.
    ///
    /// # Errors
    /// A closed journal.
    pub fn append(&self) -> Result<Append, AppendError> {
        let header = RecordHeader {
            source: SourceId(1),
            format: 1,
            verdict: Verdict::Deliverable,
            rule: RuleVersion(1),
            received: UnixNanos(1),
        };
        self.pending.push(&frame_header(&header, b"body"), b"body", &header)
    }

    /// The number of records on the disk.
    pub fn synced(&self) -> u64 {
        *self.synced.lock()
    }

    /// The first sequence that a reader may not read.
    pub fn next(&self) -> Sequence {
        self.catalog.next()
    }

    /// Waits for records beyond this one, as a pump does.
    pub fn wait_beyond(&self, next: Sequence) -> bool {
        self.catalog.wait_beyond(next, LONG)
    }

    /// Ends all waits.
    pub fn wake(&self) {
        self.catalog.wake();
    }

    /// Accepts no more records.
    pub fn close(&self) {
        self.pending.close();
    }

    /// Commits until the journal is closed, or ends after this many groups as after a panic.
    pub fn run_writer(&self, groups_max: u32) {
        let (mut next, mut failing) = (Sequence::FIRST, self.failing);
        let (mut answered, mut groups) = (Arc::<Waiters>::default(), 0);
        while groups < groups_max {
            match self.pending.next_work(LONG) {
                Work::Group(group) => {
                    let count = u64::from(group.count());
                    let outcome = if failing == 0 {
                        let first = next;
                        next = Sequence(first.0 + count);
                        *self.synced.lock() += count;
                        self.catalog.advance(next, 0);
                        Ok(first)
                    } else {
                        failing -= 1;
                        Err(AppendError::Closed)
                    };
                    group.waiters().resolve(outcome);
                    answered.wake_rest();
                    answered = Arc::clone(group.waiters());
                    self.pending.answered(group);
                    groups += 1;
                }
                Work::Idle => answered.wake_rest(),
                Work::Closed => break,
            }
        }
        answered.wake_rest();
        self.pending.abort();
    }
}
