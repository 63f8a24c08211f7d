//! Rewinds a running pump: for a replay, or because the sink's store lost confirmed data.
//! The lower cursor is made durable first.

use super::error::Resume;
use super::replay::{Replay, Rewind, RewindError, Rewound};
use super::state::Pump;
use crate::journal::Sequence;

impl Pump {
    /// Makes the requested rewind, if any, and answers the request.
    pub(super) fn handle_rewind(&mut self) {
        if let Some((rewind, asked)) = self.shared.take_rewind() {
            let done = self.rewind(rewind);
            // The requester may have stopped waiting.
            asked.try_send(done).ok();
        }
    }

    fn rewind(&mut self, rewind: Rewind) -> Result<Rewound, RewindError> {
        let Some(position) = &mut self.position else {
            let why = self.shared.view().why.clone();
            return Err(RewindError::NotStarted(why.unwrap_or_else(|| "it is still starting".to_owned())));
        };
        let (log, safe) = (&self.shared.log, position.safe);
        let Some(plan) = rewind.plan(log.oldest().next, log.next(), safe) else {
            return Ok(Rewound { from: safe, until: safe });
        };
        let (next, replay) = (plan.next, plan.replay.merged_with(self.replay));
        self.cursor.store(&self.shared, next, Some(replay))?;
        self.replay = Some(replay);
        position.reset_to(next);
        self.failed_at = None;
        if let Some(retry) = &mut self.retry {
            retry.waiting = next;
        }
        self.panics.load(self.options.dead_letters.as_ref(), &self.shared.name);
        let mut view = self.shared.view();
        (view.safe, view.waiting) = (next, next);
        view.replaying_until = Some(replay.end());
        drop(view);
        let Rewound { from, until } = plan.rewound;
        tracing::info!(sink = self.shared.name, from = from.0, until = until.0, "the sink is rewound");
        Ok(plan.rewound)
    }

    /// Goes back to the lowest unsafe record, or to the first one that the store lost, once the
    /// lower cursor is durable. Until it is, the sink finds the loss again at every attempt.
    /// Where the store was replaced, the position is found again as at a start.
    ///
    /// Returns the record that must become safe before the sink counts as recovered.
    pub(super) fn go_back(&mut self, resume: Resume) -> Sequence {
        if resume == Resume::AsAtStart {
            self.position = None;
        }
        let Some(position) = &mut self.position else { return Sequence(0) };
        let (mut from, mut waiting) = (position.safe, position.waiting);
        if let Resume::At(lost_from) = resume
            && lost_from < from
        {
            let replay = Some(replay_of_loss(self.replay, lost_from, from));
            match self.cursor.store(&self.shared, lost_from, replay) {
                Ok(()) => {
                    tracing::warn!(
                        sink = self.shared.name,
                        from = lost_from.0,
                        until = from.0,
                        "the store lost data it had confirmed; sending it again"
                    );
                    self.metrics.went_back.increment(1);
                    self.replay = replay;
                    (from, waiting) = (lost_from, lost_from);
                }
                Err(error) => {
                    tracing::warn!(
                        sink = self.shared.name, %error, to = lost_from.0,
                        "the store lost confirmed data, but the cursor cannot be set back; retrying"
                    );
                }
            }
        }
        position.reset_to(from);
        let mut view = self.shared.view();
        (view.safe, view.waiting) = (from, from);
        waiting
    }
}

/// The replay to store with the cursor after a loss. At an exact store the position from before the loss counts until a
/// lower one is committed, but not during a replay.
fn replay_of_loss(before: Option<Replay>, lost_from: Sequence, until: Sequence) -> Replay {
    let before = before.map(|replay| replay.after_loss(lost_from));
    before.unwrap_or_else(|| Replay::of_loss(lost_from, until)).at_least_until(until)
}
