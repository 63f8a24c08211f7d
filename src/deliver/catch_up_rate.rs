//! The rate at which a sink takes readings while it is behind. The duration of a replay
//! is estimated from it. Nothing is measured while the sink has caught up.

use std::time::{Duration, Instant};

/// The shortest time that gives a rate.
const MEASURED_MIN: Duration = Duration::from_secs(1);
/// Beyond this time, older measurements count half.
const MEASURED_MAX: Duration = Duration::from_mins(5);

/// Readings, and the time they took while more were waiting.
#[derive(Debug, Default)]
pub(super) struct CatchUpRate {
    readings: f64,
    time: Duration,
    /// The end of the last iteration that left more to send, and the readings sent by then.
    last: Option<(Instant, u64)>,
}

impl CatchUpRate {
    /// Notes the end of an iteration: the readings sent since the start and whether more wait.
    pub(super) fn note(&mut self, now: Instant, sent: u64, has_more: bool) {
        let before = self.last.take();
        if !has_more {
            return;
        }
        self.last = Some((now, sent));
        let Some((since, sent_then)) = before else { return };
        self.readings += sent.saturating_sub(sent_then) as f64;
        self.time += now.saturating_duration_since(since);
        if self.time > MEASURED_MAX {
            (self.readings, self.time) = (self.readings / 2.0, self.time / 2);
        }
    }

    /// Drops the current interval after a failure.
    pub(super) fn interrupt(&mut self) {
        self.last = None;
    }

    /// Readings a second; `None` until enough was measured.
    pub(super) fn readings_per_second(&self) -> Option<f64> {
        let is_measured = self.time >= MEASURED_MIN && self.readings > 0.0;
        is_measured.then(|| self.readings / self.time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn only_time_with_more_to_send_counts() {
        let (mut rate, start) = (CatchUpRate::default(), Clock::system().monotonic());
        let at = |tenths: u64| start + Duration::from_millis(100 * tenths);
        rate.note(at(0), 1_000, true);
        rate.note(at(5), 1_500, true);
        assert_eq!(rate.readings_per_second(), None, "too short");
        rate.note(at(6), 1_600, false);
        rate.note(at(100), 1_700, true);
        rate.note(at(105), 2_200, true);
        assert_eq!(rate.readings_per_second(), Some(1_000.0));
        rate.interrupt();
        rate.note(at(500), 2_200, true);
        assert_eq!(rate.readings_per_second(), Some(1_000.0));
    }

    #[test]
    fn newer_measurements_count_more() {
        let (mut rate, start) = (CatchUpRate::default(), Clock::system().monotonic());
        for minute in 0..=20_u64 {
            let sent = if minute <= 10 { minute * 60 } else { 600 + (minute - 10) * 6_000 };
            rate.note(start + Duration::from_secs(60 * minute), sent, true);
        }
        let rate = rate.readings_per_second().unwrap();
        assert!(rate > 75.0 && rate < 100.0, "{rate}");
    }
}
