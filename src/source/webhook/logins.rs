//! The failed-login budget: delays the answers to a password guesser.
//!
//! How late an answer is: `login_budgets.rs`. Valid logins are never checked against the
//! budget, so guesses cannot lock out another client, not even behind the same address. A
//! request without credentials costs nothing.
//!
//! A connection that never had
//! valid credentials gets one delayed answer; at its next wrong password it is closed. Other
//! clients use a proxy's connection or an account's as well, so delays must leave room on
//! it: it has [`DELAYED_ANSWERS_MAX`] delayed answers at a time, and a quarter of all
//! connections may have such. A further wrong password gets no answer there.
//!
//! A guesser that does not wait for its 401 pays with a connection for each guess, no more:
//! the right password is answered at once. So the path and the password must be long.

use super::login_budgets::LoginBudgets;
use crate::metrics;
use ::metrics::Counter;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::Semaphore;

/// Delayed answers at a time of a connection that others use as well.
const DELAYED_ANSWERS_MAX: usize = 8;

/// The failed logins by address.
#[derive(Debug)]
pub(super) struct FailedLogins {
    budgets: Mutex<LoginBudgets>,
    /// Delayed answers on connections that others use as well.
    shared: Semaphore,
    delayed_total: Counter,
    unanswered_total: Counter,
}

/// The failed logins of one connection.
#[derive(Debug)]
pub(super) struct ConnectionGuesses {
    /// It has used its only delayed answer.
    is_spent: AtomicBool,
    delayed: Semaphore,
}

/// The consequence of a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consequence {
    /// The answer; its delay has passed.
    Answer,
    /// No answer to this request.
    NoAnswer,
    /// No answer, and the end of the connection.
    Close,
}

impl Default for ConnectionGuesses {
    fn default() -> Self {
        Self { is_spent: AtomicBool::new(false), delayed: Semaphore::new(DELAYED_ANSWERS_MAX) }
    }
}

impl FailedLogins {
    pub(super) fn new(connections_max: usize) -> Self {
        Self {
            budgets: Mutex::new(LoginBudgets::new()),
            shared: Semaphore::new((connections_max / 4).clamp(1, Semaphore::MAX_PERMITS)),
            delayed_total: metrics::counter("meterline_webhook_logins_delayed_total", &[]),
            unanswered_total: metrics::counter("meterline_webhook_logins_unanswered_total", &[]),
        }
    }

    /// Counts a wrong password and waits out its delay. `is_shared`: others use the
    /// connection as well, so it must stay open.
    pub(super) async fn failed(
        &self,
        address: IpAddr,
        connection: &ConnectionGuesses,
        is_shared: bool,
        now: Instant,
    ) -> Consequence {
        let delay = self.budgets.lock().spend(address, now);
        if delay.is_zero() {
            return Consequence::Answer;
        }
        let place = if is_shared {
            let place = connection.delayed.try_acquire().ok();
            place.and_then(|place| Some((place, self.shared.try_acquire().ok()?)))
        } else {
            None
        };
        let has_place = place.is_some() || (!is_shared && !connection.is_spent.swap(true, Ordering::Relaxed));
        if !has_place {
            self.unanswered_total.increment(1);
            return if is_shared { Consequence::NoAnswer } else { Consequence::Close };
        }
        self.delayed_total.increment(1);
        tokio::time::sleep(delay).await;
        Consequence::Answer
    }
}

#[cfg(test)]
mod tests {
    use super::super::login_budgets::FAILURES_MAX;
    use super::*;
    use crate::clock::Clock;
    use std::task::{Context, Waker};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_connection_gets_one_delayed_answer_and_a_shared_one_a_few_at_a_time() {
        let (logins, now) = (FailedLogins::new(4 * (DELAYED_ANSWERS_MAX + 1)), Clock::system().monotonic());
        let failed =
            |connection, is_shared| Box::pin(logins.failed(address("203.0.113.9"), connection, is_shared, now));
        let [own, shared, other] = std::array::from_fn(|_| ConnectionGuesses::default());
        for _ in 0..FAILURES_MAX {
            assert_eq!(failed(&own, false).await, Consequence::Answer);
        }
        let waker = &mut Context::from_waker(Waker::noop());
        assert!(failed(&own, false).as_mut().poll(waker).is_pending(), "late; then its sender disconnects");
        assert_eq!(failed(&own, false).await, Consequence::Close);
        for _ in 0..2 {
            let mut late: Vec<_> = (0..DELAYED_ANSWERS_MAX).map(|_| failed(&shared, true)).collect();
            assert!(late.iter_mut().all(|guess| guess.as_mut().poll(waker).is_pending()));
            assert_eq!(failed(&shared, true).await, Consequence::NoAnswer);
            let mut last = failed(&other, true);
            assert!(last.as_mut().poll(waker).is_pending());
            assert_eq!(failed(&other, true).await, Consequence::NoAnswer, "a quarter of all connections have one");
        }
    }
}
