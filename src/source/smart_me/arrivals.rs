//! What has arrived of the meters, as gap detection has noted it, for sources that must
//! not replace or repeat it.

use crate::base::{Stop, Stopped};
use crate::coverage::Coverage;
use crate::journal::Journal;
use std::time::Duration;

/// The wait for what is under way in the journal: so often, so long.
const CHECKS_MAX: u32 = 50;
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// What has been arrivals.
#[derive(Debug, Clone)]
pub struct Arrivals {
    coverage: Coverage,
    journal: Journal,
}

impl Arrivals {
    /// What `coverage` has noted of this journal.
    #[must_use]
    pub fn new(coverage: Coverage, journal: Journal) -> Self {
        Self { coverage, journal }
    }

    pub(super) fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Waits until everything that was in the journal when this was called is noted; false
    /// where that takes longer than a few seconds.
    pub(super) async fn catch_up(&self, stop: &Stop) -> Result<bool, Stopped> {
        let end = self.journal.next();
        for _ in 0..CHECKS_MAX {
            if self.coverage.has_noted(end) {
                return Ok(true);
            }
            stop.sleep(CHECK_EVERY).await?;
        }
        Ok(false)
    }
}
