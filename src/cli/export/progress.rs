//! The progress of an export, as a line on a terminal.

use crate::cli::progress::is_shown;
use crate::cli::verbosity::Verbosity;
use crate::reading::UnixNanos;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Samples between two changes of the line.
const SHOWN_EVERY: u64 = 10_000;

/// Counts samples.
pub(super) struct Progress {
    count: u64,
    line: ProgressBar,
}

impl Progress {
    pub(super) fn begin(verbosity: Verbosity) -> Self {
        let target = if is_shown(verbosity) { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{human_pos} samples, now at {msg}");
        let line = ProgressBar::with_draw_target(None, target);
        line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { count: 0, line }
    }

    pub(super) fn add(&mut self, at: UnixNanos) {
        self.count += 1;
        if self.count.is_multiple_of(SHOWN_EVERY) {
            self.line.set_message(at.to_string());
            self.line.set_position(self.count);
        }
    }

    /// Removes the line; returns the number of samples.
    pub(super) fn end(self) -> u64 {
        self.line.finish_and_clear();
        self.count
    }
}
