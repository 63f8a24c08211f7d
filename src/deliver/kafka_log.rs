//! The membership in a consumer group, and a pump for each partition that the group assigns to this process.
//!
//! One thread polls the consumer, so the membership does not depend on the sinks: a sink that is slow or blocked
//! only fills its partition's bounded queue. When a partition is taken away, its pump ends first: rows that are held
//! back are dropped, what is confirmed is committed, and then the partition is given up. Where it is lost, nothing is
//! committed. Knows no sink; `app` gives the function that makes them.

mod open;
mod replay;
mod state;

use super::log::Log;
use super::metrics::{StateGauges, show_state, state_gauges};
use super::partition::{self, Change, Consumer, Events, Membership, Partition, PartitionId, Signal, Topics, settings};
use super::pump::{PumpHandle, StartError};
use super::sink::Sink;
use super::state::PumpOptions;
use super::status::SinkState;
use crate::base::Finding;
use crate::clock::Clock;
use crate::dead_letters::DeadLetters;
use crate::journal::Journal;
use crate::kafka::{self, Client, Fault};
use crate::reading::UnixNanos;
use parking_lot::{Condvar, Mutex};
use rdkafka::Message as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the thread waits for the library before it looks at its other work.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// How long a pump may take to end when its partition is taken away. It is longer than a request to a store takes,
/// and shorter than the group waits for a member (`max.poll.interval.ms`, five minutes).
const REVOKE_WAIT: Duration = Duration::from_secs(60);
/// How often the end of a pump is looked at.
const END_LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long the brokers may take to take note that this member leaves.
const LEAVE_WAIT: Duration = Duration::from_secs(5);
/// The wait before the group is joined again after a membership ended by a fault: each join moves partitions.
const REJOIN_WAIT: Duration = Duration::from_secs(30);
/// The wait between tries to join a group and to open a partition.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// The settings of a membership.
#[derive(Debug, Clone)]
pub struct GroupConfig {
    /// The brokers.
    pub kafka: Client,
    /// The topics.
    pub topics: Topics,
    /// The group's name.
    pub group: String,
    /// This member's name, with which it keeps its partitions over a restart; `None` for a new member at each start.
    pub member: Option<String>,
    /// After this time without a sign of life the group gives this member's partitions to others.
    pub session_timeout: Duration,
}

impl GroupConfig {
    /// Checks before a start whether the brokers, the topics and the group can be read. Changes nothing.
    pub fn check(&self) -> Vec<Finding> {
        partition::check(&self.kafka, &self.topics, &self.group)
    }
}

/// Makes the sink called by the name, fed from the log.
pub type SinkFor = Box<dyn Fn(&str, &Log) -> Result<Box<dyn Sink>, String> + Send + Sync>;

/// The state of a membership at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStatus {
    /// Whether this process is a member and reads its partitions.
    pub state: SinkState,
    /// Why it is not.
    pub why: Option<String>,
    /// When it entered this state.
    pub since: UnixNanos,
    /// The partitions that it reads.
    pub partitions: Vec<PartitionId>,
}

/// A membership in a consumer group. When it is dropped it ends soon, without draining.
pub struct Group {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    config: GroupConfig,
    name: String,
    sinks: SinkFor,
    letters: DeadLetters,
    journal: Journal,
    clock: Clock,
    options: PumpOptions,
    stop: Mutex<Option<Instant>>,
    stopped: Condvar,
    state: Mutex<(SinkState, Option<String>, UnixNanos)>,
    /// Why a topic cannot be read, and when that was seen.
    topic_fault: Mutex<Option<(Instant, String)>>,
    gauges: StateGauges,
    /// Whether the group has assigned partitions to this member, or none.
    is_assigned: AtomicBool,
    running: Mutex<BTreeMap<PartitionId, Running>>,
    /// Partitions that are assigned and not opened yet.
    opening: Mutex<BTreeMap<PartitionId, Opening>>,
}

struct Running {
    partition: Partition,
    pump: Arc<PumpHandle>,
}

/// A partition that is assigned and not opened yet.
struct Opening {
    queue: PartitionQueue<Events>,
    signal: Arc<Signal>,
    /// When it is tried again, and why it could not be opened.
    retry: Option<(Instant, String)>,
}

