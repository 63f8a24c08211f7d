//! An assigned partition: its ends, its cursor, its checkpoints, and whether this member may still act for it.

use super::check;
use super::consumer::{ANSWER_TIMEOUT, Consumer, Events};
use super::error::PartitionError;
use super::id::{PartitionId, Topics};
use super::offsets;
use super::signal::Signal;
use super::sources::Sources;
use crate::clock::Clock;
use crate::dead_letters::DeadLetters;
use crate::journal::{
    Checkpoint, Checkpoints, Cursor, CursorError, Gaps, Journal, JournalId, Position, ResolvedCursor, Sequence,
    SourceId,
};
use crate::kafka::Client;
use crate::reading::{Limits, RULE_CODE_REVISION, UnixNanos};
use parking_lot::Mutex;
use rdkafka::Offset;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Duration;
use uuid::{Uuid, uuid};

/// The namespace of the ids that stand for partitions where a journal's id is expected.
const PARTITIONS: Uuid = uuid!("0a4c0e5a-2f2b-5d9e-9a55-6f9f6f1d7c11");

/// The limits of readings that a node has judged before: finite, and of a time that a store has.
pub(in crate::deliver) const JUDGED_BEFORE: Limits =
    Limits { code_revision: RULE_CODE_REVISION, earliest: UnixNanos(0), ahead_ns_max: i64::MAX, age_ns_max: i64::MAX };

/// The parts that all partitions of a member share.
#[derive(Clone)]
pub(in crate::deliver) struct Membership {
    pub(in crate::deliver) consumer: Arc<Consumer>,
    pub(in crate::deliver) client: Client,
    pub(in crate::deliver) topics: Topics,
    pub(in crate::deliver) group: String,
    pub(in crate::deliver) letters: DeadLetters,
    /// Holds the gap records of this node.
    pub(in crate::deliver) journal: Journal,
    pub(in crate::deliver) clock: Clock,
    /// How long a request to the store may follow a commit.
    pub(in crate::deliver) lease: Duration,
}

/// A partition that this member reads. A clone is the same one.
#[derive(Clone)]
pub struct Partition(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) of: Membership,
    pub(super) partition: PartitionId,
    /// Stands for the partition where a journal's id is expected.
    pub(super) id: JournalId,
    pub(super) queue: PartitionQueue<Events>,
    signal: Arc<Signal>,
    is_lost: AtomicBool,
    pub(super) state: Mutex<State>,
}

/// Held briefly, never across a request.
pub(super) struct State {
    committed: Option<Committed>,
    checkpoints: Vec<Checkpoint>,
    pub(super) oldest: Sequence,
    /// The record after the last one, at the last look.
    pub(super) end: Sequence,
    /// When the last successful commit began, on the clock that runs while the process is stopped.
    renewed: Option<Duration>,
    /// The answer to a commit that the brokers owe for longer than [`ANSWER_TIMEOUT`].
    unanswered: Option<Receiver<KafkaResult<()>>>,
    pub(super) sources: Sources,
}

#[derive(Clone)]
struct Committed {
    next: Sequence,
    note: String,
}

impl Partition {
    /// The partition whose records are in `queue`, with what is committed for it.
    pub(in crate::deliver) fn open(
        of: &Membership,
        partition: PartitionId,
        queue: PartitionQueue<Events>,
        signal: Arc<Signal>,
    ) -> Result<Self, (PartitionQueue<Events>, PartitionError)> {
        let id =
            JournalId(Uuid::new_v5(&PARTITIONS, format!("{}/{}", of.topic(partition), partition.number).as_bytes()));
        let found = committed(of, partition, id).and_then(|found| Ok((found, of.watermarks(partition)?)));
        let ((committed, checkpoints), (low, high)) = match found {
            Ok(found) => found,
            Err(error) => return Err((queue, error)),
        };
        let sources = Sources::default();
        let (oldest, end) = (sequence_of(low), sequence_of(high));
        let state = State { committed, checkpoints, oldest, end, renewed: None, unanswered: None, sources };
        let (is_lost, state) = (AtomicBool::new(false), Mutex::new(state));
        Ok(Self(Arc::new(Inner { of: of.clone(), partition, id, queue, signal, is_lost, state })))
    }

    /// The name of its topic.
    pub(super) fn topic(&self) -> &str {
        self.0.of.topic(self.0.partition)
    }

    /// Whether others may read the partition now.
    pub(super) fn is_lost(&self) -> bool {
        self.0.is_lost.load(Ordering::SeqCst)
    }

