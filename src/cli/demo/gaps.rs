//! What is missing of the demo's meters, and what became of it: in one line, and in
//! the end in a few.

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
    /// Quarter-hours that were missing, fetched from past values, or came late by themselves.
    missing: u64,
    fetched: u64,
    late: u64,
}

impl Gaps {
    /// Those that the service has found since then.
    pub(super) fn of(service: &Service, since: UnixNanos) -> Self {
        let mut gaps = Self::default();
        service.gaps().iter().filter(|gap| gap.found >= since).for_each(|gap| gaps.count(gap));
        gaps
    }

    fn count(&mut self, gap: &Gap) {
        let Extent::Slots(stretch) = gap.extent else { return };
        self.found += 1;
        self.closed += u64::from(gap.state != GapState::Open);
        self.missing += stretch.slots();
        self.fetched += gap.repaired;
        self.late += gap.late;
    }

    /// What was seen, and how to look at it.
    pub(super) fn story(&self, cloud: &Cloud, data: &Path) -> String {
        let data = data.display();
        let lost = cloud.lost();
        let what = match self {
            Self { found: 0, .. } => format!(
                "No gap was found: {lost} were lost on their way, but an earlier demo has stored them in {data} \
                 (--data NAME begins anew), or this one ended before they were missed."
            ),
            Self { found, closed, missing, fetched, late } => {
                let by_itself = if *late > 0 { format!(", {late} came late") } else { String::new() };
                let rest = if closed < found { "; the rest was still being fetched at the stop" } else { "" };
                format!(
                    "Lost on their way were {lost}.\nThat was noticed as {found} gaps; {fetched} of {missing} \
                     quarter-hours were fetched from the cloud's past values{by_itself}, {closed} gaps closed{rest}."
                )
            }
        };
        format!("{what}\nLook at them: meterline gaps --all --data {data}")
    }
}

impl fmt::Display for Gaps {
    /// Nothing while there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, closed, missing, fetched, late } = self;
        if *found == 0 {
            return Ok(());
        }
        let came = fetched + late;
        let state = if closed == found { ", closed".to_owned() } else { format!(", {closed} closed") };
        write!(f, " · {found} gaps found, {came} of {missing} quarter-hours fetched{state}")
    }
}
