//! The state of the cloud.

use super::accounts::CloudAccount;
use super::logins::Logins;
use super::registrations::CloudRegistration;
use super::request::{Fault, Received};
use super::switches::Switches;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Token {
    pub(super) account: String,
    pub(super) ends: Instant,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) accounts: Vec<CloudAccount>,
    pub(super) switches: Switches,
    pub(super) registrations: Vec<CloudRegistration>,
    pub(super) tokens: HashMap<String, Token>,
    pub(super) logins: Logins,
    pub(super) faults: VecDeque<Fault>,
    pub(super) token_faults: VecDeque<Fault>,
    pub(super) requests: Vec<Received>,
    /// The time that a test has set.
    pub(super) now_ns: Option<i64>,
}

impl State {
    pub(super) fn new(accounts: Vec<CloudAccount>, switches: Switches) -> Self {
        Self {
            accounts,
            switches,
            registrations: Vec::new(),
            tokens: HashMap::new(),
            logins: Logins::default(),
            faults: VecDeque::new(),
            token_faults: VecDeque::new(),
            requests: Vec::new(),
            now_ns: None,
        }
    }

    /// The account of a request, by its Authorization header.
    pub(super) fn account_of(&self, header: &str, now: Instant) -> Option<&CloudAccount> {
        if let Some(token) = header.strip_prefix("Bearer ") {
            let token = self.tokens.get(token).filter(|token| now < token.ends)?;
            return self.accounts.iter().find(|account| account.name == token.account);
        }
        self.accounts.iter().find(|account| account.is(header))
    }
}
