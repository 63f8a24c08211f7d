//! Access control: decides between an account, 401 and 404.
//!
//! A path is looked up by its digest, and the presented credentials are compared with
//! equally many digests for unknown and known paths. So neither the answer nor its time
//! reveals whether a path exists. If no account has credentials, there is nothing to hide,
//! and an unknown path is 404.

use super::config::Account;
use super::credentials::{Credentials, Pairs, Presented};
use hyper::Method;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The decision about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Accepted, for the account with this index.
    Account(usize),
    /// 404: unknown path, and no account has credentials.
    NotFound,
    /// 401.
    Challenge,
}

/// Number of requests to an account's path, by result.
#[derive(Debug, Default)]
pub struct AuthCounts {
    accepted: AtomicU64,
    wrong: AtomicU64,
}

impl AuthCounts {
    /// Requests with valid credentials.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Posts with wrong credentials. A request without any says nothing about a password:
    /// health checkers and scanners send such.
    pub fn wrong(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }

    fn count(&self, is_valid: bool, is_post_with_credentials: bool) {
        self.accepted.fetch_add(u64::from(is_valid), Ordering::Relaxed);
        self.wrong.fetch_add(u64::from(!is_valid & is_post_with_credentials), Ordering::Relaxed);
    }
}

/// The accounts' paths and credentials.
pub(super) struct AccessList {
    by_path: HashMap<[u8; 32], usize>,
    entries: Vec<Entry>,
    /// Used for unknown paths, to spend the same time.
    decoy: Entry,
    all_open: bool,
}

struct Entry {
    open: bool,
    pairs: Arc<Pairs>,
    auth_counts: Arc<AuthCounts>,
}

impl AccessList {
    /// Creates the list; `known` returns the pairs and counts that an account had before. Their other
    /// holders see the new credentials.
    pub(super) fn new(accounts: &[Account], known: impl Fn(&str) -> Option<(Arc<Pairs>, Arc<AuthCounts>)>) -> Self {
        let entry = |account: &Account| {
            let Some((pairs, auth_counts)) = known(&account.name) else {
                return Entry::new(account.credentials.is_empty(), &account.credentials);
            };
            pairs.replace(&account.credentials);
            Entry { open: account.credentials.is_empty(), pairs, auth_counts }
        };
        Self {
            by_path: accounts.iter().enumerate().map(|(index, account)| (digest(&account.path), index)).collect(),
            entries: accounts.iter().map(entry).collect(),
            decoy: Entry::new(false, &[]),
            all_open: accounts.iter().all(|account| account.credentials.is_empty()),
        }
    }

    /// Decides about a request with this method to `path` with these credentials.
    pub(super) fn of(&self, method: &Method, path: &str, presented: &Presented) -> Decision {
        let known = self.by_path.get(&digest(path)).copied();
        let entry = known.and_then(|index| self.entries.get(index)).unwrap_or(&self.decoy);
        let valid = entry.pairs.has(presented);
        entry.auth_counts.count(valid || entry.open, *method == Method::POST && !presented.is_none());
        match known {
            Some(index) if valid || entry.open => Decision::Account(index),
            _ if self.all_open => Decision::NotFound,
            _ => Decision::Challenge,
        }
    }

    /// The pairs and request counts of the account with this index.
    pub(super) fn logins(&self, index: usize) -> Option<(Arc<Pairs>, Arc<AuthCounts>)> {
        self.entries.get(index).map(|entry| (Arc::clone(&entry.pairs), Arc::clone(&entry.auth_counts)))
    }
}

impl Entry {
    fn new(open: bool, pairs: &[Credentials]) -> Self {
        Self { open, pairs: Arc::new(Pairs::new(pairs)), auth_counts: Arc::default() }
    }
}

