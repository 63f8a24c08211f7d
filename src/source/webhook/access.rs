//! Who may post where: the one place that decides between going on, 401 and 404.
//!
//! The path is looked up by its digest, and what is presented is compared with as
//! many digests for an unknown path as for a known one; so neither the answer nor
//! the time it takes tells whether a path exists.

use super::config::{Account, CREDENTIALS_MAX};
use super::credentials::{Credentials, Presented};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Post as the account of this index.
    Account(usize),
    /// Learn that there is nothing here, because the credentials are those of this
    /// account and the path lies below its own.
    NothingBelow(usize),
    /// Learn that there is nothing here, because nothing here is protected.
    NothingHere,
    /// Learn nothing.
    Challenge,
}

/// How often an account's path was asked for.
#[derive(Debug, Default)]
pub struct Knocks {
    accepted: AtomicU64,
    challenged: AtomicU64,
}

impl Knocks {
    /// With credentials that are valid.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// With others, or none.
    #[must_use]
    pub fn challenged(&self) -> u64 {
        self.challenged.load(Ordering::Relaxed)
    }

    fn count(&self, is_valid: bool) {
        let counter = if is_valid { &self.accepted } else { &self.challenged };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The pairs of an account that are valid now; they can be changed while connections
/// live, and the next request is judged by the new ones.
#[derive(Debug)]
pub struct Pairs {
    valid: RwLock<[Credentials; CREDENTIALS_MAX]>,
    /// Requests with the second pair alone.
    second_used: AtomicU64,
}

impl Pairs {
    fn new(pairs: &[Credentials]) -> Self {
        Self { valid: RwLock::new(padded(pairs)), second_used: AtomicU64::new(0) }
    }

    /// From now on these are valid, the first two of them.
    pub fn replace(&self, pairs: &[Credentials]) {
        *self.valid.write().unwrap_or_else(PoisonError::into_inner) = padded(pairs);
    }

    /// How often the second pair was presented.
    #[must_use]
    pub fn second_used(&self) -> u64 {
        self.second_used.load(Ordering::Relaxed)
    }

    /// Whether one of them is presented; takes as long whether or not.
    fn has(&self, presented: &Presented) -> bool {
        let pairs = *self.valid.read().unwrap_or_else(PoisonError::into_inner);
        let [first, second] = pairs.map(|pair| pair.are(presented));
        self.second_used.fetch_add(u64::from((second & !first).unwrap_u8()), Ordering::Relaxed);
        (first | second).into()
    }
}

/// The accounts' paths and credentials.
pub(super) struct AccessList {
    by_path: HashMap<[u8; 32], usize>,
    entries: Vec<Entry>,
    /// Compared with where the path is unknown, and counted.
    decoy: Pairs,
    decoy_knocks: Knocks,
    all_open: bool,
}

struct Entry {
    path: String,
    open: bool,
    pairs: Arc<Pairs>,
    knocks: Arc<Knocks>,
}

impl AccessList {
    pub(super) fn new(accounts: &[Account]) -> Self {
        Self {
            by_path: accounts.iter().enumerate().map(|(index, account)| (digest(&account.path), index)).collect(),
            entries: accounts.iter().map(Entry::new).collect(),
            decoy: Pairs::new(&[]),
            decoy_knocks: Knocks::default(),
            all_open: accounts.iter().all(|account| account.credentials.is_empty()),
        }
    }

    /// What a request to `path` may do that presents this.
    pub(super) fn of(&self, path: &str, presented: &Presented) -> Access {
        let known = self.by_path.get(&digest(path)).copied();
        let entry = known.and_then(|index| self.entries.get(index));
        let valid = entry.map_or(&self.decoy, |entry| &entry.pairs).has(presented);
        entry.map_or(&self.decoy_knocks, |entry| &entry.knocks).count(valid);
        match (known, entry) {
            (Some(index), Some(entry)) if valid || entry.open => Access::Account(index),
            _ => self.beside(path, presented),
        }
    }

    /// How often each account's path was asked for, in the accounts' order.
    pub(super) fn knocks(&self) -> impl Iterator<Item = &Arc<Knocks>> {
        self.entries.iter().map(|entry| &entry.knocks)
    }

    /// Each account's pairs, in the accounts' order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &Arc<Pairs>> {
        self.entries.iter().map(|entry| &entry.pairs)
    }

    /// The answer to whoever may not post to this path.
    fn beside(&self, path: &str, presented: &Presented) -> Access {
        if self.all_open {
            return Access::NothingHere;
        }
        let mut owner = None;
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.pairs.has(presented) && entry.is_above(path) {
                owner = Some(index);
            }
        }
        owner.map_or(Access::Challenge, Access::NothingBelow)
    }
}

