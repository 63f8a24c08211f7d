//! The gaps of the demo's meters: for the status line and for the final summary.

use super::cloud::Cloud;
use crate::app::Service;
use crate::coverage::{Extent, Gap, GapState};
use crate::reading::UnixNanos;
use std::fmt;
use std::path::Path;

/// The gaps found since the demo began, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    found: u64,
    closed: u64,
    /// Quarter-hours: missing, fetched from the cloud, received late.
    missing: u64,
    fetched: u64,
    late: u64,
}

impl Gaps {
    /// Counts the gaps that the service has found since then.
    pub(super) fn of(service: &Service, since: UnixNanos) -> Self {
        let mut gaps = Self::default();
        service.gaps().iter().filter(|gap| gap.found >= since).for_each(|gap| gaps.count(gap));
        gaps
    }

    /// Gaps that were all fetched.
    #[cfg(test)]
    pub(super) fn counted(found: u64, fetched: u64) -> Self {
        Self { found, closed: found, missing: fetched, fetched, late: 0 }
    }

    fn count(&mut self, gap: &Gap) {
        let Extent::Slots(stretch) = gap.extent else { return };
        self.found += 1;
        self.closed += u64::from(gap.state != GapState::Open);
        self.missing += stretch.slots();
        self.fetched += gap.repaired;
        self.late += gap.late;
    }

    /// Describes the gaps and names the command that lists them.
    pub(super) fn summary(&self, cloud: &Cloud, data: &Path) -> String {
        let data = data.display();
        let lost = cloud.lost();
        let outcome = match self {
            Self { found: 0, .. } => format!(
                "No gap was found. The cloud withheld {lost}, but an earlier demo has stored them in {data} \
                 (use another --data directory), or this demo ended too early."
            ),
            Self { found, closed, missing, fetched, late } => {
                let late = if *late > 0 { format!(", {late} were received late") } else { String::new() };
                let rest = if closed < found { "; the others were still open at the stop" } else { "" };
                format!(
                    "The cloud withheld {lost}.\nThe service found {found} gaps; {fetched} of {missing} \
                     quarter-hours were fetched from the cloud's past values{late}, {closed} gaps closed{rest}."
                )
            }
        };
        format!("{outcome}\nList the gaps: meterline gaps --all --data {data}")
    }
}

impl fmt::Display for Gaps {
    /// Writes nothing if there is no gap.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, missing, fetched, late, .. } = self;
        if *found == 0 {
            return Ok(());
        }
        write!(f, "{found} gaps, {} of {missing} fetched", fetched + late)
    }
}
