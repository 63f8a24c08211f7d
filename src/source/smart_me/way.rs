//! The way of what was fetched for an account: through the one door, once everything
//! that came before is known.

use super::pause::{Ended, Pause};
use crate::clock::Clock;
use crate::coverage::Coverage;
use crate::ingest::Entrance;
use crate::reading::{Flags, MeterId, Sample, UnixNanos};
use crate::wire::PayloadFormat;
use crate::wire::batch::{Original, encode};
use std::time::Duration;

/// What is under way in the journal is waited for so often, for so long.
const CAUGHT_UP_LOOKS: u32 = 50;
const CAUGHT_UP_PAUSE: Duration = Duration::from_millis(100);
/// Readings of one record.
const READINGS_MAX: usize = 250;

/// The registers of a meter at an instant.
pub(super) type Reading = (MeterId, UnixNanos, Vec<Sample>);

/// An account's way to the journal.
pub struct Way {
    /// What came, and what is missing.
    pub coverage: Coverage,
    /// Whether everything in the journal was noted there.
    pub is_caught_up: Box<dyn Fn() -> bool + Send>,
    /// The account's way through the door.
    pub entrance: Entrance,
    /// Where the door's waits are run.
    pub runtime: tokio::runtime::Handle,
    /// The time.
    pub clock: Clock,
}

impl Way {
    /// Waits a little for what is under way.
    pub(super) fn catch_up(&self, pause: &Pause) -> Result<bool, Ended> {
        for _ in 0..CAUGHT_UP_LOOKS {
            if (self.is_caught_up)() {
                return Ok(true);
            }
            pause.wait(CAUGHT_UP_PAUSE)?;
        }
        Ok(false)
    }

    /// Takes readings through the door, the answer they came in beside the first of
    /// them; each record is synced before the next. `taken` is told how many it held.
    pub(super) fn take(
        &self,
        readings: &[Reading],
        flags: Flags,
        answer: Original<'_>,
        mut taken: impl FnMut(&[Reading]),
    ) -> Result<(), String> {
        for (number, readings) in readings.chunks(READINGS_MAX).enumerate() {
            // Once is enough to read it again from.
            let original = if number == 0 { answer } else { Original { bytes: &[], ..answer } };
            let body = encode(readings.iter().map(|(meter, at, values)| (*meter, *at, flags, values)), original);
            let outcome = self.runtime.block_on(self.entrance.take(PayloadFormat::ReadingBatch, &body));
            outcome.map_err(|refusal| refusal.to_string())?;
            taken(readings);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Way")
    }
}
