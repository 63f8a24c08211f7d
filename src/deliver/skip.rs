//! Going on behind records that retention took before the sink had them. What it will
//! not get is noted durably first; what it had before a replay is none of that.

use super::state::Pump;
use super::error::PumpError;
use crate::journal::{Gap, GapReason, Sequence};

impl Pump {
    /// Goes on at the oldest record where retention took some before the sink had
    /// them. Nothing is in flight when this is called.
    pub(super) fn skip_expired(&mut self) -> Result<(), PumpError> {
        let Some(from) = self.position.as_ref().map(|position| position.safe) else { return Ok(()) };
        let oldest = self.shared.journal.oldest().next;
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
                "retention took records that a replay was to send again"
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

    /// Makes durable that the sink will not get these records.
    pub(super) fn note_gap(&self, from: Sequence, until: Sequence) -> Result<(), PumpError> {
        let (sink, at) = (self.shared.name.clone(), self.shared.clock.now());
        let gap = Gap { sink, from, until, at, reason: GapReason::Retention };
        self.shared.journal.gaps().add(gap.clone()).map_err(|error| PumpError::waiting(error.to_string()))?;
        self.metrics.gap_records.increment(gap.records());
        tracing::error!(
            sink = gap.sink,
            from = from.0,
            until = until.0,
            "retention took records before the sink had them; it goes on at the oldest"
        );
        Ok(())
    }
}
