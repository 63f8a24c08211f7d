//! The demo's status line, within 80 columns: readings received, readings stored, the time from
//! answer to store, and gaps.

use super::cloud::send_failures;
use super::gaps::Gaps;
use crate::app::Service;
use crate::cli::failure::Failure;
use crate::cli::table::print;
use crate::journal::Sequence;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use meterline_load::cloud::Sent;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Positions whose records are not stored yet; the oldest are dropped first.
const POSITIONS_MAX: usize = 1024;

/// The end of the journal at a time: every record answered before is below it.
#[derive(Debug, Clone, Copy)]
struct TimedPosition {
    at: Instant,
    answered_readings: u64,
    journal_end: Sequence,
}

/// The status line. On a terminal it is updated; elsewhere it is printed once at the end.
#[derive(Debug)]
pub(super) struct Line {
    bar: ProgressBar,
    positions: VecDeque<TimedPosition>,
    delay: Option<Duration>,
    stored: u64,
}

impl Line {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self { bar, positions: VecDeque::new(), delay: None, stored: 0 }
    }

    pub(super) fn update(&mut self, service: &Service, sent: &Sent, gaps: Gaps) {
        let now = service.clock().monotonic();
        let stored_below = service.stored_below();
        while let Some(position) = self.positions.front().filter(|position| position.journal_end <= stored_below) {
            self.delay = Some(now.saturating_duration_since(position.at));
            self.stored = position.answered_readings;
            self.positions.pop_front();
        }
        if self.positions.len() == POSITIONS_MAX {
            self.positions.pop_front();
        }
        let answered_readings = sent.readings_taken;
        self.positions.push_back(TimedPosition { at: now, answered_readings, journal_end: service.journal_end() });
        self.bar.set_message(self.text(sent, gaps));
        self.bar.tick();
    }

    pub(super) fn finish(&self) -> Result<(), Failure> {
        let text = self.bar.message();
        self.bar.finish_and_clear();
        print(text)
    }

    fn text(&self, sent: &Sent, gaps: Gaps) -> String {
        let delay = match self.delay {
            Some(delay) => format!("{} ms later", delay.as_millis()),
            None => "not measured yet".to_owned(),
        };
        let failures = send_failures(sent).map(|failures| format!(" · {failures}")).unwrap_or_default();
        format!(
            "{} readings · {} stored ({delay}){gaps}{failures}",
            HumanCount(sent.readings_taken),
            HumanCount(self.stored),
        )
    }
}
