//! Sealed refresh tokens on disk: one small file in the data directory for all accounts at a vendor.
//!
//! The service and commands share it. Renewing or replacing a token requires the
//! [`TokenLock`], so that a one-time token is used once; the file is read again before each
//! renewal. Invariant: the file is always complete, also after a crash.

mod seal;

pub(super) use seal::Sealed;

use crate::base::Stopped;
use crate::base::file::{Rights, read_at_most, replace};
use crate::http::Requester;
use crate::secret::Secret;
use seal::Key;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A longer file is not valid.
const FILE_BYTES_MAX: u64 = if cfg!(test) { 16 << 10 } else { 1 << 20 };
/// Interval and number of attempts to lock: another process may hold it during a request.
const LOCK_RETRY: Duration = Duration::from_millis(100);
const LOCK_ATTEMPTS_MAX: u32 = 1200;

/// The stored token of one account.
#[derive(Debug, Clone)]
pub(super) struct TokenStore {
    directory: PathBuf,
    key_file: PathBuf,
    /// The vendor, as it is written for people and in the names of the files.
    vendor: &'static str,
    account: String,
}

/// A token read from the file.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) refresh: Secret,
    /// Its sealed form, to compare it with another.
    pub(super) sealed: Sealed,
}

/// The lock that allows to use and replace tokens.
#[derive(Debug)]
pub(super) struct TokenLock(#[expect(dead_code, reason = "closing the file releases the lock")] File);

/// Why there is no usable token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("account '{account}' is not logged in at {vendor}")]
    NotLoggedIn { account: String, vendor: &'static str },
    #[error(
        "the login at {vendor} of account '{account}' cannot be decrypted: token_key_file {file} cannot be read ({why})"
    )]
    Key { account: String, vendor: &'static str, file: String, why: String },
    #[error(
        "the login at {vendor} of account '{account}' cannot be decrypted: token_key_file has changed, or the login is damaged"
    )]
    Unseal { account: String, vendor: &'static str },
    #[error("cannot read the stored {vendor} login of account '{account}' in {file}: {why}")]
    File { account: String, vendor: &'static str, file: String, why: String },
    #[error("{vendor} no longer accepts the login of account '{account}': it was revoked or has expired")]
    Rejected { account: String, vendor: &'static str },
}

/// Why the lock is not held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LockError {
    #[error("{0}")]
    Storage(String),
    #[error("another meterline process holds the login lock for too long")]
    Busy,
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

type Accounts = BTreeMap<String, Sealed>;

impl TokenStore {
    /// The store of an account's token at this vendor, sealed with the key in this file.
    pub(super) fn new(directory: &Path, key_file: &Path, vendor: &'static str, account: &str) -> Self {
        Self { directory: directory.to_owned(), key_file: key_file.to_owned(), vendor, account: account.to_owned() }
    }

    /// The error for a token that the vendor rejected.
    pub(super) fn rejected(&self) -> TokenError {
        TokenError::Rejected { account: self.account.clone(), vendor: self.vendor }
    }

    /// Reads the token.
    pub(super) fn read(&self) -> Result<Stored, TokenError> {
        let (account, vendor) = (self.account.clone(), self.vendor);
        let accounts = self.accounts().map_err(|error| TokenError::File {
            account: account.clone(),
            vendor,
            file: self.file().display().to_string(),
            why: error.to_string(),
        })?;
        let Some(sealed) = accounts.get(&account).cloned() else {
            return Err(TokenError::NotLoggedIn { account, vendor });
        };
        let key = Key::read(&self.key_file).map_err(|error| TokenError::Key {
            account: account.clone(),
            vendor,
            file: self.key_file.display().to_string(),
            why: error.to_string(),
        })?;
        let refresh = key.open(&self.name(), &sealed).ok_or(TokenError::Unseal { account, vendor })?;
        Ok(Stored { refresh, sealed })
    }

    /// Waits for the lock.
    pub(super) async fn lock(&self, requester: &Requester) -> Result<TokenLock, LockError> {
        let path = self.directory.join(format!("{}-tokens.lock", self.vendor));
        let unusable = |error: io::Error| LockError::Storage(format!("{}: {error}", path.display()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(unusable)?;
        for _ in 0..LOCK_ATTEMPTS_MAX {
            match file.try_lock() {
                Ok(()) => return Ok(TokenLock(file)),
                Err(TryLockError::WouldBlock) => requester.stop().sleep(LOCK_RETRY).await?,
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
        }
        Err(LockError::Busy)
    }

    /// Creates the data directory and the key file if they do not exist.
    pub(super) fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let key = Key::read_or_make(&self.key_file);
        key.map(drop).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.key_file.display())))
    }

    /// Stores a token and syncs it.
    pub(super) async fn store(&self, _: &TokenLock, refresh: &Secret) -> io::Result<()> {
        let (tokens, refresh) = (self.clone(), refresh.clone());
        // A sync may take long, so it runs on a blocking thread.
        tokio::task::spawn_blocking(move || tokens.write(&refresh)).await?
    }

    fn write(&self, refresh: &Secret) -> io::Result<()> {
        let key = Key::read(&self.key_file)?;
        let sealed = key.seal(&self.name(), refresh)?;
        let mut accounts = match self.accounts() {
            // A damaged file holds no valid login.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Accounts::new(),
            other => other?,
        };
        accounts.insert(self.account.clone(), sealed);
        replace(&self.file(), &serde_json::to_vec_pretty(&accounts)?, FILE_BYTES_MAX, Rights::PRIVATE)
    }

    fn file(&self) -> PathBuf {
        self.directory.join(format!("{}-tokens.json", self.vendor))
    }

    /// The name of the login, which is sealed with it: an account at another vendor may have the same name.
    fn name(&self) -> String {
        format!("{} {}", self.vendor, self.account)
    }

    fn accounts(&self) -> io::Result<Accounts> {
        let Some(text) = read_at_most(&self.file(), FILE_BYTES_MAX)? else { return Ok(Accounts::new()) };
        serde_json::from_slice(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Stop;
    use crate::base::checked::every_flip;
    use crate::clock::Clock;
    use crate::http::{Bounds, Budget, Client};
    use proptest::prelude::*;
    use std::fs;
    use std::num::NonZeroUsize;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    const VENDOR: &str = "smart-me";

    fn not_logged_in(account: &str) -> TokenError {
        TokenError::NotLoggedIn { account: account.to_owned(), vendor: VENDOR }
    }

    fn unsealed(account: &str) -> TokenError {
        TokenError::Unseal { account: account.to_owned(), vendor: VENDOR }
    }

    fn tokens(directory: &TempDir, account: &str) -> TokenStore {
        let tokens = TokenStore::new(&directory.path().join("data"), &directory.path().join("key"), VENDOR, account);
        tokens.prepare().unwrap();
        tokens
    }

    fn requester(stop: Stop) -> Requester {
        let client = Client::new(Bounds { timeout: Duration::ZERO, answer_bytes_max: 0 });
        Requester::new("a", client, Budget::new(NonZeroUsize::MIN), stop, Clock::system())
    }

    fn store(tokens: &TokenStore, refresh: &str) {
        tokens.write(&Secret::new(refresh)).unwrap();
    }

    #[test]
    fn each_account_has_its_own_and_no_clear_text_is_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (tokens(&directory, "a"), tokens(&directory, "b"));
        assert_eq!(a.read().unwrap_err(), not_logged_in("a"));
        store(&a, "hunter2-a");
        store(&b, "hunter2-b");
        store(&a, "hunter2-c");
        assert_eq!(a.read().unwrap().refresh.expose(), "hunter2-c");
        assert_eq!(b.read().unwrap().refresh.expose(), "hunter2-b");
        let text = fs::read_to_string(a.file()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(fs::metadata(a.file()).unwrap().permissions().mode() & 0o777, 0o600);
        // One account's put in the other's place.
        let mut accounts = a.accounts().unwrap();
        accounts.insert("b".to_owned(), accounts["a"].clone());
        fs::write(a.file(), serde_json::to_vec(&accounts).unwrap()).unwrap();
        assert_eq!(b.read().unwrap_err(), unsealed("b"));
    }

    #[test]
    fn accounts_of_the_same_name_at_two_vendors_have_their_own_logins() {
        let directory = tempfile::tempdir().unwrap();
        let ours = tokens(&directory, "a");
        let other = TokenStore { vendor: "smappee", ..ours.clone() };
        store(&ours, "hunter2-ours");
        store(&other, "hunter2-other");
        assert_eq!(
            (ours.read().unwrap().refresh, other.read().unwrap().refresh),
            (Secret::new("hunter2-ours"), Secret::new("hunter2-other"))
        );
        fs::copy(ours.file(), other.file()).unwrap();
        assert!(matches!(other.read().unwrap_err(), TokenError::Unseal { .. }));
    }

    #[test]
    fn beyond_its_bound_the_file_keeps_the_logins_that_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let a = tokens(&directory, "a");
        store(&a, "hunter2");
        let long = Secret::new("x".repeat(4 << 10));
        let is_refused = |number| tokens(&directory, &format!("account-{number}")).write(&long).is_err();
        assert!((0..10).any(is_refused));
        assert_eq!(a.read().unwrap().refresh.expose(), "hunter2");
    }

    #[test]
    fn a_kill_during_a_replacement_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let a = tokens(&directory, "a");
        store(&a, "before");
        fs::write(a.directory.join("smart-me-tokens.json.new"), "{ \"a\": { \"sal").unwrap();
        assert_eq!(a.read().unwrap().refresh.expose(), "before");
        store(&a, "after");
        assert_eq!(a.read().unwrap().refresh.expose(), "after");
    }

    #[test]
    fn a_changed_bit_of_the_file_is_an_error_that_says_what_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let a = tokens(&directory, "a");
        store(&a, "hunter2");
        let stored = fs::read(a.file()).unwrap();
        for damaged in every_flip(&stored) {
            fs::write(a.file(), &damaged).unwrap();
            let error = a.read().unwrap_err().to_string();
            let names_it =
                ["is not logged in", "is damaged", "cannot read the stored"].iter().any(|it| error.contains(it));
            assert!(names_it, "{error}: {}", String::from_utf8_lossy(&damaged));
        }
    }

    #[test]
    fn without_its_key_file_or_with_another_nothing_is_decrypted() {
        let directory = tempfile::tempdir().unwrap();
        let a = tokens(&directory, "a");
        store(&a, "hunter2");
        fs::remove_file(directory.path().join("key")).unwrap();
        assert!(matches!(a.read().unwrap_err(), TokenError::Key { .. }));
        a.prepare().unwrap();
        assert_eq!(a.read().unwrap_err(), unsealed("a"));
    }

    #[tokio::test]
    async fn one_holds_the_lock_and_a_stop_ends_the_wait_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (tokens(&directory, "a"), tokens(&directory, "b"));
        let stop = Stop::default();
        let requester = requester(stop.clone());
        let lock = a.lock(&requester).await.unwrap();
        stop.by(requester.now());
        assert_eq!(b.lock(&requester).await.unwrap_err(), LockError::Stopped(Stopped));
        drop(lock);
        assert!(b.lock(&requester).await.is_ok());
    }

    proptest! {
        // Each one syncs files.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_file_is_read_or_refused_and_replaced_by_the_next_login(bytes in any::<Vec<u8>>()) {
            let directory = tempfile::tempdir().unwrap();
            let a = tokens(&directory, "a");
            fs::write(a.file(), bytes).unwrap();
            prop_assert!(a.read().is_err());
            store(&a, "after");
            prop_assert_eq!(a.read().unwrap().refresh, Secret::new("after"));
        }
    }
}
