//! Skips records that retention deleted before the sink had them. A gap record is stored
//! first; records that the sink had before a replay are not part of it.

use super::error::PumpError;
use super::state::Pump;
use crate::journal::{Gap, GapReason, Sequence};

impl Pump {
    /// Continues at the oldest record where retention deleted some before the sink had
    /// them. Nothing is in flight when this is called.
    pub(super) fn skip_expired(&mut self) -> Result<(), PumpError> {
        let Some(from) = self.position.as_ref().map(|position| position.safe) else { return Ok(()) };
        let oldest = self.shared.log.oldest().next;
        if from >= oldest {
            return Ok(());
        }
        let missing_from = self.replay.map_or(from, |replay| replay.first_not_safe(from)).min(oldest);
        if from < missing_from {
            let sink = self.shared.name.as_str();
            tracing::warn!(
                sink,
                from = from.0,
                until = missing_from.0,
                "retention deleted records of the running replay"
            );
        }
        if missing_from < oldest {
            self.note_gap(missing_from, oldest)?;
        }
        if let Some(position) = &mut self.position {
            position.reset_to(oldest);
        }
        if let Some(retry) = &mut self.retry {
            retry.waiting = oldest;
        }
        let mut view = self.shared.view();
        (view.safe, view.waiting) = (oldest, oldest);
        drop(view);
        self.cursor.follow(&self.shared, oldest, self.replay);
        Ok(())
    }

    /// Stores a gap record: the sink will not get these records.
    pub(super) fn note_gap(&self, from: Sequence, until: Sequence) -> Result<(), PumpError> {
        let (sink, at) = (self.shared.name.clone(), self.shared.clock.now());
        let gap = Gap { sink, from, until, at, reason: GapReason::Retention };
        self.shared.log.gaps().add(gap.clone()).map_err(|error| PumpError::waiting(error.to_string()))?;
        self.metrics.gap_records.increment(gap.records());
        tracing::error!(
            sink = gap.sink,
            from = from.0,
            until = until.0,
            "retention deleted records before the sink had them; it continues at the oldest"
        );
        Ok(())
    }
}
