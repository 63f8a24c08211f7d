//! The arrived readings as gap detection has recorded them, for sources that must not
//! replace or repeat them.

use crate::base::{Stop, Stopped};
use crate::coverage::Coverage;
use crate::journal::Journal;
use std::time::Duration;

/// The wait for gap detection: number of checks and interval.
const CHECKS_MAX: u32 = 50;
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// The arrived readings.
#[derive(Debug, Clone)]
pub struct Arrivals {
    coverage: Coverage,
    journal: Journal,
}

impl Arrivals {
    /// Creates a view of `coverage`, which reads this journal.
    pub fn new(coverage: Coverage, journal: Journal) -> Self {
        Self { coverage, journal }
    }

    pub(super) fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Waits until coverage has recorded everything that is in the journal now; false after a
    /// few seconds. Later records are not waited for.
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
