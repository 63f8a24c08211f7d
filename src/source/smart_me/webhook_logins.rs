//! Finds a wrong password at smart-me by the logins at our webhook. Pure.
//!
//! The list of registrations may not show passwords. If smart-me has a wrong one, every post
//! of the account is refused. But others post with wrong credentials, too: so several such
//! posts and no accepted one are needed, and that in two checks in a row.

/// Posts with wrong credentials between two checks, from which on they count.
const WRONG_MIN: u64 = 3;

/// The logins at an account's path since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebhookLogins {
    /// Requests with valid credentials.
    pub accepted: u64,
    /// Posts with wrong credentials.
    pub wrong: u64,
}

/// The logins at the checks so far.
#[derive(Debug, Default)]
pub(super) struct LoginHistory {
    /// At the last check.
    logins: WebhookLogins,
    /// The last check saw only wrong credentials.
    was_wrong: bool,
}

impl LoginHistory {
    /// Whether only wrong credentials came up to the last check, and again until now.
    pub(super) fn shows_wrong_password(&self, now: WebhookLogins) -> bool {
        self.was_wrong && self.is_wrong(now)
    }

    /// Ends a check that has succeeded; `has_repaired` if it replaced the registration.
    pub(super) fn end_check(&mut self, now: WebhookLogins, has_repaired: bool) {
        self.was_wrong = self.is_wrong(now) && !has_repaired;
        self.logins = now;
    }

    fn is_wrong(&self, now: WebhookLogins) -> bool {
        let wrong = now.wrong.saturating_sub(self.logins.wrong);
        wrong >= WRONG_MIN && now.accepted == self.logins.accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each check finds a wrong password, from the logins since the one before.
    fn found(checks: &[(u64, u64)]) -> Vec<bool> {
        let (mut history, mut logins) = (LoginHistory::default(), WebhookLogins::default());
        let mut check = |&(accepted, wrong): &(u64, u64)| {
            logins = WebhookLogins { accepted: logins.accepted + accepted, wrong: logins.wrong + wrong };
            let is_found = history.shows_wrong_password(logins);
            history.end_check(logins, is_found);
            is_found
        };
        checks.iter().map(&mut check).collect()
    }

    #[test]
    fn two_checks_in_a_row_with_several_wrong_passwords_alone_find_it() {
        assert_eq!(found(&[(0, 3), (0, 3)]), [false, true]);
        assert_eq!(found(&[(9, 0), (0, 90), (0, 90)]), [false, false, true]);
    }

    #[test]
    fn one_check_few_posts_or_an_accepted_one_do_not() {
        assert_eq!(found(&[(0, 1000), (0, 0), (0, 1000)]), [false; 3], "not in a row");
        assert_eq!(found(&[(0, 2), (0, 2), (0, 2)]), [false; 3], "few");
        assert_eq!(found(&[(0, 9), (1, 9), (0, 9)]), [false; 3], "another sender has a wrong password");
    }

    #[test]
    fn after_a_repair_it_takes_two_checks_again() {
        assert_eq!(found(&[(0, 3), (0, 3), (0, 3), (0, 3)]), [false, true, false, true]);
    }
}
