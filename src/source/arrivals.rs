//! The arrived readings as gap detection has recorded them: for sources that must not replace or
//! repeat them, and for those that fetch what did not arrive.

use super::SourceError;
use crate::base::{Stop, Stopped};
use crate::coverage::{Coverage, MissingValues, RepairRequest};
use crate::journal::Journal;
use crate::reading::Flags;
use crate::reading::registry::is_counter;
use crate::vendor::Reading;
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

    /// The same, before missing readings are fetched.
    ///
    /// # Errors
    /// When gap detection does not get there: the journal may hold what it takes for missing.
    pub(super) async fn caught_up(&self, stop: &Stop) -> Result<(), SourceError> {
        if self.catch_up(stop).await? {
            return Ok(());
        }
        Err(SourceError::Failing(
            "missing readings are not fetched because gap detection has not yet read all that arrived; they are \
             fetched once it has"
                .to_owned(),
        ))
    }

    /// The missing parts of fetched readings, with their places among these.
    pub(super) fn missing_of(&self, request: &RepairRequest, readings: &[Reading]) -> Vec<(u32, Reading)> {
        let places = (0..).zip(readings);
        places.filter_map(|(place, reading)| Some((place, self.missing(request, reading.clone())?))).collect()
    }

    /// The missing part of a fetched reading, flagged as gap repair. `None` if nothing of it is missing:
    /// a fetched value never replaces one that arrived.
    pub(super) fn missing(&self, request: &RepairRequest, mut reading: Reading) -> Option<Reading> {
        if reading.meter != request.meter || reading.at > request.until {
            return None;
        }
        match self.coverage.missing_values(request, reading.at) {
            MissingValues::Nothing => return None,
            MissingValues::Counters => reading.samples.retain(|sample| is_counter(sample.obis)),
            MissingValues::All => {}
        }
        reading.flags = reading.flags | Flags::GAP_REPAIR;
        (!reading.samples.is_empty()).then_some(reading)
    }
}