impl Group {
    /// Joins the group on a thread of its own. The pump of partition 3 is called `NAME-3`, for descriptions
    /// `NAME-meters-3`.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(
        name: impl Into<String>,
        config: GroupConfig,
        sinks: SinkFor,
        (letters, journal): (DeadLetters, Journal),
        clock: Clock,
        options: PumpOptions,
    ) -> Result<Self, StartError> {
        let name = name.into();
        let state = (SinkState::Waiting, Some("it joins its group".to_owned()), clock.now());
        let gauges = state_gauges(&name);
        show_state(&gauges, SinkState::Waiting);
        let shared = Arc::new(Shared {
            config,
            name: name.clone(),
            sinks,
            letters,
            journal,
            clock,
            options,
            stop: Mutex::default(),
            stopped: Condvar::new(),
            state: Mutex::new(state),
            topic_fault: Mutex::default(),
            is_assigned: AtomicBool::new(false),
            gauges,
            running: Mutex::default(),
            opening: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("kafka-group".to_owned()).spawn(move || of_thread.run());
        let thread = thread.map_err(|source| StartError { sink: name, source })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// The pumps of the partitions that this member reads.
    pub fn pumps(&self) -> Vec<Arc<PumpHandle>> {
        self.shared.running.lock().values().map(|running| Arc::clone(&running.pump)).collect()
    }

    /// The current state.
    pub fn status(&self) -> GroupStatus {
        let (state, why, since) = self.shared.state.lock().clone();
        GroupStatus { state, why, since, partitions: self.shared.running.lock().keys().copied().collect() }
    }

    /// Asks the pumps to send what they have until `deadline`, and to end; then the membership ends. Returns at once.
    pub fn stop(&self, deadline: Instant) {
        *self.shared.stop.lock() = Some(deadline);
        self.shared.stopped.notify_all();
        self.shared.running.lock().values().for_each(|running| running.pump.stop(deadline));
    }

    /// Waits for the end after [`Self::stop`].
    pub fn join(&self) {
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the Kafka group panicked; its partitions go to other members");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.shared.stop.lock().get_or_insert_with(|| self.shared.clock.monotonic());
        self.shared.stopped.notify_all();
    }
}

impl Shared {
    fn run(self: &Arc<Self>) {
        while self.stop.lock().is_none() {
            match self.join_group() {
                Ok(membership) => {
                    let ended = catch_unwind(AssertUnwindSafe(|| self.be_member(&membership)));
                    if ended.is_err() {
                        let why = "a bug of meterline ended the membership, the log has more; it joins again soon";
                        self.set_state(SinkState::Blocked, Some(why.to_owned()));
                    }
                    self.end_pumps(|_| true, ended.is_err());
                    self.leave_group(&membership.consumer);
                    self.is_assigned.store(false, Ordering::SeqCst);
                    self.pause(REJOIN_WAIT);
                }
                Err(Fault { is_blocking, message }) => {
                    self.set_state(if is_blocking { SinkState::Blocked } else { SinkState::Waiting }, Some(message));
                    self.pause(RETRY_EVERY);
                }
            }
        }
    }

    fn pause(&self, duration: Duration) {
        self.stopped.wait_while_for(&mut self.stop.lock(), |stop| stop.is_none(), duration);
    }

    fn join_group(self: &Arc<Self>) -> Result<Membership, Fault> {
        let GroupConfig { kafka, topics, group, member, session_timeout } = &self.config;
        let settings = settings(kafka, group, member.as_deref(), *session_timeout);
        let consumer: Consumer = settings
            .create_with_context(Events::new(kafka, self.clock.clone(), topics.clone()))
            .map_err(|error| kafka::of_client(&error))?;
        let consumer = Arc::new(consumer);
        let (of_handler, weak) = (Arc::downgrade(self), Arc::downgrade(&consumer));
        consumer.context().on_change(move |change| {
            if let (Some(shared), Some(consumer)) = (of_handler.upgrade(), weak.upgrade()) {
                shared.handle(&consumer, change);
            }
        });
        consumer.subscribe(&topics.names()).map_err(|error| kafka::of_client(&error))?;
        Ok(Membership {
            consumer,
            client: kafka.clone(),
            topics: topics.clone(),
            group: group.clone(),
            letters: self.letters.clone(),
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            lease: *session_timeout / 2,
        })
    }

    /// Gives all partitions up. A member with a name keeps them until its session ends, for its next start.
    fn leave_group(&self, consumer: &Consumer) {
        let begun = self.clock.monotonic();
        if let Err(error) = consumer.close_queue() {
            tracing::debug!(%error, "the membership cannot be closed");
            return;
        }
        while !consumer.closed() && self.clock.elapsed(begun) < LEAVE_WAIT {
            consumer.poll(POLL_EVERY);
        }
    }

    /// Polls until a stop, or until a fault that only another membership can mend.
    fn be_member(&self, membership: &Membership) {
        let mut wait = POLL_EVERY;
        while self.stop.lock().is_none() {
            match membership.consumer.poll(wait) {
                Some(Ok(message)) => {
                    // Each partition has a queue of its own, so this is a fault of this program.
                    let (topic, partition) = (message.topic(), message.partition());
                    tracing::error!(topic, partition, "a record came outside its partition's queue");
                    self.end_pumps(|_| true, true);
                    return;
                }
                Some(Err(error)) => self.note(&error, membership),
                None => {}
            }
            if let Some((code, reason)) = membership.consumer.client().fatal_error() {
                self.end_pumps(|_| true, true);
                return self.stay_out(code, &reason);
            }
            wait = match self.open_next(membership) {
                Ok(true) => Duration::ZERO,
                Ok(false) => POLL_EVERY,
                Err(why) => return self.set_state(SinkState::Blocked, Some(why)),
            };
            self.update_state(membership);
        }
    }

    /// A member whose name another process took must not take it back: the two would do so in turn.
    fn stay_out(&self, code: RDKafkaErrorCode, reason: &str) {
        let member = self.config.member.as_deref().unwrap_or("(without a name)");
        self.set_state(
            SinkState::Blocked,
            Some(format!(
                "group {} does not accept member {member} any more ({code}: {reason}): another process has its name; \
                 give each process its own `member`, and start this one again",
                self.config.group
            )),
        );
        while self.stop.lock().is_none() {
            self.pause(RETRY_EVERY);
        }
    }

    fn handle(&self, consumer: &Arc<Consumer>, change: Change) {
        match change {
            Change::Assigned(partitions) => {
                tracing::info!(group = self.config.group, ?partitions, "the group assigns partitions");
                self.is_assigned.store(true, Ordering::SeqCst);
                for partition in partitions {
                    let topic = self.config.topics.name(partition.contents);
                    // Before the library reads it, so that no record goes to the consumer's own queue.
                    let Some(mut queue) = consumer.split_partition_queue(topic, partition.number) else { continue };
                    let signal = Arc::new(Signal::default());
                    let of_queue = Arc::clone(&signal);
                    queue.set_nonempty_callback(move || of_queue.set());
                    self.opening.lock().insert(partition, Opening { queue, signal, retry: None });
                }
            }
            Change::Revoked { partitions, is_lost } => {
                tracing::info!(group = self.config.group, ?partitions, is_lost, "the group takes partitions away");
                self.opening.lock().retain(|partition, _| !partitions.contains(partition));
                self.end_pumps(|partition| partitions.contains(&partition), is_lost);
                if is_lost {
                    self.is_assigned.store(false, Ordering::SeqCst);
                    let why = "the brokers heard nothing of this member for too long and gave its partitions to others; it joins \
                               again";
                    self.set_state(SinkState::Waiting, Some(why.to_owned()));
                }
            }
        }
    }

    /// Ends the pumps of some partitions and waits for them. A pump that is still busy at the end of the wait is
    /// abandoned, and neither commits nor sends any more.
    fn end_pumps(&self, is_meant: impl Fn(PartitionId) -> bool, is_lost: bool) {
        let ended: Vec<Running> =
            self.running.lock().extract_if(.., |partition, _| is_meant(*partition)).map(|(_, one)| one).collect();
        for Running { partition, pump } in &ended {
            if is_lost {
                partition.lose();
            }
            if self.stop.lock().is_none() {
                pump.stop_within(REVOKE_WAIT);
            }
        }
        // A stop that comes meanwhile shortens the wait.
        let begun = self.clock.monotonic();
        let is_busy = || ended.iter().any(|one| !one.pump.has_ended());
        while self.stop.lock().is_none() && is_busy() && self.clock.elapsed(begun) < REVOKE_WAIT {
            self.pause(END_LOOK_EVERY);
        }
        let deadline = *self.stop.lock();
        deadline.iter().for_each(|deadline| ended.iter().for_each(|one| one.pump.stop(*deadline)));
        for Running { partition, pump } in &ended {
            pump.join();
            partition.lose();
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("status", &self.status()).finish()
    }
}
