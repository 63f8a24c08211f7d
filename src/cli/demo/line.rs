//! The demo's status line, within 80 columns: readings received, readings stored, the time from
//! answer to store, gaps, an outage of the store.

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

/// The columns of a terminal, without the spinner and a space.
const COLUMNS: usize = 78;

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

    pub(super) fn update(&mut self, service: &Service, sent: &Sent, gaps: Gaps, is_locked: bool) {
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
        self.bar.set_message(line(sent, (self.stored, self.delay), gaps, is_locked));
        self.bar.tick();
    }

    pub(super) fn finish(&self) -> Result<(), Failure> {
        let text = self.bar.message();
        self.bar.finish_and_clear();
        print(text)
    }
}

/// The parts that fit, the most important first.
fn line(sent: &Sent, (stored, delay): (u64, Option<Duration>), gaps: Gaps, is_locked: bool) -> String {
    let delay = delay.map(|delay| format!(" ({} ms later)", delay.as_millis())).unwrap_or_default();
    let mut line = format!("{} readings · {} stored{delay}", HumanCount(sent.readings_taken), HumanCount(stored));
    let locked = is_locked.then(|| "store locked".to_owned());
    for part in [send_failures(sent), locked, Some(gaps.to_string())].into_iter().flatten() {
        if !part.is_empty() && line.chars().count() + 3 + part.chars().count() <= COLUMNS {
            line.push_str(" · ");
            line.push_str(&part);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_a_terminal_whatever_happens() {
        let sent = |readings, trouble: Option<&str>| Sent {
            readings_taken: readings,
            refused: 12_345,
            trouble: trouble.map(str::to_owned),
            ..Sent::default()
        };
        let late = Some(Duration::from_secs(86_400));
        for readings in [0, 17_000, 9_999_999_999] {
            for trouble in
                [None, Some("answered 503"), Some("no answer: a long story of a connection that was refused")]
            {
                for gaps in [Gaps::default(), Gaps::counted(100_000, 8_000_000)] {
                    let line = line(&sent(readings, trouble), (readings, late), gaps, true);
                    assert!(line.chars().count() <= COLUMNS, "{line}");
                    assert!(line.contains(" readings · "), "{line}");
                }
            }
        }
        let shown = |is_locked| {
            let stored = (17_506, Some(Duration::from_millis(12)));
            line(&sent(17_512, None), stored, Gaps::counted(5, 40), is_locked)
        };
        assert_eq!(shown(false), "17,512 readings · 17,506 stored (12 ms later) · 5 gaps, 40 of 40 fetched");
        assert_eq!(shown(true), "17,512 readings · 17,506 stored (12 ms later) · store locked");
    }
}