impl Entry {
    fn new(account: &Account) -> Self {
        let pairs = Arc::new(Pairs::new(&account.credentials));
        Self { path: account.path.clone(), open: account.credentials.is_empty(), pairs, knocks: Arc::default() }
    }

    /// Only asked for a path whose sender has this account's credentials.
    fn is_above(&self, path: &str) -> bool {
        let own = self.path.trim_end_matches('/');
        path.strip_prefix(own).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn padded(pairs: &[Credentials]) -> [Credentials; CREDENTIALS_MAX] {
    let mut padded = [Credentials::impossible(); CREDENTIALS_MAX];
    for (place, pair) in padded.iter_mut().zip(pairs) {
        *place = *pair;
    }
    padded
}

fn digest(path: &str) -> [u8; 32] {
    Sha256::digest(path.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::SourceOptions;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use hyper::header::HeaderValue;

    fn account(name: &str, path: &str, pairs: &[(&str, &str)]) -> Account {
        Account {
            name: name.to_owned(),
            path: path.to_owned(),
            credentials: pairs.iter().map(|(user, password)| Credentials::new(user, password)).collect(),
            source: SourceOptions::default(),
            capture: 0,
        }
    }

    fn basic(user: &str, password: &str) -> Presented {
        let token = BASE64_STANDARD.encode(format!("{user}:{password}"));
        Presented::new(Some(&HeaderValue::from_str(&format!("Basic {token}")).unwrap()))
    }

    fn two() -> AccessList {
        AccessList::new(&[account("x", "/x", &[("x", "old"), ("x", "new")]), account("y", "/x/y", &[("y", "pass")])])
    }

    #[test]
    fn both_pairs_of_a_rotation_are_valid() {
        assert_eq!(two().of("/x", &basic("x", "old")), Access::Account(0));
        assert_eq!(two().of("/x", &basic("x", "new")), Access::Account(0));
        assert_eq!(two().of("/x/y", &basic("y", "pass")), Access::Account(1));
    }

    #[test]
    fn changed_pairs_are_those_of_the_next_request_and_it_is_seen_who_still_has_the_old_one() {
        let list = two();
        let pairs = list.pairs().next().unwrap();
        pairs.replace(&[Credentials::new("x", "newest"), Credentials::new("x", "new")]);
        let access = ["newest", "new", "old"].map(|password| list.of("/x", &basic("x", password)));
        assert_eq!(access, [Access::Account(0), Access::Account(0), Access::Challenge]);
        assert_eq!(pairs.second_used(), 1);
        pairs.replace(&[Credentials::new("x", "newest")]);
        assert_eq!(list.of("/x", &basic("x", "new")), Access::Challenge);
        assert_eq!(list.of("/x", &basic("x", "newest")), Access::Account(0));
        assert_eq!(pairs.second_used(), 1);
    }

    #[test]
    fn unknown_paths_wrong_and_other_credentials_are_challenged_alike() {
        for path in ["/x", "/x/y", "/x/z", "/", "/X", "/xx", "/unknown"] {
            assert_eq!(two().of(path, &basic("x", "wrong")), Access::Challenge, "{path}");
            assert_eq!(two().of(path, &Presented::new(None)), Access::Challenge, "{path}");
        }
        for path in ["/x", "/", "/xx", "/x/z"] {
            assert_eq!(two().of(path, &basic("y", "pass")), Access::Challenge, "{path}");
        }
    }

    #[test]
    fn below_its_own_path_an_account_cannot_tell_another_account_from_nothing() {
        assert_eq!(two().of("/x/y", &basic("x", "old")), Access::NothingBelow(0));
        assert_eq!(two().of("/x/z", &basic("x", "old")), Access::NothingBelow(0));
        assert_eq!(two().of("/x/", &basic("x", "old")), Access::NothingBelow(0));
    }

    #[test]
    fn an_accounts_path_counts_who_asked_for_it() {
        let list = two();
        for (path, presented) in [("/x", basic("x", "old")), ("/x", basic("x", "wrong")), ("/z", basic("x", "old"))] {
            list.of(path, &presented);
        }
        let counted: Vec<_> = list.knocks().map(|knocks| (knocks.accepted(), knocks.challenged())).collect();
        assert_eq!(counted, [(1, 1), (0, 0)]);
    }

    #[test]
    fn without_any_credentials_there_is_nothing_to_hide() {
        let open = AccessList::new(&[account("x", "/x", &[])]);
        assert_eq!(open.of("/x", &Presented::new(None)), Access::Account(0));
        assert_eq!(open.of("/", &Presented::new(None)), Access::NothingHere);
        assert_eq!(open.of("/x", &basic("any", "thing")), Access::Account(0));
    }
}
