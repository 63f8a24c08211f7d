//! Counts of a run: answers by status, latencies, rates.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Latencies are kept to three digits up to this.
const LATENCY_MAX: Duration = Duration::from_secs(600);

/// The counts of a run.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Bodies without an answer.
    pub unanswered: u64,
    /// The first reason why.
    pub error: Option<String>,
    /// Bodies that were due and never sent, because earlier ones took too long.
    pub unsent: u64,
    /// Samples in bodies answered with 200.
    pub samples: u64,
    /// From the start to the last answer.
    pub elapsed: Duration,
    /// Nanoseconds.
    latencies: Option<Histogram<u64>>,
}

impl Default for Tally {
    fn default() -> Self {
        let latencies = Histogram::new_with_bounds(1_000, nanoseconds(LATENCY_MAX), 3).ok();
        let (statuses, error, elapsed) = (BTreeMap::new(), None, Duration::ZERO);
        Self { statuses, unanswered: 0, error, unsent: 0, samples: 0, elapsed, latencies }
    }
}

impl Tally {
    /// Counts an answer.
    pub(crate) fn answered(&mut self, status: u16, latency: Duration, samples: u64) {
        *self.statuses.entry(status).or_default() += 1;
        if let Some(latencies) = &mut self.latencies {
            latencies.saturating_record(nanoseconds(latency));
        }
        if status == 200 {
            self.samples += samples;
        }
    }

    /// Counts a body without an answer.
    pub(crate) fn failed(&mut self, error: &io::Error) {
        self.unanswered += 1;
        self.error.get_or_insert_with(|| error.to_string());
    }

    /// Bodies answered with 200.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.statuses.get(&200).copied().unwrap_or(0)
    }

    /// Bodies answered otherwise, not answered, or not sent.
    #[must_use]
    pub fn not_accepted(&self) -> u64 {
        self.statuses.values().sum::<u64>() - self.accepted() + self.unanswered + self.unsent
    }

    /// Answers a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.accepted() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The latency that `percent` of the answers do not exceed, in milliseconds.
    #[must_use]
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        let value = |latencies: &Histogram<u64>| latencies.value_at_quantile(percent / 100.0) as f64 / 1e6;
        self.latencies.as_ref().map_or(0.0, value)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_with_200_count_as_accepted() {
        let mut tally = Tally::default();
        for latency in 1..=98 {
            tally.answered(200, Duration::from_millis(latency), 8);
        }
        tally.answered(503, Duration::from_secs(2), 8);
        tally.failed(&io::Error::other("closed"));
        tally.elapsed = Duration::from_secs(2);
        assert_eq!((tally.accepted(), tally.not_accepted(), tally.samples), (98, 2, 98 * 8));
        assert!((tally.per_second() - 49.0).abs() < 1e-9);
        assert!((tally.percentile_ms(50.0) - 50.0).abs() < 0.5);
        assert!((tally.percentile_ms(100.0) - 2_000.0).abs() < 2.0);
        assert_eq!(tally.error.as_deref(), Some("closed"));
    }
}
