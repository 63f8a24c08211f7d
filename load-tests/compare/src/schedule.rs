//! When which lane posts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A body to post at a time since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// Time since the start.
    pub at: Duration,
    /// Number of the lane.
    pub lane: usize,
}

/// How bodies follow each other.
#[derive(Debug, Clone)]
pub enum Pace {
    /// Every connection posts its next body when the last one was answered, lanes in turn, until the time or
    /// the number of samples is reached. Latencies count from the sending.
    Closed {
        /// Until this time since the start.
        end: Duration,
        /// Until this number of samples was posted.
        samples_max: u64,
    },
    /// Every connection posts its next body a moment after the last one was answered, lanes in turn, until it is
    /// stopped. Latencies count from the sending.
    Until {
        /// Ends it, and has the number of accepted bodies.
        control: Arc<Control>,
        /// The moment.
        pause: Duration,
    },
    /// Bodies are due at these times, whether earlier ones were answered or not. Latencies count from then.
    Open(Vec<Due>),
}

/// A load that runs while another thread does something else.
#[derive(Debug, Default)]
pub struct Control {
    is_over: AtomicBool,
    accepted: AtomicU64,
}

impl Control {
    /// Ends the load.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether it was ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Bodies answered with 200 until now.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(crate) fn note_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }
}

/// Bodies at a steady rate; lanes at random.
#[must_use]
pub fn steady(per_second: f64, length: Duration, lanes: usize) -> Vec<Due> {
    let mut order = fastrand::Rng::with_seed(1);
    let interval = 1.0 / per_second.max(1e-3);
    (0_u32..)
        .map(|number| Duration::from_secs_f64(interval * f64::from(number)))
        .take_while(|at| *at < length)
        .map(|at| Due { at, lane: order.usize(..lanes.max(1)) })
        .collect()
}

/// A body of each lane, evenly spread over `length` from `start`, in random order.
#[must_use]
pub fn burst(start: Duration, length: Duration, lanes: usize) -> Vec<Due> {
    let mut order: Vec<usize> = (0..lanes).collect();
    fastrand::Rng::with_seed(2).shuffle(&mut order);
    let step = length.as_secs_f64() / precise(lanes.max(1));
    order
        .into_iter()
        .enumerate()
        .map(|(number, lane)| Due { at: start + Duration::from_secs_f64(step * precise(number)), lane })
        .collect()
}

/// Both, in the order of times.
#[must_use]
pub fn merged(mut one: Vec<Due>, other: Vec<Due>) -> Vec<Due> {
    one.extend(other);
    one.sort_unstable();
    one
}

fn precise(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_rate_gives_its_bodies_in_its_time() {
        let all = steady(1_000.0, Duration::from_secs(2), 10);
        assert_eq!(all.len(), 2_000);
        assert_eq!(all[500].at, Duration::from_millis(500));
        assert!(all.iter().all(|due| due.lane < 10));
    }

    #[test]
    fn a_burst_has_every_lane_once_and_is_merged_by_time() {
        let (start, length) = (Duration::from_secs(1), Duration::from_secs(1));
        let burst = burst(start, length, 100);
        assert_eq!(burst.iter().map(|due| due.lane).collect::<BTreeSet<_>>(), (0..100).collect());
        assert!(burst.iter().all(|due| (start..start + length).contains(&due.at)));
        let merged = merged(steady(10.0, Duration::from_secs(3), 100), burst);
        assert_eq!(merged.len(), 130);
        assert!(merged.is_sorted_by_key(|due| due.at));
    }
}
