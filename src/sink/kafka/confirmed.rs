//! The states that the brokers confirmed, across producers, restarts and crashes, and the
//! position to go back to where the topic lost confirmed records.
//!
//! The durable states are the journal's checkpoints; the states of the last producer are newer
//! and only in memory. Invariants: no state is above the sink's position; checkpoints are
//! cut only in [`ConfirmedStates::recover`], before anything is sent.

use super::acked_offsets::{AckStatus, AckedOffsets, ConfirmedState, ReadBackResult, ack_status};
use super::config::Config;
use super::fault;
use super::read_back::ReadBack;
use crate::clock::Clock;
use crate::deliver::SinkError;
use crate::journal::{Checkpoint, Checkpoints, CursorError, Journal, Position, Sequence};
use crate::reading::UnixNanos;

/// All confirmed states of a sink.
#[derive(Debug)]
pub(super) struct ConfirmedStates {
    journal: Journal,
    checkpoints: Checkpoints,
    /// States of the last producer: before its connections were interrupted, and at its end.
    last: Vec<ConfirmedState>,
    /// The topic's partitions, noted in every checkpoint.
    partitions: usize,
    has_warned: bool,
}

impl ConfirmedStates {
    /// Reads the checkpoints of a sink.
    pub(super) fn read(journal: Journal, sink: &str) -> Result<Self, CursorError> {
        let checkpoints = journal.checkpoints(sink)?;
        Ok(Self { journal, checkpoints, last: Vec::new(), partitions: 0, has_warned: false })
    }

    /// The position of a start: the newest checkpoint, because later acknowledgements are
    /// unknown after a crash. `None` where retention deleted that record: the cursor moved
    /// on without this sink (a gap, or records of others), so the cursor decides.
    pub(super) fn position(&self, topic: &str) -> Option<Position> {
        let newest = self.checkpoints.newest().filter(|newest| parse(&newest.mark, topic).is_some())?;
        (newest.position.next >= self.journal.oldest().next).then_some(newest.position)
    }

    /// Keeps the states of the producer that just ended, oldest first.
    pub(super) fn remember(&mut self, states: impl IntoIterator<Item = ConfirmedState>) {
        self.last = states.into_iter().collect();
    }

    /// Whether a checkpoint at `next` is due.
    pub(super) fn is_due(&self, next: Sequence, now: UnixNanos, is_ending: bool) -> bool {
        let is_further = self.checkpoints.newest().is_none_or(|newest| newest.position.next < next);
        is_further && (is_ending || self.checkpoints.is_due(now))
    }

    /// Makes a checkpoint. A failure does not stop the sink: it only means more repeats
    /// after a crash.
    pub(super) fn add(&mut self, state: &ConfirmedState, config: &Config, now: UnixNanos) {
        let position = self.journal.position(state.next);
        let mark = format!("{} {} {} {}", state.acked, self.partitions, config.values().name(), config.topic);
        if let Err(error) = self.checkpoints.add(Checkpoint { position, confirmed: now, mark }) {
            tracing::warn!(%error, "the Kafka sink's checkpoint cannot be stored; retrying");
        }
    }

