//! Logins that were issued or are in progress.

use std::collections::HashMap;
use std::time::Instant;
use uuid::Uuid;

/// Issued and pending logins.
#[derive(Debug, Default)]
pub(super) struct Logins {
    pub(super) refresh: HashMap<String, Refresh>,
    pub(super) devices: HashMap<String, Device>,
    pub(super) codes: HashMap<String, Code>,
    /// The account that the browser is signed in to.
    pub(super) signed_in: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Refresh {
    pub(super) account: String,
    pub(super) client: String,
    /// The token that ends when this one is used.
    pub(super) before: Option<String>,
}

#[derive(Debug)]
pub(super) struct Device {
    pub(super) account: String,
    pub(super) client: String,
    pub(super) user_code: String,
    pub(super) is_offline: bool,
    pub(super) ends: Instant,
    /// Time of the last poll.
    pub(super) asked: Option<Instant>,
    pub(super) is_confirmed: Option<bool>,
}

#[derive(Debug)]
pub(super) struct Code {
    pub(super) account: String,
    pub(super) client: String,
    pub(super) challenge: String,
    pub(super) redirect: String,
    pub(super) is_offline: bool,
}

impl Logins {
    /// Confirms or refuses the login with this code; false if there is none.
    pub(super) fn decide(&mut self, user_code: &str, is_confirmed: bool) -> bool {
        let device = self.devices.values_mut().find(|device| device.user_code == user_code);
        device.map(|device| device.is_confirmed = Some(is_confirmed)).is_some()
    }

    /// Ends the logins of an account.
    pub(super) fn end(&mut self, account: &str) {
        self.refresh.retain(|_, refresh| refresh.account != account);
    }

    /// The refresh tokens that are valid.
    pub(super) fn refresh_tokens(&self) -> Vec<String> {
        self.refresh.keys().cloned().collect()
    }

    /// Issues a refresh token. Its first use ends the token `before`.
    pub(super) fn grant(&mut self, account: &str, client: &str, before: Option<String>) -> String {
        let token = format!("refresh-{}", Uuid::new_v4());
        let refresh = Refresh { account: account.to_owned(), client: client.to_owned(), before };
        self.refresh.insert(token.clone(), refresh);
        token
    }
}
