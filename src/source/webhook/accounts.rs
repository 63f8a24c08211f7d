//! The accounts that may post. A reload of the configuration replaces all of them at once: a
//! request has the accounts of its beginning, without a lock, and no request is refused meanwhile.
//!
//! An account that keeps its name keeps its counters, its bytes in flight and its connections.

use super::access::{AccessList, AuthCounts};
use super::answer::LABELS;
use super::bounds::Bounds;
use super::config::Account;
use super::credentials::Pairs;
use super::in_flight::Pool;
use crate::ingest::{Entrance, Ingest};
use crate::journal::LedgerError;
use crate::metrics;
use crate::wire::PayloadFormat;
use ::metrics::Counter;
use arc_swap::ArcSwap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize};

/// The accounts of a running webhook. Clones share them.
#[derive(Clone)]
pub struct Accounts {
    current: Arc<ArcSwap<AccountSet>>,
    bounds: Bounds,
    ingest: Ingest,
}

/// The accounts at one time.
pub(super) struct AccountSet {
    pub(super) access: AccessList,
    /// In the order of the access list.
    pub(super) all: Vec<Arc<ServerAccount>>,
}

/// An account with its entrance to ingest.
pub(super) struct ServerAccount {
    pub(super) name: String,
    pub(super) entrance: Entrance,
    pub(super) format: PayloadFormat,
    pub(super) answers: [Counter; LABELS.len()],
    pub(super) in_flight: Arc<Pool>,
    /// Its open connections.
    pub(super) connections: Arc<AtomicUsize>,
    /// When a request head of it was recorded last.
    pub(super) head_noted: Arc<AtomicI64>,
}

/// An account's name or limits cannot be registered in the journal.
#[derive(Debug, thiserror::Error)]
#[error("webhook account '{account}' cannot be registered in the journal: {source}")]
pub struct Unregistered {
    account: String,
    source: LedgerError,
}

impl Accounts {
    /// Creates the accounts of a start.
    pub(super) fn new(accounts: &[Account], bounds: Bounds, ingest: &Ingest) -> Result<Self, Unregistered> {
        let none = AccountSet { access: AccessList::new(&[], |_| None), all: Vec::new() };
        let current = Arc::new(ArcSwap::from_pointee(none));
        let new = Self { current, bounds, ingest: ingest.clone() };
        new.replace(accounts, |_| true)?;
        Ok(new)
    }

    /// Replaces all accounts. One that is not changed keeps its entrance.
    ///
    /// # Errors
    /// When the journal cannot register an account; nothing is replaced then.
    pub fn replace(&self, accounts: &[Account], is_changed: impl Fn(&str) -> bool) -> Result<(), Unregistered> {
        let before = self.current.load_full();
        let all: Result<_, Unregistered> = accounts
            .iter()
            .map(|account| match before.named(&account.name) {
                Some(kept) if !is_changed(&account.name) => Ok(Arc::clone(kept)),
                known => self.account(account, known).map(Arc::new),
            })
            .collect();
        let all = all?;
        // It changes the credentials, so no step that can fail comes after it.
        let access = AccessList::new(accounts, |name| before.logins(name));
        self.current.store(Arc::new(AccountSet { access, all }));
        Ok(())
    }

    fn account(&self, account: &Account, known: Option<&Arc<ServerAccount>>) -> Result<ServerAccount, Unregistered> {
        let entrance = self.ingest.source(&account.name, account.source);
        let entrance = entrance.map_err(|source| Unregistered { account: account.name.clone(), source })?;
        let pool = || Arc::new(Pool::new(self.bounds.account_in_flight_bytes_max, &self.bounds));
        Ok(ServerAccount {
            name: account.name.clone(),
            entrance,
            format: account.format,
            answers: answers(&account.name),
            in_flight: known.map_or_else(pool, |known| Arc::clone(&known.in_flight)),
            connections: known.map(|known| Arc::clone(&known.connections)).unwrap_or_default(),
            head_noted: known.map(|known| Arc::clone(&known.head_noted)).unwrap_or_default(),
        })
    }

    /// The accounts now.
    pub(super) fn now(&self) -> arc_swap::Guard<Arc<AccountSet>> {
        self.current.load()
    }

    /// The request counts of an account.
    pub fn auth_counts(&self, account: &str) -> Option<Arc<AuthCounts>> {
        self.now().logins(account).map(|(_, counts)| counts)
    }

    /// The valid pairs of an account, which can be replaced.
    pub fn pairs(&self, account: &str) -> Option<Arc<Pairs>> {
        self.now().logins(account).map(|(pairs, _)| pairs)
    }
}

impl AccountSet {
    fn named(&self, name: &str) -> Option<&Arc<ServerAccount>> {
        self.all.iter().find(|account| account.name == name)
    }

    fn logins(&self, name: &str) -> Option<(Arc<Pairs>, Arc<AuthCounts>)> {
        let index = self.all.iter().position(|account| account.name == name)?;
        self.access.logins(index)
    }
}

/// The counters of an account's answers.
pub(super) fn answers(account: &str) -> [Counter; LABELS.len()] {
    LABELS.map(|answer| {
        let labels = [("account", account.to_owned()), ("answer", answer.to_owned())];
        metrics::counter("meterline_webhook_requests_total", &labels)
    })
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.now().all.iter().map(|account| &account.name)).finish()
    }
}

impl fmt::Debug for ServerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerAccount").field(&self.name).finish()
    }
}
