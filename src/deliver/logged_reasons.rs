//! The reasons for not running that were logged since the sink last ran: a sink that stays
//! blocked logs each new one once, and none at every retry.

use std::collections::VecDeque;

/// Reasons remembered; beyond it the oldest is forgotten, and logged again if it recurs.
const REASONS_MAX: usize = 16;

/// The reasons already logged.
#[derive(Debug, Default)]
pub(super) struct LoggedReasons(VecDeque<String>);

impl LoggedReasons {
    /// Notes a reason; whether it is new. Numbers (times, ports, records) make no difference,
    /// because they change with every retry.
    pub(super) fn is_new(&mut self, reason: &str) -> bool {
        let key: String = reason.chars().filter(|char| !char.is_ascii_digit()).collect();
        if self.0.contains(&key) {
            return false;
        }
        if self.0.len() >= REASONS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(key);
        true
    }

    /// Forgets all reasons, because the sink runs.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_new_once_whatever_its_numbers_until_the_sink_runs() {
        let mut logged = LoggedReasons::default();
        assert!(logged.is_new("no answer for 10 s"));
        assert!(!logged.is_new("no answer for 40 s"));
        assert!(logged.is_new("the table is missing"));
        assert!(!logged.is_new("no answer for 70 s"), "also after another one");
        logged.clear();
        assert!(logged.is_new("no answer for 10 s"));
    }

    #[test]
    fn reasons_that_change_without_end_take_no_more_memory() {
        let mut logged = LoggedReasons::default();
        let reason = |number: usize| "x".repeat(number);
        assert!((0..10 * REASONS_MAX).all(|number| logged.is_new(&reason(number))));
        assert_eq!(logged.0.len(), REASONS_MAX);
        assert!(!logged.is_new(&reason(10 * REASONS_MAX - 1)));
    }
}