    /// From now on others may read the partition: nothing is committed and nothing is sent.
    pub(in crate::deliver) fn lose(&self) {
        self.0.is_lost.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub(in crate::deliver) fn position(&self, next: Sequence) -> Position {
        Position { journal: self.0.id, next }
    }

    /// The oldest record known.
    pub(in crate::deliver) fn oldest(&self) -> Position {
        self.position(self.0.state.lock().oldest)
    }

    /// The record after the last readable one that is known.
    pub(in crate::deliver) fn end(&self) -> Sequence {
        let at_last_look = self.0.state.lock().end;
        let end = self.0.of.consumer.context().end(self.0.partition);
        end.map_or(at_last_look, |end| sequence_of(end).max(at_last_look))
    }

    /// The start of a reader whose cursor has this position.
    pub(in crate::deliver) fn resolve(&self, wanted: Position) -> ResolvedCursor {
        let (oldest, end) = (self.oldest(), self.0.state.lock().end);
        if wanted.next > end {
            ResolvedCursor::UnknownJournal(oldest)
        } else if wanted.next < oldest.next {
            ResolvedCursor::Retained(oldest)
        } else {
            ResolvedCursor::At(wanted)
        }
    }

    /// Waits for records or a command.
    pub(in crate::deliver) fn wait(&self, timeout: Duration) -> bool {
        self.0.signal.wait(timeout)
    }

    /// Ends a wait.
    pub(in crate::deliver) fn wake(&self) {
        self.0.signal.set();
    }

    /// The name of a source that was read lately.
    pub(in crate::deliver) fn source_name(&self, id: SourceId) -> Option<Arc<str>> {
        self.0.state.lock().sources.name(id)
    }

    pub(in crate::deliver) fn gaps(&self) -> &Gaps {
        self.0.of.journal.gaps()
    }

    /// The cursor, as it was last committed.
    pub(in crate::deliver) fn load_cursor(&self, name: &str) -> Option<Cursor> {
        let committed = self.0.state.lock().committed.clone()?;
        let mut cursor = Cursor::at(name, self.position(committed.next), self.0.of.clock.now());
        cursor.note = committed.note;
        Some(cursor)
    }

    /// Commits the cursor, with the checkpoints.
    pub(in crate::deliver) fn store_cursor(&self, cursor: &Cursor) -> Result<(), CursorError> {
        let committed = Committed { next: cursor.position.next, note: cursor.note.clone() };
        let checkpoints = self.0.state.lock().checkpoints.clone();
        self.commit(committed, checkpoints)
    }

    /// The checkpoints of the sink, kept with the committed offset.
    pub(in crate::deliver) fn checkpoints(&self) -> Checkpoints {
        let list = self.0.state.lock().checkpoints.clone();
        let partition = self.clone();
        Checkpoints::kept_by(list, move |list| {
            let committed = partition.0.state.lock().committed.clone();
            let committed = committed.unwrap_or(Committed { next: partition.oldest().next, note: String::new() });
            partition.commit(committed, list.to_vec())
        })
    }

    /// Whether a request may go to the store: the brokers accepted a commit of this member a short time ago. Where the last
    /// one is too long ago, the cursor is committed again.
    ///
    /// # Errors
    /// When the partition is not this member's any more, or that is not known.
    pub(in crate::deliver) fn renew(&self) -> Result<(), String> {
        let Inner { of, is_lost, state, .. } = &*self.0;
        let renewed = state.lock().renewed;
        let is_fresh = renewed.is_some_and(|at| of.clock.since_boot().saturating_sub(at) < of.lease);
        if is_fresh && !is_lost.load(Ordering::SeqCst) {
            return Ok(());
        }
        let (committed, checkpoints) = {
            let state = state.lock();
            (state.committed.clone(), state.checkpoints.clone())
        };
        let committed = committed.unwrap_or(Committed { next: self.oldest().next, note: String::new() });
        self.commit(committed, checkpoints).map_err(|error| error.to_string())
    }

    /// Commits and waits for the brokers' answer, at most for [`ANSWER_TIMEOUT`].
    fn commit(&self, committed: Committed, checkpoints: Vec<Checkpoint>) -> Result<(), CursorError> {
        let Inner { of, partition, is_lost, state, .. } = &*self.0;
        let (topic, number) = (of.topic(*partition), partition.number);
        if is_lost.load(Ordering::SeqCst) {
            return Err(self.not_committed(&"another member of the group reads it now"));
        }
        let begun = of.clock.since_boot();
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(topic, number, Offset::Offset(offset_of(committed.next)));
        added.map_err(|error| self.not_committed(&error))?;
        if let Some(mut one) = list.find_partition(topic, number) {
            one.set_metadata(offsets::encode(&committed.note, &checkpoints));
        }
        if let Err(error) = self.await_commit(list) {
            self.0.state.lock().renewed = None;
            return Err(error);
        }
        // A member that has joined again may commit for partitions that it lost before.
        if is_lost.load(Ordering::SeqCst) {
            return Err(self.not_committed(&"another member of the group reads it now"));
        }
        let mut state = state.lock();
        (state.committed, state.checkpoints, state.renewed) = (Some(committed), checkpoints, Some(begun));
        Ok(())
    }

    /// The library repeats a commit without a bound in time while the coordinator is silent, so another thread waits
    /// for it. There is one at a time: the cursor of an older commit must not come after a newer one's.
    fn await_commit(&self, list: TopicPartitionList) -> Result<(), CursorError> {
        let unanswered = self.0.state.lock().unanswered.take();
        if let Some(earlier) = unanswered.filter(|it| matches!(it.try_recv(), Err(TryRecvError::Empty))) {
            self.0.state.lock().unanswered = Some(earlier);
            return Err(self.not_committed(&"the brokers have not answered the commit before"));
        }
        let (answer, answered) = mpsc::sync_channel(1);
        let consumer = Arc::clone(&self.0.of.consumer);
        let commit = move || drop(answer.send(consumer.commit(&list, CommitMode::Sync)));
        let thread = std::thread::Builder::new().name("kafka-commit".to_owned()).spawn(commit);
        thread.map_err(|error| self.not_committed(&error))?;
        match answered.recv_timeout(ANSWER_TIMEOUT) {
            Ok(answer) => answer.map_err(|error| self.not_committed(&error)),
            Err(_) => {
                self.0.state.lock().unanswered = Some(answered);
                let seconds = ANSWER_TIMEOUT.as_secs();
                Err(self.not_committed(&format_args!("the brokers have not answered within {seconds} s")))
            }
        }
    }

    fn not_committed(&self, why: &dyn fmt::Display) -> CursorError {
        let Inner { of, partition, .. } = &*self.0;
        let (group, topic, number) = (&of.group, of.topic(*partition), partition.number);
        CursorError::NotStored(format!(
            "the offset of group {group} for partition {number} of topic {topic} cannot be committed: {why}"
        ))
    }

    pub(super) fn failed(&self, what: &str, error: &KafkaError) -> PartitionError {
        self.0.of.failed(self.0.partition, what, error)
    }
}

impl Membership {
    /// The name of a partition's topic.
    pub(super) fn topic(&self, partition: PartitionId) -> &str {
        self.topics.name(partition.contents)
    }

