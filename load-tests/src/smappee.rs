//! Simulated monitors of Smappee, and a simulated cloud: a real HTTP server with the behaviour that the vendor's
//! documents state.
//!
//! One account with one location, or several alike: rows of five minutes for some days, rows of hours and days for longer, a
//! gas sensor, a plug, an appliance. Values follow from the time alone, except those that [`SmappeeCloud::correct`]
//! changes. Refresh tokens are valid once. A request that the vendor's documents do not list as reading fails the
//! test.

mod account;
mod monitor;
mod monitor_broker;
mod rows;
mod state;
#[cfg(test)]
mod tests;

pub use monitor::{Generation, Message, Monitor};
pub use monitor_broker::MonitorBroker;
pub use rows::{Aggregation, consumption};
pub use state::{Trouble, Wiring};

use crate::devices::{AllowList, Answer, Clock, HttpServer};
use state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A running cloud; it ends when it is dropped.
#[derive(Debug)]
pub struct SmappeeCloud {
    server: HttpServer,
    state: Arc<Mutex<State>>,
}

impl SmappeeCloud {
    /// The application's id and secret.
    pub const CLIENT: (&str, &str) = account::CLIENT;
    /// The user's name and password.
    pub const USER: (&str, &str) = account::USER;
    /// The UUID of its location, which is a password.
    pub const UUID: &str = account::UUID;

    /// Starts one.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(clock: Clock) -> std::io::Result<Self> {
        let state = Arc::new(Mutex::new(State::new(clock)));
        let shared = Arc::clone(&state);
        let server =
            HttpServer::start(AllowList::smappee(), move |request| -> Answer { lock(&shared).answer(request) })?;
        Ok(Self { server, state })
    }

    /// Its address, without path.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The request lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.server.lines()
    }

    /// Makes the next requests that are no token requests fail, one after the other.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.lock().troubles.extend(troubles);
    }

    /// Makes every request whose target contains this part fail with this status.
    pub fn fail(&self, part: &str, status: u16) {
        self.lock().failing.push((part.to_owned(), status));
    }

    /// Ends these failures.
    pub fn heal(&self) {
        self.lock().failing.clear();
    }

    /// Has a location of each of these numbers. They have the same values.
    pub fn set_locations(&self, ids: &[i64]) {
        self.lock().locations = ids.to_vec();
    }

    /// Makes the next token requests fail.
    pub fn token_trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.lock().token_troubles.extend(troubles);
    }

    /// Ends all access tokens.
    pub fn expire(&self) {
        self.lock().access.clear();
    }

    /// Ends all logins.
    pub fn revoke(&self) {
        let mut state = self.lock();
        state.access.clear();
        state.refresh = None;
    }

    /// Changes the user's password.
    pub fn change_password(&self) {
        self.lock().password = "another".to_owned();
    }

    /// Sets the lifetime in seconds that new tokens name.
    pub fn set_lifetime(&self, seconds: u64) {
        self.lock().lifetime = seconds;
    }

    /// Leaves out the five-minute rows that start in a range of milliseconds.
    pub fn lose(&self, from: i64, to: i64) {
        self.lock().held.lost.push((from, to));
    }

    /// Has these rows again.
    pub fn find(&self) {
        self.lock().held.lost.clear();
    }

    /// Keeps five-minute rows and rows of hours for this number of days.
    pub fn keep_days(&self, five_minutes: i64, hours: i64) {
        let mut state = self.lock();
        (state.held.fine_days, state.held.hour_days) = (five_minutes, hours);
    }

    /// Corrects the five-minute rows that start at this time in milliseconds: this is the consumption, and the number
    /// of pulses.
    pub fn correct(&self, start: i64, number: f64) {
        self.lock().held.corrected.insert(start, number);
    }

    /// Gives a member of rows another name.
    pub fn rename(&self, before: &str, after: &str) {
        self.lock().held.renamed.push((before.to_owned(), after.to_owned()));
    }

    /// Changes the configuration of every location.
    pub fn rewire(&self, wiring: Wiring) {
        self.lock().wiring = wiring;
    }

    /// Gives the transformer of the roof another name.
    pub fn rename_roof(&self, name: &str) {
        name.clone_into(&mut self.lock().roof);
    }

    /// Has events of the appliance at these times in milliseconds, and no others.
    pub fn happen(&self, times: impl IntoIterator<Item = i64>) {
        self.lock().events.extend(times);
    }

    /// Every token that was issued.
    #[must_use]
    pub fn issued(&self) -> Vec<String> {
        self.lock().issued.clone()
    }

    /// How many tokens were issued by password and by refresh token.
    #[must_use]
    pub fn grants(&self) -> (usize, usize) {
        self.lock().grants
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