    /// Checks that the topic, which has this many partitions now, still has everything
    /// confirmed below `next`, also by the `committed` state of a transactional producer, that no
    /// meter would move to another partition, and that the topic would not get values of two
    /// formats. Returns the acknowledged offsets for a new producer.
    ///
    /// # Errors
    /// [`SinkError::lost`] after a loss: call again with the named record, once that is the
    /// durable cursor. A blocked error when the topic got more partitions or the format changed.
    /// Any other error when the brokers do not answer.
    pub(super) fn recover(
        &mut self,
        next: Sequence,
        committed: Option<ConfirmedState>,
        partitions: usize,
        config: &Config,
        clock: &Clock,
    ) -> Result<AckedOffsets, SinkError> {
        self.forget_above(next)?;
        self.add_committed(committed);
        let states = self.states(&config.topic)?;
        let suspects = states.len() - self.last.len().max(1).min(states.len());
        let mut check = LossCheck::new(config, clock);
        let mut lost = None;
        for (index, suspect) in states.iter().enumerate().skip(suspects) {
            if let Some(why) = self.judge(&mut check, &suspect.acked)? {
                lost = Some((index, why));
                break;
            }
        }
        let kept = match lost {
            None => states.len(),
            Some((index, why)) => {
                let kept = newest_kept(&states[..index], |state| Ok(check.lost(&state.acked)?.is_some()))?;
                let back_to = states[kept.saturating_sub(1)].next;
                if back_to < next {
                    return Err(SinkError::lost(back_to, lost_message(&why, back_to, kept == 0)));
                }
                tracing::warn!(topic = config.topic, next = next.0, "{why}; sending the following records again");
                kept
            }
        };
        self.keep(kept)?;
        if let Some(known) = self.newest_mark(&config.topic) {
            if partitions > known.partitions {
                return Err(fault::of_more_partitions(config, known.partitions, partitions));
            }
            if known.format != config.values().name() {
                return Err(fault::of_another_format(config, &known.format));
            }
        }
        self.partitions = partitions;
        let acked = kept.checked_sub(1).map(|newest| states[newest].acked.clone()).unwrap_or_default();
        if self.checkpoints.all().is_empty() {
            // The lowest position to go back to: nothing is known about earlier records.
            self.add(&ConfirmedState { next, acked: acked.clone() }, config, clock.now());
        }
        Ok(acked)
    }

    /// A sentence about the loss if the topic lost records of this state.
    ///
    /// # Errors
    /// When the brokers do not answer.
    pub(super) fn lost_since(
        &mut self,
        state: &ConfirmedState,
        config: &Config,
        clock: &Clock,
    ) -> Result<Option<String>, SinkError> {
        self.judge(&mut LossCheck::new(config, clock), &state.acked)
    }

    fn judge(&mut self, check: &mut LossCheck<'_>, acked: &AckedOffsets) -> Result<Option<String>, SinkError> {
        let lost = check.lost(acked)?;
        if let Some(unknown) = check.unknown.take().filter(|_| lost.is_none() && !self.has_warned) {
            self.has_warned = true;
            tracing::warn!("{unknown}; so earlier losses in the topic cannot be detected");
        }
        Ok(lost)
    }

    /// All states, oldest first: the checkpoints and the last producer's states.
    fn states(&mut self, topic: &str) -> Result<Vec<ConfirmedState>, SinkError> {
        let of = |checkpoint: &Checkpoint| {
            Some(ConfirmedState { next: checkpoint.position.next, acked: parse(&checkpoint.mark, topic)?.acked })
        };
        let durable: Option<Vec<ConfirmedState>> = self.checkpoints.all().iter().map(of).collect();
        let mut states = if let Some(durable) = durable {
            durable
        } else {
            tracing::info!(
                topic,
                "the checkpoints belong to another topic; the sink does not re-send that topic's records to this topic"
            );
            self.cut(0)?;
            self.last.clear();
            Vec::new()
        };
        states.extend(self.last.iter().cloned());
        Ok(states)
    }

    /// The topic's mark when it last acknowledged records; `None` before the first.
    fn newest_mark(&self, topic: &str) -> Option<Mark> {
        let mut marks = self.checkpoints.all().iter().rev().filter_map(|checkpoint| parse(&checkpoint.mark, topic));
        marks.find(|mark| !mark.acked.is_empty())
    }

    /// Adds the state of the committed position, if it says something and is newer than all others.
    fn add_committed(&mut self, state: Option<ConfirmedState>) {
        let newest = self.checkpoints.newest().map(|newest| newest.position.next);
        let newest = newest.max(self.last.last().map(|state| state.next));
        self.last.extend(state.filter(|state| !state.acked.is_empty() && newest < Some(state.next)));
    }