fn digest(path: &str) -> [u8; 32] {
    Sha256::digest(path.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::SourceOptions;
    use crate::wire::PayloadFormat;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use hyper::header::HeaderValue;

    fn account(name: &str, path: &str, pairs: &[(&str, &str)]) -> Account {
        Account {
            name: name.to_owned(),
            path: path.to_owned(),
            credentials: pairs.iter().map(|(user, password)| Credentials::new(user, password)).collect(),
            source: SourceOptions::default(),
            format: PayloadFormat::SmartMe,
        }
    }

    fn basic(user: &str, password: &str) -> Presented {
        let token = BASE64_STANDARD.encode(format!("{user}:{password}"));
        Presented::new(Some(&HeaderValue::from_str(&format!("Basic {token}")).unwrap()))
    }

    fn two() -> AccessList {
        AccessList::new(
            &[account("x", "/x", &[("x", "old"), ("x", "new")]), account("y", "/x/y", &[("y", "pass")])],
            |_| None,
        )
    }

    #[test]
    fn both_pairs_of_a_rotation_are_valid() {
        assert_eq!(two().of(&Method::POST, "/x", &basic("x", "old")), Decision::Account(0));
        assert_eq!(two().of(&Method::POST, "/x", &basic("x", "new")), Decision::Account(0));
        assert_eq!(two().of(&Method::POST, "/x/y", &basic("y", "pass")), Decision::Account(1));
    }

    #[test]
    fn changed_pairs_hold_from_the_next_request_and_uses_of_the_second_are_counted() {
        let list = two();
        let (pairs, _) = list.logins(0).unwrap();
        pairs.replace(&[Credentials::new("x", "newest"), Credentials::new("x", "new")]);
        let access = ["newest", "new", "old"].map(|password| list.of(&Method::POST, "/x", &basic("x", password)));
        assert_eq!(access, [Decision::Account(0), Decision::Account(0), Decision::Challenge]);
        assert_eq!(pairs.second_used(), 1);
        pairs.replace(&[Credentials::new("x", "newest")]);
        assert_eq!(list.of(&Method::POST, "/x", &basic("x", "new")), Decision::Challenge);
        assert_eq!(list.of(&Method::POST, "/x", &basic("x", "newest")), Decision::Account(0));
        assert_eq!(pairs.second_used(), 1);
    }

    #[test]
    fn unknown_paths_wrong_and_other_credentials_are_challenged_alike() {
        for path in ["/x", "/x/y", "/x/z", "/", "/X", "/xx", "/unknown"] {
            assert_eq!(two().of(&Method::POST, path, &basic("x", "wrong")), Decision::Challenge, "{path}");
            assert_eq!(two().of(&Method::POST, path, &Presented::new(None)), Decision::Challenge, "{path}");
        }
        for (user, password, other) in [("x", "old", "/x/y"), ("y", "pass", "/x")] {
            for path in [other, "/", "/xx", "/x/", "/x/z"] {
                assert_eq!(two().of(&Method::POST, path, &basic(user, password)), Decision::Challenge, "{user} {path}");
            }
        }
    }

    #[test]
    fn requests_to_an_accounts_path_are_counted_by_result() {
        let list = two();
        let (post, get, nothing) = (Method::POST, Method::GET, Presented::new(None));
        for (method, path, presented) in [
            (&post, "/x", basic("x", "old")),
            (&post, "/x", basic("x", "wrong")),
            (&post, "/z", basic("x", "old")),
            (&post, "/x", nothing),
            (&get, "/x", nothing),
            (&get, "/x", basic("x", "wrong")),
        ] {
            list.of(method, path, &presented);
        }
        let counted: Vec<_> = (0..2)
            .map(|index| list.logins(index).unwrap().1)
            .map(|counts| (counts.accepted(), counts.wrong()))
            .collect();
        assert_eq!(counted, [(1, 1), (0, 0)]);
    }

    #[test]
    fn without_any_credentials_there_is_nothing_to_hide() {
        let open = AccessList::new(&[account("x", "/x", &[])], |_| None);
        assert_eq!(open.of(&Method::POST, "/x", &Presented::new(None)), Decision::Account(0));
        assert_eq!(open.of(&Method::POST, "/", &Presented::new(None)), Decision::NotFound);
        assert_eq!(open.of(&Method::POST, "/x", &basic("any", "thing")), Decision::Account(0));
    }
}
