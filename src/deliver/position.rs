//! The position of a pump between the log and its sink.

use super::log::LogReader;
use crate::journal::Sequence;
use crate::reading::UnixNanos;
use std::collections::VecDeque;

/// Iterations whose delay is measured at once; with more in flight some are not measured.
const DELAY_PROBES_MAX: usize = 4096;

/// The position of a pump.
pub(super) struct PumpPosition {
    /// The lowest record that is not safe.
    pub(super) safe: Sequence,
    /// The lowest record that is not safe and not held back by the sink.
    pub(super) waiting: Sequence,
    /// `None` until the sink was rewound to `safe`.
    pub(super) reader: Option<LogReader>,
    /// The last record handed over since the rewind.
    pub(super) last_taken: Option<Sequence>,
    /// The first record of an iteration, and its receive time.
    delay_probes: VecDeque<(Sequence, UnixNanos)>,
    /// The receive time of the last probe removed.
    passed: Option<UnixNanos>,
}

impl PumpPosition {
    pub(super) fn at(safe: Sequence) -> Self {
        Self { safe, waiting: safe, reader: None, last_taken: None, delay_probes: VecDeque::new(), passed: None }
    }

    /// Restarts at `next`: everything from there on is sent again.
    pub(super) fn reset_to(&mut self, next: Sequence) {
        self.safe = next;
        self.waiting = next;
        self.reader = None;
        self.last_taken = None;
        self.delay_probes.clear();
        self.passed = None;
    }

    pub(super) fn probe_delay(&mut self, first: Sequence, received: UnixNanos) {
        if self.delay_probes.len() < DELAY_PROBES_MAX {
            self.delay_probes.push_back((first, received));
        }
    }

    /// Removes the probes below `next` and returns the oldest receive time among them.
    pub(super) fn take_delay_probes_below(&mut self, next: Sequence) -> Option<UnixNanos> {
        let mut oldest = None;
        while let Some((_, received)) = self.delay_probes.front().filter(|(first, _)| *first < next) {
            oldest = oldest.or(Some(*received));
            self.passed = Some(*received);
            self.delay_probes.pop_front();
        }
        oldest
    }

    /// The receive time of the oldest waiting record, or of one shortly before it; `None` if
    /// it was not read yet.
    pub(super) fn oldest_received(&self) -> Option<UnixNanos> {
        // Without a reader nothing is being read, so the last iteration may be long past.
        self.reader.as_ref()?;
        let first = self.delay_probes.front().filter(|(first, _)| *first == self.waiting);
        first.map(|(_, received)| *received).or(self.passed)
    }
}
