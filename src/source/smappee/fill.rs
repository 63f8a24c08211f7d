//! Fills a range with the finest rows that the cloud has: five minutes, else hours, else days.

use super::error::CloudError;
use super::place::{Place, Series};
use super::range::{FINE_ROWS_MS, Range, step, uncovered};
use super::rows::{Cloud, Purpose};
use crate::vendor::smappee::rest::Aggregation;

/// From fine to coarse. Each has codes of its own, so that none replaces another.
const LEVELS: [Aggregation; 3] = [Aggregation::FiveMinutes, Aggregation::Hour, Aggregation::Day];

impl Cloud {
    /// Fetches and stores the rows of a series in a range.
    pub(super) async fn fill(
        &mut self,
        place: &Place,
        series: &Series,
        range: Range,
        purpose: Purpose,
    ) -> Result<(), CloudError> {
        let mut holes = vec![range];
        for level in LEVELS {
            holes.retain(|hole| hole.length() >= step(level));
            let (Some(first), Some(last)) = (holes.first(), holes.last()) else { break };
            if level == Aggregation::FiveMinutes && range.to <= self.now() - FINE_ROWS_MS {
                continue;
            }
            let asked = Range { from: first.from, to: last.to };
            let starts = self.rows(place, series, level, asked, &[(&holes, purpose)]).await?;
            holes = uncovered(&holes, starts, level);
        }
        Ok(())
    }
}
