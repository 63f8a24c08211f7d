//! The demo's one live line: readings received, readings stored, and how long
//! from the answer to stored.

use super::cloud::Cloud;
use crate::app::Service;
use crate::journal::Sequence;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Marks that wait for their records to be stored; older ones are forgotten first.
const MARKS_MAX: usize = 1024;

/// A moment: everything answered before it lies below the journal's end of then.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    answered_readings: u64,
    journal_end: Sequence,
}

/// The live line, on a terminal; on anything else it is silent until the end.
#[derive(Debug)]
pub(super) struct Line {
    bar: ProgressBar,
    marks: VecDeque<Mark>,
    delay: Option<Duration>,
    stored: u64,
}

impl Line {
    pub(super) fn new(service: &Service, cloud: &Cloud) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        let mut line = Self { bar, marks: VecDeque::new(), delay: None, stored: 0 };
        line.update(service, cloud);
        line
    }

    pub(super) fn update(&mut self, service: &Service, cloud: &Cloud) {
        let now = service.clock().monotonic();
        let stored_below = service.stored_below();
        while let Some(mark) = self.marks.front().filter(|mark| mark.journal_end <= stored_below) {
            self.delay = Some(now.saturating_duration_since(mark.at));
            self.stored = mark.answered_readings;
            self.marks.pop_front();
        }
        if self.marks.len() == MARKS_MAX {
            self.marks.pop_front();
        }
        let answered_readings = cloud.answered_readings();
        self.marks.push_back(Mark { at: now, answered_readings, journal_end: service.journal_end() });
        self.bar.set_message(self.text(cloud));
        self.bar.tick();
    }

    pub(super) fn finish(&self) {
        let text = self.bar.message();
        self.bar.finish_and_clear();
        println!("{text}");
    }

    fn text(&self, cloud: &Cloud) -> String {
        let delay = match self.delay {
            Some(delay) => format!("{} ms", delay.as_millis()),
            None => "not measured yet".to_owned(),
        };
        let trouble = cloud.trouble().map(|trouble| format!(" · {trouble}")).unwrap_or_default();
        format!(
            "{} readings received · {} stored · answer to stored about {delay}{trouble}",
            HumanCount(cloud.answered_readings()),
            HumanCount(self.stored),
        )
    }
}
