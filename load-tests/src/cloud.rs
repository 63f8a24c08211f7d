//! A simulated smart-me cloud: a real HTTP server with the behaviour that the vendor's
//! document and the API's description state.
//!
//! [`Switches`] select unpublished behaviour, so that a client can be tested with each
//! variant. Every request is recorded with account and time, so that a test can compare
//! a budget with the requests that really arrived. Paths are served with and without the
//! prefix `/api`.

mod accounts;
mod answers;
mod device_list;
mod devices;
mod logins;
mod oauth;
mod partner;
mod registrations;
mod request;
mod sender;
mod server;
mod state;
mod switches;
#[cfg(test)]
mod tests;

pub use accounts::{CloudAccount, CloudCustomer, CloudLogin};
pub use devices::{CloudDevice, CloudGateway, DeviceKind, Load};
pub use registrations::CloudRegistration;
pub use request::{Fault, Received};
pub use sender::{CloudSender, SenderOptions, Sent};
pub use switches::{LoginSwitches, Rotation, Switches};

use server::Server;
use state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A running cloud; it ends when it is dropped.
#[derive(Debug)]
pub struct Cloud {
    state: Arc<Mutex<State>>,
    server: Server,
}

impl Cloud {
    /// Starts one on a free port of the loopback interface.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(accounts: Vec<CloudAccount>, switches: Switches) -> std::io::Result<Self> {
        let state = Arc::new(Mutex::new(State::new(accounts, switches)));
        let server = Server::start(Arc::clone(&state))?;
        Ok(Self { state, server })
    }

    /// The base address of its API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The registrations of an account, oldest first.
    #[must_use]
    pub fn registrations(&self, account: &str) -> Vec<CloudRegistration> {
        self.state().registrations.iter().filter(|it| it.account == account).cloned().collect()
    }

    /// Changes the registrations without the client.
    pub fn change_registrations(&self, change: impl FnOnce(&mut Vec<CloudRegistration>)) {
        change(&mut self.state().registrations);
    }

    /// Changes an account without the client.
    pub fn change_account(&self, name: &str, change: impl FnOnce(&mut CloudAccount)) {
        if let Some(account) = self.state().accounts.iter_mut().find(|account| account.name == name) {
            change(account);
        }
    }

    /// Makes the next `count` requests fail, except token requests.
    pub fn fail_next(&self, count: u32, fault: Fault) {
        let mut state = self.state();
        for _ in 0..count {
            state.faults.push_back(fault);
        }
    }

    /// Drops the pending faults.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Invalidates all issued tokens.
    pub fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Sets the lifetime of tokens that are issued from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.state().switches.token_lifetime = lifetime;
    }

    /// Sets the cloud's clock; `None` for the real time.
    pub fn set_now(&self, now_ns: Option<i64>) {
        self.state().now_ns = now_ns;
    }

    /// Begins to post to all registrations, on a thread of its own, by the given clock
    /// (nanoseconds since 1970).
    ///
    /// # Errors
    /// If no thread is available.
    pub fn send(&self, how: SenderOptions, now_ns: impl Fn() -> i64 + Send + 'static) -> std::io::Result<CloudSender> {
        CloudSender::start(Arc::clone(&self.state), how, now_ns)
    }

    /// Confirms the login of the device that shows this code; false if no device does.
    pub fn confirm(&self, user_code: &str) -> bool {
        self.state().logins.decide(user_code, true)
    }

    /// Refuses that login.
    pub fn deny(&self, user_code: &str) -> bool {
        self.state().logins.decide(user_code, false)
    }

    /// Signs the browser in to this account for login pages that are opened from now on.
    pub fn sign_in(&self, account: &str) {
        self.state().logins.signed_in = Some(account.to_owned());
    }

    /// Revokes the logins of an account: its refresh tokens and all access tokens.
    pub fn end_logins(&self, account: &str) {
        let mut state = self.state();
        state.logins.end(account);
        state.tokens.clear();
    }

    /// The refresh tokens that are valid now.
    #[must_use]
    pub fn refresh_tokens(&self) -> Vec<String> {
        self.state().logins.refresh_tokens()
    }

    /// Makes the next request for a token fail.
    pub fn fail_next_token(&self, fault: Fault) {
        self.state().token_faults.push_back(fault);
    }

    /// Every request that arrived, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
