//! Events per second over about the last minute, counted without a lock.
//!
//! Seven slots of ten seconds. Each slot packs its number and its count into one word,
//! so the first writer of a new period resets it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SLOT_SECONDS: u64 = 10;
const SLOTS: usize = 7;
const COUNT_BITS: u32 = 40;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

#[derive(Debug, Default)]
pub(super) struct Rate {
    slots: [AtomicU64; SLOTS],
}

impl Rate {
    /// Counts `events` at `elapsed` since the start.
    pub(super) fn add(&self, events: u64, elapsed: Duration) {
        let number = elapsed.as_secs() / SLOT_SECONDS;
        let slot = self.slot(number);
        let mut old = slot.load(Ordering::Relaxed);
        loop {
            let count = if old >> COUNT_BITS == number { old & COUNT_MASK } else { 0 };
            let new = number << COUNT_BITS | (count + events).min(COUNT_MASK);
            match slot.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }

    /// Events per second over the current slots.
    #[expect(clippy::cast_precision_loss, reason = "a rate for display")]
    pub(super) fn per_second(&self, elapsed: Duration) -> f64 {
        let newest = elapsed.as_secs() / SLOT_SECONDS;
        let oldest = newest.saturating_sub(SLOTS as u64 - 1);
        let events: u64 = (oldest..=newest).map(|number| self.count(number)).sum();
        let window = elapsed.saturating_sub(Duration::from_secs(oldest * SLOT_SECONDS));
        events as f64 / window.as_secs_f64().max(1.0)
    }

    fn count(&self, number: u64) -> u64 {
        let slot = self.slot(number).load(Ordering::Relaxed);
        if slot >> COUNT_BITS == number { slot & COUNT_MASK } else { 0 }
    }

    fn slot(&self, number: u64) -> &AtomicU64 {
        &self.slots[usize::try_from(number).unwrap_or(0) % SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_from_the_first_seconds_on() {
        let rate = Rate::default();
        for second in 0..200 {
            rate.add(5, Duration::from_secs(second));
            let shown = rate.per_second(Duration::from_secs(second + 1));
            assert!((4.0..=5.5).contains(&shown), "{shown} at second {second}");
        }
    }

    #[test]
    fn old_events_do_not_count() {
        let rate = Rate::default();
        rate.add(1_000, Duration::from_secs(3));
        assert_eq!(rate.per_second(Duration::from_secs(75)), 0.0);
    }
}
