//! What the cloud knows and how it behaves.

use super::accounts::CloudAccount;
use super::oauth::{LoginSwitches, Logins};
use super::registrations::CloudRegistration;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Behaviour that is not published, or that differs between descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// Names in camelCase, as the description says; PascalCase, as the wire was seen, without.
    pub camel_case: bool,
    /// What does not apply is null; absent without.
    pub nulls: bool,
    /// The list of registrations shows their passwords.
    pub lists_passwords: bool,
    /// An address may be registered twice; 409 without.
    pub allows_duplicates: bool,
    /// How long a token lasts.
    pub token_lifetime: Duration,
    /// How logins of persons behave.
    pub login: LoginSwitches,
    /// Codes as they are printed; twelve hexadecimal digits without.
    pub dotted_codes: bool,
    /// Values of the past differ from the webhook's in their last bits.
    pub float_noise: bool,
    /// The end of a stretch of the past is given, too.
    pub past_ends_included: bool,
    /// The list of devices has M-Bus gateways, too.
    pub lists_gateways: bool,
    /// Answers say when they were given.
    pub dates: bool,
    /// What an account without a licence for the past is answered.
    pub past_refusal: u16,
}

impl Default for Switches {
    /// As it was seen where something was seen; passwords are not shown and
    /// duplicates are allowed.
    fn default() -> Self {
        Self {
            camel_case: false,
            nulls: false,
            lists_passwords: false,
            allows_duplicates: true,
            token_lifetime: Duration::from_hours(1),
            login: LoginSwitches::default(),
            dotted_codes: false,
            float_noise: true,
            past_ends_included: true,
            lists_gateways: true,
            dates: true,
            past_refusal: 403,
        }
    }
}

impl Switches {
    /// A field's name, given in PascalCase.
    pub(super) fn name(&self, pascal: &str) -> String {
        let mut name = pascal.to_owned();
        if let (true, Some(first)) = (self.camel_case, name.get_mut(..1)) {
            first.make_ascii_lowercase();
        }
        name
    }
}

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This status, with the gateway's page and, where given, Retry-After in seconds.
    Status(u16, Option<u32>),
    /// It is carried out, and the connection is closed without an answer.
    DoneAndCut,
    /// None: this one goes well, the next one may not.
    None,
    /// 200 with something that is no JSON.
    Garbled,
    /// It is not carried out, and the connection is closed without an answer.
    Cut,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// The account it was of; empty where nobody could be told.
    pub account: String,
    /// Method and path, ids too.
    pub what: String,
    /// The status it was answered with; 0 where it got no answer.
    pub status: u16,
}

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
    /// What time it is, where somebody has set it.
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

    /// Whose request this is, by its Authorization header.
    pub(super) fn account_of(&self, header: &str, now: Instant) -> Option<&CloudAccount> {
        if let Some(token) = header.strip_prefix("Bearer ") {
            let token = self.tokens.get(token).filter(|token| now < token.ends)?;
            return self.accounts.iter().find(|account| account.name == token.account);
        }
        self.accounts.iter().find(|account| account.is(header))
    }
}