    /// Why a topic cannot be read, as far as the brokers say; `None` if it can, or they do not answer.
    pub(in crate::deliver) fn unreadable(&self, topic: &str) -> Option<String> {
        check::partitions(&self.consumer, topic)?.err()
    }

    /// The first offset and the offset after the last one.
    pub(super) fn watermarks(&self, partition: PartitionId) -> Result<(i64, i64), PartitionError> {
        self.consumer
            .fetch_watermarks(self.topic(partition), partition.number, ANSWER_TIMEOUT)
            .map_err(|error| self.failed(partition, "does not say which offsets it has", &error))
    }

    fn failed(&self, partition: PartitionId, what: &str, error: &KafkaError) -> PartitionError {
        PartitionError::waiting(format!(
            "partition {} of topic {} {what}: {error}",
            partition.number,
            self.topic(partition)
        ))
    }
}

/// The committed cursor of a partition, and its checkpoints.
fn committed(
    of: &Membership,
    partition: PartitionId,
    id: JournalId,
) -> Result<(Option<Committed>, Vec<Checkpoint>), PartitionError> {
    let (topic, number) = (of.topic(partition), partition.number);
    let failed = |error: &KafkaError| of.failed(partition, "does not say what is committed for it", error);
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, number);
    let list = of.consumer.committed_offsets(list, ANSWER_TIMEOUT).map_err(|error| failed(&error))?;
    let Some(one) = list.find_partition(topic, number) else { return Ok((None, Vec::new())) };
    one.error().map_err(|error| failed(&error))?;
    let Offset::Offset(offset) = one.offset() else { return Ok((None, Vec::new())) };
    let (note, checkpoints) = offsets::decode(one.metadata(), id);
    Ok((Some(Committed { next: sequence_of(offset), note }), checkpoints))
}

pub(super) fn sequence_of(offset: i64) -> Sequence {
    Sequence(offset.max(0).unsigned_abs() + 1)
}

pub(super) fn offset_of(sequence: Sequence) -> i64 {
    i64::try_from(sequence.0.saturating_sub(1)).unwrap_or(i64::MAX)
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").field("partition", &self.0.partition).finish_non_exhaustive()
    }
}
