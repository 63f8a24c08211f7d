//! Fills gaps of the account's meters with rows, whichever source should have brought the readings.
//!
//! An outage of MQTT leaves a gap in the same meters. Rows of its time are means and energies of intervals with codes
//! of their own: nothing is made up for the missing instantaneous values. The gap closes as repaired.

use super::error::{CloudError, FirstError};
use super::place::{Place, Series};
use super::range::Range;
use super::rows::{Cloud, Purpose};
use crate::base::Stop;
use crate::source::Arrivals;

/// Missing quarter-hours per request: a week.
const SLOTS_MAX: u32 = 7 * 96;

/// The gaps of an account.
#[derive(Debug)]
pub(super) struct Gaps {
    arrivals: Arrivals,
    stop: Stop,
    /// Gaps that rows were fetched for, since the start.
    pub(super) asked: usize,
}

impl Gaps {
    pub(super) fn new(arrivals: Arrivals, stop: Stop) -> Self {
        Self { arrivals, stop, asked: 0 }
    }

    /// Fills every gap of a location that is due. A meter whose rows fail is left for the next run.
    pub(super) async fn fill(
        &mut self,
        cloud: &mut Cloud,
        place: &Place,
        errors: &mut FirstError,
    ) -> Result<(), CloudError> {
        let mut meters = place.meters();
        let mut filled: Vec<(Series, Range)> = Vec::new();
        loop {
            // The journal may hold readings that gap detection has not seen yet.
            self.arrivals.caught_up(&self.stop).await?;
            let now = cloud.present();
            let coverage = self.arrivals.coverage();
            let request = coverage.next_request_of(|meter| meters.contains_key(&meter), now, SLOTS_MAX);
            let Some(request) = request else { return Ok(()) };
            let Some(series) = meters.get(&request.meter).cloned() else { return Ok(()) };
            let range = Range::around(request.from, request.until);
            if !filled.iter().any(|(known, done)| *known == series && done.holds(range)) {
                if !errors.note(fetch(cloud, place, &series, range).await)? {
                    meters.retain(|_, failed| *failed != series);
                    continue;
                }
                filled.push((series, range));
                // Gap detection judges the attempt by the readings that it has seen.
                self.arrivals.caught_up(&self.stop).await?;
            }
            self.arrivals.coverage().requested(&request, now);
            self.asked += 1;
        }
    }
}

/// Fetches the rows of a range, a part at a time.
async fn fetch(cloud: &mut Cloud, place: &Place, series: &Series, mut rest: Range) -> Result<(), CloudError> {
    while !rest.is_empty() {
        let part = rest.first_part(cloud.now());
        cloud.fill(place, series, part, Purpose::Repair).await?;
        rest.from = part.to;
    }
    Ok(())
}