    /// Drops the states above `next`: those records are sent again anyway.
    fn forget_above(&mut self, next: Sequence) -> Result<(), SinkError> {
        self.last.retain(|state| state.next <= next);
        let kept = self.checkpoints.all().partition_point(|checkpoint| checkpoint.position.next <= next);
        self.cut(kept)
    }

    /// Keeps only the oldest `count` states.
    fn keep(&mut self, count: usize) -> Result<(), SinkError> {
        self.last.truncate(count.saturating_sub(self.checkpoints.all().len()));
        self.cut(count)
    }

    fn cut(&mut self, count: usize) -> Result<(), SinkError> {
        self.checkpoints.cut(count).map_err(|error| SinkError::waiting(error.to_string()))
    }
}

/// The content of a checkpoint's mark.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    acked: AckedOffsets,
    partitions: usize,
    /// The name of the values' format.
    format: String,
}

fn parse(mark: &str, topic: &str) -> Option<Mark> {
    let (acked, rest) = mark.split_once(' ')?;
    let (partitions, rest) = rest.split_once(' ')?;
    let (format, marked) = rest.split_once(' ')?;
    if marked != topic {
        return None;
    }
    let format = format.to_owned();
    Some(Mark { acked: AckedOffsets::parse(acked)?, partitions: partitions.parse().ok()?, format })
}

/// The number of intact states, oldest first, by binary search: a loss in one state is a
/// loss in all later ones.
fn newest_kept(
    states: &[ConfirmedState],
    mut is_lost: impl FnMut(&ConfirmedState) -> Result<bool, SinkError>,
) -> Result<usize, SinkError> {
    let (mut kept, mut lost) = (0, states.len());
    while kept < lost {
        let middle = kept + (lost - kept) / 2;
        if is_lost(&states[middle])? { lost = middle } else { kept = middle + 1 }
    }
    Ok(kept)
}

fn lost_message(why: &str, back_to: Sequence, is_all: bool) -> String {
    let rest = if is_all {
        "; earlier losses are unknown, `meterline replay --sink kafka` sends earlier records again"
    } else {
        ""
    };
    format!(
        "{why}: the topic was recreated, or brokers lost acknowledged records; everything from record {back_to} of the journal on is sent again{rest}"
    )
}

/// A check of the topic for losses, with one client for all requests.
struct LossCheck<'a> {
    config: &'a Config,
    clock: &'a Clock,
    reader: Option<ReadBack<'a>>,
    /// Why the last check is uncertain.
    unknown: Option<String>,
}

impl<'a> LossCheck<'a> {
    fn new(config: &'a Config, clock: &'a Clock) -> Self {
        Self { config, clock, reader: None, unknown: None }
    }

    /// A sentence about the first loss; `None` without one, or where it cannot be known.
    fn lost(&mut self, acked: &AckedOffsets) -> Result<Option<String>, SinkError> {
        self.unknown = None;
        if acked.is_empty() {
            return Ok(None);
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(ReadBack::open(self.config, self.clock)?),
        };
        for (partition, acked_offset, seen) in reader.read_acked(acked)? {
            let sentence = || {
                let at = format!("partition {partition} of topic {} {}", self.config.topic, describe(seen));
                format!("{at}, where offset {} was acknowledged", acked_offset.offset)
            };
            match ack_status(acked_offset, seen) {
                AckStatus::Kept => {}
                AckStatus::Unknown => self.unknown = Some(sentence()),
                AckStatus::Lost => return Ok(Some(sentence())),
            }
        }
        Ok(None)
    }
}

fn describe(seen: ReadBackResult) -> String {
    match seen {
        ReadBackResult::NoPartition => "no longer exists".to_owned(),
        ReadBackResult::LogEnded { end } => format!("ends before offset {end}"),
        ReadBackResult::Expired => "begins later".to_owned(),
        ReadBackResult::Record(_) => "holds another record".to_owned(),
        ReadBackResult::NoRecord => "holds no record".to_owned(),
        ReadBackResult::Forbidden => "may not be read by this user (grant Read on it)".to_owned(),
    }
}

#[cfg(test)]
mod tests;
