//! The overview of all gaps and meters that pages and metrics show.

use super::gap::Gap;
use super::tracker::GapTracker;

/// The maximum number of gaps in an overview; `meterline gaps` lists all.
pub const GAPS_SHOWN_MAX: usize = 20;

/// Gaps and meters in numbers, with the newest gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// Open gaps.
    pub open: usize,
    /// Quarter-hours missing in open gaps.
    pub quarter_hours: u64,
    /// The newest gaps, newest first, with the number of quarter-hours still missing.
    pub newest: Vec<(Gap, u64)>,
    /// Tracked meters.
    pub meters: usize,
    /// The maximum number of tracked meters.
    pub meters_max: usize,
    /// Readings of meters beyond it, since the start.
    pub untracked: u64,
}

impl Overview {
    pub(super) fn of(known: &GapTracker) -> Self {
        let open = || known.gaps.iter().filter(|gap| gap.is_open());
        let newest = known.gaps.iter().rev().take(GAPS_SHOWN_MAX);
        Self {
            open: open().count(),
            quarter_hours: open().map(|gap| known.slots_missing(gap)).sum(),
            newest: newest.map(|gap| (gap.clone(), known.slots_missing(gap))).collect(),
            meters: known.meters.len(),
            meters_max: known.meters_max,
            untracked: known.untracked,
        }
    }
}
